"""The Python client through connections that break, against a real gateway, worker and engine."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any

import pytest
from aiortc import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from websockets.asyncio.server import ServerConnection, serve

from services.client.python.connection import AnyEvent, connected
from services.client.python.failure import ClosedError, RefusedError
from services.client.python.line import Line, Place, Pulse, lined
from services.client.python.message import Nothing, ProducerChanged, TransportCreated
from services.client.python.session import Session, joined
from tests.contract.client.conftest import working
from tests.support.gateway import ROOM, RunningGateway, mint, ready, running_gateway
from tests.support.poll import PATIENCE_S, eventually
from tests.support.proxy import Proxy, proxied

TOGGLES = ["pause", "resume"] * 15
TOLD = [f"producer:{word}d" for word in TOGGLES]


@asynccontextmanager
async def through(proxy: Proxy, name: str, role: str = "candidate") -> AsyncIterator[Session]:
    url, token = f"ws://127.0.0.1:{proxy.port}/ws", mint(role, name.lower())
    async with joined(url, token=token, room=ROOM, name=name) as session:
        yield session


@pytest.fixture
async def proxy(gateway: RunningGateway) -> AsyncIterator[Proxy]:
    async with proxied(gateway.app.port) as running:
        yield running


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """Every task of the client ends with it."""
    yield
    left = [task for task in asyncio.all_tasks() if "services/client" in repr(task.get_coro())]
    assert left == []


async def frames(track: MediaStreamTrack, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(count):
            await track.recv()


def followed(session: Session) -> list[str]:
    """How the connection stands, at each change from now on."""
    states: list[str] = [session.connection]
    told = session.line._on_change

    def note() -> None:
        if session.connection != states[-1]:
            states.append(session.connection)
        told()

    session.line._on_change = note
    return states


async def test_connections_that_are_cut_cost_a_call_nothing(proxy: Proxy) -> None:
    async with through(proxy, "Ada") as ada, through(proxy, "Grace", "proctor") as grace:
        publication = await ada.publish(VideoStreamTrack(), source="camera")
        await grace.until(lambda: len(grace.roster.producers) == 1)
        subscription = await grace.consume(publication.producer_id)
        await frames(subscription.track, 1)
        transports = [*ada._transports.values(), *grace._transports.values()]
        states = [followed(session) for session in (ada, grace)]
        for _ in range(2):
            proxy.cut()
            await eventually(lambda: {ada.connection, grace.connection} == {"lost"})
            # Nothing is waited for but the pictures themselves.
            await frames(subscription.track, 5)
            # Asked for while there is nobody to ask.
            await publication.pause()
            await grace.until(lambda: subscription.is_producer_paused)
            await publication.resume()
            await grace.until(lambda: not subscription.is_producer_paused)
            await frames(subscription.track, 5)
        assert states == [["ok", "lost", "ok", "lost", "ok"]] * 2
        assert [*ada._transports.values(), *grace._transports.values()] == transports
        assert not any(transport.is_lost for transport in transports)
        assert [peer.connection for peer in grace.roster.participants.values()] == ["ok"]


@pytest.mark.parametrize("seed", range(3))
async def test_each_request_is_carried_out_once_and_each_event_told_once(
    gateway: RunningGateway, proxy: Proxy, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Cut off as often as here, a client would soon wait for seconds.
    monkeypatch.setattr("services.client.python.line.LONGEST_WAIT_S", 0.05)
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(through(proxy, "Ada"))
        bob = await stack.enter_async_context(
            joined(gateway.url, token=mint(user="bob"), room=ROOM, name="Bob")
        )
        grace = await stack.enter_async_context(through(proxy, "Grace", "proctor"))
        heard: dict[str, list[str]] = {}
        follow(grace, heard)
        hers = await ada.publish(AudioStreamTrack())
        his = await bob.publish(AudioStreamTrack())
        await grace.until(lambda: len(grace.roster.producers) == 2)
        proxy.budgets = budgets(seed)
        proxy.cut()

        await asyncio.gather(toggle(ada, hers.producer_id), toggle(bob, his.producer_id))

        await grace.until(
            lambda: all(len(heard.get(one.producer_id, [])) == len(TOLD) for one in (hers, his)),
            within_s=PATIENCE_S,
        )
        assert heard == {hers.producer_id: TOLD, his.producer_id: TOLD}
        assert proxy.cuts > 2


async def toggle(session: Session, producer_id: str) -> None:
    for word in TOGGLES:
        await session.line.request(f"producer:{word}", Nothing, {"producerId": producer_id})


def follow(session: Session, heard: dict[str, list[str]]) -> None:
    """Note what the session is told of each producer."""
    told = session.line._listener
    assert told is not None

    def note(event: AnyEvent) -> None:
        if isinstance(event, ProducerChanged):
            heard.setdefault(event.producer_id, []).append(event.type)
        told(event)

    session.line._listener = note


def budgets(seed: int) -> Iterator[int]:
    """Bytes of each connection: some end within the handshake, some get far."""
    noise = Random(seed)
    while True:
        yield noise.choice((100, 900, 2_000, 4_000)) + noise.randrange(400)


async def test_requests_made_at_once_while_the_connection_is_lost_are_carried_out_in_order(
    proxy: Proxy,
) -> None:
    async with through(proxy, "Ada") as ada:
        proxy.cut()
        await eventually(lambda: ada.connection == "lost")
        asked = [
            ada.line.request("transport:create", TransportCreated, {"direction": "recv"})
            for _ in range(5)
        ]
        made = await asyncio.gather(*asked)
        ids = [f"{ada.peer_id}.t{number}" for number in range(1, 6)]
        assert [one.transport_id for one in made] == ids


async def test_connection_that_dies_without_a_word_is_found_out_and_replaced(
    gateway: RunningGateway, proxy: Proxy
) -> None:
    url, pulse = f"ws://127.0.0.1:{proxy.port}/ws", Pulse(every_s=0.1, answer_within_s=0.5)
    async with joined(url, token=mint(), room=ROOM, name="Ada", pulse=pulse) as ada:
        proxy.is_silent = True
        await eventually(lambda: ada.connection == "lost")
        proxy.is_silent = False
        await eventually(lambda: ada.connection == "ok", within_s=PATIENCE_S)
        await ada.line.request("transport:create", TransportCreated, {"direction": "recv"})


async def test_gateway_that_restarts_is_found_again() -> None:
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(working())
        async with running_gateway(worker.grpc_address) as first:
            await ready(first)
            port = first.app.port
            ada = await stack.enter_async_context(
                joined(first.url, token=mint(), room=ROOM, name="Ada")
            )
        await eventually(lambda: ada.connection == "lost")
        gateway = await stack.enter_async_context(running_gateway(worker.grpc_address, port=port))
        await ready(gateway)
        await eventually(lambda: ada.connection == "ok", within_s=PATIENCE_S)
        await ada.publish(AudioStreamTrack())


async def test_session_that_another_connection_took_over_is_not_taken_back(
    gateway: RunningGateway, proxy: Proxy
) -> None:
    async with through(proxy, "Ada") as ada:
        assert ada.line._place is not None
        place = ada.line._place
        async with connected(gateway.url) as other:
            stolen = {"resumeToken": place.token, "epoch": place.epoch, "lastSeq": place.seq}
            await other.request("auth:request", Nothing, stolen)
            async with asyncio.timeout(PATIENCE_S):
                end = await ada.ended()
            assert isinstance(end, ClosedError)
            assert (end.code, end.is_final) == (4409, True)
            await other.ping()


async def test_session_that_the_server_gave_up_ends_but_may_be_joined_anew(proxy: Proxy) -> None:
    async with through(proxy, "Ada") as ada:
        assert ada.line._place is not None
        ada.line._place.token = "no token of this server's"
        proxy.cut()
        async with asyncio.timeout(PATIENCE_S):
            end = await ada.ended()
        assert isinstance(end, ClosedError)
        assert (end.reason, end.is_final) == ("RESUME_TOKEN_INVALID", False)


async def test_kicked_session_ends_for_good_with_the_moderators_words(proxy: Proxy) -> None:
    async with through(proxy, "Ada") as ada, through(proxy, "Grace", "proctor") as grace:
        await grace.until(lambda: ada.peer_id in grace.roster.participants)
        await grace.line.request("peer:kick", Nothing, {"peerId": ada.peer_id, "reason": "Phones!"})
        async with asyncio.timeout(PATIENCE_S):
            end = await ada.ended()
        assert isinstance(end, ClosedError)
        assert end.is_final
        assert ada.closing is not None
        assert (ada.closing.action, ada.closing.message) == ("stop", "Phones!")
        with pytest.raises(ClosedError):
            await ada.line.request("ping", Nothing)
        with pytest.raises(RefusedError) as banned:
            async with through(proxy, "Ada"):
                pass
        assert banned.value.reason == "BANNED"


async def test_waiting_room_is_waited_in_longer_than_for_any_answer(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = mint("proctor", "grace", waitingRoom=True)
    async with joined(gateway.url, token=opening, room=ROOM, name="Grace") as grace:
        monkeypatch.setattr("services.client.python.line.ANSWER_WITHIN_S", 0.3)

        async def admit() -> str:
            await grace.until(lambda: grace.room.waiting, within_s=PATIENCE_S)
            (peer_id,) = grace.room.waiting
            await asyncio.sleep(0.6)
            await grace.moderation.admit(peer_id)
            return peer_id

        admitting = asyncio.create_task(admit())
        async with joined(gateway.url, token=mint(), room=ROOM, name="Ada") as ada:
            assert ada.peer_id == await admitting


@asynccontextmanager
async def talking_to(pongs: list[int]) -> AsyncIterator[Line]:
    """A line to a server that says in each pong the next age of its worker, in milliseconds."""

    async def converse(socket: ServerConnection) -> None:
        async for text in socket:
            request = json.loads(text)
            kind, payload = answer(request["type"])
            reply: dict[str, Any] = {"type": kind, "payload": payload, "timestamp": 0}
            await socket.send(json.dumps(reply | {"correlationId": request["correlationId"]}))

    def answer(kind: str) -> tuple[str, dict[str, Any]]:
        match kind:
            case "auth:request":
                return "auth:response", {"userId": "u", "peerId": "p", "role": "candidate"}
            case "room:join":
                config: dict[str, Any] = {"routerRtpCapabilities": {}}
                state = {"epoch": "e", "seq": 0, "peerId": "p", "participants": []}
                return "room:state", state | {"roomConfig": config, "resumeToken": "r"}
            case "ping":
                age_ms = pongs.pop(0) if len(pongs) > 1 else pongs[0]
                return "pong", {"serverTime": 0, "workerAgeMs": age_ms}
        return "room:left", {"reason": "LEFT"}

    async with serve(converse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        pulse = Pulse(every_s=0.05, troubled_every_s=0.05)
        async with lined(f"ws://127.0.0.1:{port}/ws", pulse=pulse) as line:
            await line.join("t", ROOM, "Ada")
            yield line


async def test_gateway_that_lives_without_its_worker_is_in_trouble() -> None:
    states: list[str] = []
    async with talking_to([100, 4_000, 5_000, 100]) as line:
        line.start(lambda _: None, lambda: states.append(line.state))
        await eventually(lambda: len(states) == 2)
        assert states == ["troubled", "ok"]


def test_event_is_told_once_and_in_order_and_a_gap_is_an_error() -> None:
    place = Place("t", "e", 7)

    def event(seq: int | None, epoch: str = "e") -> ProducerChanged:
        return ProducerChanged(type="producer:paused", producer_id="p", epoch=epoch, seq=seq)

    assert [place.passes(event(seq)) for seq in (7, 8, 8, None, 9, 1)] == [
        *(False, True, False),
        *(True, True, False),
    ]
    for wrong in (event(11), event(10, "other")):
        with pytest.raises(Exception, match="comes after 9"):
            place.passes(wrong)


async def test_line_comes_back_with_the_youngest_token() -> None:
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(working())
        gateway = await stack.enter_async_context(
            running_gateway(worker.grpc_address, ping_interval_ms=100)
        )
        await ready(gateway)
        proxy = await stack.enter_async_context(proxied(gateway.app.port))
        ada = await stack.enter_async_context(through(proxy, "Ada"))
        place = ada.line._place
        assert place is not None
        first = place.token
        # Tokens are dated in seconds.
        await eventually(lambda: place.token != first)
        states = followed(ada)

        proxy.cut()

        await eventually(lambda: states == ["ok", "lost", "ok"])
