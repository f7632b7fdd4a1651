"""Requests of the protocol that are understood and validated, and answered with NOT_BUILT."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from services.gateway.core.message.envelope import Request
from services.gateway.core.message.field import (
    Identifier,
    WireModel,
)
from services.gateway.core.message.media import ConsumerName

Sdp = Annotated[str, StringConstraints(min_length=1, max_length=65536)]


class SetPriorityPayload(ConsumerName):
    priority: Annotated[int, Field(ge=1, le=255)]


class ConsumerSetPriority(Request):
    type: Literal["consumer:set-priority"]
    payload: SetPriorityPayload


class Data(Request):
    # mediasoup's shapes; their fields are checked where data channels are built.
    type: Literal["data:produce", "data:consume", "data:close"]
    payload: dict[str, JsonValue]


class SdpOfferPayload(WireModel):
    sdp: Sdp


class SdpOffer(Request):
    type: Literal["sdp:offer"]
    payload: SdpOfferPayload


class SdpAnswerPayload(WireModel):
    offer_id: Identifier
    sdp: Sdp


class SdpAnswer(Request):
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


NotBuilt = ConsumerSetPriority | Data | SdpOffer | SdpAnswer | IceCandidateAdd
