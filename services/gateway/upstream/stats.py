"""Counters of the worker in the words of W3C's webrtc-stats."""

from services.gateway.core.message import stats
from services.gateway.core.message.field import MediaKind
from services.gateway.core.message.stats import StatsGetPayload, StatsGot
from services.gateway.upstream.rtp import KIND_FROM_PB
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb


def consumer_stats(payload: StatsGetPayload, response: pb.GetConsumerStatsResponse) -> StatsGot:
    round_trip_ms = response.round_trip_ms if response.HasField("round_trip_ms") else None
    return stats.of_consumer(
        consumer_id=payload.consumer_id or "",
        kind=KIND_FROM_PB[response.kind],
        packets_sent=response.packets_sent,
        retransmitted=response.packets_retransmitted,
        round_trip_ms=round_trip_ms,
    )


def producer_stats(payload: StatsGetPayload, response: pb.GetProducerStatsResponse) -> StatsGot:
    kind = KIND_FROM_PB[response.kind]
    return StatsGot(
        stats=[
            _inbound(f"{payload.producer_id}.{layer}", kind, encoding)
            for layer, encoding in enumerate(response.encodings)
        ]
    )


def transport_stats(payload: StatsGetPayload, response: pb.GetTransportStatsResponse) -> StatsGot:
    only = stats.Transport(
        id=payload.transport_id or "",
        packets_sent=response.packets_sent,
        packets_received=response.packets_received,
        bytes_sent=response.bytes_sent,
        bytes_received=response.bytes_received,
        ice_state=response.ice_state,
        dtls_state=response.dtls_state,
    )
    return StatsGot(stats=[only])


def _inbound(name: str, kind: MediaKind, encoding: pb.EncodingStats) -> stats.InboundRtp:
    return stats.InboundRtp(
        id=name,
        kind=kind,
        ssrc=encoding.ssrc if encoding.HasField("ssrc") else None,
        rid=encoding.rid or None,
        packets_received=encoding.packets_received,
        retransmitted_packets_received=(
            encoding.packets_repaired if encoding.HasField("packets_repaired") else None
        ),
        bytes_received=encoding.bytes_received,
        packets_lost=encoding.packets_lost,
        jitter=encoding.jitter_us / 1_000_000 if encoding.HasField("jitter_us") else None,
        nack_count=encoding.nacks_sent,
        pli_count=encoding.key_frame_requests_sent if kind == "video" else None,
    )
