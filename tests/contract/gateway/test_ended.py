"""Who has left or was removed stays out, also when the worker that knew it is gone."""

from contextlib import AsyncExitStack

import pytest

from tests.support.client import RefusedError, connected, resumed
from tests.support.gateway import ROOM, joined, mint, ready, running_gateway, running_worker
from tests.support.poll import eventually


@pytest.mark.parametrize("way", ["room:leave", "peer:kick"])
async def test_ended_session_opens_no_later_room_of_the_same_name(way: str) -> None:
    async with AsyncExitStack() as stack:
        async with running_worker("w1") as first:
            gateway = await stack.enter_async_context(running_gateway(first.address))
            await ready(gateway)
            ada = await stack.enter_async_context(connected(gateway.url))
            await ada.authenticate(mint(), ROOM)
            await ada.join(ROOM, "Ada")
            if way == "room:leave":
                await ada.ask("room:leave")
            else:
                pat = await stack.enter_async_context(connected(gateway.url))
                await pat.authenticate(mint("proctor", "pat"), ROOM)
                await pat.join(ROOM, "Pat")
                await pat.ask("peer:kick", {"peerId": ada.peer_id})
                await pat.ask("room:leave")
            await eventually(lambda: not first.worker.rooms)
        await eventually(lambda: not gateway.app.is_ready)
        port = int(first.address.rpartition(":")[2])
        await stack.enter_async_context(running_worker("w1", port))
        await ready(gateway)
        later = await stack.enter_async_context(connected(gateway.url))
        await later.authenticate(mint("proctor", "pat", waitingRoom=True), ROOM)
        await later.join(ROOM, "Pat")

        with pytest.raises(RefusedError) as refused:
            await stack.enter_async_context(resumed(gateway.url, ada))

        assert (refused.value.code, refused.value.reason) == ("UNAUTHORIZED", "SESSION_ENDED")


async def test_end_of_one_who_is_away_is_known_when_the_worker_is_gone() -> None:
    async with AsyncExitStack() as stack:
        async with running_worker("w1", grace_ms=300) as first:
            gateway = await stack.enter_async_context(running_gateway(first.address))
            await ready(gateway)
            ada, pat = [
                await stack.enter_async_context(joined(gateway, role, name))
                for role, name in (("candidate", "Ada"), ("proctor", "Pat"))
            ]
            await ada.cut()
            await pat.event("participant:left", peerId=ada.peer_id, reason="TIMED_OUT")
        await eventually(lambda: not gateway.app.is_ready)
        port = int(first.address.rpartition(":")[2])
        await stack.enter_async_context(running_worker("w1", port))
        await ready(gateway)
        back = await stack.enter_async_context(resumed(gateway.url, pat))
        assert back.peer_id == pat.peer_id

        with pytest.raises(RefusedError) as refused:
            await stack.enter_async_context(resumed(gateway.url, ada))

        assert (refused.value.code, refused.value.reason) == ("UNAUTHORIZED", "SESSION_ENDED")
