"""What the owner of a simulcast is told of what its viewers need."""

from collections.abc import Callable
from dataclasses import replace

from services.common.ids import ConsumerId
from services.sfu.core import effect, event
from services.sfu.core.layer import HOLD_OFF_MS, PreferredLayers
from services.sfu.core.need import LINGER_MS
from services.sfu.core.peer import Producer, Session
from services.sfu.core.port import Kind
from services.sfu.core.router import Router
from services.sfu.core.visibility import Role
from tests.support.room import Aftermath, Stage
from tests.support.rtp_sample import parameters

SIMULCAST = parameters("chromium_video_simulcast")
LOW, MIDDLE, HIGH = (PreferredLayers(layer) for layer in range(3))


class Exam:
    """A candidate's simulcast, which is published at 0, and proctors."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.cam = self.stage.join("cam")
        self.eve = self.stage.join("eve", Role.PROCTOR)
        self.producer = self.stage.publish(self.cam, rtp_parameters=SIMULCAST)
        self.stage.room.take_effects(0)

    @property
    def router(self) -> Router:
        return self.stage.room.router

    def watch(
        self,
        preferred: PreferredLayers,
        viewer: Session | None = None,
        producer: Producer | None = None,
        **more: object,
    ) -> ConsumerId:
        made = self.stage.subscribe(
            viewer or self.eve, producer or self.producer, preferred=preferred, **more
        )
        return made.consumer.consumer_id

    def at(self, now_ms: int, action: Callable[[], object] = lambda: None) -> list[int | None]:
        """What the owner is told in the moment: by what was due, and by an action."""
        self.stage.now_ms = now_ms
        due = self.stage.room.take_effects(now_ms)
        action()
        return self.told(Aftermath([*due, *self.stage.room.take_effects(now_ms)]))

    def told(self, aftermath: Aftermath) -> list[int | None]:
        return [
            each.spatial_layer
            for each in aftermath.latest(self.cam)
            if isinstance(each, event.ProducerLayersNeeded)
            and each.producer_id == self.producer.producer_id
        ]

    def idle(self, now_ms: int) -> None:
        """Nobody watches, and the publisher has been told so by then."""
        assert self.at(now_ms - LINGER_MS) == []
        assert self.at(now_ms) == [None]


def test_stream_that_nobody_watches_is_told_so_after_a_while_and_the_deadline_is_the_rooms() -> (
    None
):
    exam = Exam()
    assert exam.stage.room.deadline_ms() == LINGER_MS
    assert exam.at(LINGER_MS - 1) == []
    assert exam.at(LINGER_MS) == [None]
    assert exam.stage.room.deadline_ms() is None


def test_owner_alone_is_told_and_operators_and_without_a_number() -> None:
    exam = Exam()
    exam.stage.now_ms = LINGER_MS
    aftermath = Aftermath(exam.stage.room.take_effects(LINGER_MS))
    nothing = event.ProducerLayersNeeded(exam.producer.producer_id, None)
    assert aftermath.effects == [
        effect.TellLatest(exam.cam.session_id, nothing),
        effect.TellOperator(exam.cam.session_id, nothing),
    ]


def test_viewer_who_comes_is_served_at_once_in_the_same_breath() -> None:
    exam = Exam()
    exam.idle(LINGER_MS)
    assert exam.at(LINGER_MS + 1, lambda: exam.watch(LOW)) == [0]
    assert exam.at(LINGER_MS + 2, lambda: exam.watch(HIGH)) == [2]


def test_owner_is_told_before_it_could_hear_of_the_layer_in_any_other_way() -> None:
    exam = Exam()
    exam.idle(LINGER_MS)
    after = exam.stage.after(lambda: exam.watch(LOW))
    assert [type(each) for each in after.effects] == [
        effect.AddConsumer,
        effect.TellLatest,
        effect.TellOperator,
    ]


def test_consumer_made_paused_needs_nothing_until_it_is_resumed() -> None:
    exam = Exam()
    consumer_ids: list[ConsumerId] = []
    exam.at(1, lambda: consumer_ids.append(exam.watch(HIGH, paused=True)))
    assert exam.at(LINGER_MS) == [None]
    (consumer_id,) = consumer_ids
    exam.at(LINGER_MS + 1, lambda: exam.router.set_layers(exam.eve, consumer_id, LOW))
    resumed = exam.at(LINGER_MS + 2, lambda: exam.router.resume_consumer(exam.eve, consumer_id))
    assert resumed == [0]


def test_proctor_who_enlarges_and_goes_back_is_followed_up_at_once_and_down_in_time() -> None:
    exam = Exam()
    consumer_id = exam.watch(LOW)
    assert exam.at(0) == []
    assert exam.at(LINGER_MS) == [0]
    assert exam.at(9_000, lambda: exam.router.set_layers(exam.eve, consumer_id, HIGH)) == [2]
    assert exam.at(10_000, lambda: exam.router.set_layers(exam.eve, consumer_id, LOW)) == []
    assert exam.stage.room.deadline_ms() == 10_000 + LINGER_MS
    assert exam.at(10_000 + LINGER_MS - 1) == []
    assert exam.at(10_000 + LINGER_MS) == [0]


def test_pause_close_and_leaving_of_viewers_all_end_a_need() -> None:
    exam = Exam()
    ben = exam.stage.join("ben", Role.PROCTOR)
    high, middle = exam.watch(HIGH), exam.watch(MIDDLE)
    exam.watch(LOW, viewer=ben)
    assert exam.at(LINGER_MS, lambda: exam.router.pause_consumer(exam.eve, high)) == []
    assert exam.at(2 * LINGER_MS, lambda: exam.router.close_consumer(exam.eve, middle)) == [1]
    assert exam.at(3 * LINGER_MS, lambda: exam.stage.room.leave(ben)) == [0]
    assert exam.at(4 * LINGER_MS) == [None]


def test_session_that_is_evicted_needs_nothing_any_more() -> None:
    exam = Exam()
    exam.watch(LOW)
    assert exam.at(LINGER_MS, lambda: exam.stage.room.evict(exam.eve)) == [0]
    assert exam.at(2 * LINGER_MS) == [None]


def test_paused_producer_is_needed_as_before_so_that_it_goes_on_as_before() -> None:
    exam = Exam()
    exam.watch(HIGH)
    exam.at(0)
    pause = exam.at(1, lambda: exam.router.pause_producer(exam.cam, exam.producer.producer_id))
    assert pause == []
    assert exam.at(2 * LINGER_MS) == []


def test_viewer_whose_connection_is_lost_still_needs_what_it_gets() -> None:
    exam = Exam()
    exam.watch(HIGH)
    exam.at(1, lambda: exam.stage.room.detach(exam.eve, 1))
    assert exam.at(3 * LINGER_MS) == []


# Who was away.


def test_owner_who_comes_back_is_told_what_is_needed_now() -> None:
    exam = Exam()
    exam.idle(LINGER_MS)
    room = exam.stage.room
    room.detach(exam.cam, LINGER_MS)
    exam.watch(MIDDLE)
    assert exam.at(LINGER_MS + 1, lambda: room.attach(exam.cam)) == [1, 1]


def test_owner_who_missed_that_all_is_needed_again_is_told_that() -> None:
    exam = Exam()
    exam.idle(LINGER_MS)
    room = exam.stage.room
    room.detach(exam.cam, LINGER_MS)
    assert exam.at(LINGER_MS + 1, lambda: exam.watch(HIGH)) == [2]
    assert exam.at(LINGER_MS + 2, lambda: room.attach(exam.cam)) == [2]


def test_owner_who_never_was_told_less_hears_nothing_on_coming_back() -> None:
    exam = Exam()
    exam.watch(HIGH)
    room = exam.stage.room
    room.detach(exam.cam, 1)
    assert exam.at(2, lambda: room.attach(exam.cam)) == []


# Layers that are sent again.


def test_layer_that_was_asked_for_again_is_taken_at_once_however_short_it_was_sent_before() -> None:
    exam = Exam()
    consumer_id = exam.watch(LOW)

    def encoding(layer: int, now_ms: int, active: bool = True) -> list[effect.Effect]:
        exam.stage.now_ms = now_ms
        return exam.stage.after(
            lambda: exam.router.layering.encoding_changed(
                exam.producer.producer_id, layer, now_ms, active=active
            )
        ).commands

    exam.at(0)
    encoding(0, 0)
    # A slow uplink: the highest layer comes shortly before it is not needed any more.
    encoding(2, LINGER_MS - 100)
    assert exam.at(LINGER_MS) == [0]
    encoding(2, LINGER_MS + 500, active=False)
    wish_ms = LINGER_MS + 600
    assert wish_ms + 100 < LINGER_MS - 100 + HOLD_OFF_MS
    assert exam.at(wish_ms, lambda: exam.router.set_layers(exam.eve, consumer_id, HIGH)) == [2]
    assert encoding(2, wish_ms + 100) == [effect.SetConsumerLayer(consumer_id, 2)]


# What leaves nothing behind.


def test_closed_producer_leaves_no_deadline_behind() -> None:
    exam = Exam()
    assert exam.at(1, lambda: exam.router.close_producer(exam.cam, exam.producer.producer_id)) == []
    assert exam.stage.room.deadline_ms() is None
    assert exam.at(LINGER_MS) == []


def test_publisher_who_is_evicted_with_a_viewer_of_its_own_leaves_no_deadline_behind() -> None:
    exam = Exam()
    exam.watch(LOW)
    exam.stage.room.evict(exam.cam)
    assert exam.stage.room.deadline_ms() is None
    assert exam.at(LINGER_MS) == []


def test_publisher_whose_transport_fails_is_told_nothing_more_of_it() -> None:
    exam = Exam()
    exam.watch(HIGH)
    transport_id = exam.producer.transport_id
    failed = exam.at(1, lambda: exam.router.transport_failed(transport_id, "DTLS_FAILED"))
    assert failed == []
    assert exam.at(2 * LINGER_MS) == []


def test_room_that_has_moved_weighs_nothing() -> None:
    exam = Exam()
    exam.watch(LOW)
    exam.stage.room.stop("WORKER_FAULT")
    assert exam.at(2 * LINGER_MS) == []


# What has no layers.


def test_stream_with_one_encoding_is_nobodys_need() -> None:
    stage = Stage()
    cam, eve = stage.join("cam"), stage.join("eve", Role.PROCTOR)
    several = parameters("chromium_audio")
    (one,) = several.encodings
    audio = replace(several, encodings=(one, replace(one, ssrc=99, rtx_ssrc=None)))
    for producer in (
        stage.publish(cam, Kind.VIDEO),
        stage.publish(cam, Kind.AUDIO, rtp_parameters=audio),
    ):
        stage.subscribe(eve, producer, preferred=LOW)
    stage.room.take_effects(0)
    assert stage.room.deadline_ms() is None
    assert stage.room.take_effects(2 * LINGER_MS) == []


def test_each_producer_has_a_need_of_its_own() -> None:
    exam = Exam()
    other = exam.stage.join("ann")
    screen = exam.stage.publish(other, rtp_parameters=SIMULCAST)
    exam.watch(HIGH)
    exam.at(0)
    exam.stage.now_ms = LINGER_MS
    aftermath = Aftermath(exam.stage.room.take_effects(LINGER_MS))
    assert aftermath.latest(exam.cam) == []
    assert aftermath.latest(other) == [event.ProducerLayersNeeded(screen.producer_id, None)]
