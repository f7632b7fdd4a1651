"""What happens in a room while a client's connections break, and how it is told afterwards."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

from tests.support.client import Client, Payload

TOGGLES = ["pause", "resume"] * 20
TOLD = [f"producer:{word}d" for word in TOGGLES]


def budgets(seed: int) -> Iterator[int]:
    """Bytes of each connection: some end within the handshake, some get far."""
    noise = Random(seed)
    while True:
        yield noise.choice((100, 400, 900, 1_500, 3_000, 6_000)) + noise.randrange(400)


async def produce(client: Client) -> Payload:
    await client.ask("transport:create", {"direction": "send"})
    return await client.ask("produce", {"kind": "audio"})


async def toggle(client: Client, producer: Payload) -> None:
    """What is told to the others meanwhile."""
    for word in TOGGLES:
        await client.ask(f"producer:{word}", producer)
        await asyncio.sleep(0.005)


def toggled(told: Iterable[tuple[str, Mapping[str, Any]]], producer: Payload) -> list[str]:
    """What was told of a producer after it was new, from types and payloads."""
    about = [kind for kind, said in told if said.get("producerId") == producer["producerId"]]
    return [kind for kind in about if kind != "producer:new"]
