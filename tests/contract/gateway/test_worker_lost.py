"""What clients see when a worker goes, comes back, or loses count."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from services.common.ids import RoomId
from services.pb.invigil.sfu.v1 import event_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.pb.invigil.sfu.v1 import sfu_service_pb2_grpc as pb_grpc
from tests.support.client import Client, connected
from tests.support.gateway import (
    ROOM,
    RunningGateway,
    RunningWorker,
    joined,
    mint,
    ready,
    running_gateway,
    running_worker,
)
from tests.support.poll import eventually


class ScriptedWorker(pb_grpc.SfuServiceServicer):
    """Says what a test puts into `script`; answers joins and detaches, and nothing else.

    The real worker never skips an event or falls silent on a live stream, so these are shown here.
    """

    def __init__(self) -> None:
        self.script: asyncio.Queue[pb.WatchResponse | None] = asyncio.Queue()
        self.session_id = ""
        self.detached: list[str] = []
        self.address = ""

    async def Describe(self, request: Any, context: Any) -> pb.DescribeResponse:
        return pb.DescribeResponse(worker_id="w", worker_epoch="run")

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[pb.WatchResponse]:
        started = pb.WatchStarted(watch_id="watch", worker_id="w", worker_epoch="run")
        yield pb.WatchResponse(started=started)
        while True:
            message = await self.script.get()
            if message is None:
                return
            yield message

    async def JoinRoom(self, request: pb.JoinRoomRequest, context: Any) -> pb.JoinRoomResponse:
        self.session_id = request.session_id
        return pb.JoinRoomResponse(position=pb.LogPosition(epoch="e"), session_key=b"k")

    async def Produce(self, request: pb.ProduceRequest, context: Any) -> pb.ProduceResponse:
        raise RuntimeError("a secret of the inside")

    async def DetachSession(
        self, request: pb.DetachSessionRequest, context: Any
    ) -> pb.DetachSessionResponse:
        self.detached.append(request.call.session_id)
        return pb.DetachSessionResponse()

    def event(self, seq: int, newer: bytes = b"") -> None:
        """`newer`: an event that the gateway does not know, as a field and its value."""
        event = event_pb2.SessionEvent(session_id=self.session_id, epoch="e", seq=seq)
        if newer:
            event.MergeFromString(newer)
        else:
            event.producer_paused.producer_id = f"p-2.{seq}"
        self.script.put_nowait(pb.WatchResponse(event=event))


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedWorker]:
    # What it does not answer, the generated base class refuses.
    worker = ScriptedWorker()  # type: ignore[abstract]
    server = grpc.aio.server()
    pb_grpc.add_SfuServiceServicer_to_server(worker, server)
    worker.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield worker
    finally:
        await server.stop(0)


@pytest.fixture
async def gateway(scripted: ScriptedWorker) -> AsyncIterator[RunningGateway]:
    async with running_gateway(scripted.address, worker_silence_ms=2_000) as running:
        await ready(running)
        yield running


async def test_gap_in_the_events_ends_the_session_with_1012(
    gateway: RunningGateway, scripted: ScriptedWorker
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        scripted.event(1)
        scripted.event(1)
        scripted.event(3)

        closing = await ada.event("session:closing")
        assert closing.payload == {"reason": "EVENTS_LOST", "action": "resume", "afterMs": 0}
        assert closing.seq is None
        assert await ada.close_code() == 1012
        assert [event.seq for event in ada.events] == [1, None]

    await eventually(lambda: scripted.detached == [scripted.session_id])


async def test_event_of_a_newer_worker_leaves_no_gap(
    gateway: RunningGateway, scripted: ScriptedWorker
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        scripted.event(1)
        scripted.event(2, newer=bytes([0xC2, 0x3E, 0]))
        scripted.event(3)

        await eventually(lambda: [event.seq for event in ada.events] == [1, 3])


async def test_session_replaced_by_a_newer_one_is_closed_with_4409(
    gateway: RunningGateway, scripted: ScriptedWorker
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        ended = pb.SessionEnded(session_id=scripted.session_id, reason="REPLACED")
        scripted.script.put_nowait(pb.WatchResponse(ended=ended))

        assert (await ada.event("session:closing")).payload["action"] == "stop"
        assert await ada.close_code() == 4409


async def test_silent_worker_counts_as_lost(
    gateway: RunningGateway, scripted: ScriptedWorker
) -> None:
    # Nothing is put into the script: the stream lives, and no heartbeat comes.
    async with joined(gateway, "candidate", "Ada") as ada:
        closing = await ada.event("session:closing")
        assert (closing.payload["reason"], closing.payload["action"]) == ("WORKER_LOST", "resume")
        assert await ada.close_code() == 1012


async def test_fault_inside_the_worker_says_nothing_of_it(
    gateway: RunningGateway, scripted: ScriptedWorker
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        refused = await ada.request("produce", {"kind": "audio"})

        assert refused.payload["code"] == "INTERNAL"
        assert not [text for text in ada.frames if "secret" in text]


async def test_lost_worker_costs_only_its_own_sessions() -> None:
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(running_worker(name)) for name in ("w1", "w2")]
        gateway = await stack.enter_async_context(running_gateway(*[w.address for w in workers]))
        await _all_live(gateway)
        lost, kept = [await _client_at(stack, gateway, worker) for worker in workers]

        for watch in workers[0].worker.watches.all():
            workers[0].worker.close_watch(watch)

        closing = await lost.event("session:closing")
        assert closing.payload["reason"] == "WORKER_LOST"
        assert await lost.close_code() == 1012
        assert (await kept.request("ping")).type == "pong"


async def test_worker_that_comes_back_takes_rooms_again() -> None:
    async with AsyncExitStack() as stack:
        async with running_worker("w1") as first:
            gateway = await stack.enter_async_context(running_gateway(first.address))
            await ready(gateway)
            ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        assert (await ada.event("session:closing")).payload["reason"] == "WORKER_LOST"
        assert await ada.close_code() == 1012
        async with connected(gateway.url) as early:
            await early.authenticate(mint(), ROOM)
            refused = await early.request("room:join", {"roomId": ROOM, "displayName": "Ada"})
            assert refused.payload["code"] == "UNAVAILABLE"

        port = int(first.address.rpartition(":")[2])
        await stack.enter_async_context(running_worker("w1", port))
        await ready(gateway)
        again = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        assert (await again.request("ping")).type == "pong"


async def test_room_on_a_lost_worker_is_taken_by_another_with_a_higher_generation() -> None:
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(running_worker("w2"))
        async with running_worker("w1") as first:
            gateway = await stack.enter_async_context(
                running_gateway(first.address, second.address)
            )
            await _all_live(gateway)
            lost = await _client_at(stack, gateway, first)
            room_id = next(iter(first.worker.rooms))
        assert await lost.close_code() == 1012

        again = await stack.enter_async_context(connected(gateway.url))
        await again.authenticate(mint(room="*"), room_id)
        await again.join(room_id, "Ada")

        assert second.worker.rooms[room_id].generation == 2


async def test_gateway_that_starts_anew_finds_the_rooms_where_they_are() -> None:
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(running_worker(name)) for name in ("w1", "w2")]
        addresses = [worker.address for worker in workers]
        async with running_gateway(*addresses) as gateway, AsyncExitStack() as first_life:
            await _all_live(gateway)
            await _client_at(first_life, gateway, workers[0])
            room_id = next(iter(workers[0].worker.rooms))
            # As if the room had been placed while the list of workers was another one.
            workers[0].worker.rooms[room_id].generation = 7
        gateway = await stack.enter_async_context(running_gateway(*addresses))
        await _all_live(gateway)

        client = await stack.enter_async_context(connected(gateway.url))
        await client.authenticate(mint(room="*"), room_id)
        state = await client.join(room_id, "Bo")

        assert state["epoch"] == workers[0].worker.rooms[room_id].epoch


async def test_gateway_that_goes_down_tells_its_clients_and_keeps_their_seats(
    scripted: ScriptedWorker,
) -> None:
    async with AsyncExitStack() as stack:
        async with running_gateway(scripted.address) as gateway:
            await ready(gateway)
            ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        closing = await ada.event("session:closing")

        assert closing.payload["action"] == "resume"
        assert await ada.close_code() == 1012
        assert scripted.detached == [scripted.session_id]


async def _client_at(
    stack: AsyncExitStack, gateway: RunningGateway, worker: RunningWorker
) -> Client:
    """A client in a room that was placed on this worker."""
    for n in range(64):
        room_id = RoomId(f"room-{n}")
        client = await stack.enter_async_context(connected(gateway.url))
        await client.authenticate(mint("proctor", room="*"), room_id)
        await client.join(room_id, "Ada")
        if room_id in worker.worker.rooms:
            return client
    raise AssertionError("no room went to this worker")


async def _all_live(gateway: RunningGateway) -> None:
    await eventually(lambda: all(link.watch for link in gateway.app.fleet.links))
