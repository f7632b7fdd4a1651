"""What the publisher of a simulcast is told over gRPC of what its viewers need."""

from dataclasses import dataclass

import pytest

from services.common.ids import ConsumerId, ProducerId
from services.pb.invigil.sfu.v1 import event_pb2, room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from tests.contract.control.test_layer import consume, publish_simulcast
from tests.contract.control.test_sdp_publishing import SIMULCAST, offer
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, Session, Stream

# Instead of 5 s.
LINGER_MS = 200


@pytest.fixture(autouse=True)
def short_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.sfu.core.need.LINGER_MS", LINGER_MS)


@dataclass
class Exam:
    """A candidate's simulcast, the stream of its gateway alone, and a proctor of another's."""

    stream: Stream
    candidate: Session
    proctor: Session
    producer_id: str

    async def needed(self) -> int | None:
        """What the candidate is told next."""
        told = await self.event()
        assert (told.session_id, told.seq) == (self.candidate.session_id, 0)
        needed = told.producer_layers_needed
        assert needed.producer_id == self.producer_id
        return needed.spatial_layer if needed.HasField("spatial_layer") else None

    async def event(self) -> event_pb2.SessionEvent:
        """What the candidate is told next but of who comes."""
        while True:
            message = await self.stream.next()
            # Gateways are told of the end of others' sessions, too.
            is_event = message.WhichOneof("message") == "event"
            if is_event and message.event.WhichOneof("event") != "participant_joined":
                return message.event

    async def wish(self, consumer: pb.Consumer, layer: int) -> None:
        await self.proctor.gateway.stub.SetConsumerLayers(
            pb.SetConsumerLayersRequest(
                call=self.proctor.call(),
                consumer_id=consumer.consumer_id,
                preferred_layers=pb.PreferredLayers(spatial_layer=layer),
            ),
            timeout=DEADLINE_S,
        )

    async def leave(self) -> None:
        await self.proctor.leave()


async def exam(gateway: Gateway) -> Exam:
    stream = await gateway.watch("g0")
    candidate = await gateway.join(stream, "cam")
    proctor = await gateway.join(await gateway.watch(), "eve", room_pb2.ROLE_PROCTOR)
    return Exam(stream, candidate, proctor, await publish_simulcast(candidate))


async def test_publisher_is_told_without_anybody_asking_that_nobody_watches(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await exam(gateway)
    assert await on.needed() is None


async def test_publisher_is_told_before_the_viewer_has_its_answer_and_follows_each_wish(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await exam(gateway)
    assert await on.needed() is None
    consumer = await consume(on.proctor, on.producer_id, spatial_layer=0)
    assert await on.needed() == 0
    await on.wish(consumer, 2)
    assert await on.needed() == 2
    await on.wish(consumer, 1)
    assert await on.needed() == 1
    await on.leave()
    left = await on.event()
    assert left.WhichOneof("event") == "participant_left"
    assert await on.needed() is None


async def test_viewer_who_enlarges_gets_the_layer_that_the_publisher_starts_again(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await exam(gateway)
    for layer in range(3):
        running.worker.listener.encoding_changed(ProducerId(on.producer_id), layer, True)
    consumer = await consume(on.proctor, on.producer_id, spatial_layer=0)
    assert await on.needed() == 0
    for layer in (1, 2):
        running.worker.listener.encoding_changed(ProducerId(on.producer_id), layer, False)
    forwarded = running.media.consumers[ConsumerId(consumer.consumer_id)]
    await on.wish(consumer, 2)
    assert await on.needed() == 2
    assert forwarded.layer == 0
    for layer in (1, 2):
        running.worker.listener.encoding_changed(ProducerId(on.producer_id), layer, True)
        assert running.media.consumers[ConsumerId(consumer.consumer_id)].layer == layer


async def test_publisher_who_comes_back_is_told_again(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await exam(gateway)
    assert await on.needed() is None
    back = await gateway.watch("g1")
    await on.candidate.attach(back, "c-2")
    told = (await back.next()).event
    assert (told.seq, told.connection_id) == (0, "c-2")
    assert told.producer_layers_needed == event_pb2.ProducerLayersNeeded(producer_id=on.producer_id)


async def test_plain_client_is_told_of_its_simulcast_and_of_nothing_else(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await exam(gateway)
    assert await on.needed() is None
    await offer(on.candidate, SIMULCAST)
    told = await on.event()
    assert told.producer_layers_needed == event_pb2.ProducerLayersNeeded(producer_id="cam.3")


async def test_room_that_ends_while_a_layer_lingers_leaves_no_timer_behind(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await exam(gateway)
    await on.leave()
    await on.candidate.leave()
    assert running.worker.rooms == {}
    assert running.worker._timers == {}
    assert running.media.is_empty
