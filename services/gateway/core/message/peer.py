"""Messages about peers: what they show of themselves, and what moderators do to them."""

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.field import (
    NO_CONTROL,
    DisplayName,
    Identifier,
    Opaque,
    WireModel,
)

# Shown to the peer that it concerns.
Reason = Annotated[str, StringConstraints(max_length=256, pattern=NO_CONTROL)]


class PeerUpdatePayload(WireModel):
    """What is absent stays as it is."""

    app_data: Opaque | None = None
    display_name: DisplayName | None = None
    hand_raised: bool | None = None


class PeerUpdate(Request):
    type: Literal["peer:update"]
    payload: PeerUpdatePayload = PeerUpdatePayload()


class PeerName(WireModel):
    peer_id: Identifier


class PeerNameWithReason(PeerName):
    reason: Reason | None = None


class PeerAdmit(Request):
    type: Literal["peer:admit"]
    payload: PeerName


class PeerReject(Request):
    type: Literal["peer:reject"]
    payload: PeerNameWithReason


class PeerKick(Request):
    type: Literal["peer:kick"]
    payload: PeerNameWithReason


class PeerMute(Request):
    type: Literal["peer:mute"]
    payload: PeerName


class PeerUnmute(Request):
    type: Literal["peer:unmute"]
    payload: PeerName


class PeerUpdated(Payload):
    type: ClassVar[str] = "peer:updated"


class PeerAdmitted(Payload):
    type: ClassVar[str] = "peer:admitted"
    peer_id: str


class PeerRejected(Payload):
    type: ClassVar[str] = "peer:rejected"
    peer_id: str


class PeerKicked(Payload):
    type: ClassVar[str] = "peer:kicked"
    peer_id: str


class PeerMuted(Payload):
    type: ClassVar[str] = "peer:muted"
    peer_id: str


class PeerUnmuted(Payload):
    type: ClassVar[str] = "peer:unmuted"
    peer_id: str
