"""A worker that carries out a join, and whose replies do not come in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.common.errors import Code, Refusal
from services.common.ids import PeerId
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.control.sfu_service import SfuService
from tests.support.client import connected, resumed
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

JOIN = {"roomId": ROOM, "displayName": "Ada"}


class Delay:
    """Holds back the worker's answers to the next `joins` joins, which are carried out."""

    def __init__(self) -> None:
        self.joins = 0


@pytest.fixture
def delay(monkeypatch: pytest.MonkeyPatch) -> Delay:
    state = Delay()
    join_room = SfuService.JoinRoom

    async def late(self: SfuService, request: pb.JoinRoomRequest, context: Any) -> Any:
        reply = await join_room(self, request, context)
        if state.joins:
            state.joins -= 1
            # Until the caller gives up.
            await asyncio.Event().wait()
        return reply

    monkeypatch.setattr(SfuService, "JoinRoom", late)
    return state


@pytest.fixture
async def worker(delay: Delay) -> AsyncIterator[RunningWorker]:
    async with running_worker() as running:
        yield running


@pytest.fixture
async def gateway(worker: RunningWorker) -> AsyncIterator[RunningGateway]:
    async with running_gateway(worker.address, call_timeout_ms=300) as running:
        await ready(running)
        yield running


async def test_client_that_asks_again_gets_the_seat_it_has_and_what_happened_since(
    delay: Delay, gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(connected(gateway.url))
        await ada.authenticate(mint(), ROOM)
        delay.joins = 2
        refused = await ada.request("room:join", JOIN)
        assert refused.payload["code"] == "UNAVAILABLE"
        assert len(worker.worker.seats) == 1
        # Ada's seat sees this, but nobody could tell her.
        await stack.enter_async_context(joined(gateway, "proctor", "Pat"))

        state = await ada.request("room:join", JOIN)
        assert state.type == "room:state"
        assert [who["displayName"] for who in state.payload["participants"]] == ["Pat"]
        bo = await stack.enter_async_context(joined(gateway, "proctor", "Bo"))
        told = await ada.event("participant:joined")
        assert told.payload["participant"]["peerId"] == bo.peer_id
        assert len(worker.worker.seats) == 3


async def test_seat_of_a_client_that_gave_up_is_freed(
    delay: Delay, gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with connected(gateway.url) as ada:
        await ada.authenticate(mint(), ROOM)
        delay.joins = 2
        refused = await ada.request("room:join", JOIN)
        assert refused.payload["code"] == "UNAVAILABLE"
        assert len(worker.worker.seats) == 1

    await eventually(lambda: len(worker.worker.seats) == 0 and not worker.worker.rooms)


async def test_worker_that_is_not_told_of_a_resumed_client_is_told_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    confirm, asked = SfuService.ConfirmSession, [0]

    async def unreachable(self: SfuService, request: pb.ConfirmSessionRequest, context: Any) -> Any:
        asked[0] += 1
        if asked[0] <= 2:
            raise Refusal(Code.UNAVAILABLE, "ENGINE_SILENT", "Not just now.")
        return await confirm(self, request, context)

    monkeypatch.setattr(SfuService, "ConfirmSession", unreachable)
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(running_worker())
        gateway = await stack.enter_async_context(running_gateway(worker.address))
        await ready(gateway)
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        back = await stack.enter_async_context(resumed(gateway.url, ada))
        seat = worker.worker.seats.of_peer(PeerId(ada.peer_id))
        assert seat is not None
        assert seat.repeatable is not None

        await back.request("ping")

        await eventually(lambda: seat.repeatable is None, what="the worker is told")
        assert asked[0] == 3


async def test_connection_that_ends_does_not_wait_for_a_worker_that_cannot_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = asyncio.Event()

    async def unreachable(self: SfuService, request: pb.ConfirmSessionRequest, context: Any) -> Any:
        asked.set()
        raise Refusal(Code.UNAVAILABLE, "ENGINE_SILENT", "Not just now.")

    monkeypatch.setattr(SfuService, "ConfirmSession", unreachable)
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(running_worker())
        gateway = await stack.enter_async_context(running_gateway(worker.address))
        await ready(gateway)
        before = len(asyncio.all_tasks())
        async with joined(gateway, "candidate", "Ada") as ada, resumed(gateway.url, ada) as back:
            await back.request("ping")
            await asked.wait()
            await back.ask("room:leave")
        await eventually(lambda: len(asyncio.all_tasks()) <= before, what="no task is left")
