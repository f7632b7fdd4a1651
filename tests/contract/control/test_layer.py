"""Layers of a simulcast over gRPC: wishes in, commands to the media side, events out."""

from dataclasses import dataclass

import grpc
import pytest

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId, ProducerId
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.admin.v1 import admin_service_pb2
from services.pb.invigil.sfu.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from services.pb.invigil.sfu.v1 import room_pb2, rtp_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.control.rtp_wire import parameters_to_wire
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, Session, Stream
from tests.support.poll import eventually
from tests.support.rtp_sample import parameters


@dataclass
class Scene:
    """A candidate's simulcast and a proctor who consumes it."""

    running: RunningWorker
    stream: Stream
    candidate: Session
    proctor: Session
    producer_id: ProducerId
    consumer: pb.Consumer

    @property
    def consumer_id(self) -> ConsumerId:
        return ConsumerId(self.consumer.consumer_id)

    @property
    def layer(self) -> int:
        """What the media side is told to forward."""
        return self.running.media.consumers[self.consumer_id].layer

    def encoding(self, layer: int, active: bool = True) -> None:
        self.running.worker.listener.encoding_changed(self.producer_id, layer, active)

    async def wish(self, **layers: int) -> pb.SetConsumerLayersResponse:
        return await self.proctor.gateway.stub.SetConsumerLayers(
            pb.SetConsumerLayersRequest(
                call=self.proctor.call(),
                consumer_id=self.consumer_id,
                preferred_layers=pb.PreferredLayers(**layers),
            ),
            timeout=DEADLINE_S,
        )


async def publish_simulcast(session: Session) -> ProducerId:
    await session.transport(room_pb2.DIRECTION_SEND)
    reply = await session.gateway.stub.Produce(
        pb.ProduceRequest(
            call=session.call(),
            kind=rtp_pb2.MEDIA_KIND_VIDEO,
            rtp_parameters=parameters_to_wire(parameters("chromium_video_simulcast")),
        ),
        timeout=DEADLINE_S,
    )
    return ProducerId(reply.producer_id)


async def consume(session: Session, producer_id: str, **more: int) -> pb.Consumer:
    await session.transport(room_pb2.DIRECTION_RECV)
    request = pb.ConsumeRequest(call=session.call(), producer_ids=[producer_id])
    if more:
        request.preferred_layers.CopyFrom(pb.PreferredLayers(**more))
    reply = await session.gateway.stub.Consume(request, timeout=DEADLINE_S)
    return reply.results[0].consumer


async def scene(running: RunningWorker, gateway: Gateway, **preferred: int) -> Scene:
    candidate = await gateway.join(await gateway.watch("g0"), "cam")
    stream = await gateway.watch()
    proctor = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    producer_id = await publish_simulcast(candidate)
    for layer in range(3):
        running.worker.listener.encoding_changed(producer_id, layer, True)
    consumer = await consume(proctor, producer_id, **preferred)
    assert (await stream.next()).event.producer_new.producer_id == producer_id
    return Scene(running, stream, candidate, proctor, producer_id, consumer)


async def test_consumer_says_that_it_has_layers_and_begins_with_the_wish(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await scene(running, gateway, spatial_layer=1)
    assert on.consumer.type == pb.CONSUMER_TYPE_SIMULCAST
    assert on.consumer.rtp_parameters.encodings[0].scalability_mode == "L3T3"
    assert on.layer == 1


async def test_wish_moves_the_consumer_and_is_answered_as_it_counts(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await scene(running, gateway)
    assert on.layer == 2
    reply = await on.wish(spatial_layer=0)
    assert reply.preferred_layers == pb.PreferredLayers(spatial_layer=0)
    assert reply.position.seq == 1
    assert on.layer == 0
    reply = await on.wish(spatial_layer=7, temporal_layer=1)
    assert reply.preferred_layers == pb.PreferredLayers(spatial_layer=2, temporal_layer=1)
    assert on.layer == 2


async def test_repeated_wish_gets_the_stored_reply_and_moves_nothing(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await scene(running, gateway)
    request = pb.SetConsumerLayersRequest(
        call=on.proctor.call(),
        consumer_id=on.consumer_id,
        preferred_layers=pb.PreferredLayers(spatial_layer=0),
    )
    first = await gateway.stub.SetConsumerLayers(request, timeout=DEADLINE_S)
    await on.wish(spatial_layer=1)
    assert await gateway.stub.SetConsumerLayers(request, timeout=DEADLINE_S) == first
    assert on.layer == 1


async def test_layer_that_goes_quiet_is_left_and_its_consumer_is_told_without_a_number(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await scene(running, gateway)
    running.worker.listener.consumer_layer_changed(on.consumer_id, 2)
    told = (await on.stream.next()).event
    assert (told.session_id, told.seq) == (on.proctor.session_id, 0)
    assert told.consumer_layers.spatial_layer == 2
    on.encoding(2, active=False)
    assert on.layer == 1
    running.worker.listener.consumer_layer_changed(on.consumer_id, 1)
    assert (await on.stream.next()).event.consumer_layers.spatial_layer == 1
    for layer in (0, 1):
        on.encoding(layer, active=False)
    nothing = (await on.stream.next()).event.consumer_layers
    assert nothing.consumer_id == on.consumer_id
    assert not nothing.HasField("spatial_layer")


async def test_layer_that_flaps_is_taken_again_without_anybody_asking(
    running: RunningWorker, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sfu.core.layer.HOLD_OFF_MS", 100)
    on = await scene(running, gateway)
    on.encoding(2, active=False)
    on.encoding(2)
    assert on.layer == 1
    await eventually(lambda: on.layer == 2, what="the layer is taken again")


async def test_key_frame_is_asked_for_once_a_request(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await scene(running, gateway)
    request = pb.RequestConsumerKeyFrameRequest(call=on.proctor.call(), consumer_id=on.consumer_id)
    for _ in range(2):
        reply = await gateway.stub.RequestConsumerKeyFrame(request, timeout=DEADLINE_S)
        assert reply.position.seq == 1
    assert running.media.commands.count(("request_key_frame", on.consumer_id)) == 1


async def test_simple_consumer_has_no_layers_to_set(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    candidate = await gateway.join(stream, "cam")
    proctor = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    await candidate.transport(room_pb2.DIRECTION_SEND)
    consumer = await consume(proctor, await candidate.produce(), spatial_layer=1)
    before = list(running.media.commands)
    reply = await gateway.stub.SetConsumerLayers(
        pb.SetConsumerLayersRequest(
            call=proctor.call(),
            consumer_id=consumer.consumer_id,
            preferred_layers=pb.PreferredLayers(spatial_layer=2),
        ),
        timeout=DEADLINE_S,
    )
    assert not reply.HasField("preferred_layers")
    assert running.media.commands == before


async def test_layers_that_cannot_be_and_consumers_that_are_not_are_refused(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await scene(running, gateway)

    async def refused(**layers: int) -> Refusal:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await on.wish(**layers)
        return refusal_of(error.value)

    for layers in ({"spatial_layer": 8}, {"spatial_layer": 2**32 - 1}, {"temporal_layer": 8}):
        refusal = await refused(**layers)
        assert (refusal.code, refusal.reason) == (Code.INVALID_MESSAGE, "BAD_LAYER")
    on.consumer.consumer_id = "cam.c1"
    refusal = await refused(spatial_layer=0)
    assert (refusal.code, refusal.reason) == (Code.CONSUME_ERROR, "CONSUMER_NOT_FOUND")
    assert len(running.worker.seats) == 2


async def test_media_sides_word_that_crosses_an_end_costs_nobody_anything(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await scene(running, gateway)
    await on.proctor.leave()
    running.worker.listener.consumer_layer_changed(on.consumer_id, 1)
    await on.candidate.leave()
    on.encoding(1, active=False)
    assert running.worker.rooms == {}
    assert running.media.is_empty


async def test_fault_in_switching_costs_the_viewer_alone(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await scene(running, gateway)
    ben = await gateway.join(on.stream, "ben", room_pb2.ROLE_PROCTOR)
    running.media.failing.add("set_consumer_layer")

    on.encoding(2, active=False)

    (room,) = running.worker.rooms.values()
    assert [session.peer_id for session in room.roster.sessions.values()] == ["cam", "ben"]
    assert on.consumer_id not in running.media.consumers
    running.media.failing.clear()
    await consume(ben, on.producer_id)


async def test_operator_sees_what_is_wished_sent_aimed_at_and_forwarded(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await scene(running, gateway)
    async with grpc.aio.insecure_channel(running.address) as channel:
        admin = AdminServiceStub(channel)
        watch = admin.WatchRoom(admin_service_pb2.WatchRoomRequest(room_id="exam"))
        snapshot = await watch.read()
        assert isinstance(snapshot, admin_service_pb2.WatchRoomResponse)
        running.worker.listener.consumer_layer_changed(on.consumer_id, 2)
        message = await watch.read()
        assert isinstance(message, admin_service_pb2.WatchRoomResponse)
        seen = message.event
        assert (seen.session_id, seen.seq) == (on.proctor.session_id, 0)
        assert seen.consumer_layers.spatial_layer == 2
        await on.wish(spatial_layer=1, temporal_layer=0)
        on.encoding(1, active=False)
        request = admin_service_pb2.ExplainConsumerRequest(
            room_id="exam", consumer_id=on.consumer_id
        )
        reply = await admin.ExplainConsumer(request, timeout=DEADLINE_S)
        assert (reply.wanted_layer, reply.wanted_temporal_layer) == (1, 0)
        assert (reply.target_layer, reply.forwarded_layer) == (0, 2)
        assert (reply.layers, list(reply.active_layers)) == (3, [0, 2])
        watch.cancel()
        await watch.code()
