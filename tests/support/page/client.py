"""A client of Invigil's browser protocol, written from its protocol page alone.

`Client` is one session: it authenticates, joins, comes back by itself after a broken connection
and repeats the requests that had no answer.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

JsonObject: TypeAlias = dict[str, Any]

_AWAY_FOR_GOOD = frozenset({1000, 4401, 4403, 4409})
_FIRST_BACK_OFF_S = 0.1
_LONGEST_BACK_OFF_S = 5.0


class RequestError(Exception):
    """The server's `error` in place of a reply."""

    def __init__(self, payload: JsonObject) -> None:
        """Takes the payload of the `error`."""
        self.code: str = payload["code"]
        self.details: JsonObject = payload.get("details", {})
        self.reason: str = self.details.get("reason", "")
        self.retry_after_ms: int | None = self.details.get("retryAfterMs")
        super().__init__(f"{self.code} {self.reason}: {payload['message']}")


class SessionEndedError(Exception):
    """The session is over, so that a request will have no answer."""


@dataclass(frozen=True)
class Event:
    """A state event as it came."""

    seq: int
    type: str
    payload: JsonObject


@dataclass(frozen=True)
class Ending:
    """Why a client does not come back: what was said before the close, and the close code."""

    reason: str
    close_code: int | None


@dataclass
class Break:
    """A connection that was torn down on purpose; times are the event loop's."""

    began_at: float
    unanswered: list[str]
    while_resuming: bool
    ended_at: float | None = None


@dataclass
class Record:
    """What a client has seen, for whoever wants to judge the server.

    Attributes:
        events: Every state event, in the order in which it came.
        gaps: `(seq before, seq)` of each that was not the next one.
        states: The payload of every `room:state`.
        asked: The type of each request by its id.
        answers: How many final answers each id had.
        repeats: By type: requests that were sent again after a break.
        put_off: By reason: answers that said to ask again later.
        breaks: Connections torn down on purpose.
        resumes: How often the server has taken the client back.
        tokens: Every resume token, the last one last.
        without_id: Messages that are neither replies nor state events.
    """

    events: list[Event] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    states: list[JsonObject] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)
    put_off: Counter[str] = field(default_factory=Counter)
    breaks: list[Break] = field(default_factory=list)
    resumes: int = 0
    tokens: list[str] = field(default_factory=list)
    without_id: list[JsonObject] = field(default_factory=list)


@dataclass(eq=False)
class _Request:
    """A request without its final answer; `text` is what is sent, each time the same."""

    id: str
    type: str
    text: str
    answer: asyncio.Future[JsonObject]
    sent: bool = False
    # The server has said to ask again later, and it is not later yet.
    resting: bool = False


class Signal:
    """Lets coroutines wait until something holds that others bring about."""

    def __init__(self) -> None:
        """Nobody waits yet."""
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Makes all who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, holds: Callable[[], bool], within_s: float, what: str) -> None:
        """Waits until `holds`.

        Raises:
            TimeoutError: It did not, in that time. `what` is in its words.
        """
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"{what}: not within {within_s} s") from None


def _message(type_: str, payload: JsonObject, request_id: str) -> str:
    now = int(time.time() * 1000)
    message = {"type": type_, "payload": payload, "timestamp": now, "correlationId": request_id}
    return json.dumps(message)


class Client:
    """A session with the server, over as many connections as it takes."""

    def __init__(self, url: str, credentials: JsonObject) -> None:
        """Makes a client that is not connected yet.

        Args:
            url: The server's `ws:` or `wss:` address.
            credentials: The payload of the first `auth:request`: `token` and `roomId`, or, for a
                page that was loaded anew, `resumeToken` alone.
        """
        self.record = Record()
        self.signal = Signal()
        self.peer_id = ""
        self.ice_servers: list[JsonObject] = []
        self.epoch: str | None = None
        self.last_seq: int | None = None
        self.ending: Ending | None = None
        self._url = url
        self._credentials = credentials
        self._handlers: defaultdict[str, list[Callable[[JsonObject], None]]] = defaultdict(list)
        self._pending: dict[str, _Request] = {}
        # None while there is no connection that is authenticated.
        self._outbox: asyncio.Queue[_Request] | None = None
        self._socket: ClientConnection | None = None
        self._auth_id = ""
        self._last_error = ""
        self._over = False
        self._wait_s = 0.0
        self._failures = 0
        self._later = 0.0
        self._tears: dict[str, float] = {}
        self._task = asyncio.create_task(self._live())

    @classmethod
    async def join(
        cls, url: str, token: str, room: str, name: str, app_data: JsonObject | None = None
    ) -> "Client":
        """Connects, authenticates and joins."""
        client = cls(url, {"token": token, "roomId": room})
        try:
            await client.ask(
                "room:join", {"roomId": room, "displayName": name, "appData": app_data or {}}
            )
        except BaseException:
            await client.close()
            raise
        return client

    @classmethod
    async def load_anew(cls, url: str, resume_token: str, within_s: float = 10.0) -> "Client":
        """Takes a session over as a page does that has kept nothing but the token."""
        client = cls(url, {"resumeToken": resume_token})
        await client.signal.until(
            lambda: bool(client.record.states) or client.ending is not None, within_s, "room:state"
        )
        return client

    @property
    def connected(self) -> bool:
        """Whether there is a connection that is authenticated."""
        return self._outbox is not None

    @property
    def unanswered(self) -> list[str]:
        """The types of the requests that have no answer yet."""
        return [request.type for request in self._pending.values()]

    def on(self, type_: str, handler: Callable[[JsonObject], None]) -> None:
        """Has `handler` called with the payload of each event of this type."""
        self._handlers[type_].append(handler)

    def post(
        self, type_: str, payload: JsonObject | None = None, request_id: str | None = None
    ) -> asyncio.Future[JsonObject]:
        """Sends a request, now or once there is a connection.

        Args:
            type_: Its type.
            payload: Its payload.
            request_id: Its correlation id. The default is one that nobody has had: ids are the
                session's, so a count would meet those of the page before a reload.

        Returns:
            The payload of the reply that will come, or `RequestError` or `SessionEndedError`.
        """
        name = request_id or uuid.uuid4().hex
        answer: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        if self.ending is not None:
            answer.set_exception(SessionEndedError(self.ending.reason))
            return answer
        request = _Request(name, type_, _message(type_, payload or {}, name), answer)
        self._pending[name] = request
        self.record.asked[name] = type_
        if self._outbox is not None:
            self._outbox.put_nowait(request)
        return answer

    async def ask(
        self, type_: str, payload: JsonObject | None = None, request_id: str | None = None
    ) -> JsonObject:
        """Sends a request and waits for its reply.

        Raises:
            RequestError: The server has refused it.
            SessionEndedError: There will be no reply.
            TimeoutError: There was none in a minute, which is as long as a seat is kept.
        """
        async with asyncio.timeout(60):
            return await self.post(type_, payload, request_id)

    def tear(self, away_s: float = 0.0) -> bool:
        """Breaks the connection without a close frame; the client comes back by itself.

        Args:
            away_s: How long it stays away, as if there was no network.

        Returns:
            Whether there was a connection.
        """
        if self._socket is None:
            return False
        now = asyncio.get_running_loop().time()
        self.record.breaks.append(Break(now, self.unanswered, self._outbox is None))
        self._wait_s = away_s
        self._socket.transport.abort()
        self._socket = None
        self._outbox = None
        return True

    def tear_at(self, type_: str, away_s: float = 0.0) -> None:
        """Breaks the connection once, at the next message of this type.

        A request has been written by then; what the server says is lost on the way.
        """
        self._tears[type_] = away_s

    async def leave(self) -> JsonObject:
        """Leaves the room and waits until the server has closed the connection."""
        try:
            left = await self.ask("room:leave")
        except SessionEndedError:
            if self.ending is None or self.ending.reason != "SESSION_ENDED":
                raise
            # It had left, and the answer was lost: there is no session to ask again.
            left = {"reason": "LEFT"}
        await self.signal.until(lambda: self.ending is not None, 10, "the close after room:left")
        return left

    async def close(self) -> None:
        """Goes away without a word; the server keeps the seat for the grace time."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _live(self) -> None:
        try:
            while self.ending is None:
                if self._wait_s:
                    await asyncio.sleep(self._wait_s)
                try:
                    await self._converse()
                except (OSError, WebSocketException):
                    self._back_off()
        finally:
            reason = self.ending.reason if self.ending is not None else "CLOSED"
            for request in self._pending.values():
                if not request.answer.done():
                    request.answer.set_exception(SessionEndedError(reason))
                    # Who posted it may not look any more, which is no error then.
                    request.answer.exception()
            self._pending.clear()
            self.signal.notify()

    def _back_off(self) -> None:
        self._wait_s = min(_FIRST_BACK_OFF_S * 2**self._failures, _LONGEST_BACK_OFF_S)
        self._failures += 1

    async def _converse(self) -> None:
        """Lives through one connection."""
        async with connect(self._url) as socket:
            self._wait_s, self._last_error, self._over = 0.0, "", False
            self._auth_id = uuid.uuid4().hex
            self._socket = socket
            writer = None
            with contextlib.suppress(ConnectionClosed):
                await socket.send(self._auth_request())
                self._tear_if_due("auth:request")
                async for text in socket:
                    message = json.loads(text)
                    self._tear_if_due(message["type"])
                    if self._socket is not socket:
                        # Torn down: what had arrived here was lost on the way, too.
                        break
                    self._receive(message)
                    if writer is None and self._outbox is not None:
                        writer = asyncio.create_task(self._write(socket, self._outbox))
            if writer is not None:
                writer.cancel()
            if self._socket is not socket:
                return
            self._socket = self._outbox = None
        if self._over or socket.close_code in _AWAY_FOR_GOOD:
            self.ending = Ending(self._last_error, socket.close_code)
        elif not self._wait_s:
            self._back_off()

    def _auth_request(self) -> str:
        payload = dict(self._credentials)
        if "resumeToken" in payload and self.epoch is not None:
            payload |= {"epoch": self.epoch, "lastSeq": self.last_seq}
        return _message("auth:request", payload, self._auth_id)

    async def _write(self, socket: ClientConnection, outbox: asyncio.Queue[_Request]) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                request = await outbox.get()
                await socket.send(request.text)
                request.sent = True
                if self._socket is socket:
                    self._tear_if_due(request.type)

    def _tear_if_due(self, type_: str) -> None:
        if type_ in self._tears and self._socket is not None:
            self.tear(self._tears.pop(type_))

    def _receive(self, message: JsonObject) -> None:
        type_, payload = message["type"], message.get("payload", {})
        if type_ == "room:state":
            self._take_state(payload)
        request_id = message.get("correlationId")
        if request_id is not None and request_id == self._auth_id:
            self._take_auth(type_, payload)
        elif request_id is not None:
            self._take_answer(request_id, type_, payload)
        elif "seq" in message:
            self._take_event(Event(message["seq"], type_, payload), message["epoch"])
        else:
            self.record.without_id.append(message)
            if type_ == "session:renewed":
                self._take_token(payload["resumeToken"])
            if type_ == "session:closing":
                self._last_error = payload["reason"]
                self._wait_s = payload["afterMs"] / 1000
                self._over = payload["action"] != "resume"
            for handler in self._handlers[type_]:
                handler(payload)
        self.signal.notify()

    def _take_state(self, payload: JsonObject) -> None:
        self.record.states.append(payload)
        self.epoch, self.last_seq = payload["epoch"], payload["seq"]
        self.peer_id = payload["peerId"]
        if "resumeToken" in payload:
            self._take_token(payload["resumeToken"])

    def _take_token(self, token: str) -> None:
        self._credentials = {"resumeToken": token}
        self.record.tokens.append(token)

    def _take_auth(self, type_: str, payload: JsonObject) -> None:
        if type_ == "error":
            error = RequestError(payload)
            self._last_error = error.reason
            if error.code == "UNAVAILABLE":
                self._wait_s = (error.retry_after_ms or 0) / 1000
            return
        self.peer_id = payload["peerId"]
        self.ice_servers = payload["iceServers"]
        self._failures = 0
        if payload["resumed"]:
            self._take_token(payload["resumeToken"])
            self.record.resumes += 1
        now = asyncio.get_running_loop().time()
        for broken in self.record.breaks:
            if broken.ended_at is None:
                broken.ended_at = now
        self._outbox = asyncio.Queue()
        for request in self._pending.values():
            if not request.resting:
                self._outbox.put_nowait(request)
                self.record.repeats[request.type] += request.sent

    def _take_answer(self, request_id: str, type_: str, payload: JsonObject) -> None:
        request = self._pending.get(request_id)
        error = RequestError(payload) if type_ == "error" else None
        if request is not None and error is not None and error.retry_after_ms is not None:
            request.resting = True
            self.record.put_off[error.reason] += 1
            # The server's hint is for one request: all at the same time would be refused again.
            loop = asyncio.get_running_loop()
            self._later = max(self._later, loop.time()) + error.retry_after_ms / 1000
            loop.call_at(self._later, self._wake, request)
            return
        self.record.answers[request_id] += 1
        self._pending.pop(request_id, None)
        if request is None or request.answer.done():
            return
        if error is not None:
            request.answer.set_exception(error)
        else:
            request.answer.set_result(payload)

    def _wake(self, request: _Request) -> None:
        request.resting = False
        if self._outbox is not None and request.id in self._pending:
            self._outbox.put_nowait(request)

    def _take_event(self, event: Event, epoch: str) -> None:
        if epoch != self.epoch or self.last_seq is None or event.seq != self.last_seq + 1:
            self.record.gaps.append((self.last_seq or 0, event.seq))
        self.last_seq = event.seq
        self.record.events.append(event)
        for handler in self._handlers[event.type]:
            handler(event.payload)
