"""Who speaks."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from services.gateway.core.message.envelope import Payload
from services.gateway.core.message.field import WireModel


class Speaker(WireModel):
    peer_id: str
    producer_id: str
    # -dBov; 0 is the loudest there is.
    level: Annotated[int, Field(ge=0, le=127)]


class SpeakerActive(Payload):
    """Latest-only. Those who speak from now on, the loudest first; nobody else does."""

    type: ClassVar[str] = "speaker:active"
    speakers: Annotated[Sequence[Speaker], Field(max_length=8)]

    @property
    def latest_of(self) -> str:
        # There is one list a session.
        return "speakers"
