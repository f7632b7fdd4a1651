"""What has left towards a consumer, for its own client."""

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.control.rtp_wire import KIND_TO_WIRE
from services.sfu.control.seat import Seat
from services.sfu.control.wire import position_to_wire
from services.sfu.core.port import Media


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
