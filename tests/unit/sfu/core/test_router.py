"""Transports, producers and consumers of a room."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId, ProducerId, TransportId
from services.sfu.core import effect, event
from services.sfu.core.peer import Producer, Session
from services.sfu.core.port import Direction, Kind
from services.sfu.core.router import MadeConsumer
from services.sfu.core.rtp import EncodingParameters, RtpCapabilities
from services.sfu.core.visibility import Role
from tests.support.room import Stage
from tests.support.rtp_sample import CHROMIUM, parameters


def refusal_of(action: Callable[[], object]) -> tuple[Code, str]:
    with pytest.raises(Refusal) as refused:
        action()
    return refused.value.code, refused.value.reason


def consume_reason(stage: Stage, session: Session, producer: Producer) -> str:
    ids = (producer.producer_id,)
    (result,) = stage.room.router.consume(session, ids, None, None, paused=False)
    assert isinstance(result, Refusal)
    assert result.code is Code.CONSUME_ERROR
    return result.reason


def test_transport_may_be_left_out_where_there_is_one_of_its_direction() -> None:
    stage = Stage()
    router, ann = stage.room.router, stage.join("ann")
    send = router.create_transport(ann, Direction.SEND)
    recv = router.create_transport(ann, Direction.RECV)
    assert router.find_transport(ann, None, Direction.SEND) is send
    assert router.find_transport(ann, recv.transport_id, Direction.RECV) is recv


def test_transport_is_refused_where_it_is_unknown_ambiguous_or_of_the_other_direction() -> None:
    stage = Stage()
    router, ann, ben = stage.room.router, stage.join("ann"), stage.join("ben")
    find = router.find_transport
    missing = (Code.TRANSPORT_ERROR, "TRANSPORT_NOT_FOUND")
    assert refusal_of(lambda: find(ann, None, None)) == missing
    foreign = router.create_transport(ben, Direction.SEND).transport_id
    assert refusal_of(lambda: find(ann, foreign, None)) == missing
    send = router.create_transport(ann, Direction.SEND).transport_id
    assert refusal_of(lambda: find(ann, send, Direction.RECV))[1] == "WRONG_DIRECTION"
    router.create_transport(ann, Direction.SEND)
    assert refusal_of(lambda: find(ann, None, Direction.SEND))[1] == "TRANSPORT_AMBIGUOUS"


def test_session_may_have_eight_transports() -> None:
    stage = Stage()
    router, ann = stage.room.router, stage.join("ann")
    for _ in range(8):
        router.create_transport(ann, Direction.RECV)
    refused = refusal_of(lambda: router.create_transport(ann, Direction.SEND))
    assert refused == (Code.TRANSPORT_ERROR, "TOO_MANY_TRANSPORTS")


def test_session_may_have_sixteen_producers() -> None:
    stage = Stage()
    ann = stage.join("ann")
    sent = replace(parameters("chromium_audio"), mid=None)
    for ssrc in range(1, 17):
        encodings = (EncodingParameters(ssrc=ssrc),)
        stage.publish(ann, Kind.AUDIO, rtp_parameters=replace(sent, encodings=encodings))
    refused = refusal_of(lambda: stage.publish(ann, Kind.AUDIO))
    assert refused == (Code.PRODUCE_ERROR, "TOO_MANY_PRODUCERS")


def test_app_data_of_a_peer_and_its_producers_count_together() -> None:
    stage = Stage()
    large = '{"a":"' + "x" * 1000 + '"}'
    ann = stage.join("ann", app_data_json=large)
    producer = stage.publish(ann, Kind.AUDIO, app_data_json=large)
    refused = refusal_of(lambda: stage.publish(ann, app_data_json=large))
    assert refused == (Code.INVALID_MESSAGE, "APP_DATA_TOO_LARGE")
    stage.room.router.close_producer(ann, producer.producer_id)
    stage.publish(ann, app_data_json=large)


def test_producer_has_no_more_codecs_than_the_engine_takes() -> None:
    stage = Stage()
    ann = stage.join("ann")
    sent = parameters("chromium_audio")
    opus = sent.codecs[0]

    def with_codecs(count: int) -> object:
        codecs = tuple(replace(opus, payload_type=96 + number) for number in range(count))
        return stage.publish(
            ann, Kind.AUDIO, rtp_parameters=replace(sent, mid=str(count), codecs=codecs)
        )

    assert refusal_of(lambda: with_codecs(17)) == (Code.PRODUCE_ERROR, "BAD_RTP_PARAMETERS")
    with_codecs(16)


def test_codec_parameters_have_a_bound() -> None:
    stage = Stage()
    ann = stage.join("ann")
    sent = parameters("chromium_audio")
    long = {f"p{number}": "x" * 250 for number in range(5)}
    codecs = (replace(sent.codecs[0], parameters=long),)
    refused = refusal_of(
        lambda: stage.publish(ann, Kind.AUDIO, rtp_parameters=replace(sent, codecs=codecs))
    )
    assert refused == (Code.PRODUCE_ERROR, "BAD_RTP_PARAMETERS")


def test_session_may_have_512_consumers() -> None:
    stage = Stage()
    eve = stage.join("eve", Role.PROCTOR)
    producers = [stage.publish(stage.join(f"ann{number}")) for number in range(129)]
    for producer in producers[:128] * 4:
        stage.subscribe(eve, producer)
    assert consume_reason(stage, eve, producers[128]) == "TOO_MANY_CONSUMERS"


def test_session_may_have_four_consumers_of_one_producer() -> None:
    stage = Stage()
    ann, eve, kim = (
        stage.join("ann"),
        stage.join("eve", Role.PROCTOR),
        stage.join("kim", Role.PROCTOR),
    )
    producer = stage.publish(ann)
    for _ in range(4):
        stage.subscribe(eve, producer)
    assert consume_reason(stage, eve, producer) == "TOO_MANY_CONSUMERS"
    stage.subscribe(kim, producer)
    stage.room.router.close_consumer(eve, next(iter(eve.consumers)))
    stage.subscribe(eve, producer)


def test_producer_is_named_once_in_a_request() -> None:
    stage = Stage()
    producer = stage.publish(stage.join("ann"))
    eve = stage.join("eve", Role.PROCTOR)
    stage.room.router.create_transport(eve, Direction.RECV)
    twice = (producer.producer_id, producer.producer_id)
    refused = refusal_of(lambda: stage.room.router.consume(eve, twice, None, None, paused=False))
    assert refused == (Code.INVALID_MESSAGE, "BAD_PRODUCER_IDS")


def test_produce_needs_a_send_transport() -> None:
    stage = Stage()
    router, ann = stage.room.router, stage.join("ann")
    recv = router.create_transport(ann, Direction.RECV).transport_id
    router.create_transport(ann, Direction.SEND)

    def produce(transport_id: TransportId) -> Callable[[], object]:
        return lambda: stage.publish(ann, transport_id=transport_id)

    assert refusal_of(produce(recv)) == (Code.PRODUCE_ERROR, "WRONG_DIRECTION")
    assert refusal_of(produce(TransportId("x"))) == (Code.PRODUCE_ERROR, "TRANSPORT_NOT_FOUND")


def test_only_those_may_publish_who_are_allowed_to() -> None:
    stage = Stage()
    observer = stage.join("obs", Role.OBSERVER)
    silenced = stage.join("ann", may_publish=False)
    for session in (observer, silenced):
        refused = refusal_of(lambda session=session: stage.publish(session))  # type: ignore[misc]
        assert refused == (Code.FORBIDDEN, "MAY_NOT_PUBLISH")


def test_only_those_may_consume_who_are_allowed_to() -> None:
    stage = Stage()
    producer = stage.publish(stage.join("ann"))
    deaf = stage.join("eve", Role.PROCTOR, may_subscribe=False)
    refused = refusal_of(lambda: stage.subscribe(deaf, producer))
    assert refused == (Code.FORBIDDEN, "MAY_NOT_SUBSCRIBE")


def test_producer_ids_are_the_peers_own_and_counted() -> None:
    stage = Stage()
    ann = stage.join("ann")
    assert stage.publish(ann, Kind.VIDEO).producer_id == "ann.1"
    wanted = stage.publish(ann, Kind.AUDIO, producer_id=ProducerId("ann.7"))
    assert wanted.producer_id == "ann.7"
    stage.room.router.close_producer(ann, ProducerId("ann.1"))
    assert stage.publish(ann, Kind.VIDEO).producer_id == "ann.8"


@pytest.mark.parametrize(
    "wanted", ["ben.1", "ann", "ann.", "ann.0", "ann.01", "ann.x", "ann.1234567890", "ann.\u0661"]
)
def test_producer_id_that_is_not_ones_own_is_refused(wanted: str) -> None:
    stage = Stage()
    ann = stage.join("ann")
    refused = refusal_of(lambda: stage.publish(ann, producer_id=ProducerId(wanted)))
    assert refused == (Code.PRODUCE_ERROR, "BAD_PRODUCER_ID")


def test_producer_id_in_use_is_refused_and_free_again_after_closing() -> None:
    stage = Stage()
    ann = stage.join("ann")
    first = stage.publish(ann, Kind.VIDEO).producer_id
    again = (Kind.AUDIO, first)
    refused = refusal_of(lambda: stage.publish(ann, again[0], producer_id=again[1]))
    assert refused[1] == "PRODUCER_ID_TAKEN"
    stage.room.router.close_producer(ann, first)
    assert stage.publish(ann, again[0], producer_id=again[1]).producer_id == first


def test_streams_that_could_not_be_told_apart_are_refused() -> None:
    stage = Stage()
    ann = stage.join("ann")
    video = parameters("chromium_video_simulcast")
    audio = parameters("chromium_audio")
    stage.publish(ann, Kind.VIDEO, rtp_parameters=video)
    stage.publish(ann, Kind.AUDIO, rtp_parameters=audio)
    same_mid = replace(audio, mid="1", encodings=(EncodingParameters(ssrc=9),))
    same_ssrc = replace(audio, mid="2")
    reasons = [
        refusal_of(lambda p=p: stage.publish(ann, Kind.AUDIO, rtp_parameters=p))[1]  # type: ignore[misc]
        for p in (same_mid, same_ssrc)
    ]
    assert reasons == ["MID_TAKEN", "SSRC_TAKEN"]


def test_second_stream_of_a_kind_without_any_name_is_refused() -> None:
    stage = Stage()
    ann = stage.join("ann")
    stage.publish(ann, Kind.VIDEO)
    stage.publish(ann, Kind.AUDIO)
    assert refusal_of(lambda: stage.publish(ann, Kind.VIDEO))[1] == "STREAM_AMBIGUOUS"


def test_codec_that_the_router_lacks_is_refused() -> None:
    stage = Stage()
    ann = stage.join("ann")
    sent = parameters("chromium_video_simulcast")
    h265 = replace(sent, codecs=(replace(sent.codecs[0], mime_type="video/H265"),))
    refused = refusal_of(lambda: stage.publish(ann, rtp_parameters=h265))
    assert refused == (Code.PRODUCE_ERROR, "UNSUPPORTED_CODEC")


def test_unknown_and_invisible_producers_are_refused_alike() -> None:
    stage = Stage()
    ann, ben = stage.join("ann"), stage.join("ben")
    hidden = stage.publish(ann)
    stage.room.router.create_transport(ben, Direction.RECV)
    unknown, invisible = stage.room.router.consume(
        ben, (ProducerId("ann.99"), hidden.producer_id), None, None, paused=False
    )
    assert isinstance(unknown, Refusal)
    assert isinstance(invisible, Refusal)
    assert (unknown.code, unknown.reason) == (Code.CONSUME_ERROR, "PRODUCER_NOT_FOUND")
    assert str(unknown) == str(invisible)
    assert unknown.details == invisible.details


def test_consumer_ssrcs_and_mids_are_unique_and_clear_of_the_probe() -> None:
    stage = Stage()
    eve = stage.join("eve", Role.PROCTOR)
    producers = [stage.publish(stage.join(f"ann{number}")) for number in range(20)]
    made = [stage.subscribe(eve, producer).rtp_parameters for producer in producers]
    ssrcs = [s for p in made for s in (p.encodings[0].ssrc, p.encodings[0].rtx_ssrc)]
    assert len(set(ssrcs)) == 40
    assert 1234 not in ssrcs
    assert [p.mid for p in made] == [str(n) for n in range(20)]
    assert 127 not in {codec.payload_type for p in made for codec in p.codecs}


def test_capabilities_of_the_call_go_before_those_of_the_join() -> None:
    stage = Stage()
    ann = stage.join("ann")
    eve = stage.join("eve", Role.PROCTOR, rtp_capabilities=RtpCapabilities(()))
    producer = stage.publish(ann)
    router = stage.room.router
    router.create_transport(eve, Direction.RECV)
    ids = (producer.producer_id,)
    (refused,) = router.consume(eve, ids, None, None, paused=False)
    assert isinstance(refused, Refusal)
    assert refused.reason == "NO_COMPATIBLE_CODEC"
    (made,) = router.consume(eve, ids, None, CHROMIUM, paused=True)
    assert isinstance(made, MadeConsumer)
    assert made.consumer.paused


def test_bad_capabilities_refuse_the_whole_call() -> None:
    stage = Stage()
    eve = stage.join("eve", Role.PROCTOR)
    bad = replace(CHROMIUM, codecs=(replace(CHROMIUM.codecs[0], clock_rate=0),))
    refused = refusal_of(
        lambda: stage.room.router.consume(eve, (ProducerId("a.1"),), None, bad, paused=False)
    )
    assert refused == (Code.CONSUME_ERROR, "BAD_RTP_CAPABILITIES")


@pytest.mark.parametrize("count", [0, 65])
def test_one_to_sixty_four_producers_can_be_consumed_at_once(count: int) -> None:
    stage = Stage()
    eve = stage.join("eve", Role.PROCTOR)
    ids = (ProducerId("a.1"),) * count
    refused = refusal_of(lambda: stage.room.router.consume(eve, ids, None, None, paused=False))
    assert refused == (Code.INVALID_MESSAGE, "BAD_PRODUCER_IDS")


def test_paused_producer_is_told_of_itself_and_of_each_consumer() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    mel = stage.join("mel", Role.PROCTOR)
    producer = stage.publish(ann)
    consumer = stage.subscribe(eve, producer).consumer
    router = stage.room.router
    after = stage.after(lambda: router.pause_producer(ann, producer.producer_id))
    paused = event.ProducerPaused(producer.producer_id)
    assert after.told(eve) == [paused, event.ConsumerPaused(consumer.consumer_id)]
    assert after.told(mel) == [paused]
    assert after.told(ann) == []
    assert after.commands == [effect.PauseProducer(producer.producer_id)]
    again = stage.after(lambda: router.pause_producer(ann, producer.producer_id))
    assert again.effects == []
    after = stage.after(lambda: router.resume_producer(ann, producer.producer_id))
    assert after.told(eve) == [
        event.ProducerResumed(producer.producer_id),
        event.ConsumerResumed(consumer.consumer_id),
    ]


def test_pausing_a_consumer_is_between_it_and_the_engine() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    consumer = stage.subscribe(eve, stage.publish(ann)).consumer
    router = stage.room.router
    after = stage.after(lambda: router.pause_consumer(eve, consumer.consumer_id))
    assert after.effects == [effect.PauseConsumer(consumer.consumer_id)]
    again = stage.after(lambda: router.pause_consumer(eve, consumer.consumer_id))
    assert again.effects == []
    after = stage.after(lambda: router.resume_consumer(eve, consumer.consumer_id))
    assert after.effects == [effect.ResumeConsumer(consumer.consumer_id)]
    after = stage.after(lambda: router.close_consumer(eve, consumer.consumer_id))
    assert after.effects == [effect.RemoveConsumer(consumer.consumer_id)]


def test_nobody_can_touch_what_is_anothers() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    producer = stage.publish(ann)
    consumer = stage.subscribe(eve, producer).consumer
    router = stage.room.router
    for act in (router.pause_producer, router.resume_producer, router.close_producer):
        refused = refusal_of(lambda act=act: act(eve, producer.producer_id))  # type: ignore[misc]
        assert refused == (Code.PRODUCE_ERROR, "PRODUCER_NOT_FOUND")
    for touch in (router.pause_consumer, router.resume_consumer, router.close_consumer):
        refused = refusal_of(lambda touch=touch: touch(ann, consumer.consumer_id))  # type: ignore[misc]
        assert refused == (Code.CONSUME_ERROR, "CONSUMER_NOT_FOUND")


def test_closing_ones_transport_tells_others_of_what_was_on_it() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    producer = stage.publish(ann)
    consumer = stage.subscribe(eve, producer).consumer
    (transport_id,) = ann.transports
    after = stage.after(lambda: stage.room.router.close_transport(ann, transport_id))
    assert after.told(ann) == []
    assert after.told(eve) == [
        event.ConsumerClosed(consumer.consumer_id),
        event.ProducerClosed(producer.producer_id),
    ]
    assert after.commands == [
        effect.RemoveConsumer(consumer.consumer_id),
        effect.RemoveProducer(producer.producer_id),
        effect.CloseTransport(transport_id),
    ]


def test_transport_that_failed_tells_its_owner_of_everything_on_it() -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    producer = stage.publish(ann)
    consumer = stage.subscribe(eve, producer).consumer
    (send,), (recv,) = ann.transports, eve.transports
    router = stage.room.router
    after = stage.after(lambda: router.transport_failed(recv, "DTLS_CLOSED"))
    assert after.told(eve) == [
        event.ConsumerClosed(consumer.consumer_id),
        event.TransportClosed(recv, "DTLS_CLOSED"),
    ]
    after = stage.after(lambda: router.transport_failed(send, "DTLS_FAILED"))
    assert after.told(ann) == [
        event.ProducerClosed(producer.producer_id),
        event.TransportClosed(send, "DTLS_FAILED"),
    ]
    assert after.told(eve) == [event.ProducerClosed(producer.producer_id)]
    assert effect.CloseTransport(send) not in after.effects


def test_failure_of_a_transport_closed_meanwhile_changes_nothing() -> None:
    stage = Stage()
    stage.join("ann")
    router = stage.room.router
    after = stage.after(lambda: router.transport_failed(TransportId("x"), "DTLS_CLOSED"))
    assert after.effects == []


def test_peer_may_consume_itself() -> None:
    stage = Stage()
    ann = stage.join("ann")
    made = stage.subscribe(ann, stage.publish(ann))
    assert made.consumer.consumer_id == ConsumerId("ann.c1")
    stage.room.leave(ann)
    assert stage.room.router.consumers == {}
