"""One WebSocket to the gateway: requests with deadlines, replies, and events as they come."""

import asyncio
import json
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from pydantic import JsonValue, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from services.client.python.failure import (
    ClosedError,
    EventsLostError,
    LateError,
    ProtocolError,
    RefusedError,
    UnreachableError,
)
from services.client.python.message import (
    Envelope,
    ErrorBody,
    KnownEvent,
    OtherEvent,
    Pong,
    Wire,
    event_of,
)

# A full room's `room:state` is the largest frame.
MAX_FRAME_BYTES = 4 * 1024 * 1024
ANSWER_WITHIN_S = 10.0
CLOSE_WITHIN_S = 2.0
WAITING_EVENTS = 1_024
# RFC 6455, section 7.4.1.
NORMAL = 1000
PROTOCOL_ERROR = 1002
BROKEN_OFF = 1006

AnyEvent = KnownEvent | OtherEvent
Listener = Callable[[AnyEvent], None]
Reply = TypeVar("Reply", bound=Wire)


@dataclass(frozen=True, slots=True)
class Question:
    """A request as it is on the wire: to ask again, on another connection, means the same bytes."""

    kind: str
    correlation_id: str
    frame: str


def question_of(kind: str, payload: Mapping[str, JsonValue] | None = None) -> Question:
    # No id comes twice in a session, however many connections it has.
    correlation_id = uuid.uuid4().hex
    envelope = {
        "type": kind,
        "payload": dict(payload or {}),
        "timestamp": time.time_ns() // 1_000_000,
        "correlationId": correlation_id,
    }
    return Question(kind, correlation_id, json.dumps(envelope))


class EventQueue:
    """Events for one reader who takes them in its own time: `async for event in queue`.

    Ends when the connection does. Raises EventsLostError once, where more than `limit` events wait.
    """

    def __init__(self, limit: int) -> None:
        self._waiting: asyncio.Queue[AnyEvent | None] = asyncio.Queue(limit + 1)
        self._limit = limit
        self._is_lost = False
        self._is_over = False

    def put(self, event: AnyEvent) -> None:
        if self._waiting.qsize() >= self._limit:
            self._is_lost = True
            self.end()
        elif not self._is_over:
            self._waiting.put_nowait(event)

    def end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._waiting.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[AnyEvent]:
        while (event := await self._waiting.get()) is not None:
            yield event
        if self._is_lost:
            raise EventsLostError(f"more than {self._limit} events waited")


class Connection:
    """Made by `connected`. Requests may overlap; the server carries them out in order."""

    def __init__(self, socket: ClientConnection, *listeners: Listener) -> None:
        self._socket = socket
        self._answers: dict[str, asyncio.Future[Envelope]] = {}
        self._listeners = list(listeners)
        self._queues: list[EventQueue] = []
        self._end: ClosedError | None = None
        self._reader = asyncio.create_task(self._read())

    async def request(
        self,
        kind: str,
        reply: type[Reply],
        payload: Mapping[str, JsonValue] | None = None,
        *,
        within_s: float = ANSWER_WITHIN_S,
    ) -> Reply:
        """Ask and wait for the answer.

        Raises RefusedError for an `error`, LateError after `within_s`, ClosedError when the
        connection is or gets closed, ProtocolError for an answer that is not a `reply`.
        """
        envelope = await self.ask(question_of(kind, payload), within_s=within_s)
        return payload_of(envelope, reply)

    async def ask(self, question: Question, *, within_s: float = ANSWER_WITHIN_S) -> Envelope:
        """The frame that answers, an `error` too. Raises LateError or ClosedError."""
        answer: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()
        self._answers[question.correlation_id] = answer
        try:
            async with asyncio.timeout(within_s):
                if self._end is not None:
                    raise ClosedError(self._end.code, self._end.reason)
                with suppress(ConnectionClosed):
                    # The reader sees the end too, and says how it came.
                    await self._socket.send(question.frame)
                return await answer
        except TimeoutError:
            raise LateError(f"no answer to {question.kind} within {within_s:g} s") from None
        finally:
            del self._answers[question.correlation_id]

    async def ping(self, *, within_s: float = ANSWER_WITHIN_S) -> Pong:
        """Ask whether the gateway is there, and how long ago it heard the worker."""
        return await self.request("ping", Pong, within_s=within_s)

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Call `listener` with every event, in order, before the next frame is looked at.

        A listener that raises ends the connection: its state would be incomplete.
        """
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @contextmanager
    def events(self, limit: int = WAITING_EVENTS) -> Iterator[EventQueue]:
        """The events from now on, for a reader of its own pace."""
        queue = EventQueue(limit)
        self._queues.append(queue)
        if self._end is not None:
            queue.end()
        try:
            yield queue
        finally:
            self._queues.remove(queue)

    async def wait_closed(self) -> ClosedError:
        """Wait for the end, and say how it came."""
        await asyncio.shield(self._reader)
        assert self._end is not None
        return self._end

    @property
    def end(self) -> ClosedError | None:
        """How the connection ended; None while it is open."""
        return self._end

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close; what is still unanswered raises ClosedError. Twice is fine."""
        await self._socket.close(code, reason)
        await self._reader

    async def abandon(self) -> None:
        """End a connection that no longer answers: the closing handshake would not end either."""
        self._socket.transport.abort()
        await self._reader

    async def _read(self) -> None:
        fault = ""
        try:
            async for frame in self._socket:
                self._take(frame)
        except ConnectionClosed:
            pass
        except Exception as error:
            # Whatever it is, the state that was built from the frames is no longer true.
            fault = f"{type(error).__name__} while reading"
            await self._socket.close(PROTOCOL_ERROR)
        finally:
            code = self._socket.close_code or BROKEN_OFF
            self._finish(ClosedError(code, fault or self._socket.close_reason or ""))

    def _take(self, frame: str | bytes) -> None:
        envelope = Envelope.model_validate_json(frame)
        if envelope.correlation_id is not None:
            answer = self._answers.get(envelope.correlation_id)
            # An answer that is late has nobody who waits for it.
            if answer is not None and not answer.done():
                answer.set_result(envelope)
            return
        event = event_of(envelope)
        for listener in tuple(self._listeners):
            listener(event)
        for queue in self._queues:
            queue.put(event)

    def _finish(self, end: ClosedError) -> None:
        self._end = end
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(end)
        for queue in self._queues:
            queue.end()


def payload_of(envelope: Envelope, reply: type[Reply]) -> Reply:
    """Raises RefusedError for an `error`, ProtocolError for what is not a `reply`."""
    try:
        if envelope.type == "error":
            raise RefusedError(ErrorBody.model_validate(envelope.payload))
        return reply.model_validate(envelope.payload)
    except ValidationError as error:
        raise ProtocolError(f"{envelope.type} is not understood: {error}") from None


async def connect_to(
    url: str,
    *listeners: Listener,
    tls: ssl.SSLContext | None = None,
    within_s: float = ANSWER_WITHIN_S,
) -> Connection:
    """A connection that the caller closes, and whose every event `listeners` are told.

    Otherwise as `connected`.
    """
    try:
        async with asyncio.timeout(within_s):
            # No proxy of the environment: media could not go through it either.
            socket = await connect(
                url,
                ssl=tls,
                compression=None,
                proxy=None,
                max_size=MAX_FRAME_BYTES,
                close_timeout=CLOSE_WITHIN_S,
                open_timeout=None,
            )
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
        raise UnreachableError(f"{url}: {error or type(error).__name__}") from error
    return Connection(socket, *listeners)


@asynccontextmanager
async def connected(
    url: str, *, tls: ssl.SSLContext | None = None, within_s: float = ANSWER_WITHIN_S
) -> AsyncIterator[Connection]:
    """A connection to the gateway at `url` (ws://… or wss://…); it closes on leaving.

    `tls` is for a gateway whose certificate the system does not know. Raises UnreachableError.
    """
    connection = await connect_to(url, tls=tls, within_s=within_s)
    try:
        yield connection
    finally:
        await connection.close()
