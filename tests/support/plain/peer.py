"""What a test asks of a plain WebRTC client, whichever library it is made of."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came out of one received track so far."""

    mid: str
    kind: str
    frames: int


class Peer(Protocol):
    """Two peer connections: one that sends a picture and a sound, one that receives."""

    async def offer(self) -> str:
        """The sending connection's next offer, candidates included."""

    async def take_answer(self, sdp: str) -> None: ...

    async def answer(self, sdp: str) -> str:
        """The receiving connection's answer, candidates included."""

    async def decoded(self) -> list[Decoded]:
        """Of the tracks that the receiving connection has, or has had."""
