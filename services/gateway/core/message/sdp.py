"""Messages of plain WebRTC clients: offers, answers, candidates."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from services.gateway.core.message.connection import ErrorReply
from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.field import Identifier, Opaque, WireModel
from services.gateway.core.message.media import Audience

# One section of a description, and one track.
MAX_TRACKS = 64

Sdp = Annotated[str, StringConstraints(min_length=1, max_length=65536)]
Mid = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class SdpTrack(WireModel):
    """What a publisher says of one of its sections besides the SDP."""

    mid: Mid
    app_data: Opaque | None = None
    audience: Audience | None = None


class SdpOfferPayload(WireModel):
    sdp: Sdp
    tracks: Annotated[list[SdpTrack], Field(max_length=MAX_TRACKS)] = Field(default_factory=list)


class SdpOffer(Request):
    """A client's offer to publish."""

    type: Literal["sdp:offer"]
    payload: SdpOfferPayload


class SdpAnswerPayload(WireModel):
    offer_id: Identifier
    sdp: Sdp


class SdpAnswer(Request):
    """A client's answer to the server's offer."""

    type: Literal["sdp:answer"]
    payload: SdpAnswerPayload


class IceCandidatePayload(WireModel):
    # Empty marks the end of the candidates.
    candidate: Annotated[str, StringConstraints(max_length=1024)]
    sdp_mid: Annotated[str, StringConstraints(max_length=64)] | None = None
    # RTCPeerConnection's own spelling.
    sdp_m_line_index: Annotated[
        Annotated[int, Field(ge=0, le=1024)] | None, Field(alias="sdpMLineIndex")
    ] = None


class IceCandidateAdd(Request):
    type: Literal["ice:candidate"]
    payload: IceCandidatePayload


class PublishedTrack(WireModel):
    """A section that sends; `mid` is absent where the section has none."""

    mid: str | None
    producer_id: str
    # A moderator holds it. Absent: no.
    muted: bool | None = None


class RejectedTrack(WireModel):
    """Stands in `producers[]` where a section that would send was rejected."""

    mid: str | None
    error: ErrorReply


class SdpAnswered(Payload):
    """The reply to a client's `sdp:offer`."""

    type: ClassVar[str] = "sdp:answer"
    sdp: str
    transport_id: str
    # One per section that sends, in their order.
    producers: Sequence[PublishedTrack | RejectedTrack]


class SdpOffered(Payload):
    """The server's offer, for the client's receiving connection. Latest-only."""

    type: ClassVar[str] = "sdp:offer"
    offer_id: str
    transport_id: str
    sdp: str

    @property
    def latest_of(self) -> str:
        # A session receives over one connection.
        return "receiving"


class SdpAnswerTaken(Payload):
    """The reply to a client's `sdp:answer`."""

    type: ClassVar[str] = "sdp:answered"
    offer_id: str


class IceCandidateAdded(Payload):
    type: ClassVar[str] = "ice:candidate-added"
