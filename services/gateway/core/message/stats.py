"""Messages about what has flowed, in the words of W3C's webrtc-stats."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.field import Identifier, MediaKind, WireModel, one_of


class StatsGetPayload(WireModel):
    model_config = one_of("transportId", "producerId", "consumerId")

    transport_id: Identifier | None = None
    producer_id: Identifier | None = None
    consumer_id: Identifier | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if [self.transport_id, self.producer_id, self.consumer_id].count(None) != 2:
            raise ValueError("needs one of transportId, producerId, consumerId")
        return self


class StatsGet(Request):
    type: Literal["stats:get"]
    payload: StatsGetPayload


class OutboundRtp(WireModel):
    """As RTCOutboundRtpStreamStats: what the server has sent to this consumer."""

    id: str
    type: Literal["outbound-rtp"] = "outbound-rtp"
    kind: MediaKind
    # With retransmissions.
    packets_sent: int
    retransmitted_packets_sent: int
    # Of the entry below, where there is one.
    remote_id: str | None = None


class RemoteInboundRtp(WireModel):
    """As RTCRemoteInboundRtpStreamStats: what the client's receiver reports say of that."""

    id: str
    type: Literal["remote-inbound-rtp"] = "remote-inbound-rtp"
    kind: MediaKind
    local_id: str
    # Seconds.
    round_trip_time: float


class InboundRtp(WireModel):
    """As RTCInboundRtpStreamStats: what the server has received of one encoding of a producer."""

    id: str
    type: Literal["inbound-rtp"] = "inbound-rtp"
    kind: MediaKind
    # Absent until the first packet, where the client has not declared it.
    ssrc: int | None = None
    rid: str | None = None
    # With retransmissions.
    packets_received: int
    # By RTX; absent without it.
    retransmitted_packets_received: int | None = None
    # Of payload.
    bytes_received: int
    # RFC 3550: with those that were retransmitted; packets that come twice make it less.
    packets_lost: int
    # Seconds; absent before the second packet.
    jitter: float | None = None
    # Messages, each for several packets.
    nack_count: int
    # Of video alone.
    pli_count: int | None = None


class Transport(WireModel):
    """As RTCTransportStats: datagrams without ICE, and bytes of UDP payload."""

    id: str
    type: Literal["transport"] = "transport"
    packets_sent: int
    packets_received: int
    bytes_sent: int
    bytes_received: int
    ice_state: str
    dtls_state: str


class StatsGot(Payload):
    """The values of an RTCStatsReport. The time is that of the message."""

    type: ClassVar[str] = "stats:got"
    stats: Sequence[OutboundRtp | RemoteInboundRtp | InboundRtp | Transport]


def of_consumer(
    *,
    consumer_id: str,
    kind: MediaKind,
    packets_sent: int,
    retransmitted: int,
    round_trip_ms: int | None,
) -> StatsGot:
    """The stats of a consumer. `packets_sent` is without what was `retransmitted`."""
    remote_id = f"{consumer_id}.remote"
    outbound = OutboundRtp(
        id=consumer_id,
        kind=kind,
        packets_sent=packets_sent + retransmitted,
        retransmitted_packets_sent=retransmitted,
        remote_id=remote_id if round_trip_ms is not None else None,
    )
    if round_trip_ms is None:
        return StatsGot(stats=[outbound])
    remote = RemoteInboundRtp(
        id=remote_id, kind=kind, local_id=consumer_id, round_trip_time=round_trip_ms / 1000
    )
    return StatsGot(stats=[outbound, remote])
