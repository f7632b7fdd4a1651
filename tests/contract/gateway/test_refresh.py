"""Sessions outlive the token that they began with; a fresh one renews what depends on it."""

import time
from contextlib import AsyncExitStack

import pytest

from services.gateway.edge.token import LEEWAY_S
from tests.support.client import Client, RefusedError, connected, resumed
from tests.support.gateway import ROOM, RunningGateway, mint
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
        with pytest.raises(RefusedError) as refused:
            await ada.ask("auth:refresh", {"token": mint(user="bo")})
        assert (refused.value.code, refused.value.reason) == ("FORBIDDEN", "WRONG_USER")
        assert (await ada.request("ping")).type == "pong"
