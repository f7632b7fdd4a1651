"""A session's way to the gateway, over as many connections as it takes.

A connection that breaks is followed by another: the session goes on where it was, each state event
is told once and in order, and a request without an answer is asked again, unchanged. Media knows
nothing of it.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from services.client.python.connection import (
    ANSWER_WITHIN_S,
    AnyEvent,
    Connection,
    Listener,
    Question,
    Reply,
    connect_to,
    payload_of,
    question_of,
)
from services.client.python.failure import (
    FORBIDDEN,
    REPLACED,
    UNAUTHENTICATED,
    AwayError,
    ClientError,
    ClosedError,
    LateError,
    ProtocolError,
    RefusedError,
    UnreachableError,
)
from services.client.python.message import (
    Authenticated,
    Envelope,
    Json,
    Nothing,
    RoomState,
    RoomTold,
    RoomWaiting,
    SessionClosing,
    SessionRenewed,
)

# Messages get through; they do not, and the line is coming back; the gateway is there, but not the
# worker, which carries sound and pictures.
LineState = Literal["ok", "lost", "troubled"]

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 5.0
# After this long on one connection the next loss is a new one and not the same again.
STABLE_S = 10.0
# As long as the server keeps the seat of one who is away.
LONGEST_REQUEST_S = 60.0
MOST_WAITING = 1_024
# More than a server lets anybody wait to be let in.
WAITING_ROOM_S = 3_600.0
LEAVE_WITHIN_S = 2.0
# Close codes after which there is nothing to come back to.
ENDS = frozenset({1000, 1002, 1009, 4400, UNAUTHENTICATED, FORBIDDEN, REPLACED, 4413})


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often the gateway is asked for a sign of life, and what counts as none. Seconds."""

    every_s: float = 10.0
    answer_within_s: float = 6.0
    # A worker says every second that it lives.
    worker_silent_s: float = 2.5
    troubled_every_s: float = 1.0


@dataclass(slots=True)
class Place:
    """What it takes to resume: the newest token, and the last state event that was told."""

    token: str | None
    epoch: str
    seq: int

    def passes(self, event: AnyEvent) -> bool:
        """Whether an event is to be told now. Raises ProtocolError if one before it is missing."""
        if event.seq is None:
            return True
        if event.epoch == self.epoch and event.seq <= self.seq:
            return False
        if event.epoch != self.epoch or event.seq != self.seq + 1:
            raise ProtocolError(f"event {event.seq} of {event.epoch} comes after {self.seq}")
        self.seq = event.seq
        return True

    def load(self, state: RoomState) -> None:
        self.epoch, self.seq = state.epoch, state.seq
        self.token = state.resume_token or self.token


class Line:
    """Made by `lined`, which ends it."""

    def __init__(self, url: str, tls: ssl.SSLContext | None, pulse: Pulse) -> None:
        self.state: LineState = "ok"
        # How it ended; None while it goes on.
        self.end: ClientError | None = None
        # What the server said before it ended the newest connection, if it said anything.
        self.closing: SessionClosing | None = None
        self._url, self._tls, self._pulse = url, tls, pulse
        self._connection: Connection | None = None
        self._place: Place | None = None
        self._listener: Listener | None = None
        self._on_change: Callable[[], None] = lambda: None
        # Events that overtook the answer to `room:join` on its way to the task that awaits it.
        self._early: list[AnyEvent] = []
        self._join_limit: asyncio.Timeout | None = None
        # Set while messages get through, and after the end.
        self._open = asyncio.Event()
        self._waiting = 0
        self._failures = 0
        self._keeper: asyncio.Task[None] | None = None

    async def join(self, token: str, room: str, name: str) -> tuple[Authenticated, RoomState]:
        """Come in for the first time; where a moderator is to let one in, that may take long.

        Raises UnreachableError, RefusedError, LateError or ClosedError.
        """
        connection = await connect_to(self._url, self._hear, tls=self._tls)
        self._connection = connection
        authenticated = await connection.request(
            "auth:request", Authenticated, {"token": token, "roomId": room}
        )
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S) as self._join_limit:
                join: Json = {"roomId": room, "displayName": name}
                state = await connection.request(
                    "room:join", RoomState, join, within_s=WAITING_ROOM_S
                )
        except TimeoutError:
            raise LateError(f"no answer to room:join within {ANSWER_WITHIN_S:g} s") from None
        finally:
            self._join_limit = None
        self._place = Place(state.resume_token, state.epoch, state.seq)
        self._open.set()
        return authenticated, state

    def start(self, listener: Listener, on_change: Callable[[], None]) -> None:
        """Tell the events since the join and all later ones; `on_change`: `state` or `end` has.

        A listener that raises ends the line: its state would be incomplete.
        """
        self._listener, self._on_change = listener, on_change
        early, self._early = self._early, []
        for event in early:
            self._hear(event)
        self._keeper = asyncio.create_task(self._keep())

    async def request(
        self,
        kind: str,
        reply: type[Reply],
        payload: Mapping[str, JsonValue] | None = None,
        *,
        within_s: float = ANSWER_WITHIN_S,
    ) -> Reply:
        """Ask and wait for the answer, on this connection or, unchanged, on a later one.

        Raises RefusedError for an `error`; LateError after `within_s` on a connection, or after a
        minute in all; AwayError where too many wait; ClosedError at the end of the line;
        ProtocolError for an answer that is not a `reply`.
        """
        question = question_of(kind, payload)
        try:
            async with asyncio.timeout(LONGEST_REQUEST_S):
                return payload_of(await self._ask(question, within_s), reply)
        except TimeoutError:
            raise LateError(f"no answer to {kind} within {LONGEST_REQUEST_S:g} s") from None

    def closed(self) -> ClosedError:
        """The end, for one who asks after it."""
        if isinstance(self.end, ClosedError):
            return ClosedError(self.end.code, self.end.reason)
        return ClosedError(UNAUTHENTICATED, str(self.end))

    async def leave(self) -> None:
        """Leave the room; the line ends. Twice is fine."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self.end is None and self._open.is_set() and self._connection is not None:
            # Whether or not it is answered, the connection closes next.
            with suppress(ClientError):
                await self._connection.request("room:leave", Nothing, within_s=LEAVE_WITHIN_S)
        self._finish(ClosedError(1000, "left"))
        if self._connection is not None:
            await self._connection.close()

    async def _ask(self, question: Question, within_s: float) -> Envelope:
        epoch = self._place.epoch if self._place else None
        while True:
            await self._until_open()
            if self.end is not None:
                raise self.closed()
            if self._place and self._place.epoch != epoch:
                raise ClosedError(1012, "what was asked concerned a worker that is gone")
            connection = self._connection
            assert connection is not None
            try:
                return await connection.ask(question, within_s=within_s)
            except ClosedError:
                # The keeper finds out what follows.
                if self._connection is connection and self.end is None:
                    self._open.clear()

    async def _until_open(self) -> None:
        if self._waiting >= MOST_WAITING:
            raise AwayError(f"{MOST_WAITING} requests wait for the connection")
        self._waiting += 1
        try:
            await self._open.wait()
        finally:
            self._waiting -= 1

    def _hear(self, event: AnyEvent) -> None:
        match event:
            case SessionClosing():
                self.closing = event
            case SessionRenewed() if self._place is not None:
                self._place.token = event.resume_token
            case RoomWaiting() if self._join_limit is not None:
                self._join_limit.reschedule(None)
        if self._listener is None or self._place is None:
            self._early.append(event)
        elif isinstance(event, RoomTold):
            self._place.load(event.state)
            self._listener(event)
        elif self._place.passes(event):
            self._listener(event)

    async def _keep(self) -> None:
        """Stay and come back until there is nothing to come back to."""
        try:
            while True:
                assert self._connection is not None
                closed = await self._stay(self._connection)
                self._open.clear()
                self._raise_if_over(closed)
                await self._come_back()
        except ClientError as error:
            self._finish(error)

    async def _stay(self, connection: Connection) -> ClosedError:
        began = asyncio.get_running_loop().time()
        beating = asyncio.create_task(self._beat(connection))
        try:
            closed = await connection.wait_closed()
        finally:
            beating.cancel()
            await asyncio.wait({beating})
        if asyncio.get_running_loop().time() - began > STABLE_S:
            self._failures = 0
        return closed

    async def _beat(self, connection: Connection) -> None:
        """Ask for signs of life: a connection that died without a word looks like a quiet one."""
        pulse, pause_s = self._pulse, self._pulse.every_s
        while True:
            await asyncio.sleep(pause_s)
            try:
                pong = await connection.ping(within_s=pulse.answer_within_s)
            except LateError:
                await connection.abandon()
                return
            except ClosedError:
                return
            except ClientError:
                # A refusal is a sign of life too.
                continue
            is_silent = (pong.worker_age_ms or 0) > pulse.worker_silent_s * 1000
            pause_s = pulse.troubled_every_s if is_silent else pulse.every_s
            self._become("troubled" if is_silent else "ok")

    def _raise_if_over(self, closed: ClosedError) -> None:
        said = self.closing.action if self.closing else "resume"
        if closed.code in ENDS or said != "resume" or not (self._place and self._place.token):
            raise closed

    async def _come_back(self) -> None:
        """Resume. Raises ClientError where that is over for good."""
        after_s, is_trouble = 0.0, False
        if self.closing is not None:
            after_s = self.closing.after_ms / 1000
            is_trouble = self.closing.reason == "WORKER_LOST"
        while True:
            self._become("troubled" if is_trouble else "lost")
            await asyncio.sleep(self._wait_s(after_s))
            self.closing = None
            after_s, is_trouble = 0.0, False
            try:
                self._connection = await self._resume()
            except RefusedError as error:
                _raise_if_final(error)
                after_s = (error.retry_after_ms or 0) / 1000
                is_trouble = error.code == "UNAVAILABLE"
            except ClosedError as error:
                self._raise_if_over(error)
            except (UnreachableError, LateError):
                pass
            else:
                self._become("ok")
                self._open.set()
                return

    def _wait_s(self, least_s: float) -> float:
        """Longer each time, and not the same for all: a server that is back has enough to do."""
        full_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        spread = random.random()
        return max(full_s * (0.5 + spread / 2), least_s * (1 + spread / 2))

    async def _resume(self) -> Connection:
        """A connection on which all that was missed has been told."""
        place = self._place
        assert place is not None
        connection = await connect_to(self._url, self._hear, tls=self._tls)
        try:
            answer = await connection.request(
                "auth:request",
                Authenticated,
                {"resumeToken": place.token, "epoch": place.epoch, "lastSeq": place.seq},
            )
            place.token = answer.resume_token
            # What was missed comes before the pong, also the news that there is another worker, to
            # which the open requests mean nothing.
            await connection.ping()
        except BaseException:
            await connection.abandon()
            raise
        return connection

    def _become(self, state: LineState) -> None:
        if state != self.state and self.end is None:
            self.state = state
            self._on_change()

    def _finish(self, end: ClientError) -> None:
        if self.end is None:
            self.end = end
            self._open.set()
            self._on_change()


def _raise_if_final(error: RefusedError) -> None:
    match error.code, error.reason:
        case "UNAUTHORIZED", "RESUME_TOKEN_USED":
            raise ClosedError(REPLACED, "RESUME_TOKEN_USED")
        case "UNAUTHORIZED", reason:
            raise ClosedError(UNAUTHENTICATED, reason or "")
        case "FORBIDDEN" | "INVALID_MESSAGE", _:
            raise error


@asynccontextmanager
async def lined(
    url: str, *, tls: ssl.SSLContext | None = None, pulse: Pulse | None = None
) -> AsyncIterator[Line]:
    """A line to the gateway at `url`, on which to `join`; it leaves the room on leaving."""
    line = Line(url, tls, pulse or Pulse())
    try:
        yield line
    finally:
        await line.leave()
