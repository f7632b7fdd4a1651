"""A plain WebRTC client: the browser protocol's `sdp:*` messages around a peer connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.client import Client, Payload, joined
from tests.support.plain.peer import Peer
from tests.support.poll import until


@dataclass(slots=True)
class PlainClient:
    """Answers every offer of the server, as it comes."""

    client: Client
    peer: Peer
    # Offers that were answered.
    answered: list[Payload] = field(default_factory=list)

    async def publish(self, **more: Any) -> Payload:
        """Offer, and take the answer; returns its payload."""
        answer = await self.client.ask("sdp:offer", {"sdp": await self.peer.offer(), **more})
        await self.peer.take_answer(answer["sdp"])
        return answer

    async def consume(self, producer_id: str) -> Payload:
        return await self.client.ask("consume", {"producerId": producer_id})

    async def producers(self, count: int) -> list[Payload]:
        """Payloads of the first `count` producers that the client was told of."""

        async def announced() -> list[Payload]:
            found = [e.payload for e in self.client.events if e.type == "producer:new"]
            return found if len(found) >= count else []

        return await until(announced, f"{count} producers are announced")

    async def frames(self, mid: str) -> int:
        return sum(each.frames for each in await self.peer.decoded() if each.mid == mid)

    async def until_frames_grow(self, mid: str, by: int = 10) -> None:
        """Wait until this many more frames of a track are decoded."""
        before = await self.frames(mid)

        async def grown() -> bool:
            return await self.frames(mid) >= before + by

        await until(grown, f"{by} more frames of {mid} than {before}")

    async def until_answered(self, text: str) -> str:
        """Wait until the last offer that was answered has this text; returns its SDP."""

        async def found() -> str:
            sdp = str(self.answered[-1]["sdp"]) if self.answered else ""
            return sdp if text in sdp else ""

        return await until(found, f"an offer with {text!r} is answered")

    async def answer_offers(self) -> None:
        """For ever."""
        taken = 0
        while True:
            offers = [event.payload for event in self.client.events if event.type == "sdp:offer"]
            if len(offers) == taken:
                await asyncio.sleep(0.01)
                continue
            offer = offers[taken]
            taken += 1
            sdp = await self.peer.answer(offer["sdp"])
            reply = await self.client.ask("sdp:answer", {"offerId": offer["offerId"], "sdp": sdp})
            assert reply == {"offerId": offer["offerId"]}
            self.answered.append(offer)


@asynccontextmanager
async def plain(
    url: str, token: str, room: str, name: str, peer: Peer
) -> AsyncIterator[PlainClient]:
    """A client that is in the room and answers offers until it leaves."""
    async with joined(url, token, room, name) as client:
        found = PlainClient(client, peer)
        answering = asyncio.create_task(found.answer_offers())
        try:
            yield found
        finally:
            # What went wrong in it is what the test is to fail with.
            if answering.done():
                answering.result()
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
