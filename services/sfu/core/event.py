"""What happens in a room, as told to one session, and the views of it that events carry."""

from dataclasses import dataclass
from enum import StrEnum

from services.common.ids import ConsumerId, PeerId, ProducerId, TransportId, UserId
from services.sfu.core.port import Kind
from services.sfu.core.visibility import Role


class Connection(StrEnum):
    """Whether a peer's signaling connection is there."""

    OK = "ok"
    # The socket is gone; the seat is kept for the grace time.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ProducerView:
    producer_id: ProducerId
    kind: Kind
    paused: bool
    app_data_json: str
    # A moderator paused it.
    muted: bool = False


@dataclass(frozen=True, slots=True)
class ParticipantView:
    peer_id: PeerId
    user_id: UserId
    display_name: str
    role: Role
    connection: Connection
    app_data_json: str
    producers: tuple[ProducerView, ...]
    hand_raised: bool = False
    # A moderator muted its user.
    muted: bool = False


@dataclass(frozen=True, slots=True)
class WaitingView:
    """One who waits to be let in."""

    peer_id: PeerId
    user_id: UserId
    display_name: str
    app_data_json: str


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    participant: ParticipantView


@dataclass(frozen=True, slots=True)
class ParticipantUpdated:
    participant: ParticipantView


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    peer_id: PeerId
    # UPPER_SNAKE: LEFT, TIMED_OUT, MEDIA_FAILED, KICKED; of one who waited also REJECTED.
    reason: str


@dataclass(frozen=True, slots=True)
class ParticipantWaiting:
    peer: WaitingView


@dataclass(frozen=True, slots=True)
class ProducerNew:
    peer_id: PeerId
    producer: ProducerView


@dataclass(frozen=True, slots=True)
class ProducerPaused:
    """It is paused from now on, or was and `muted` has changed."""

    producer_id: ProducerId
    muted: bool = False


@dataclass(frozen=True, slots=True)
class ProducerResumed:
    producer_id: ProducerId


@dataclass(frozen=True, slots=True)
class ProducerClosed:
    producer_id: ProducerId


@dataclass(frozen=True, slots=True)
class ConsumerPaused:
    consumer_id: ConsumerId


@dataclass(frozen=True, slots=True)
class ConsumerResumed:
    consumer_id: ConsumerId


@dataclass(frozen=True, slots=True)
class ConsumerClosed:
    consumer_id: ConsumerId


@dataclass(frozen=True, slots=True)
class ConsumerLayers:
    """Latest-only. Which layer of a simulcast is forwarded from now on; None: nothing is."""

    consumer_id: ConsumerId
    spatial_layer: int | None


@dataclass(frozen=True, slots=True)
class ProducerLayersNeeded:
    """Latest-only, for its owner. The highest layer that viewers need; None: they need nothing."""

    producer_id: ProducerId
    spatial_layer: int | None


@dataclass(frozen=True, slots=True)
class Speaker:
    peer_id: PeerId
    producer_id: ProducerId
    # -dBov: 0 is the loudest there is.
    level: int


@dataclass(frozen=True, slots=True)
class SpeakersActive:
    """Latest-only. Who speaks from now on, the loudest first; nobody else does."""

    speakers: tuple[Speaker, ...]


@dataclass(frozen=True, slots=True)
class LayerScore:
    layer: int
    rid: str | None
    score: int


@dataclass(frozen=True, slots=True)
class ProducerScore:
    """Latest-only. How well one's own stream arrives; layers not known yet are absent."""

    producer_id: ProducerId
    scores: tuple[LayerScore, ...]


@dataclass(frozen=True, slots=True)
class ConsumerScore:
    """Latest-only. How well a stream gets to its viewer, and how well what it is made of comes."""

    consumer_id: ConsumerId
    score: int
    producer_score: int


@dataclass(frozen=True, slots=True)
class SdpOffered:
    """Latest-only. The server's offer for the client's receiving connection."""

    offer_id: str
    transport_id: TransportId
    sdp: str


@dataclass(frozen=True, slots=True)
class TransportClosed:
    transport_id: TransportId
    # UPPER_SNAKE: DTLS_FAILED, FINGERPRINT_MISMATCH, DTLS_TIMEOUT, DTLS_CLOSED, ENGINE_FAULT.
    reason: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    from_peer_id: PeerId
    # Set where it is for this peer alone.
    to_peer_id: PeerId | None
    # Any JSON value.
    body_json: str


@dataclass(frozen=True, slots=True)
class RoomLocked:
    """Nobody comes in any more but moderators and those who were in."""


@dataclass(frozen=True, slots=True)
class RoomUnlocked:
    """The opposite."""


Event = (
    ParticipantJoined
    | ParticipantUpdated
    | ParticipantLeft
    | ParticipantWaiting
    | ProducerNew
    | ProducerPaused
    | ProducerResumed
    | ProducerClosed
    | ConsumerPaused
    | ConsumerResumed
    | ConsumerClosed
    | ConsumerLayers
    | ProducerLayersNeeded
    | SpeakersActive
    | ProducerScore
    | ConsumerScore
    | SdpOffered
    | TransportClosed
    | MessageReceived
    | RoomLocked
    | RoomUnlocked
)
