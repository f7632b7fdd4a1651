"""What `core` and `control` ask of the media side, and what it tells them.

The `media` folder implements `Media`; `app` joins the two. Everything here is plain values: no
aiortc, no engine, no protobuf.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from services.common.ids import ConsumerId, ProducerId, TransportId
from services.sfu.core.score import Sample


class Kind(StrEnum):
    """What a stream carries."""

    AUDIO = "audio"
    VIDEO = "video"


class Direction(StrEnum):
    """Direction of a transport, from the client's point of view."""

    SEND = "send"
    RECV = "recv"


class Extension(StrEnum):
    """Header extensions that the engine reads or writes, by the names it knows them by."""

    MID = "mid"
    RID = "rid"
    RRID = "rrid"
    ABS_SEND_TIME = "abs-send-time"
    TRANSPORT_CC = "transport-cc"
    AUDIO_LEVEL = "audio-level"
    ORIENTATION = "orientation"
    TOFFSET = "toffset"


class DtlsRole(StrEnum):
    AUTO = "auto"
    CLIENT = "client"
    SERVER = "server"


class TransportState(StrEnum):
    """ICE and DTLS of a transport together."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    # ICE consent ran out (RFC 7675); a check that succeeds brings it back.
    DISCONNECTED = "disconnected"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class IceParameters:
    username_fragment: str
    password: str
    ice_lite: bool = True


@dataclass(frozen=True, slots=True)
class IceCandidate:
    foundation: str
    address: str
    port: int
    priority: int
    protocol: str = "udp"
    type: str = "host"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    # "sha-256", "sha-384" or "sha-512".
    algorithm: str
    # Upper-case hexadecimal pairs joined by colons.
    value: str


@dataclass(frozen=True, slots=True)
class DtlsParameters:
    role: DtlsRole
    fingerprints: tuple[Fingerprint, ...]


@dataclass(frozen=True, slots=True)
class TransportOffer:
    """What a client needs to reach a new transport."""

    ice_parameters: IceParameters
    ice_candidates: tuple[IceCandidate, ...]
    dtls_parameters: DtlsParameters


@dataclass(frozen=True, slots=True)
class InboundCodec:
    """A media codec as the publisher sends it."""

    # "opus", "vp8", "h264", …: what the engine must know to find key frames.
    name: str
    payload_type: int
    clock_rate: int
    rtx_payload_type: int | None = None


@dataclass(frozen=True, slots=True)
class InboundEncoding:
    """One SSRC (or RID) of a publisher. All None: the sole encoding, SSRC from the first packet."""

    ssrc: int | None = None
    rtx_ssrc: int | None = None
    rid: str | None = None


@dataclass(frozen=True, slots=True)
class ProducerSpec:
    """A stream to receive. Payload types and extension ids are the publisher's."""

    producer_id: ProducerId
    transport_id: TransportId
    kind: Kind
    mid: str | None
    codecs: tuple[InboundCodec, ...]
    # In layer order, lowest first.
    encodings: tuple[InboundEncoding, ...]
    extension_ids: Mapping[Extension, int]
    # The publisher answers NACKs (plainly or by RTX).
    nack: bool
    # The publisher expects transport-wide congestion control feedback.
    transport_cc: bool
    paused: bool


@dataclass(frozen=True, slots=True)
class OutboundCodec:
    """How one payload type of the producer leaves towards a consumer."""

    producer_payload_type: int
    payload_type: int
    rtx_payload_type: int | None = None


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """A stream to send. Payload types and extension ids are the router's."""

    consumer_id: ConsumerId
    producer_id: ProducerId
    transport_id: TransportId
    kind: Kind
    mid: str
    ssrc: int
    rtx_ssrc: int | None
    codecs: tuple[OutboundCodec, ...]
    extension_ids: Mapping[Extension, int]
    cname: str
    # Index into the producer's encodings.
    layer: int
    paused: bool


@dataclass(frozen=True, slots=True)
class ConsumerStats:
    """Counters of one consumer since it was made."""

    packets_received: int
    packets_sent: int
    packets_retransmitted: int
    nacks_received: int
    key_frame_requests_sent: int
    waiting_for_key_frame: bool
    round_trip_ms: int | None
    # The encoding that is forwarded or was last; before that, the one waited for.
    layer: int = 0


@dataclass(frozen=True, slots=True)
class EncodingStats:
    """Counters of one encoding of a producer since it was made."""

    # Declared, or learned from its packets.
    ssrc: int | None
    # Retransmissions included; what came twice counts once. Bytes are of payload.
    packets_received: int
    bytes_received: int
    # Without regard to what RTX brought; negative where packets came twice.
    packets_lost: int
    # By RTX; None without it.
    packets_repaired: int | None
    # None before the second packet.
    jitter_us: int | None
    # Messages, each for several packets.
    nacks_sent: int
    key_frame_requests_sent: int


class IceState(StrEnum):
    NEW = "new"
    CONNECTED = "connected"
    # Consent ran out (RFC 7675); a check that succeeds brings it back.
    DISCONNECTED = "disconnected"


class DtlsState(StrEnum):
    # The client's fingerprints are not known yet.
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True)
class TransportStats:
    """Datagrams of a transport without ICE, and bytes of UDP payload."""

    packets_received: int
    bytes_received: int
    packets_sent: int
    bytes_sent: int
    ice_state: IceState
    dtls_state: DtlsState


class Media(Protocol):
    """Commands to the media side. They take effect in the order given and do not wait for packets.

    Ids that it does not know are a programming error of the caller (KeyError), except where a
    command crosses the end of a transport: removing what is gone already does nothing.
    """

    def create_transport(self, transport_id: TransportId) -> TransportOffer: ...

    def connect_transport(self, transport_id: TransportId, remote: DtlsParameters) -> None:
        """Give the client's fingerprints and role; DTLS starts when ICE is up.

        The same fingerprints again do nothing. Raises Refusal: TRANSPORT_ERROR with
        ALREADY_CONNECTED (other fingerprints) or BAD_FINGERPRINT (none usable).
        """

    def restart_ice(self, transport_id: TransportId) -> IceParameters:
        """New credentials; those before stay good until the client's first check with the new ones.

        Addresses, DTLS and what flows stay as they are.
        """

    def close_transport(self, transport_id: TransportId) -> None:
        """End DTLS, forget the transport with all its producers and consumers."""

    def add_producer(self, spec: ProducerSpec) -> None: ...
    def pause_producer(self, producer_id: ProducerId) -> None: ...
    def resume_producer(self, producer_id: ProducerId) -> None: ...
    def remove_producer(self, producer_id: ProducerId) -> None: ...

    def add_consumer(self, spec: ConsumerSpec) -> None: ...
    def pause_consumer(self, consumer_id: ConsumerId) -> None: ...
    def resume_consumer(self, consumer_id: ConsumerId) -> None: ...
    def remove_consumer(self, consumer_id: ConsumerId) -> None: ...

    def set_consumer_layer(self, consumer_id: ConsumerId, layer: int) -> None:
        """Forward another encoding from its next key frame on; until then the one before."""

    def request_key_frame(self, consumer_id: ConsumerId) -> None:
        """Ask the publisher for a key frame of what this consumer gets. Requests are merged."""

    async def consumer_stats(self, consumer_id: ConsumerId) -> ConsumerStats: ...
    async def audio_levels(self) -> Mapping[ProducerId, int]:
        """How loud audio was since this was asked last: its mean in -dBov, 0 being the loudest.

        By its publishers' word (RFC 6464). 60 and quieter is silence: who was silent, or is paused,
        is left out.

        Raises Refusal UNAVAILABLE (ENGINE_SILENT), RuntimeError when the engine has stopped.
        """

    async def producer_stats(self, producer_id: ProducerId) -> tuple[EncodingStats, ...]:
        """Lowest layer first."""

    async def transport_stats(self, transport_id: TransportId) -> TransportStats: ...

    async def sample(self) -> Sample:
        """Counts of all streams of all rooms."""

    def transport_state(self, transport_id: TransportId) -> TransportState: ...
    def counters(self) -> Mapping[str, int]: ...
    def engine_tick(self) -> int: ...

    @property
    def media_address(self) -> str:
        """ "address:port" that clients are told to send to."""


class MediaListener(Protocol):
    """What the media side tells. Called on the event loop; must not raise or wait."""

    def transport_changed(self, transport_id: TransportId, state: TransportState) -> None: ...

    def transport_failed(self, transport_id: TransportId, reason: str) -> None:
        """The transport is gone already; only its owner's books are to be put right.

        `reason` is UPPER_SNAKE: DTLS_FAILED, FINGERPRINT_MISMATCH, DTLS_TIMEOUT, DTLS_CLOSED,
        ENGINE_FAULT.
        """

    def encoding_changed(self, producer_id: ProducerId, layer: int, active: bool) -> None:
        """An encoding of a video producer, by its index, is sent from now on, or has gone quiet.

        None is sent until the first word. When all are silent nothing is told.
        """

    def consumer_layer_changed(self, consumer_id: ConsumerId, layer: int) -> None:
        """A video consumer is forwarded this encoding from now on.

        Told at the first start, and when one starts that is not the last one told.
        """
