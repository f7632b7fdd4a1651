"""The client's WebSocket against a server that says whatever a test wants, on a real socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from services.client.python.connection import AnyEvent, Connection, connected
from services.client.python.failure import (
    ClosedError,
    EventsLostError,
    LateError,
    ProtocolError,
    RefusedError,
    UnreachableError,
)
from services.client.python.message import Nothing, OtherEvent, Produced, SessionClosing
from tests.support.gateway import RunningGateway
from tests.support.poll import PATIENCE_S

Answer = Callable[[ServerConnection, dict[str, Any]], Awaitable[None]]


def frame(kind: str, payload: object = None, **envelope: Any) -> str:
    return json.dumps({"type": kind, "payload": payload or {}, "timestamp": 0, **envelope})


@contextlib.asynccontextmanager
async def talking_to(answer: Answer) -> AsyncIterator[Connection]:
    """A connection to a server that hands every request to `answer`."""

    async def converse(socket: ServerConnection) -> None:
        async for text in socket:
            await answer(socket, json.loads(text))

    async with serve(converse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connected(f"ws://127.0.0.1:{port}/ws") as connection:
            yield connection


async def test_answers_find_their_requests_in_any_order() -> None:
    held: list[dict[str, Any]] = []

    async def backwards(socket: ServerConnection, request: dict[str, Any]) -> None:
        held.append(request)
        if len(held) == 2:
            for kept in reversed(held):
                name = kept["payload"]["name"]
                reply = frame("produced", {"producerId": name}, correlationId=kept["correlationId"])
                await socket.send(reply)

    async with talking_to(backwards) as connection:
        first, second = await asyncio.gather(
            connection.request("produce", Produced, {"name": "a"}),
            connection.request("produce", Produced, {"name": "b"}),
        )
    assert (first.producer_id, second.producer_id) == ("a", "b")


async def test_refusal_carries_code_reason_and_when_to_ask_again() -> None:
    async def refuse(socket: ServerConnection, request: dict[str, Any]) -> None:
        details = {"reason": "NO_WORKER", "retryAfterMs": 500}
        body = {"code": "UNAVAILABLE", "message": "later", "details": details}
        await socket.send(frame("error", body, correlationId=request["correlationId"]))

    async with talking_to(refuse) as connection:
        with pytest.raises(RefusedError) as refused:
            await connection.request("produce", Produced)
    assert refused.value.code == "UNAVAILABLE"
    assert refused.value.reason == "NO_WORKER"
    assert refused.value.retry_after_ms == 500
    assert "NO_WORKER" in str(refused.value)


async def test_request_without_an_answer_is_late_and_a_late_answer_is_nobodys() -> None:
    held: list[str] = []

    async def dawdle(socket: ServerConnection, request: dict[str, Any]) -> None:
        held.append(request["correlationId"])
        for late in held[:-1]:
            await socket.send(frame("produced", {"producerId": "late"}, correlationId=late))
        if len(held) > 1:
            reply = frame("produced", {"producerId": "due"}, correlationId=held[-1])
            await socket.send(reply)

    async with talking_to(dawdle) as connection:
        with pytest.raises(LateError):
            await connection.request("produce", Produced, within_s=0.05)
        assert (await connection.request("produce", Produced)).producer_id == "due"


async def test_answer_of_another_shape_is_a_protocol_error_of_its_request_alone() -> None:
    async def mumble(socket: ServerConnection, request: dict[str, Any]) -> None:
        await socket.send(frame("produced", {"id": 7}, correlationId=request["correlationId"]))

    async with talking_to(mumble) as connection:
        with pytest.raises(ProtocolError):
            await connection.request("produce", Produced)
        assert await connection.request("produce", Nothing) == Nothing()


async def test_server_that_closes_answers_what_waits_and_what_comes_after() -> None:
    async def close(socket: ServerConnection, _: dict[str, Any]) -> None:
        await socket.send(
            frame("session:closing", {"reason": "DRAIN", "action": "rejoin", "afterMs": 5})
        )
        await socket.close(1012, "restarting")

    async with talking_to(close) as connection:
        with connection.events() as events:
            with pytest.raises(ClosedError) as closed:
                await connection.request("produce", Produced)
            (closing,) = [event async for event in events]
        assert isinstance(closing, SessionClosing)
        assert (closing.action, closing.after_ms) == ("rejoin", 5)
        assert (closed.value.code, closed.value.reason) == (1012, "restarting")
        assert not closed.value.is_final
        with pytest.raises(ClosedError):
            await connection.request("produce", Produced)
        assert (await connection.wait_closed()).code == 1012
        with connection.events() as late:
            assert [event async for event in late] == []


@pytest.mark.parametrize(
    "garbage",
    ["{", "[]", "7", b"\xff\xfe", frame("producer:new", {"kind": "smell"}), '{"payload": {}}'],
    ids=["cut", "list", "number", "binary", "wrong event", "no type"],
)
async def test_frame_that_is_not_understood_ends_the_connection(garbage: str | bytes) -> None:
    async def babble(socket: ServerConnection, _: dict[str, Any]) -> None:
        await socket.send(garbage)

    async with talking_to(babble) as connection:
        with pytest.raises(ClosedError) as closed:
            await connection.request("produce", Produced)
    assert closed.value.code == 1002


async def test_events_of_a_newer_server_are_passed_on() -> None:
    async def tell(socket: ServerConnection, request: dict[str, Any]) -> None:
        await socket.send(frame("weather:changed", {"sun": True}, epoch="e", seq=1))
        await socket.send(frame("pong", {"serverTime": 1}, correlationId=request["correlationId"]))

    heard: list[AnyEvent] = []
    async with talking_to(tell) as connection:
        with connection.listening(heard.append):
            assert (await connection.ping()).server_time == 1
        await connection.ping()
    (event,) = heard
    assert isinstance(event, OtherEvent)
    assert (event.type, event.payload, event.seq) == ("weather:changed", {"sun": True}, 1)


async def test_reader_that_falls_behind_learns_that_events_are_lost() -> None:
    async def flood(socket: ServerConnection, request: dict[str, Any]) -> None:
        for number in range(5):
            await socket.send(frame("weather:changed", {"number": number}))
        await socket.send(frame("pong", {"serverTime": 1}, correlationId=request["correlationId"]))

    async with talking_to(flood) as connection:
        with connection.events(limit=3) as events:
            await connection.ping()
            numbers: list[object] = []

            async def read() -> None:
                async for event in events:
                    assert isinstance(event, OtherEvent)
                    numbers.append(event.payload["number"])

            with pytest.raises(EventsLostError):
                await read()
        assert numbers == [0, 1, 2]
        # The connection itself goes on.
        await connection.ping()


async def test_server_that_speaks_no_websocket_is_unreachable() -> None:
    async def teapot(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(teapot, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError):
            async with connected(f"ws://127.0.0.1:{port}/ws"):
                pass


async def test_server_that_accepts_and_says_nothing_is_unreachable() -> None:
    hung_up = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError):
            async with connected(f"ws://127.0.0.1:{port}/ws", within_s=0.2):
                pass
        async with asyncio.timeout(PATIENCE_S):
            await hung_up.wait()


async def test_gateway_refuses_what_comes_before_authentication(
    gateway: RunningGateway,
) -> None:
    async with connected(gateway.url) as connection:
        with pytest.raises(RefusedError) as refused:
            await connection.request("room:join", Nothing, {"roomId": "r", "displayName": "n"})
        assert refused.value.code == "UNAUTHORIZED"
