"""Sessions outlive the token that they began with; a fresh one renews what depends on it."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from services.gateway.edge.token import LEEWAY_S
from tests.support.client import Client, Payload, RefusedError, connected, resumed
from tests.support.gateway import (
    ROOM,
    RunningGateway,
    joined,
    mint,
    ready,
    running_gateway,
    running_worker,
)
from tests.support.poll import until


def expiring() -> str:
    """A token that is good for about a second."""
    return mint(exp=int(time.time()) - LEEWAY_S + 2)


async def has_expired(client: Client, token: str) -> bool:
    """Asks with it; the socket must live on whatever the answer."""
    answer = await client.request("auth:refresh", {"token": token})
    if answer.type == "auth:refreshed":
        return False
    assert answer.payload["code"] == "UNAUTHORIZED"
    assert answer.payload["details"]["reason"] == "TOKEN_EXPIRED"
    return True


async def test_session_goes_on_and_is_resumed_after_its_token_has_expired(
    gateway: RunningGateway,
) -> None:
    async with AsyncExitStack() as stack:
        token = expiring()
        ada = await stack.enter_async_context(connected(gateway.url))
        await ada.authenticate(token, ROOM)
        await ada.join(ROOM, "Ada")

        await until(lambda: has_expired(ada, token), "the token has expired")

        await ada.ask("transport:create", {"direction": "send"})
        back = await stack.enter_async_context(resumed(gateway.url, ada))
        await back.ask("produce", {"kind": "audio"})
        late = await stack.enter_async_context(connected(gateway.url))
        with pytest.raises(RefusedError) as refused:
            await late.authenticate(token, ROOM)
        assert refused.value.reason == "TOKEN_EXPIRED"
        assert await late.close_code() == 4401


async def test_fresh_token_is_answered_with_its_expiry(gateway: RunningGateway) -> None:
    async with connected(gateway.url) as ada:
        await ada.authenticate(mint(), ROOM)
        expires = int(time.time()) + 3000

        answer = await ada.ask("auth:refresh", {"token": mint(exp=expires)})

        assert answer == {"expiresAt": expires * 1000, "iceServers": []}
        await ada.join(ROOM, "Ada")
        await ada.ask("auth:refresh", {"token": mint(exp=expires)})
        assert [event.type for event in ada.events] == ["session:renewed"]
        with pytest.raises(RefusedError) as refused:
            await ada.ask("auth:refresh", {"token": mint(user="bo")})
        assert (refused.value.code, refused.value.reason) == ("FORBIDDEN", "WRONG_USER")
        assert (await ada.request("ping")).type == "pong"


async def refused(client: Client, kind: str, payload: Payload) -> str | None:
    with pytest.raises(RefusedError) as caught:
        await client.ask(kind, payload)
    assert caught.value.code == "FORBIDDEN"
    return caught.value.reason


async def test_what_may_not_be_published_any_more_ends_before_the_answer(
    gateway: RunningGateway,
) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada") as ada:
        await ada.ask("transport:create", {"direction": "send"})
        camera = await ada.ask("produce", {"kind": "video"})
        await pat.event("producer:new", **camera)

        await ada.ask("auth:refresh", {"token": mint(publish=False)})

        assert [event.payload for event in ada.events if event.seq] == [camera]
        await pat.event("producer:closed", **camera)
        assert await refused(ada, "produce", {"kind": "video"}) == "MAY_NOT_PUBLISH"
        await ada.ask("auth:refresh", {"token": mint()})
        # Its transport is still there.
        assert await ada.ask("produce", {"kind": "video"}) != camera


async def test_new_moderator_is_told_who_waits(gateway: RunningGateway) -> None:
    async with AsyncExitStack() as stack:
        pat = await stack.enter_async_context(connected(gateway.url))
        await pat.authenticate(mint("proctor", "pat", moderate=False, waitingRoom=True), ROOM)
        await pat.join(ROOM, "Pat")
        ada = await stack.enter_async_context(connected(gateway.url))
        await ada.authenticate(mint(), ROOM)
        join = asyncio.create_task(ada.join(ROOM, "Ada"))
        await ada.event("room:waiting")
        waiting = {"peerId": ada.peer_id}
        assert await refused(pat, "peer:admit", waiting) == "NOT_A_MODERATOR"

        await pat.ask("auth:refresh", {"token": mint("proctor", "pat")})

        await pat.event("participant:waiting", **waiting)
        await ada.ask("auth:refresh", {"token": mint(publish=False)})
        await pat.ask("peer:admit", waiting)
        await join
        await ada.ask("transport:create", {"direction": "send"})
        assert await refused(ada, "produce", {"kind": "audio"}) == "MAY_NOT_PUBLISH"


async def test_grants_hold_after_a_resume_whatever_token_it_was_done_with(
    gateway: RunningGateway,
) -> None:
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        before = ada.resume_token
        await ada.ask("auth:refresh", {"token": mint(publish=False)})
        assert before != ada.resume_token

        ada.resume_token = before
        back = await stack.enter_async_context(resumed(gateway.url, ada))

        await back.ask("transport:create", {"direction": "send"})
        assert await refused(back, "produce", {"kind": "audio"}) == "MAY_NOT_PUBLISH"
        again = await stack.enter_async_context(resumed(gateway.url, back))
        assert await refused(again, "produce", {"kind": "audio"}) == "MAY_NOT_PUBLISH"


async def test_refresh_whose_answer_was_lost_is_asked_again_and_not_carried_out_twice(
    gateway: RunningGateway,
) -> None:
    fresh = {"token": mint(publish=False)}
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        await ada.ask("transport:create", {"direction": "send"})
        before = ada.resume_token
        await ada.request("auth:refresh", fresh, correlationId="r")
        ada.resume_token = before
        await ada.cut()

        back = await stack.enter_async_context(resumed(gateway.url, ada))
        await back.ask("auth:refresh", {"token": mint()})
        await back.ask("auth:refresh", fresh, correlationId="r")

        # As the later one said.
        await back.ask("produce", {"kind": "audio"})
        answer = await back.request("auth:refresh", {"token": mint()}, correlationId="r")
        assert answer.payload["details"]["reason"] == "REQUEST_ID_REUSED"


@pytest.mark.parametrize("was_resumed", [False, True])
async def test_grants_hold_on_the_next_worker(was_resumed: bool) -> None:
    """`was_resumed`: with the token from before, so that it is the worker that tells of them."""
    async with AsyncExitStack() as stack:
        async with running_worker("w1") as first:
            gateway = await stack.enter_async_context(running_gateway(first.address))
            await ready(gateway)
            ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
            before = ada.resume_token
            await ada.ask("auth:refresh", {"token": mint(publish=False, moderate=True)})
            if was_resumed:
                ada.resume_token = before
                ada = await stack.enter_async_context(resumed(gateway.url, ada))
        assert await ada.close_code() == 1012
        port = int(first.address.rpartition(":")[2])
        await stack.enter_async_context(running_worker("w1", port))
        await ready(gateway)

        back = await stack.enter_async_context(resumed(gateway.url, ada))

        await back.event("room:moved")
        await back.ask("transport:create", {"direction": "send"})
        assert await refused(back, "produce", {"kind": "audio"}) == "MAY_NOT_PUBLISH"
        await back.ask("room:lock")
