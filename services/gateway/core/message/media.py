"""Messages about producers and consumers."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from services.gateway.core.message.connection import ErrorReply
from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.field import (
    MAX_PRODUCERS_AT_ONCE,
    Identifier,
    MediaKind,
    Opaque,
    WireModel,
    one_of,
)
from services.gateway.core.message.rtp import RtpCapabilities, RtpParameters

# The highest that a wish can name; producers have fewer.
Layer = Annotated[int, Field(ge=0, le=7)]


class Layers(WireModel):
    """Layers of a simulcast; 0 is the lowest."""

    spatial_layer: Layer
    temporal_layer: Layer | None = None


# The peers for whom alone a producer is. Absent: all who may see the publisher.
Audience = Annotated[list[Identifier], Field(min_length=1, max_length=256)]


class ProducePayload(WireModel):
    kind: MediaKind
    rtp_parameters: RtpParameters | None = None
    transport_id: Identifier | None = None
    app_data: Opaque | None = None
    paused: bool = False
    producer_id: Identifier | None = None
    audience: Audience | None = None


class Produce(Request):
    type: Literal["produce"]
    payload: ProducePayload


class ConsumePayload(WireModel):
    model_config = one_of("producerId", "producerIds")

    producer_id: Identifier | None = None
    producer_ids: (
        Annotated[list[Identifier], Field(min_length=1, max_length=MAX_PRODUCERS_AT_ONCE)] | None
    ) = None
    transport_id: Identifier | None = None
    rtp_capabilities: RtpCapabilities | None = None
    paused: bool = False
    preferred_layers: Layers | None = None

    @model_validator(mode="after")
    def _names_one_or_several(self) -> Self:
        if (self.producer_id is None) == (self.producer_ids is None):
            raise ValueError("needs either producerId or producerIds")
        return self

    @property
    def wanted(self) -> list[str]:
        """Ids of the producers, in the order asked."""
        return self.producer_ids or [self.producer_id or ""]


class Consume(Request):
    type: Literal["consume"]
    payload: ConsumePayload


class ProducerName(WireModel):
    producer_id: Identifier


class ProducerPause(Request):
    type: Literal["producer:pause"]
    payload: ProducerName


class ProducerResume(Request):
    type: Literal["producer:resume"]
    payload: ProducerName


class ProducerClose(Request):
    type: Literal["producer:close"]
    payload: ProducerName


class ConsumerName(WireModel):
    consumer_id: Identifier


class ConsumerPause(Request):
    type: Literal["consumer:pause"]
    payload: ConsumerName


class ConsumerResume(Request):
    type: Literal["consumer:resume"]
    payload: ConsumerName


class ConsumerClose(Request):
    type: Literal["consumer:close"]
    payload: ConsumerName


class SetLayersPayload(ConsumerName, Layers):
    pass


class ConsumerSetLayers(Request):
    type: Literal["consumer:set-layers"]
    payload: SetLayersPayload


class ConsumerRequestKeyFrame(Request):
    type: Literal["consumer:request-keyframe"]
    payload: ConsumerName


class Produced(Payload):
    type: ClassVar[str] = "produced"
    producer_id: str
    # It is paused, because a moderator has muted the user.
    muted: Literal[True] | None = None


class Consumer(WireModel):
    consumer_id: str
    producer_id: str
    peer_id: str
    kind: MediaKind
    rtp_parameters: RtpParameters
    # `type` of the payload; the class attribute of that name is the message's type.
    consumer_type: Annotated[Literal["simple", "simulcast"], Field(alias="type")]
    producer_paused: bool
    app_data: dict[str, JsonValue]


class ConsumerCreated(Consumer, Payload):
    """The reply to `consume` with one `producerId`."""

    type: ClassVar[str] = "consumer:created"


class ConsumeFailure(WireModel):
    """Stands in `consumers[]` where one of several producers could not be consumed."""

    producer_id: str
    error: ErrorReply


class ConsumersCreated(Payload):
    """The reply to `consume` with `producerIds`: a result for each, in the order asked."""

    type: ClassVar[str] = "consumer:created"
    consumers: Sequence[Consumer | ConsumeFailure]


class ProducerNew(Payload):
    type: ClassVar[str] = "producer:new"
    producer_id: str
    peer_id: str
    kind: MediaKind
    paused: bool
    muted: Literal[True] | None = None
    app_data: dict[str, JsonValue]


class ProducerPaused(Payload):
    """`muted`: a moderator did it, or holds it as well."""

    type: ClassVar[str] = "producer:paused"
    producer_id: str
    muted: Literal[True] | None = None


class ProducerResumed(Payload):
    type: ClassVar[str] = "producer:resumed"
    producer_id: str


class ProducerClosed(Payload):
    type: ClassVar[str] = "producer:closed"
    producer_id: str


class ProducerLayersNeeded(Payload):
    """Latest-only. The highest layer of an own simulcast that viewers need; absent: nothing is."""

    type: ClassVar[str] = "producer:layers-needed"
    producer_id: str
    spatial_layer: int | None = None

    @property
    def latest_of(self) -> str:
        return self.producer_id


class ConsumerPaused(Payload):
    type: ClassVar[str] = "consumer:paused"
    consumer_id: str


class ConsumerResumed(Payload):
    type: ClassVar[str] = "consumer:resumed"
    consumer_id: str


class ConsumerClosed(Payload):
    type: ClassVar[str] = "consumer:closed"
    consumer_id: str


class ConsumerLayersSet(Payload):
    """The layers as they count from now on; absent for a consumer that has none."""

    type: ClassVar[str] = "consumer:layers-set"
    consumer_id: str
    spatial_layer: int | None = None
    temporal_layer: int | None = None


class ConsumerKeyFrameRequested(Payload):
    type: ClassVar[str] = "consumer:keyframe-requested"
    consumer_id: str


class LayerScore(WireModel):
    # Index of the encoding; 0 where the producer is no simulcast.
    layer: int
    rid: str | None = None
    # 10 is perfect, 1 as bad as can be, 0: nothing comes.
    score: int


class ProducerScore(Payload):
    """Latest-only. How well one's own stream arrives; layers not known yet are absent."""

    type: ClassVar[str] = "producer:score"
    producer_id: str
    scores: Sequence[LayerScore]

    @property
    def latest_of(self) -> str:
        return self.producer_id


class ConsumerScore(Payload):
    """Latest-only. How well a stream gets here, and how well what it is made of gets there."""

    type: ClassVar[str] = "consumer:score"
    consumer_id: str
    score: int
    producer_score: int

    @property
    def latest_of(self) -> str:
        return self.consumer_id


class ConsumerLayers(Payload):
    """Latest-only. The layer that is forwarded from now on; absent: nothing is."""

    type: ClassVar[str] = "consumer:layers"
    consumer_id: str
    spatial_layer: int | None = None

    @property
    def latest_of(self) -> str:
        return self.consumer_id
