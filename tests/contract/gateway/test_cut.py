"""Connections that break in the middle of requests and events, again and again."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import WebSocketException

from tests.support.client import Client, Message, Payload, connected
from tests.support.gateway import (
    ROOM,
    RunningGateway,
    RunningWorker,
    joined,
    mint,
    ready,
    running_gateway,
)
from tests.support.poll import eventually
from tests.support.proxy import Proxy, proxied
from tests.support.storm import TOGGLES, TOLD, budgets, produce, toggle, toggled

Requests = Mapping[str, tuple[str, Payload]]


class Stubborn:
    """A client that comes back whenever it is cut off, and asks again what was not answered."""

    def __init__(self, proxy: Proxy, first: Client) -> None:
        self.answers: dict[str, Message] = {}
        self._earlier: list[Message] = []
        self._proxy = proxy
        self._newest = first

    @property
    def events(self) -> list[Message]:
        """Of all its connections."""
        return self._earlier + self._newest.events

    async def carry_out(self, requests: Requests, upto: int) -> None:
        """Have each request answered, and be told the events up to this number."""
        await self._ask(requests)
        while requests.keys() - self.answers.keys() or self._newest.last_seq < upto:
            try:
                await self._connect_once(requests, upto)
            except (OSError, EOFError, WebSocketException):
                # Cut off before there was an answer: the token from before is still good.
                continue

    async def _connect_once(self, requests: Requests, upto: int) -> None:
        async with connected(f"ws://127.0.0.1:{self._proxy.port}/ws") as client:
            await client.resume(self._newest)
            self._earlier += self._newest.events
            self._newest = client
            await self._ask(requests)
            await eventually(lambda: client.is_over or client.last_seq >= upto)

    async def _ask(self, requests: Requests) -> None:
        """Ask all that has no answer at once, in order."""
        asked = {
            name: self._newest.request(kind, payload, correlationId=name)
            for name, (kind, payload) in requests.items()
            if name not in self.answers
        }
        outcomes = await asyncio.gather(*asked.values(), return_exceptions=True)
        for name, outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, Message):
                self.answers[name] = outcome


@pytest.mark.parametrize("seed", range(6))
async def test_each_request_is_carried_out_once_and_each_event_told_once(
    worker: RunningWorker, seed: int
) -> None:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(
            running_gateway(worker.address, messages_per_s=1e6, message_burst=10_000)
        )
        await ready(gateway)
        proxy = await stack.enter_async_context(proxied(gateway.app.port))
        pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
        ada = await stack.enter_async_context(connected(f"ws://127.0.0.1:{proxy.port}/ws"))
        await ada.authenticate(mint(), ROOM)
        await ada.join(ROOM, "Ada")
        his, hers = await produce(pat), await produce(ada)
        await ada.event("producer:new")
        began = ada.last_seq
        proxy.budgets = budgets(seed)
        await ada.cut()
        requests = {
            **{f"t{n}": ("transport:create", {"direction": "recv"}) for n in range(7)},
            **{f"p{n}": (f"producer:{word}", hers) for n, word in enumerate(TOGGLES)},
        }
        stubborn = Stubborn(proxy, ada)

        storm = asyncio.create_task(toggle(pat, his))
        await stubborn.carry_out(requests, upto=began + len(TOGGLES))
        await storm

        assert proxy.cuts > 2
        answers = [stubborn.answers[name].type for name in requests]
        assert answers == ["transport:created"] * 7 + TOLD
        assert len(worker.media.transports) == 2 + 7
        told = [event for event in stubborn.events if event.seq is not None]
        assert [event.seq for event in told] == list(range(1, began + len(TOGGLES) + 1))
        assert toggled(said(told), his) == TOLD
        await eventually(lambda: len(toggled(said(pat.events), hers)) == len(TOLD))
        assert toggled(said(pat.events), hers) == TOLD
        commands = [name for name, about in worker.media.commands if about == hers["producerId"]]
        assert commands == ["add_producer", *(f"{word}_producer" for word in TOGGLES)]


async def test_slow_network_changes_nothing(gateway: RunningGateway, worker: RunningWorker) -> None:
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(proxied(gateway.app.port))
        proxy.chunk_bytes, proxy.pause_s = 300, 0.01
        pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
        his = await produce(pat)
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        await ada.cut()
        storm = asyncio.create_task(toggle(pat, his))

        back = await stack.enter_async_context(connected(f"ws://127.0.0.1:{proxy.port}/ws"))
        await back.resume(ada)
        await storm

        await eventually(lambda: back.last_seq == len(TOGGLES))
        assert [event.seq for event in back.events] == list(range(1, len(TOGGLES) + 1))
        assert (await back.request("ping")).type == "pong"


def said(events: list[Message]) -> list[tuple[str, Payload]]:
    return [(event.type, event.payload) for event in events]
