"""What has been counted of a consumer, a producer and a transport, for a client that may know."""

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId, ProducerId, TransportId
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.control.rtp_wire import KIND_TO_WIRE
from services.sfu.control.seat import Seat
from services.sfu.control.wire import position_to_wire
from services.sfu.core.port import EncodingStats, InboundEncoding, Media
from services.sfu.core.router import no_such_producer


async def consumer_stats(
    seat: Seat, media: Media, consumer_id: ConsumerId
) -> pb.GetConsumerStatsResponse:
    """Raises Refusal: NOT_FOUND, UNAVAILABLE where the engine does not answer in time."""
    consumer = seat.session.consumers.get(consumer_id)
    if consumer is None:
        raise Refusal(Code.NOT_FOUND, "CONSUMER_NOT_FOUND", "There is no such consumer.")
    kind = seat.room.router.producers[consumer.producer_id].kind
    stats = await media.consumer_stats(consumer_id)
    return pb.GetConsumerStatsResponse(
        position=position_to_wire(seat),
        kind=KIND_TO_WIRE[kind],
        packets_sent=stats.packets_sent,
        packets_retransmitted=stats.packets_retransmitted,
        round_trip_ms=stats.round_trip_ms,
    )


async def producer_stats(
    seat: Seat, media: Media, producer_id: ProducerId
) -> pb.GetProducerStatsResponse:
    """Of a producer that the session may see, be it another's. Raises as `consumer_stats`."""
    if seat.session.is_waiting:
        raise no_such_producer(Code.NOT_FOUND)
    producer = seat.room.router.visible_producer(seat.session, producer_id, Code.NOT_FOUND)
    stats = await media.producer_stats(producer_id)
    return pb.GetProducerStatsResponse(
        position=position_to_wire(seat),
        kind=KIND_TO_WIRE[producer.kind],
        encodings=map(_encoding_to_wire, producer.encodings, stats),
    )


async def transport_stats(
    seat: Seat, media: Media, transport_id: TransportId
) -> pb.GetTransportStatsResponse:
    """Of one of the session's own. Raises as `consumer_stats`."""
    if transport_id not in seat.session.transports:
        raise Refusal(Code.NOT_FOUND, "TRANSPORT_NOT_FOUND", "There is no such transport.")
    stats = await media.transport_stats(transport_id)
    return pb.GetTransportStatsResponse(
        position=position_to_wire(seat),
        packets_received=stats.packets_received,
        bytes_received=stats.bytes_received,
        packets_sent=stats.packets_sent,
        bytes_sent=stats.bytes_sent,
        ice_state=stats.ice_state.value,
        dtls_state=stats.dtls_state.value,
    )


def _encoding_to_wire(declared: InboundEncoding, stats: EncodingStats) -> pb.EncodingStats:
    return pb.EncodingStats(
        ssrc=stats.ssrc,
        rid=declared.rid or "",
        packets_received=stats.packets_received,
        bytes_received=stats.bytes_received,
        packets_lost=stats.packets_lost,
        packets_repaired=stats.packets_repaired,
        jitter_us=stats.jitter_us,
        nacks_sent=stats.nacks_sent,
        key_frame_requests_sent=stats.key_frame_requests_sent,
    )
