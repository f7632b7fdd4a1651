"""What a room asks its shell to do, in order: program the media side, tell sessions."""

from dataclasses import dataclass

from services.common.ids import ConsumerId, ProducerId, SessionId, TransportId
from services.sfu.core.event import Event
from services.sfu.core.port import ConsumerSpec, ProducerSpec
from services.sfu.core.sdp_connection import SdpOffer
from services.sfu.core.settings import RoomSettings


@dataclass(frozen=True, slots=True)
class CloseTransport:
    transport_id: TransportId


@dataclass(frozen=True, slots=True)
class AddProducer:
    spec: ProducerSpec


@dataclass(frozen=True, slots=True)
class PauseProducer:
    producer_id: ProducerId


@dataclass(frozen=True, slots=True)
class ResumeProducer:
    producer_id: ProducerId


@dataclass(frozen=True, slots=True)
class RemoveProducer:
    producer_id: ProducerId


@dataclass(frozen=True, slots=True)
class AddConsumer:
    spec: ConsumerSpec


@dataclass(frozen=True, slots=True)
class PauseConsumer:
    consumer_id: ConsumerId


@dataclass(frozen=True, slots=True)
class ResumeConsumer:
    consumer_id: ConsumerId


@dataclass(frozen=True, slots=True)
class RemoveConsumer:
    consumer_id: ConsumerId


@dataclass(frozen=True, slots=True)
class SetConsumerLayer:
    consumer_id: ConsumerId
    layer: int


@dataclass(frozen=True, slots=True)
class RequestKeyFrame:
    """For a consumer that is forwarded something."""

    consumer_id: ConsumerId


ConsumerCommand = (
    AddConsumer
    | PauseConsumer
    | ResumeConsumer
    | RemoveConsumer
    | SetConsumerLayer
    | RequestKeyFrame
)
MediaCommand = (
    CloseTransport | AddProducer | PauseProducer | ResumeProducer | RemoveProducer | ConsumerCommand
)


@dataclass(frozen=True, slots=True)
class TellSession:
    """A numbered event for one session."""

    session_id: SessionId
    seq: int
    event: Event


@dataclass(frozen=True, slots=True)
class TellLatest:
    """An event without a number, of which only the newest about a thing counts."""

    session_id: SessionId
    event: Event


@dataclass(frozen=True, slots=True)
class OfferSdp:
    """A latest-only event: the client is to answer this offer."""

    session_id: SessionId
    offer: SdpOffer


@dataclass(frozen=True, slots=True)
class TellOperator:
    """The same fact once, for whoever watches the whole room; session_id where it concerns one."""

    session_id: SessionId | None
    event: Event


@dataclass(frozen=True, slots=True)
class EndSession:
    """The session is over, after its last event."""

    session_id: SessionId
    # UPPER_SNAKE: LEFT, TIMED_OUT, REPLACED, WORKER_FAULT, KICKED; of one that waited: REJECTED,
    # WAITED_TOO_LONG.
    reason: str
    # A moderator's words to the one it concerns.
    message: str = ""


@dataclass(frozen=True, slots=True)
class AdmitSession:
    """The session waited, and has its seat now."""

    session_id: SessionId


@dataclass(frozen=True, slots=True)
class KeepSettings:
    """For the gateways of the room: they give them back when the worker is gone."""

    settings: RoomSettings


Message = (
    TellSession | TellLatest | OfferSdp | TellOperator | AdmitSession | EndSession | KeepSettings
)
Effect = MediaCommand | Message
