"""Messages about a room and who is in it."""

from typing import ClassVar, Literal

from pydantic import JsonValue

from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.field import (
    DisplayName,
    Identifier,
    MediaKind,
    Opaque,
    RoleName,
    TransportDirection,
    WireModel,
)
from services.gateway.core.message.rtp import RtpCapabilities


class RoomJoinPayload(WireModel):
    room_id: Identifier
    display_name: DisplayName
    rtp_capabilities: RtpCapabilities | None = None
    app_data: Opaque | None = None


class RoomJoin(Request):
    type: Literal["room:join"]
    payload: RoomJoinPayload


class NoPayload(WireModel):
    """A payload of which every field is optional, so that it may be absent."""


class RoomLeave(Request):
    type: Literal["room:leave"]
    payload: NoPayload = NoPayload()


class RoomLock(Request):
    type: Literal["room:lock"]
    payload: NoPayload = NoPayload()


class RoomUnlock(Request):
    type: Literal["room:unlock"]
    payload: NoPayload = NoPayload()


class ProducerInfo(WireModel):
    producer_id: str
    kind: MediaKind
    paused: bool
    # True where a moderator paused it, else absent.
    muted: Literal[True] | None = None
    app_data: dict[str, JsonValue]


class Participant(WireModel):
    peer_id: str
    user_id: str
    display_name: str
    role: RoleName
    connection: Literal["ok", "lost"]
    # True or absent, both; muted by a moderator.
    hand_raised: Literal[True] | None = None
    muted: Literal[True] | None = None
    app_data: dict[str, JsonValue]
    producers: list[ProducerInfo]


class WaitingPeer(WireModel):
    peer_id: str
    user_id: str
    display_name: str
    app_data: dict[str, JsonValue]


class RoomConfig(WireModel):
    router_rtp_capabilities: RtpCapabilities
    max_participants: int
    visibility: Literal["proctored", "open"]
    locked: bool


class OwnTransport(WireModel):
    transport_id: str
    direction: TransportDirection


class OwnConsumer(WireModel):
    consumer_id: str
    producer_id: str
    transport_id: str
    paused: bool


class Own(WireModel):
    """What the session itself has: empty after a first join."""

    transports: list[OwnTransport]
    producers: list[ProducerInfo]
    consumers: list[OwnConsumer]


class RoomState(Payload):
    type: ClassVar[str] = "room:state"
    epoch: str
    seq: int
    peer_id: str
    participants: list[Participant]
    # Absent where nobody waits, or the reader is no moderator.
    waiting: list[WaitingPeer] | None = None
    room_config: RoomConfig
    # Filled in by whoever holds the key.
    resume_token: str | None = None
    own: Own


class RoomWaiting(Payload):
    """Without a number: the peer waits for a moderator; the reply to its `room:join` comes then."""

    type: ClassVar[str] = "room:waiting"
    room_id: str


class RoomMoved(Payload):
    """Without a number: the epoch that the client knew is over. The room's state follows."""

    type: ClassVar[str] = "room:moved"
    epoch: str


class RoomLocked(Payload):
    type: ClassVar[str] = "room:locked"


class RoomUnlocked(Payload):
    type: ClassVar[str] = "room:unlocked"


class RoomLeft(Payload):
    type: ClassVar[str] = "room:left"
    reason: str


class ParticipantJoined(Payload):
    type: ClassVar[str] = "participant:joined"
    participant: Participant


class ParticipantUpdated(Payload):
    type: ClassVar[str] = "participant:updated"
    participant: Participant


class ParticipantWaiting(WaitingPeer, Payload):
    """For moderators. `participant:joined` or `participant:left` of the same peer ends it."""

    type: ClassVar[str] = "participant:waiting"


class ParticipantLeft(Payload):
    type: ClassVar[str] = "participant:left"
    peer_id: str
    reason: str
