"""A client of the browser protocol, without media: what tests of signaling speak with.

Below services.client.python on purpose: it sends any frame and keeps every frame as it came.
"""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.poll import PATIENCE_S, until

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One frame from the gateway."""

    type: str
    payload: Payload
    correlation_id: str | None
    seq: int | None
    epoch: str | None = None


class RefusedError(Exception):
    """The gateway answered with `error`."""

    def __init__(self, payload: Payload) -> None:
        super().__init__(f"{payload['code']}: {payload['message']}")
        self.code: str = payload["code"]
        self.reason: str | None = payload.get("details", {}).get("reason")


@dataclass(slots=True)
class Client:
    """One socket. Replies find their request by correlation id; everything else is an event."""

    _socket: ClientConnection
    events: list[Message] = field(default_factory=list)
    # Every frame as it came, for assertions about what a peer must never learn.
    frames: list[str] = field(default_factory=list)
    _replies: dict[str, asyncio.Future[Message]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _reader: asyncio.Task[None] | None = None
    peer_id: str = ""
    # What it takes to resume: the newest token, and the place in the log of what has arrived.
    resume_token: str = ""
    epoch: str = ""
    last_seq: int = 0

    async def send_text(self, frame: str) -> None:
        """Send a frame as it is."""
        await self._socket.send(frame)

    async def request(self, kind: str, payload: Payload | None = None, **envelope: str) -> Message:
        """Send a request and return what answers it, be it an error."""
        correlation_id = envelope.pop("correlationId", None) or f"c{next(self._numbers)}"
        message: Payload = {
            "type": kind,
            "timestamp": int(time.time() * 1000),
            "correlationId": correlation_id,
            **envelope,
        }
        if payload is not None:
            message["payload"] = payload
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._replies[correlation_id] = answer
        await self._socket.send(json.dumps(message))
        return await asyncio.wait_for(answer, PATIENCE_S)

    async def ask(self, kind: str, payload: Payload | None = None, **envelope: str) -> Payload:
        """The payload of the reply; RefusedError if it is an error."""
        reply = await self.request(kind, payload, **envelope)
        if reply.type == "error":
            raise RefusedError(reply.payload)
        return reply.payload

    async def event(self, kind: str, **fields: Any) -> Message:
        """The first event of this type whose payload has these fields, past or to come."""

        async def found() -> Message | None:
            return next(
                (
                    event
                    for event in self.events
                    if event.type == kind and fields.items() <= event.payload.items()
                ),
                None,
            )

        event = await until(found, f"event {kind} {fields}")
        assert event is not None
        return event

    @property
    def is_over(self) -> bool:
        """Whether everything that came before the socket closed has been read."""
        return self._reader is not None and self._reader.done()

    async def close_code(self) -> int | None:
        """Wait until the server has closed the socket, and return its close code."""
        await asyncio.wait_for(self._socket.wait_closed(), PATIENCE_S)
        return self._socket.close_code

    async def authenticate(self, token: str, room: str) -> Payload:
        reply = await self.ask("auth:request", {"token": token, "roomId": room})
        self.peer_id = reply["peerId"]
        return reply

    async def join(self, room: str, name: str) -> Payload:
        return await self.ask("room:join", {"roomId": room, "displayName": name})

    async def resume(self, before: "Client") -> Payload:
        """Go on with the session of another socket, from the last event that came there."""
        self.epoch, self.last_seq = before.epoch, before.last_seq
        # No id comes twice in a session.
        self._numbers = before._numbers
        payload = {
            "resumeToken": before.resume_token,
            "epoch": before.epoch,
            "lastSeq": before.last_seq,
        }
        reply = await self.ask("auth:request", payload)
        self.peer_id = reply["peerId"]
        return reply

    async def cut(self) -> None:
        """Break the connection, as a network does: no close frame, nothing that is still unread."""
        self._socket.transport.abort()
        assert self._reader is not None
        await self._reader

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                self._take(frame if isinstance(frame, str) else frame.decode())
        except ConnectionClosed:
            pass
        finally:
            for answer in self._replies.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the socket closed before the reply"))
                    # Nobody may be waiting for it any more.
                    answer.exception()

    def _take(self, frame: str) -> None:
        self.frames.append(frame)
        parsed = json.loads(frame)
        message = Message(
            parsed["type"],
            parsed["payload"],
            parsed.get("correlationId"),
            parsed.get("seq"),
            parsed.get("epoch"),
        )
        self._note(message)
        answer = self._replies.pop(message.correlation_id or "", None)
        if answer is None:
            self.events.append(message)
        elif not answer.done():
            answer.set_result(message)

    def _note(self, message: Message) -> None:
        self.resume_token = message.payload.get("resumeToken", self.resume_token)
        if message.type == "room:state":
            self.epoch, self.last_seq = message.payload["epoch"], message.payload["seq"]
        elif message.seq is not None:
            self.epoch, self.last_seq = message.epoch or "", message.seq


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    """A client on an open socket; the socket closes on leaving."""
    # Loopback only: a proxy of the environment is not asked.
    async with connect(url, compression=None, proxy=None) as socket:
        client = Client(socket)
        client._reader = asyncio.create_task(client._read())
        try:
            yield client
        finally:
            await socket.close()
            await client._reader


@asynccontextmanager
async def resumed(url: str, before: Client) -> AsyncIterator[Client]:
    """A client that goes on with another one's session."""
    async with connected(url) as client:
        await client.resume(before)
        yield client


@asynccontextmanager
async def joined(url: str, token: str, room: str, name: str) -> AsyncIterator[Client]:
    """A client that is in the room."""
    async with connected(url) as client:
        await client.authenticate(token, room)
        await client.join(room, name)
        yield client
