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


@dataclass(frozen=True, slots=True)
class ParticipantView:
    peer_id: PeerId
    user_id: UserId
    display_name: str
    role: Role
    connection: Connection
    app_data_json: str
    producers: tuple[ProducerView, ...]


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    participant: ParticipantView


@dataclass(frozen=True, slots=True)
class ParticipantUpdated:
    participant: ParticipantView


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    peer_id: PeerId
    # UPPER_SNAKE: LEFT, TIMED_OUT, MEDIA_FAILED.
    reason: str


@dataclass(frozen=True, slots=True)
class ProducerNew:
    peer_id: PeerId
    producer: ProducerView


@dataclass(frozen=True, slots=True)
class ProducerPaused:
    producer_id: ProducerId


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


Event = (
    ParticipantJoined
    | ParticipantUpdated
    | ParticipantLeft
    | ProducerNew
    | ProducerPaused
    | ProducerResumed
    | ProducerClosed
    | ConsumerPaused
    | ConsumerResumed
    | ConsumerClosed
    | ConsumerLayers
    | SdpOffered
    | TransportClosed
)
