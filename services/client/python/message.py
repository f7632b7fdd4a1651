"""What goes over the wire, as far as this client reads or writes it.

Fields that the client does not use are ignored, so that a newer server may say more.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter
from pydantic.alias_generators import to_camel

Json = dict[str, JsonValue]
Kind = Literal["audio", "video"]
Role = Literal["candidate", "proctor", "observer"]
Direction = Literal["send", "recv"]
DtlsRole = Literal["auto", "client", "server"]


class Wire(BaseModel):
    """A JSON object of the protocol: camelCase there, snake_case here."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
        extra="ignore",
        # Tokens and ICE passwords do not belong into a traceback.
        hide_input_in_errors=True,
    )

    def as_json(self) -> Json:
        """As the wire has it; what is not set is absent."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")


class Envelope(Wire):
    """Any frame of the server."""

    type: str
    payload: Json = Field(default_factory=dict)
    correlation_id: str | None = None
    epoch: str | None = None
    seq: int | None = None


class Nothing(Wire):
    """A reply of which nothing is read."""


class ErrorBody(Wire):
    code: str
    message: str = ""
    details: Json = Field(default_factory=dict)


class Authenticated(Wire):
    user_id: str
    peer_id: str
    role: Role
    # Absent before the room is joined.
    resume_token: str | None = None


class Pong(Wire):
    # Unix milliseconds.
    server_time: int
    # Since the gateway heard the worker last; absent outside a room.
    worker_age_ms: int | None = None


class Feedback(Wire):
    type: str
    parameter: str = ""


class CodecCapability(Wire):
    kind: Kind
    mime_type: str
    preferred_payload_type: int | None = None
    clock_rate: int
    channels: int | None = None
    parameters: dict[str, int | str] = Field(default_factory=dict)
    rtcp_feedback: list[Feedback] = Field(default_factory=list)


class ExtensionCapability(Wire):
    kind: Kind
    uri: str
    preferred_id: int
    direction: Literal["sendrecv", "sendonly", "recvonly", "inactive"] = "sendrecv"


class RtpCapabilities(Wire):
    codecs: list[CodecCapability] = Field(default_factory=list)
    header_extensions: list[ExtensionCapability] = Field(default_factory=list)


class Codec(Wire):
    mime_type: str
    payload_type: int
    clock_rate: int
    channels: int | None = None
    parameters: dict[str, int | str] = Field(default_factory=dict)
    rtcp_feedback: list[Feedback] = Field(default_factory=list)


class Extension(Wire):
    uri: str
    id: int


class Rtx(Wire):
    ssrc: int


class Encoding(Wire):
    ssrc: int | None = None
    rtx: Rtx | None = None
    scalability_mode: str | None = None
    # Bit/s.
    max_bitrate: int | None = None


class Rtcp(Wire):
    cname: str | None = None


class RtpParameters(Wire):
    mid: str | None = None
    codecs: list[Codec]
    header_extensions: list[Extension] = Field(default_factory=list)
    encodings: list[Encoding] = Field(default_factory=list)
    rtcp: Rtcp = Rtcp()


class IceParameters(Wire):
    username_fragment: str
    password: str
    ice_lite: bool


class IceCandidate(Wire):
    foundation: str
    address: str
    port: int
    priority: int
    protocol: str
    type: str


class Fingerprint(Wire):
    algorithm: str
    value: str


class DtlsParameters(Wire):
    role: DtlsRole
    fingerprints: list[Fingerprint]


class TransportCreated(Wire):
    transport_id: str
    ice_parameters: IceParameters
    ice_candidates: list[IceCandidate]
    dtls_parameters: DtlsParameters


class Producer(Wire):
    producer_id: str
    kind: Kind
    paused: bool = False
    # A moderator holds it: its owner cannot resume it.
    muted: bool = False
    app_data: Json = Field(default_factory=dict)

    @property
    def source(self) -> str | None:
        """camera, microphone, screen or screen-audio, where the publisher says it."""
        source = self.app_data.get("source")
        return source if isinstance(source, str) else None


class Participant(Wire):
    peer_id: str
    user_id: str
    display_name: str
    role: Role
    connection: Literal["ok", "lost"] = "ok"
    hand_raised: bool = False
    # A moderator holds all of its sound.
    muted: bool = False
    app_data: Json = Field(default_factory=dict)
    producers: list[Producer] = Field(default_factory=list)


class WaitingPeer(Wire):
    """Somebody whom a moderator has to let in."""

    peer_id: str
    user_id: str
    display_name: str
    app_data: Json = Field(default_factory=dict)


class RoomConfig(Wire):
    router_rtp_capabilities: RtpCapabilities
    # Nobody new is let in.
    locked: bool = False


class OwnConsumer(Wire):
    consumer_id: str


class OwnProducer(Wire):
    producer_id: str
    muted: bool = False


class OwnTransport(Wire):
    transport_id: str


class Own(Wire):
    """What the session itself has on the server."""

    transports: list[OwnTransport] = Field(default_factory=list)
    producers: list[OwnProducer] = Field(default_factory=list)
    consumers: list[OwnConsumer] = Field(default_factory=list)


class RoomState(Wire):
    epoch: str
    seq: int
    peer_id: str
    participants: list[Participant]
    room_config: RoomConfig
    # Told to moderators only.
    waiting: list[WaitingPeer] = Field(default_factory=list)
    resume_token: str | None = None
    own: Own = Own()


class Produced(Wire):
    producer_id: str
    muted: bool = False


class ConsumerCreated(Wire):
    consumer_id: str
    producer_id: str
    peer_id: str
    kind: Kind
    rtp_parameters: RtpParameters
    type: Literal["simple", "simulcast"]
    producer_paused: bool = False


class StatsGot(Wire):
    """Entries of W3C's webrtc-stats, as the server says them."""

    stats: list[Json]


class Layers(Wire):
    """Which layers of a simulcast a consumer wishes for; 0 is the lowest."""

    spatial_layer: int
    temporal_layer: int | None = None


class Event(Wire):
    """What the server says unasked. State events have `epoch` and `seq`."""

    epoch: str | None = None
    seq: int | None = None


class ParticipantJoined(Event):
    type: Literal["participant:joined"]
    participant: Participant


class ParticipantUpdated(Event):
    type: Literal["participant:updated"]
    participant: Participant


class ParticipantLeft(Event):
    type: Literal["participant:left"]
    peer_id: str
    reason: str = ""


class ParticipantWaiting(Event, WaitingPeer):
    """Somebody waits to be let in, until they have joined or left. Told to moderators."""

    type: Literal["participant:waiting"]


class ProducerNew(Event, Producer):
    type: Literal["producer:new"]
    peer_id: str


class ProducerChanged(Event):
    type: Literal["producer:paused", "producer:resumed", "producer:closed"]
    producer_id: str
    # Only of `producer:paused`, which comes again when no more than this has changed.
    muted: bool = False


class ConsumerChanged(Event):
    type: Literal["consumer:paused", "consumer:resumed", "consumer:closed"]
    consumer_id: str


class ConsumerLayers(Event):
    """Which layer is forwarded from now on; None: nothing is."""

    type: Literal["consumer:layers"]
    consumer_id: str
    spatial_layer: int | None = None


class ProducerLayersNeeded(Event):
    """The highest layer of an own simulcast that viewers need from now on; None: they need nothing.

    Before the first one they need all.
    """

    type: Literal["producer:layers-needed"]
    producer_id: str
    spatial_layer: int | None = None


class Speaker(Wire):
    peer_id: str
    producer_id: str
    # -dBov: 0 is the loudest there is, speech is at about 30 to 45.
    level: int


class SpeakerActive(Event):
    """Those who speak from now on, the loudest first; nobody else does."""

    type: Literal["speaker:active"]
    speakers: list[Speaker]


class LayerScore(Wire):
    # 0 too where there are no layers.
    layer: int
    rid: str | None = None
    # 10 is perfect, 1 as bad as can be, 0: nothing comes.
    score: int


class ProducerScore(Event):
    """How well one's own stream arrives at the server; layers not known yet are absent."""

    type: Literal["producer:score"]
    producer_id: str
    scores: tuple[LayerScore, ...]


class ConsumerScore(Event):
    """How well a stream gets here from the server, and to the server from its publisher."""

    type: Literal["consumer:score"]
    consumer_id: str
    score: int
    producer_score: int


class RoomLockChanged(Event):
    type: Literal["room:locked", "room:unlocked"]


class TextMessage(Event):
    """What a peer has written: to all who may read it or, with `to`, to one."""

    type: Literal["message"]
    # Peer ids.
    sender: str = Field(alias="from")
    to: str | None = None
    body: JsonValue


class TransportGone(Event):
    type: Literal["transport:closed"]
    transport_id: str
    reason: str = ""


class SessionClosing(Event):
    type: Literal["session:closing"]
    reason: str
    action: Literal["resume", "rejoin", "stop"]
    after_ms: int = 0
    # A moderator's words.
    message: str = ""


class SessionRenewed(Event):
    """A younger resume token in place of the one before."""

    type: Literal["session:renewed"]
    resume_token: str


class RoomWaiting(Event):
    """A moderator has to let this peer in; the answer to `room:join` comes then."""

    type: Literal["room:waiting"]
    room_id: str


class RoomTold(Event):
    """The state of the room in place of events that could not be told."""

    type: Literal["room:state"]
    state: RoomState


class OtherEvent(Event):
    """An event of a newer server."""

    type: str
    payload: Json


KnownEvent = Annotated[
    ParticipantJoined
    | ParticipantUpdated
    | ParticipantLeft
    | ParticipantWaiting
    | ProducerNew
    | ProducerChanged
    | ConsumerChanged
    | ConsumerLayers
    | ProducerLayersNeeded
    | SpeakerActive
    | ProducerScore
    | ConsumerScore
    | RoomLockChanged
    | TextMessage
    | TransportGone
    | SessionClosing
    | SessionRenewed
    | RoomWaiting
    | RoomTold,
    Field(discriminator="type"),
]
_KNOWN: TypeAdapter[KnownEvent] = TypeAdapter(KnownEvent)
_KNOWN_TYPES = frozenset(
    {
        *("participant:joined", "participant:updated", "participant:left"),
        *("participant:waiting", "room:locked", "room:unlocked", "message", "producer:new"),
        *("producer:paused", "producer:resumed", "producer:closed", "producer:layers-needed"),
        *("consumer:paused", "consumer:resumed", "consumer:closed", "consumer:layers"),
        *("producer:score", "consumer:score"),
        *("speaker:active", "transport:closed", "room:waiting"),
        *("session:closing", "session:renewed"),
    }
)


def event_of(envelope: Envelope) -> KnownEvent | OtherEvent:
    """The event in a frame that answers no request. Raises pydantic.ValidationError."""
    place: Json = {"epoch": envelope.epoch, "seq": envelope.seq}
    if envelope.type == "room:state":
        return RoomTold(type="room:state", state=RoomState.model_validate(envelope.payload))
    if envelope.type not in _KNOWN_TYPES:
        return OtherEvent(
            type=envelope.type, payload=envelope.payload, epoch=envelope.epoch, seq=envelope.seq
        )
    return _KNOWN.validate_python({**envelope.payload, **place, "type": envelope.type})
