"""What an operator asks a worker."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId, RoomId
from services.common.log import get_logger
from services.pb.invigil.sfu.admin.v1 import admin_service_pb2 as pb
from services.pb.invigil.sfu.admin.v1 import admin_service_pb2_grpc
from services.sfu.control.mailbox import Overflow
from services.sfu.control.room_wire import (
    VISIBILITY_TO_WIRE,
    news_to_wire,
    participant_to_wire,
    settings_to_wire,
    waiting_to_wire,
)
from services.sfu.control.rtp_wire import KIND_TO_WIRE
from services.sfu.control.worker import Worker
from services.sfu.core.peer import Consumer
from services.sfu.core.room import Room
from services.sfu.core.verdict import explain

Context = grpc.aio.ServicerContext[Any, Any]

log = get_logger("sfu.admin")


class AdminService(admin_service_pb2_grpc.AdminServiceServicer):
    """Reads the worker's books; Drain alone changes something."""

    def __init__(self, worker: Worker, set_placement: Callable[[bool], Awaitable[None]]) -> None:
        """`set_placement` tells health whether new rooms may be placed here."""
        self._worker = worker
        self._set_placement = set_placement
        self._started_at = Timestamp(seconds=int(time.time()))

    async def Describe(self, request: pb.DescribeRequest, context: Context) -> pb.DescribeResponse:
        worker = self._worker
        rooms = worker.rooms.values()
        return pb.DescribeResponse(
            worker_id=worker.config.worker_id,
            worker_epoch=worker.config.worker_epoch,
            started_at=self._started_at,
            draining=worker.is_draining,
            media_address=worker.media.media_address,
            rooms=len(rooms),
            peers=sum(len(room.roster) for room in rooms),
            transports=sum(len(room.router.transports) for room in rooms),
            producers=sum(len(room.router.producers) for room in rooms),
            consumers=sum(len(room.router.consumers) for room in rooms),
            engine_counters=dict(worker.media.counters()),
        )

    async def Drain(self, request: pb.DrainRequest, context: Context) -> pb.DrainResponse:
        self._worker.is_draining = request.draining
        await self._set_placement(not request.draining)
        return pb.DrainResponse(draining=request.draining, rooms=len(self._worker.rooms))

    async def ListRooms(
        self, request: pb.ListRoomsRequest, context: Context
    ) -> pb.ListRoomsResponse:
        return pb.ListRoomsResponse(rooms=[_summary(room) for room in self._worker.rooms.values()])

    async def WatchRoom(
        self, request: pb.WatchRoomRequest, context: Context
    ) -> AsyncIterator[pb.WatchRoomResponse]:
        room = self._find_room(request.room_id)
        operators = self._worker.operators
        mailbox = operators.open(room.room_id)
        context.add_done_callback(
            lambda _: operators.leave(room.room_id, mailbox)  # type: ignore[arg-type]
        )
        try:
            yield pb.WatchRoomResponse(snapshot=_summary(room))
            async for news in mailbox.read():
                yield pb.WatchRoomResponse(event=news_to_wire(news))
        except Overflow as error:
            raise Refusal(
                Code.RATE_LIMITED, "WATCH_TOO_SLOW", "The stream was read too slowly."
            ) from error
        finally:
            operators.leave(room.room_id, mailbox)

    async def ExplainConsumer(
        self, request: pb.ExplainConsumerRequest, context: Context
    ) -> pb.ExplainConsumerResponse:
        room = self._find_room(request.room_id)
        consumer = room.router.consumers.get(ConsumerId(request.consumer_id))
        if consumer is None:
            raise Refusal(Code.NOT_FOUND, "CONSUMER_NOT_FOUND", "There is no such consumer.")
        producer = room.router.producers[consumer.producer_id]
        media = self._worker.media
        send_state = media.transport_state(producer.transport_id)
        recv_state = media.transport_state(consumer.transport_id)
        stats = await media.consumer_stats(consumer.consumer_id)
        return pb.ExplainConsumerResponse(
            verdict=explain(
                stats,
                paused=consumer.paused,
                producer_paused=producer.paused,
                is_quiet=producer.has_layers and not producer.activity.sent,
                send_transport=send_state,
                recv_transport=recv_state,
            ),
            consumer_id=consumer.consumer_id,
            producer_id=producer.producer_id,
            peer_id=producer.peer_id,
            kind=KIND_TO_WIRE[producer.kind],
            paused=consumer.paused,
            producer_paused=producer.paused,
            send_transport_state=send_state.value,
            recv_transport_state=recv_state.value,
            layer=stats.layer,
            layers=len(producer.encodings),
            waiting_for_key_frame=stats.waiting_for_key_frame,
            packets_received=stats.packets_received,
            packets_sent=stats.packets_sent,
            packets_retransmitted=stats.packets_retransmitted,
            nacks_received=stats.nacks_received,
            key_frame_requests_sent=stats.key_frame_requests_sent,
            round_trip_ms=stats.round_trip_ms,
            active_layers=producer.activity.sent,
            **_layers_of(consumer),
        )

    def _find_room(self, room_id: str) -> Room:
        room = self._worker.rooms.get(RoomId(room_id))
        if room is None:
            raise Refusal(Code.ROOM_NOT_FOUND, "ROOM_NOT_FOUND", "There is no such room.")
        return room


def _layers_of(consumer: Consumer) -> dict[str, int | None]:
    selection = consumer.selection
    if selection is None:
        return {}
    return {
        "wanted_layer": selection.preferred.spatial,
        "wanted_temporal_layer": selection.preferred.temporal,
        "target_layer": selection.target,
        "forwarded_layer": selection.told,
    }


def _summary(room: Room) -> pb.RoomSummary:
    return pb.RoomSummary(
        room_id=room.room_id,
        epoch=room.epoch,
        generation=room.generation,
        visibility=VISIBILITY_TO_WIRE[room.settings.visibility],
        participants=[
            participant_to_wire(room.roster.view(session))
            for session in room.roster.sessions.values()
        ],
        settings=settings_to_wire(room.room_id, room.settings),
        waiting_peers=[waiting_to_wire(peer) for peer in room.lobby.views()],
    )
