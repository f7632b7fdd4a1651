"""What a plain client is offered of its consumers, and what its answers do, over real gRPC."""

from dataclasses import dataclass, replace

import grpc
import pytest

from services.common.errors import Code, Refusal
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.v1 import event_pb2, room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.control.rtp_wire import KIND_TO_WIRE, parameters_to_wire
from services.sfu.core.allowance import SDP_BURST
from services.sfu.core.capability import ROUTER_CAPABILITIES
from services.sfu.core.ortc import default_parameters
from services.sfu.core.port import DtlsRole, Kind
from services.sfu.core.rtp import EncodingParameters
from services.sfu.core.sdp_connection import MAX_OFFERED_SECTIONS
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, Session, Stream
from tests.support.sdp import CLIENT_FINGERPRINT, answer_to, changed, section_of

AUDIO, VIDEO = Kind.AUDIO, Kind.VIDEO


@dataclass(slots=True)
class Scene:
    """Ada publishes as mediasoup's clients do; Grace receives as a plain one."""

    stream: Stream
    ada: Session
    grace: Session
    ssrc: int = 1000

    async def produce(self, kind: Kind) -> str:
        """A producer of Ada's, told by its SSRC from the others."""
        self.ssrc += 1
        parameters = replace(
            default_parameters(kind, ROUTER_CAPABILITIES),
            encodings=(EncodingParameters(ssrc=self.ssrc),),
        )
        request = pb.ProduceRequest(
            call=self.ada.call(),
            kind=KIND_TO_WIRE[kind],
            rtp_parameters=parameters_to_wire(parameters),
        )
        reply = await self.ada.gateway.stub.Produce(request, timeout=DEADLINE_S)
        return reply.producer_id

    async def offered(self) -> event_pb2.SdpOffer:
        """The next offer; what else happens is passed over."""
        while True:
            event = (await self.stream.next()).event
            if event.WhichOneof("event") == "sdp_offer":
                assert event.session_id == self.grace.session_id
                assert event.seq == 0
                return event.sdp_offer

    async def consume(self, *producer_ids: str, paused: bool = False) -> list[pb.Consumer]:
        reply = await self.grace.gateway.stub.Consume(
            pb.ConsumeRequest(call=self.grace.call(), producer_ids=producer_ids, paused=paused),
            timeout=DEADLINE_S,
        )
        return [result.consumer for result in reply.results]

    async def answer(self, offer: event_pb2.SdpOffer, sdp: str | None = None) -> str:
        """Answer an offer, as it is or otherwise; returns the transport's id."""
        request = pb.ApplySdpAnswerRequest(
            call=self.grace.call(),
            offer_id=offer.offer_id,
            sdp=answer_to(offer.sdp) if sdp is None else sdp,
        )
        stub = self.grace.gateway.stub
        reply = await stub.ApplySdpAnswer(request, timeout=DEADLINE_S)
        return reply.transport_id

    async def refused(self, offer: event_pb2.SdpOffer, sdp: str | None = None) -> Refusal:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.answer(offer, sdp)
        return refusal_of(caught.value)

    async def close_consumer(self, consumer_id: str) -> None:
        await self.grace.gateway.stub.CloseConsumer(
            pb.CloseConsumerRequest(call=self.grace.call(), consumer_id=consumer_id),
            timeout=DEADLINE_S,
        )

    async def close_producer(self, producer_id: str) -> None:
        await self.ada.gateway.stub.CloseProducer(
            pb.CloseProducerRequest(call=self.ada.call(), producer_id=producer_id),
            timeout=DEADLINE_S,
        )


@pytest.fixture
async def scene(gateway: Gateway) -> Scene:
    stream = await gateway.watch()
    ada = await gateway.join(stream, "ada")
    await ada.transport(room_pb2.DIRECTION_SEND)
    return Scene(stream, ada, await gateway.join(stream, "grace", room_pb2.ROLE_PROCTOR))


def mids(sdp: str) -> list[str]:
    return [line[6:] for line in sdp.split("\r\n") if line.startswith("a=mid:")]


def is_rejected(sdp: str, mid: str) -> bool:
    return section_of(sdp, mid).split(" ")[1] == "0"


def about(running: RunningWorker, consumer_id: str) -> list[str]:
    """What the media side was told of a consumer, in order."""
    return [name for name, about in running.media.commands if about == consumer_id]


async def test_consumers_are_offered_at_once_and_flow_from_the_answer_on(
    running: RunningWorker, scene: Scene
) -> None:
    sound, picture = await scene.produce(AUDIO), await scene.produce(VIDEO)
    first, second = await scene.consume(sound, picture)
    offer = await scene.offered()
    assert offer.transport_id == first.transport_id == second.transport_id
    assert mids(offer.sdp) == ["anchor", first.rtp_parameters.mid, second.rtp_parameters.mid]
    assert "a=group:BUNDLE anchor 0 1\r\n" in offer.sdp
    assert "a=setup:actpass" in offer.sdp
    assert "a=inactive" in section_of(offer.sdp, "anchor")
    video = section_of(offer.sdp, "1").split("\r\n")
    encoding = second.rtp_parameters.encodings[0]
    for line in (
        "a=sendonly",
        "a=msid:ada ada.2",
        f"a=ssrc-group:FID {encoding.ssrc} {encoding.rtx.ssrc}",
        f"a=ssrc:{encoding.ssrc} cname:ada",
        "a=rtpmap:101 VP8/90000",
        "a=fmtp:102 apt=101",
        "a=rtcp-fb:101 nack pli",
    ):
        assert line in video
    for consumer in (first, second):
        assert about(running, consumer.consumer_id) == ["add_consumer"]
        assert running.media.consumers[consumer.consumer_id].paused  # type: ignore[index]

    assert await scene.answer(offer) == offer.transport_id
    for consumer in (first, second):
        assert about(running, consumer.consumer_id) == ["add_consumer", "resume_consumer"]
    remote = running.media.transports[offer.transport_id]  # type: ignore[index]
    assert remote is not None
    assert remote.role is DtlsRole.CLIENT


async def test_what_changes_under_an_offer_goes_into_the_next(
    running: RunningWorker, scene: Scene
) -> None:
    one, two, three = [await scene.produce(VIDEO) for _ in range(3)]
    (first,) = await scene.consume(one)
    offer = await scene.offered()
    (second,) = await scene.consume(two)
    (third,) = await scene.consume(three)
    await scene.close_consumer(first.consumer_id)
    # Never offered: nothing is left of it.
    await scene.close_consumer(third.consumer_id)
    await scene.answer(offer)
    assert about(running, first.consumer_id) == ["add_consumer", "remove_consumer"]
    following = await scene.offered()
    assert mids(following.sdp) == ["anchor", "0", "1"]
    assert is_rejected(following.sdp, "0")
    assert not is_rejected(following.sdp, "1")
    await scene.answer(following)
    assert about(running, second.consumer_id) == ["add_consumer", "resume_consumer"]


async def test_section_of_an_ended_producer_is_withdrawn_and_then_taken_by_another(
    scene: Scene,
) -> None:
    picture, sound = await scene.produce(VIDEO), await scene.produce(AUDIO)
    await scene.consume(picture, sound)
    await scene.answer(await scene.offered())
    await scene.close_producer(picture)
    offer = await scene.offered()
    assert is_rejected(offer.sdp, "0")
    assert "a=group:BUNDLE anchor 1\r\n" in offer.sdp
    # Until the client has agreed its place is not free.
    await scene.consume(await scene.produce(VIDEO))
    await scene.answer(offer)
    offer = await scene.offered()
    assert mids(offer.sdp) == ["anchor", "0", "1", "2"]
    await scene.answer(offer)
    await scene.consume(await scene.produce(AUDIO), await scene.produce(VIDEO))
    offer = await scene.offered()
    # The picture is in the picture's place; the sound is not.
    assert mids(offer.sdp) == ["anchor", "4", "1", "2", "3"]
    assert not is_rejected(offer.sdp, "4")
    await scene.answer(offer)


async def test_consumer_that_goes_before_its_recycled_place_is_offered_leaves_it_free(
    scene: Scene,
) -> None:
    one, two = await scene.produce(VIDEO), await scene.produce(VIDEO)
    (first,) = await scene.consume(one)
    await scene.answer(await scene.offered())
    await scene.close_consumer(first.consumer_id)
    await scene.answer(await scene.offered())
    await scene.consume(await scene.produce(AUDIO))
    outstanding = await scene.offered()
    (second,) = await scene.consume(two)
    await scene.close_consumer(second.consumer_id)
    await scene.answer(outstanding)
    await scene.consume(two)
    offer = await scene.offered()
    assert mids(offer.sdp) == ["anchor", "3", "1"]


async def test_declined_sections_close_their_consumers(
    running: RunningWorker, scene: Scene
) -> None:
    producers = [await scene.produce(VIDEO) for _ in range(4)]
    consumers = await scene.consume(*producers)
    offer = await scene.offered()
    sdp = answer_to(offer.sdp)
    sdp = changed(sdp, "0", ("m=video 9 ", "m=video 0 "))
    sdp = changed(sdp, "1", ("a=recvonly", "a=inactive"))
    sdp = changed(sdp, "2", ("VP8/90000", "VP9/90000"))
    await scene.answer(offer, sdp)
    assert list(running.media.consumers) == [consumers[3].consumer_id]
    closed = [(await scene.stream.next()).event for _ in range(3)]
    closed = [event for event in closed if event.WhichOneof("event") == "consumer_closed"]
    assert [event.consumer_closed.consumer_id for event in closed] == [
        consumer.consumer_id for consumer in consumers[:3]
    ]
    following = await scene.offered()
    assert [is_rejected(following.sdp, str(index)) for index in range(4)] == [True] * 3 + [False]


async def test_client_without_retransmission_and_extensions_gets_none(
    running: RunningWorker, scene: Scene
) -> None:
    (consumer,) = await scene.consume(await scene.produce(VIDEO))
    offer = await scene.offered()
    lines = [
        line
        for line in answer_to(offer.sdp).replace(" 101 102", " 101").split("\r\n")
        if not line.startswith(("a=extmap:", "a=rtpmap:102", "a=fmtp:102"))
    ]
    await scene.answer(offer, "\r\n".join(lines))
    spec = running.media.consumers[consumer.consumer_id]  # type: ignore[index]
    assert spec.rtx_ssrc is None
    assert [codec.rtx_payload_type for codec in spec.codecs] == [None]
    assert spec.extension_ids == {}
    assert about(running, consumer.consumer_id) == [
        "add_consumer",
        "remove_consumer",
        "add_consumer",
        "resume_consumer",
    ]


async def test_paused_consumer_stays_paused_over_its_answer(
    running: RunningWorker, scene: Scene
) -> None:
    (consumer,) = await scene.consume(await scene.produce(VIDEO), paused=True)
    stub, call = scene.grace.gateway.stub, scene.grace.call
    offer = await scene.offered()
    await stub.ResumeConsumer(
        pb.ResumeConsumerRequest(call=call(), consumer_id=consumer.consumer_id), timeout=DEADLINE_S
    )
    await stub.PauseConsumer(
        pb.PauseConsumerRequest(call=call(), consumer_id=consumer.consumer_id), timeout=DEADLINE_S
    )
    await scene.answer(offer)
    assert about(running, consumer.consumer_id) == ["add_consumer"]
    await stub.ResumeConsumer(
        pb.ResumeConsumerRequest(call=call(), consumer_id=consumer.consumer_id), timeout=DEADLINE_S
    )
    assert about(running, consumer.consumer_id) == ["add_consumer", "resume_consumer"]


async def test_answer_that_does_not_fit_is_refused_and_the_offer_still_waits(
    scene: Scene,
) -> None:
    await scene.consume(await scene.produce(VIDEO))
    offer = await scene.offered()
    good = answer_to(offer.sdp)
    other = event_pb2.SdpOffer(offer_id="another", sdp=offer.sdp)
    for refusal, reason in (
        (await scene.refused(other), "STALE_OFFER"),
        (await scene.refused(offer, "v=1"), "MALFORMED_SDP"),
        (await scene.refused(offer, good.split("\r\nm=video")[0]), "ANSWER_MISMATCH"),
        (await scene.refused(offer, good.replace("a=mid:0", "a=mid:7")), "ANSWER_MISMATCH"),
        (await scene.refused(offer, good.replace("a=setup", "a=x")), "NO_FINGERPRINT"),
    ):
        assert (refusal.code, refusal.reason) == (Code.TRANSPORT_ERROR, reason)
    await scene.answer(offer)
    assert (await scene.refused(offer)).reason == "STALE_OFFER"


async def test_offer_that_is_told_to_nobody_is_told_to_the_connection_that_comes(
    running: RunningWorker, gateway: Gateway, scene: Scene
) -> None:
    await scene.grace.gateway.stub.DetachSession(
        pb.DetachSessionRequest(call=scene.grace.call()), timeout=DEADLINE_S
    )
    # What was asked before the socket broke may be carried out after.
    (consumer,) = await scene.consume(await scene.produce(VIDEO))
    scene.stream = await gateway.watch("g2")
    await scene.grace.attach(scene.stream, "c-2")

    await scene.answer(await scene.offered())

    assert about(running, consumer.consumer_id) == ["add_consumer", "resume_consumer"]


async def test_answers_that_are_taken_are_bounded_by_their_offers_alone(scene: Scene) -> None:
    producer_id = await scene.produce(AUDIO)
    for _ in range(2 * SDP_BURST):
        (consumer,) = await scene.consume(producer_id)
        await scene.answer(await scene.offered())
        await scene.close_consumer(consumer.consumer_id)
        await scene.answer(await scene.offered())


async def test_refused_answers_beyond_the_allowance_are_not_read(scene: Scene) -> None:
    await scene.consume(await scene.produce(AUDIO))
    offer = await scene.offered()
    reasons = {(await scene.refused(offer, "nonsense")).reason for _ in range(3 * SDP_BURST)}
    assert reasons == {"MALFORMED_SDP", "TOO_MANY_DESCRIPTIONS"}


async def test_answer_of_another_peer_connection_is_refused(scene: Scene) -> None:
    await scene.consume(await scene.produce(VIDEO))
    await scene.answer(await scene.offered())
    await scene.consume(await scene.produce(VIDEO))
    offer = await scene.offered()
    another = answer_to(offer.sdp).replace(CLIENT_FINGERPRINT, CLIENT_FINGERPRINT[:-2] + "AB")
    assert (await scene.refused(offer, another)).reason == "ALREADY_CONNECTED"
    await scene.answer(offer)


async def test_answer_without_any_offer_is_refused(scene: Scene) -> None:
    refusal = await scene.refused(event_pb2.SdpOffer(offer_id="x", sdp="v=0"))
    assert (refusal.code, refusal.reason) == (Code.TRANSPORT_ERROR, "STALE_OFFER")


async def test_connection_that_nothing_was_consumed_over_is_not_kept(
    running: RunningWorker, scene: Scene
) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await scene.consume("ada.9")
    assert len(running.media.transports) == 1


async def test_client_with_a_receive_transport_of_its_own_is_offered_nothing(
    scene: Scene,
) -> None:
    transport_id = await scene.grace.transport(room_pb2.DIRECTION_RECV)
    (consumer,) = await scene.consume(await scene.produce(VIDEO))
    assert consumer.transport_id == transport_id
    await scene.ada.leave()
    while (message := await scene.stream.next()).WhichOneof("message") != "ended":
        assert message.event.WhichOneof("event") != "sdp_offer"


async def test_connection_that_the_client_closes_is_followed_by_a_new_one(
    running: RunningWorker, scene: Scene
) -> None:
    picture = await scene.produce(VIDEO)
    await scene.consume(picture)
    offer = await scene.offered()
    await scene.grace.gateway.stub.CloseTransport(
        pb.CloseTransportRequest(call=scene.grace.call(), transport_id=offer.transport_id),
        timeout=DEADLINE_S,
    )
    assert not running.media.consumers
    await scene.consume(picture)
    following = await scene.offered()
    assert following.transport_id != offer.transport_id
    assert (await scene.refused(offer)).reason == "STALE_OFFER"
    await scene.answer(following)


async def test_failed_connection_is_forgotten_with_its_offer(
    running: RunningWorker, scene: Scene
) -> None:
    await scene.consume(await scene.produce(VIDEO))
    offer = await scene.offered()
    running.media.close_transport(offer.transport_id)  # type: ignore[arg-type]
    running.worker.listener.transport_failed(offer.transport_id, "DTLS_TIMEOUT")  # type: ignore[arg-type]
    assert (await scene.refused(offer)).reason == "STALE_OFFER"
    assert not running.media.consumers


async def test_connection_carries_so_many_consumers_and_no_more(scene: Scene) -> None:
    most = MAX_OFFERED_SECTIONS - 1
    producers = [await scene.produce(VIDEO) for _ in range(16)]
    for _ in range(most // 16):
        await scene.consume(*producers)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await scene.consume(producers[0])
    assert refusal_of(caught.value).reason == "TOO_MANY_CONSUMERS"


async def test_leaving_frees_the_connection(running: RunningWorker, scene: Scene) -> None:
    await scene.consume(await scene.produce(VIDEO))
    offer = await scene.offered()
    await scene.ada.leave()
    await scene.answer(offer)
    await scene.grace.leave()
    assert running.media.is_empty
