"""The records of a room: who is in it and what each has opened."""

from dataclasses import dataclass, field

from services.common.ids import (
    ConsumerId,
    PeerId,
    ProducerId,
    SessionId,
    TransportId,
    UserId,
)
from services.sfu.core.allowance import Allowance, of_changes, of_descriptions
from services.sfu.core.event import ProducerView
from services.sfu.core.layer import Activity, Selection
from services.sfu.core.need import Need
from services.sfu.core.ortc import Consumable
from services.sfu.core.port import Direction, InboundEncoding, Kind
from services.sfu.core.rtp import RtpCapabilities
from services.sfu.core.score import Score
from services.sfu.core.sdp_connection import PublishingConnection, ReceivingConnection
from services.sfu.core.session_log import SessionLog
from services.sfu.core.visibility import Role


@dataclass(slots=True)
class Numbering:
    """Numbers for the ids of what a peer opens. It outlives sessions: no id comes twice."""

    transport: int = 0
    producer: int = 0
    consumer: int = 0


@dataclass(slots=True)
class Transport:
    transport_id: TransportId
    session_id: SessionId
    direction: Direction
    # MIDs of consumers are decimal numbers in the order of creation, unique on the transport.
    next_mid: int = 0


@dataclass(slots=True)
class Producer:
    producer_id: ProducerId
    session_id: SessionId
    peer_id: PeerId
    transport_id: TransportId
    kind: Kind
    mid: str | None
    payload_types: tuple[int, ...]
    encodings: tuple[InboundEncoding, ...]
    consumable: Consumable
    app_data_json: str
    paused_by_owner: bool
    # A moderator paused it: its owner cannot resume it.
    muted: bool = False
    # The peers for whom alone it exists; None: all who may see its owner. They may come and go.
    audience: frozenset[PeerId] | None = None
    activity: Activity = field(default_factory=Activity)
    # One for each encoding, once they were counted.
    scores: list[Score] = field(default_factory=list)
    # By creation, so that what happens to a producer is told to its consumers in a fixed order.
    consumer_ids: dict[ConsumerId, None] = field(default_factory=dict)
    # Of a simulcast.
    need: Need = field(init=False)

    def __post_init__(self) -> None:
        self.need = Need(len(self.encodings))

    @property
    def paused(self) -> bool:
        """Whether nothing of it is forwarded."""
        return self.paused_by_owner or self.muted

    @property
    def has_layers(self) -> bool:
        """Whether it is a simulcast, of which one layer at a time is forwarded."""
        return self.kind is Kind.VIDEO and len(self.encodings) > 1

    def view(self) -> ProducerView:
        return ProducerView(
            self.producer_id, self.kind, self.paused, self.app_data_json, self.muted
        )


@dataclass(slots=True)
class Consumer:
    consumer_id: ConsumerId
    session_id: SessionId
    producer_id: ProducerId
    transport_id: TransportId
    paused: bool
    # None: the producer has no layers.
    selection: Selection | None = None
    # False: an SDP client has not answered yet. Until then the media side sends nothing.
    is_agreed: bool = True
    score: Score = field(default_factory=Score)
    # Its own and its producer's score as the client knows them.
    told_scores: tuple[int | None, int | None] | None = None


@dataclass(slots=True)
class Session:
    """One life of a peer in a room. `PeerId` names the seat, `SessionId` who sits in it."""

    session_id: SessionId
    peer_id: PeerId
    user_id: UserId
    display_name: str
    role: Role
    app_data_json: str
    rtp_capabilities: RtpCapabilities | None
    may_publish: bool
    may_subscribe: bool
    may_moderate: bool
    numbering: Numbering
    log: SessionLog = field(default_factory=SessionLog)
    # Milliseconds of the shell's clock at which the seat is given up; None while connected.
    lost_until_ms: int | None = None
    # Not seated yet: nobody but moderators knows of it, and it knows of nobody.
    is_waiting: bool = False
    hand_raised: bool = False
    allowance: Allowance = field(default_factory=Allowance)
    changes: Allowance = field(default_factory=of_changes)
    transports: dict[TransportId, Transport] = field(default_factory=dict)
    producers: dict[ProducerId, Producer] = field(default_factory=dict)
    consumers: dict[ConsumerId, Consumer] = field(default_factory=dict)
    # Of a plain WebRTC client. Each connection has one of the transports.
    descriptions: Allowance = field(default_factory=of_descriptions)
    publishing: PublishingConnection | None = None
    receiving: ReceivingConnection | None = None

    def receiving_on(self, transport_id: TransportId) -> ReceivingConnection | None:
        """The SDP connection on this transport, if it is one."""
        receiving = self.receiving
        return receiving if receiving and receiving.transport_id == transport_id else None

    def forget_connection(self, transport_id: TransportId) -> None:
        """The transport is gone, and the SDP connection on it."""
        if self.publishing is not None and self.publishing.transport_id == transport_id:
            self.publishing = None
        if self.receiving_on(transport_id) is not None:
            self.receiving = None
