"""Layers of a simulcast in a room: what the media side is told, and what the clients are."""

from dataclasses import replace

import pytest

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId, ProducerId
from services.sfu.core import effect, event
from services.sfu.core.layer import HOLD_OFF_MS, PreferredLayers
from services.sfu.core.peer import Producer, Session
from services.sfu.core.port import Kind
from services.sfu.core.visibility import Role
from tests.support.room import Aftermath, Stage
from tests.support.rtp_sample import parameters

SIMULCAST = parameters("chromium_video_simulcast")


class Call:
    """A candidate's simulcast and a proctor's consumer of it."""

    def __init__(self, *active: int, **consume: object) -> None:
        self.stage = Stage()
        self.candidate = self.stage.join("cam")
        self.proctor = self.stage.join("eve", Role.PROCTOR)
        self.producer = self.stage.publish(self.candidate, rtp_parameters=SIMULCAST)
        for layer in active:
            self.encoding(layer)
        self.stage.room.take_effects(0)
        self.made = self.stage.subscribe(self.proctor, self.producer, **consume)
        self.consumer_id = self.made.consumer.consumer_id
        (self.spec,) = [
            each.spec
            for each in self.stage.room.take_effects(0)
            if isinstance(each, effect.AddConsumer)
        ]

    def encoding(self, layer: int, active: bool = True, now_ms: int = 0) -> Aftermath:
        router = self.stage.room.router
        return self.stage.after(
            lambda: router.layering.encoding_changed(
                self.producer.producer_id, layer, now_ms, active=active
            )
        )

    def wish(self, spatial: int, temporal: int | None = None) -> Aftermath:
        router = self.stage.room.router
        preferred = PreferredLayers(spatial, temporal)
        return self.stage.after(
            lambda: router.set_layers(self.proctor, self.consumer_id, preferred)
        )

    def starts(self, layer: int) -> Aftermath:
        router = self.stage.room.router
        return self.stage.after(
            lambda: router.layering.consumer_layer_changed(self.consumer_id, layer)
        )

    def layer_set(self, layer: int) -> effect.SetConsumerLayer:
        return effect.SetConsumerLayer(self.consumer_id, layer)

    def told(self, layer: int | None) -> event.ConsumerLayers:
        return event.ConsumerLayers(self.consumer_id, layer)


def test_consumer_begins_with_the_highest_layer_that_is_sent() -> None:
    assert Call(0, 1).spec.layer == 1
    assert Call(0, 1, 2).spec.layer == 2


def test_consumer_of_what_is_not_sent_yet_begins_with_its_wish() -> None:
    assert Call().spec.layer == 2
    assert Call(preferred=PreferredLayers(1)).spec.layer == 1


def test_wish_at_consume_counts_from_the_start() -> None:
    call = Call(0, 1, 2, preferred=PreferredLayers(0))
    assert call.spec.layer == 0
    assert call.encoding(2, active=False).effects == []


def test_client_of_a_simulcast_learns_how_many_layers_there_are() -> None:
    (encoding,) = Call().made.rtp_parameters.encodings
    assert encoding.scalability_mode == "L3T3"


def test_wish_for_another_layer_moves_the_consumer_once() -> None:
    call = Call(0, 1, 2)
    assert call.wish(0).commands == [call.layer_set(0)]
    assert call.wish(0).commands == []
    assert call.wish(1, 0).commands == [call.layer_set(1)]
    assert call.made.consumer.selection is not None
    assert call.made.consumer.selection.preferred == PreferredLayers(1, 0)


def test_wish_for_a_layer_that_does_not_exist_means_the_highest() -> None:
    call = Call(0, 1, 2)
    call.wish(0)
    router = call.stage.room.router
    counted = router.set_layers(call.proctor, call.consumer_id, PreferredLayers(7, 7))
    assert counted == PreferredLayers(2, 7)
    assert call.stage.room.take_effects(0) == [call.layer_set(2)]


def test_wish_for_a_layer_that_is_not_sent_gets_the_best_below_until_it_is() -> None:
    call = Call(0, preferred=PreferredLayers(0))
    assert call.wish(2).commands == []
    assert call.encoding(1).commands == [call.layer_set(1)]
    assert call.encoding(2).commands == [call.layer_set(2)]


def test_layer_that_goes_quiet_is_left_at_once() -> None:
    call = Call(0, 1, 2)
    assert call.encoding(2, active=False).commands == [call.layer_set(1)]
    assert call.encoding(0, active=False).commands == []
    assert call.encoding(1, active=False).commands == [call.layer_set(2)]


def test_consumer_of_the_lowest_layer_gets_the_one_above_when_that_alone_is_sent() -> None:
    call = Call(0, 1, preferred=PreferredLayers(0))
    assert call.encoding(0, active=False).commands == [call.layer_set(1)]
    assert call.encoding(0, now_ms=HOLD_OFF_MS).commands == [call.layer_set(0)]


def test_layer_that_flaps_is_taken_again_when_its_time_has_come() -> None:
    call = Call(0, 1)
    router = call.stage.room.router
    call.encoding(1, active=False)
    assert call.encoding(1, now_ms=1_000).commands == []
    assert call.stage.room.deadline_ms() == HOLD_OFF_MS
    assert router.layering.held_back(HOLD_OFF_MS - 1) == []
    assert router.layering.held_back(HOLD_OFF_MS) == [call.producer]
    released = call.stage.after(
        lambda: router.layering.release(call.producer.producer_id, HOLD_OFF_MS)
    )
    assert released.commands == [call.layer_set(1)]
    assert call.stage.room.deadline_ms() is None


def test_deadline_of_a_lost_peer_and_of_a_layer_are_one() -> None:
    call = Call(0, 1)
    call.encoding(1, active=False)
    call.encoding(1, now_ms=1_000)
    call.stage.room.detach(call.proctor, now_ms=0)
    assert call.stage.room.deadline_ms() == HOLD_OFF_MS


def test_closed_producer_leaves_no_deadline_behind() -> None:
    call = Call(0, 1)
    call.encoding(1, active=False)
    call.encoding(1, now_ms=1_000)
    call.stage.room.router.close_producer(call.candidate, call.producer.producer_id)
    assert call.stage.room.deadline_ms() is None


def test_session_that_is_evicted_leaves_no_deadline_behind() -> None:
    call = Call(0, 1)
    call.encoding(1, active=False)
    call.encoding(1, now_ms=1_000)
    call.stage.room.evict(call.candidate)
    assert call.stage.room.deadline_ms() is None


def test_layer_that_was_held_back_and_is_gone_again_leaves_no_deadline_behind() -> None:
    call = Call(0, 1)
    call.encoding(1, active=False)
    call.encoding(1, now_ms=1_000)
    call.encoding(1, active=False)
    assert call.stage.room.deadline_ms() is None


def test_every_consumer_follows_its_own_wish() -> None:
    call = Call(0, 1, 2)
    tile = call.stage.subscribe(call.proctor, call.producer, preferred=PreferredLayers(0))
    aftermath = call.encoding(2, active=False)
    assert aftermath.commands == [call.layer_set(1)]
    aftermath = call.encoding(0, active=False)
    assert aftermath.commands == [effect.SetConsumerLayer(tile.consumer.consumer_id, 1)]


# What clients are told.


def test_client_is_told_what_it_gets_and_the_event_has_no_number() -> None:
    call = Call(0, 1, 2)
    aftermath = call.starts(2)
    assert aftermath.latest(call.proctor) == [call.told(2)]
    assert aftermath.told(call.proctor) == []
    assert aftermath.latest(call.candidate) == []
    operators = [e for e in aftermath.effects if isinstance(e, effect.TellOperator)]
    assert operators == [effect.TellOperator(call.proctor.session_id, call.told(2))]
    assert call.starts(2).effects == []


def test_pause_of_either_side_is_told_as_no_layer_and_its_end_as_the_layer() -> None:
    call = Call(0, 1, 2)
    call.starts(2)
    router, producer_id = call.stage.room.router, call.producer.producer_id
    paused = call.stage.after(lambda: router.pause_consumer(call.proctor, call.consumer_id))
    assert paused.latest(call.proctor) == [call.told(None)]
    both = call.stage.after(lambda: router.pause_producer(call.candidate, producer_id))
    assert both.latest(call.proctor) == []
    one = call.stage.after(lambda: router.resume_consumer(call.proctor, call.consumer_id))
    assert one.latest(call.proctor) == []
    none = call.stage.after(lambda: router.resume_producer(call.candidate, producer_id))
    assert none.latest(call.proctor) == [call.told(2)]
    assert none.commands == [effect.ResumeProducer(producer_id)]


def test_publisher_that_sends_nothing_any_more_is_told_as_no_layer() -> None:
    call = Call(0)
    call.starts(0)
    assert call.encoding(0, active=False).latest(call.proctor) == [call.told(None)]


def test_layer_changed_in_a_pause_is_told_when_it_starts_and_not_before() -> None:
    call = Call(0, 1, 2)
    call.starts(2)
    router = call.stage.room.router
    router.pause_consumer(call.proctor, call.consumer_id)
    assert call.wish(0).commands == [call.layer_set(0)]
    resumed = call.stage.after(lambda: router.resume_consumer(call.proctor, call.consumer_id))
    assert resumed.latest(call.proctor) == []
    assert call.starts(0).latest(call.proctor) == [call.told(0)]


# What has no layers.


def single(stage: Stage, kind: Kind) -> tuple[Session, Producer]:
    return (cam := stage.join("cam")), stage.publish(cam, kind)


@pytest.mark.parametrize("kind", list(Kind))
def test_stream_with_one_encoding_is_never_switched(kind: Kind) -> None:
    stage = Stage()
    _, producer = single(stage, kind)
    eve = stage.join("eve", Role.PROCTOR)
    made = stage.subscribe(eve, producer)
    consumer_id, router = made.consumer.consumer_id, stage.room.router
    assert made.rtp_parameters.encodings[0].scalability_mode is None

    def everything() -> None:
        assert router.set_layers(eve, consumer_id, PreferredLayers(2)) is None
        router.layering.encoding_changed(producer.producer_id, 0, 0, active=True)
        router.layering.consumer_layer_changed(consumer_id, 0)
        router.layering.encoding_changed(producer.producer_id, 0, 0, active=False)

    assert stage.after(everything).effects == []


def test_audio_with_several_encodings_has_no_layers_either() -> None:
    stage = Stage()
    sent = parameters("chromium_audio")
    (one,) = sent.encodings
    several = replace(sent, encodings=(one, replace(one, ssrc=99, rtx_ssrc=None)))
    producer = stage.publish(stage.join("cam"), Kind.AUDIO, rtp_parameters=several)
    eve = stage.join("eve", Role.PROCTOR)
    made = stage.subscribe(eve, producer)
    assert made.consumer.selection is None
    assert made.rtp_parameters.encodings[0].scalability_mode is None


# Key frames.


def test_key_frame_is_asked_for_video_that_runs() -> None:
    call = Call(0, 1, 2)
    router = call.stage.room.router
    asked = effect.RequestKeyFrame(call.consumer_id)

    def ask() -> None:
        router.request_key_frame(call.proctor, call.consumer_id)

    assert call.stage.after(ask).effects == [asked]
    router.pause_consumer(call.proctor, call.consumer_id)
    assert call.stage.after(ask).effects == []
    router.resume_consumer(call.proctor, call.consumer_id)
    router.pause_producer(call.candidate, call.producer.producer_id)
    assert call.stage.after(ask).effects == []


def test_key_frame_of_audio_is_not_asked_for() -> None:
    stage = Stage()
    _, producer = single(stage, Kind.AUDIO)
    eve = stage.join("eve", Role.PROCTOR)
    consumer_id = stage.subscribe(eve, producer).consumer.consumer_id
    router = stage.room.router
    assert stage.after(lambda: router.request_key_frame(eve, consumer_id)).effects == []


# What does not exist.


def test_consumer_of_somebody_else_is_the_same_as_none() -> None:
    call = Call(0)
    router = call.stage.room.router
    for consumer_id in (call.consumer_id, ConsumerId("eve.c9")):
        with pytest.raises(Refusal) as wished:
            router.set_layers(call.candidate, consumer_id, PreferredLayers(0))
        with pytest.raises(Refusal) as asked:
            router.request_key_frame(call.candidate, consumer_id)
        for refused in (wished.value, asked.value):
            assert (refused.code, refused.reason) == (Code.CONSUME_ERROR, "CONSUMER_NOT_FOUND")


def test_absurd_layer_is_refused_at_consume_and_after_and_changes_nothing() -> None:
    call = Call(0, 1, 2)
    router = call.stage.room.router
    absurd = PreferredLayers(8)
    for action in (
        lambda: router.set_layers(call.proctor, call.consumer_id, absurd),
        lambda: router.consume(
            call.proctor,
            (call.producer.producer_id,),
            None,
            None,
            paused=False,
            preferred=absurd,
        ),
    ):
        with pytest.raises(Refusal) as refused:
            action()
        assert (refused.value.code, refused.value.reason) == (Code.INVALID_MESSAGE, "BAD_LAYER")
    assert call.stage.room.take_effects(0) == []


def test_word_of_the_media_side_about_what_is_closed_changes_nothing() -> None:
    call = Call(0, 1, 2)
    router = call.stage.room.router
    router.close_consumer(call.proctor, call.consumer_id)
    assert call.starts(2).effects == []
    router.close_producer(call.candidate, call.producer.producer_id)
    assert call.encoding(2, active=False).effects == []
    gone = ProducerId("cam.9")
    assert (
        call.stage.after(lambda: router.layering.encoding_changed(gone, 0, 0, active=True)).effects
        == []
    )
