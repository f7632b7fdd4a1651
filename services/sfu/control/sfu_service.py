"""The control plane as gateways call it: unpacks a call, lets the worker act, packs the reply."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from services.common.errors import Code, Refusal
from services.common.ids import (
    ConnectionId,
    ConsumerId,
    GatewayId,
    ProducerId,
    SessionId,
    TransportId,
    WatchId,
)
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.pb.invigil.sfu.v1 import sfu_service_pb2_grpc
from services.sfu.control import wire
from services.sfu.control.mailbox import Overflow
from services.sfu.control.moderation_service import ModerationCalls
from services.sfu.control.room_wire import direction_from_wire
from services.sfu.control.rtp_wire import capabilities_from_wire
from services.sfu.control.sdp import apply_answer, apply_offer, receiving
from services.sfu.control.seat import Seat
from services.sfu.control.stats import consumer_stats, producer_stats, transport_stats
from services.sfu.control.worker import Worker
from services.sfu.core.change import charged, starting
from services.sfu.core.grant import set_grants
from services.sfu.core.moderation import Moderation
from services.sfu.core.router import Router

Reply = TypeVar("Reply", bound=Message)
Context = grpc.aio.ServicerContext[Any, Any]


# What one may ask who has no seat yet, and waits for a moderator.
WHILE_WAITING = (
    pb.LeaveRoomRequest,
    pb.DetachSessionRequest,
    pb.ConfirmSessionRequest,
    pb.SetGrantsRequest,
)


class SfuService(ModerationCalls, sfu_service_pb2_grpc.SfuServiceServicer):
    """Thin: everything is decided in `worker` and in core."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._worker_id = worker.config.worker_id

    async def Describe(self, request: pb.DescribeRequest, context: Context) -> pb.DescribeResponse:
        worker = self._worker
        rooms = worker.rooms.values()
        return pb.DescribeResponse(
            worker_id=self._worker_id,
            worker_epoch=worker.config.worker_epoch,
            draining=worker.is_draining,
            media_address=worker.media.media_address,
            rooms=len(rooms),
            peers=sum(len(room.roster) for room in rooms),
            producers=sum(len(room.router.producers) for room in rooms),
            consumers=sum(len(room.router.consumers) for room in rooms),
            room_generations=[
                pb.RoomGeneration(room_id=room.room_id, generation=room.generation)
                for room in rooms
            ],
        )

    async def Watch(
        self, request: pb.WatchRequest, context: Context
    ) -> AsyncIterator[pb.WatchResponse]:
        worker = self._worker
        watch = worker.open_watch(GatewayId(request.gateway_id))
        # A reader that is gone may leave this generator hanging in a yield: the call's end counts.
        # The stub wants a class of its own for the callback.
        context.add_done_callback(lambda _: worker.close_watch(watch))  # type: ignore[arg-type]
        try:
            yield pb.WatchResponse(
                started=pb.WatchStarted(
                    watch_id=watch.watch_id,
                    worker_id=self._worker_id,
                    worker_epoch=worker.config.worker_epoch,
                )
            )
            async for message in watch.mailbox.read():
                yield wire.watch_message_to_wire(message)
        except Overflow as error:
            raise Refusal(
                Code.RATE_LIMITED, "WATCH_TOO_SLOW", "The stream was read too slowly."
            ) from error
        finally:
            worker.close_watch(watch)

    async def JoinRoom(self, request: pb.JoinRoomRequest, context: Context) -> pb.JoinRoomResponse:
        return self._worker.join(
            wire.join_from_wire(request),
            wire.digest(request),
            lambda seat: wire.joined_to_wire(seat, self._worker_id),
        )

    async def AttachSession(
        self, request: pb.AttachSessionRequest, context: Context
    ) -> pb.AttachSessionResponse:
        return self._worker.attach(
            wire.attach_from_wire(request),
            lambda seat: wire.attached_to_wire(seat, request.last, self._worker_id),
        )

    async def ConfirmSession(
        self, request: pb.ConfirmSessionRequest, context: Context
    ) -> pb.ConfirmSessionResponse:
        def action(seat: Seat) -> pb.ConfirmSessionResponse:
            seat.confirm()
            return pb.ConfirmSessionResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def SetGrants(
        self, request: pb.SetGrantsRequest, context: Context
    ) -> pb.SetGrantsResponse:
        def action(seat: Seat) -> pb.SetGrantsResponse:
            set_grants(seat.room, seat.session, wire.grants_from_wire(request.grants))
            return pb.SetGrantsResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def ForsakeSession(
        self, request: pb.ForsakeSessionRequest, context: Context
    ) -> pb.ForsakeSessionResponse:
        self._worker.forsake(
            SessionId(request.session_id),
            WatchId(request.watch_id),
            ConnectionId(request.connection_id),
            leave=request.leave,
        )
        return pb.ForsakeSessionResponse()

    async def DetachSession(
        self, request: pb.DetachSessionRequest, context: Context
    ) -> pb.DetachSessionResponse:
        def action(seat: Seat) -> pb.DetachSessionResponse:
            self._worker.detach(seat)
            return pb.DetachSessionResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def LeaveRoom(
        self, request: pb.LeaveRoomRequest, context: Context
    ) -> pb.LeaveRoomResponse:
        def action(seat: Seat) -> pb.LeaveRoomResponse:
            seat.room.leave(seat.session)
            return pb.LeaveRoomResponse(position=wire.position_to_wire(seat), reason="LEFT")

        return self._act(request, request.call, action)

    async def CreateTransport(
        self, request: pb.CreateTransportRequest, context: Context
    ) -> pb.CreateTransportResponse:
        direction = direction_from_wire(request.direction)

        def action(seat: Seat) -> pb.CreateTransportResponse:
            transport = seat.room.router.create_transport(seat.session, direction)
            offer = self._worker.media.create_transport(transport.transport_id)
            return wire.transport_to_wire(seat, transport, offer, self._worker_id)

        return self._act(request, request.call, action)

    async def ConnectTransport(
        self, request: pb.ConnectTransportRequest, context: Context
    ) -> pb.ConnectTransportResponse:
        remote = wire.dtls_from_wire(request.dtls_parameters)

        def action(seat: Seat) -> pb.ConnectTransportResponse:
            wanted = wire.transport_id_from_wire(request.transport_id)
            transport = seat.room.router.find_transport(seat.session, wanted, None)
            self._worker.media.connect_transport(transport.transport_id, remote)
            return pb.ConnectTransportResponse(
                position=wire.position_to_wire(seat), transport_id=transport.transport_id
            )

        return self._act(request, request.call, action)

    async def RestartIce(
        self, request: pb.RestartIceRequest, context: Context
    ) -> pb.RestartIceResponse:
        def action(seat: Seat) -> pb.RestartIceResponse:
            wanted = wire.transport_id_from_wire(request.transport_id)
            transport_id = seat.room.router.find_transport(seat.session, wanted, None).transport_id
            return pb.RestartIceResponse(
                position=wire.position_to_wire(seat),
                transport_id=transport_id,
                ice_parameters=wire.ice_to_wire(self._worker.media.restart_ice(transport_id)),
            )

        return self._act(request, request.call, action)

    async def CloseTransport(
        self, request: pb.CloseTransportRequest, context: Context
    ) -> pb.CloseTransportResponse:
        def action(seat: Seat) -> pb.CloseTransportResponse:
            with charged(seat.session, self._worker.clock_ms()):
                seat.room.router.close_transport(seat.session, TransportId(request.transport_id))
            return pb.CloseTransportResponse(
                position=wire.position_to_wire(seat), transport_id=request.transport_id
            )

        return self._act(request, request.call, action)

    async def Produce(self, request: pb.ProduceRequest, context: Context) -> pb.ProduceResponse:
        wanted = wire.produce_from_wire(request)

        def action(seat: Seat) -> pb.ProduceResponse:
            with starting(seat.session, self._worker.clock_ms()):
                producer = seat.room.router.produce(seat.session, wanted)
            return pb.ProduceResponse(
                position=wire.position_to_wire(seat),
                producer_id=producer.producer_id,
                muted=producer.muted,
            )

        return self._act(request, request.call, action)

    async def PauseProducer(
        self, request: pb.PauseProducerRequest, context: Context
    ) -> pb.PauseProducerResponse:
        def action(seat: Seat) -> pb.PauseProducerResponse:
            producer_id = ProducerId(request.producer_id)
            side = _side_of(seat, producer_id)
            with charged(seat.session, self._worker.clock_ms()):
                side.pause_producer(seat.session, producer_id)
            return pb.PauseProducerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def ResumeProducer(
        self, request: pb.ResumeProducerRequest, context: Context
    ) -> pb.ResumeProducerResponse:
        def action(seat: Seat) -> pb.ResumeProducerResponse:
            producer_id = ProducerId(request.producer_id)
            side = _side_of(seat, producer_id)
            with starting(seat.session, self._worker.clock_ms()):
                side.resume_producer(seat.session, producer_id)
            return pb.ResumeProducerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def CloseProducer(
        self, request: pb.CloseProducerRequest, context: Context
    ) -> pb.CloseProducerResponse:
        def action(seat: Seat) -> pb.CloseProducerResponse:
            with charged(seat.session, self._worker.clock_ms()):
                seat.room.router.close_producer(seat.session, ProducerId(request.producer_id))
            return pb.CloseProducerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def Consume(self, request: pb.ConsumeRequest, context: Context) -> pb.ConsumeResponse:
        producer_ids = tuple(ProducerId(text) for text in request.producer_ids)
        capabilities = (
            capabilities_from_wire(request.rtp_capabilities)
            if request.HasField("rtp_capabilities")
            else None
        )

        def action(seat: Seat) -> pb.ConsumeResponse:
            transport_id = wire.transport_id_from_wire(request.transport_id)
            with receiving(seat, self._worker.media, transport_id):
                results = seat.room.router.consume(
                    seat.session,
                    producer_ids,
                    transport_id,
                    capabilities,
                    paused=request.paused,
                    preferred=wire.preferred_from_wire(request),
                )
            if len(results) == 1 and isinstance(results[0], Refusal):
                raise results[0]
            return pb.ConsumeResponse(
                position=wire.position_to_wire(seat),
                results=[
                    wire.consume_result_to_wire(producer_id, result, self._worker_id)
                    for producer_id, result in zip(producer_ids, results, strict=True)
                ],
            )

        return self._act(request, request.call, action)

    async def PauseConsumer(
        self, request: pb.PauseConsumerRequest, context: Context
    ) -> pb.PauseConsumerResponse:
        def action(seat: Seat) -> pb.PauseConsumerResponse:
            seat.room.router.pause_consumer(seat.session, ConsumerId(request.consumer_id))
            return pb.PauseConsumerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def ResumeConsumer(
        self, request: pb.ResumeConsumerRequest, context: Context
    ) -> pb.ResumeConsumerResponse:
        def action(seat: Seat) -> pb.ResumeConsumerResponse:
            seat.room.router.resume_consumer(seat.session, ConsumerId(request.consumer_id))
            return pb.ResumeConsumerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def CloseConsumer(
        self, request: pb.CloseConsumerRequest, context: Context
    ) -> pb.CloseConsumerResponse:
        def action(seat: Seat) -> pb.CloseConsumerResponse:
            seat.room.router.close_consumer(seat.session, ConsumerId(request.consumer_id))
            return pb.CloseConsumerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def SetConsumerLayers(
        self, request: pb.SetConsumerLayersRequest, context: Context
    ) -> pb.SetConsumerLayersResponse:
        def action(seat: Seat) -> pb.SetConsumerLayersResponse:
            preferred = seat.room.router.set_layers(
                seat.session, ConsumerId(request.consumer_id), wire.preferred_from_wire(request)
            )
            return pb.SetConsumerLayersResponse(
                position=wire.position_to_wire(seat),
                preferred_layers=wire.preferred_to_wire(preferred),
            )

        return self._act(request, request.call, action)

    async def RequestConsumerKeyFrame(
        self, request: pb.RequestConsumerKeyFrameRequest, context: Context
    ) -> pb.RequestConsumerKeyFrameResponse:
        def action(seat: Seat) -> pb.RequestConsumerKeyFrameResponse:
            seat.room.router.request_key_frame(seat.session, ConsumerId(request.consumer_id))
            return pb.RequestConsumerKeyFrameResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def ApplySdpOffer(
        self, request: pb.ApplySdpOfferRequest, context: Context
    ) -> pb.ApplySdpOfferResponse:
        def action(seat: Seat) -> pb.ApplySdpOfferResponse:
            worker = self._worker
            wishes = {track.mid: wire.wish_from_wire(track) for track in request.tracks}
            answer = apply_offer(
                seat, worker.media, worker.sdp, worker.clock_ms(), request.sdp, wishes
            )
            return pb.ApplySdpOfferResponse(
                position=wire.position_to_wire(seat),
                transport_id=answer.transport_id,
                sdp=answer.sdp,
                tracks=map(wire.published_to_wire, answer.published),
                worker_id=self._worker_id,
            )

        return self._act(request, request.call, action)

    async def ApplySdpAnswer(
        self, request: pb.ApplySdpAnswerRequest, context: Context
    ) -> pb.ApplySdpAnswerResponse:
        def action(seat: Seat) -> pb.ApplySdpAnswerResponse:
            worker = self._worker
            transport_id = apply_answer(
                seat, worker.media, worker.sdp, worker.clock_ms(), request.offer_id, request.sdp
            )
            return pb.ApplySdpAnswerResponse(
                position=wire.position_to_wire(seat), transport_id=transport_id
            )

        return self._act(request, request.call, action)

    async def GetConsumerStats(
        self, request: pb.GetConsumerStatsRequest, context: Context
    ) -> pb.GetConsumerStatsResponse:
        seat = self._worker.find_seat(wire.call_from_wire(request.call))
        return await consumer_stats(seat, self._worker.media, ConsumerId(request.consumer_id))

    async def GetProducerStats(
        self, request: pb.GetProducerStatsRequest, context: Context
    ) -> pb.GetProducerStatsResponse:
        seat = self._worker.find_seat(wire.call_from_wire(request.call))
        return await producer_stats(seat, self._worker.media, ProducerId(request.producer_id))

    async def GetTransportStats(
        self, request: pb.GetTransportStatsRequest, context: Context
    ) -> pb.GetTransportStatsResponse:
        seat = self._worker.find_seat(wire.call_from_wire(request.call))
        return await transport_stats(seat, self._worker.media, TransportId(request.transport_id))

    def _act(
        self, request: Message, call: pb.SessionCall, action: Callable[[Seat], Reply]
    ) -> Reply:
        if not isinstance(request, WHILE_WAITING):
            action = _seated(action)
        return self._worker.act(wire.call_from_wire(call), wire.digest(request), action)


def _side_of(seat: Seat, producer_id: ProducerId) -> Router | Moderation:
    """Who decides on the pause of a producer: its owner's rules, or those for moderators."""
    is_own = producer_id in seat.session.producers
    return seat.room.router if is_own else seat.room.moderation


def _seated(action: Callable[[Seat], Reply]) -> Callable[[Seat], Reply]:
    def carried_out(seat: Seat) -> Reply:
        if seat.session.is_waiting:
            raise Refusal(Code.INVALID_MESSAGE, "NOT_JOINED", "The peer waits to be let in.")
        return action(seat)

    return carried_out
