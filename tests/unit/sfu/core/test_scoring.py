"""Scores in a room: who is told what, and when."""

from services.common.ids import ConsumerId, ProducerId
from services.sfu.core.effect import TellLatest
from services.sfu.core.event import ConsumerScore, LayerScore, ProducerScore
from services.sfu.core.score import Count, Sample
from services.sfu.core.visibility import Role
from tests.support.room import Stage
from tests.support.rtp_sample import parameters

SIMULCAST = parameters("chromium_video_simulcast")
PER_SECOND = 100


class Call:
    """A candidate's camera in several layers, a proctor's consumer of it, and what is counted."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.candidate = self.stage.join("cam")
        self.proctor = self.stage.join("eve", Role.PROCTOR)
        self.producer = self.stage.publish(self.candidate, rtp_parameters=SIMULCAST)
        made = self.stage.subscribe(self.proctor, self.producer, paused=False)
        self.consumer = made.consumer
        self.layers = [(0, 0, 0, 0) for _ in self.producer.encodings]
        self.out = (0, 0, 0, 0)
        for layer in range(len(self.layers)):
            self.encoding(layer, active=True)
        self.stage.room.router.layering.consumer_layer_changed(self.consumer.consumer_id, 2)
        self.stage.room.take_effects(0)

    def encoding(self, layer: int, *, active: bool) -> None:
        router = self.stage.room.router
        router.layering.encoding_changed(self.producer.producer_id, layer, 0, active=active)

    def second(
        self, sent: tuple[int, ...] = (0, 1, 2), *, lost: int = 0, out_lost: int = 0
    ) -> list[tuple[str, object]]:
        """A second in which these layers are sent: which session is told what after it."""
        for layer in sent:
            self.layers[layer] = grown(self.layers[layer], lost)
        if sent:
            self.out = grown(self.out, out_lost)
        return self.poll()

    def poll(self) -> list[tuple[str, object]]:
        room = self.stage.room
        sample = Sample(
            {self.producer.producer_id: self.layers}, {self.consumer.consumer_id: self.out}
        )
        told = room.scoring.rate(self.producer.producer_id, sample)
        effects = room.take_effects(0)
        assert told == bool(effects)
        assert all(isinstance(effect, TellLatest) for effect in effects)
        return [
            (effect.session_id, effect.event)
            for effect in effects
            if isinstance(effect, TellLatest)
        ]

    def of_producer(self, *scores: int) -> tuple[str, ProducerScore]:
        return "s-cam", ProducerScore(
            ProducerId("cam.1"),
            tuple(
                LayerScore(layer, encoding.rid, score)
                for layer, (encoding, score) in enumerate(
                    zip(self.producer.encodings, scores, strict=False)
                )
            ),
        )

    def of_consumer(self, score: int, behind: int) -> tuple[str, ConsumerScore]:
        return "s-eve", ConsumerScore(ConsumerId("eve.c1"), score, behind)


def grown(count: Count, lost: int) -> Count:
    packets, expected, before, repaired = count
    return (packets + PER_SECOND - lost, expected + PER_SECOND, before + lost, repaired)


def test_each_owner_is_told_of_its_own_streams_once_they_are_known_and_then_of_changes() -> None:
    call = Call()
    assert call.second() == []
    assert call.second() == [call.of_producer(10, 10, 10), call.of_consumer(10, 10)]
    assert [encoding.rid for encoding in call.producer.encodings] == ["r0", "r1", "r2"]
    assert call.second() == []
    assert call.second(lost=30) == [call.of_producer(6, 6, 6), call.of_consumer(10, 6)]
    assert call.second(lost=30, out_lost=90) == [
        call.of_producer(4, 4, 4),
        call.of_consumer(3, 4),
    ]


def test_layer_that_is_switched_off_is_a_zero_and_the_others_are_as_before() -> None:
    call = Call()
    for _ in range(3):
        call.second()
    call.encoding(2, active=False)
    call.stage.room.router.layering.consumer_layer_changed(call.consumer.consumer_id, 1)
    call.stage.room.take_effects(0)
    told = [call.second((0, 1)) for _ in range(3)]
    # The viewer gets another layer, and that one is well.
    assert told == [[], [], [call.of_producer(10, 10, 0)]]


def test_nobody_sends_is_a_zero_for_both_sides() -> None:
    call = Call()
    for _ in range(3):
        call.second()
    told = [call.second(()) for _ in range(3)]
    assert told == [[], [], [call.of_producer(0, 0, 0), call.of_consumer(0, 0)]]


def test_what_is_paused_is_not_scored_and_a_resumed_stream_has_time_to_begin() -> None:
    call = Call()
    router = call.stage.room.router
    for _ in range(3):
        call.second()
    router.pause_producer(call.candidate, call.producer.producer_id)
    call.stage.room.take_effects(0)
    assert [call.second(()) for _ in range(6)] == [[]] * 6
    router.resume_producer(call.candidate, call.producer.producer_id)
    call.stage.room.take_effects(0)
    assert [call.second(()) for _ in range(3)] == [[]] * 3
    assert call.second() == []

    router.pause_consumer(call.proctor, call.consumer.consumer_id)
    call.stage.room.take_effects(0)
    # The publisher's side goes on.
    told = [each for _ in range(4) for each in call.second(lost=50, out_lost=50)]
    assert told[-1] == call.of_producer(3, 3, 3)
    assert {session_id for session_id, _ in told} == {"s-cam"}


def test_client_that_was_away_is_told_what_it_knew_and_nobody_else() -> None:
    call = Call()
    for _ in range(3):
        call.second()
    scoring = call.stage.room.scoring
    effects = call.stage.after(lambda: scoring.tell_again(call.candidate)).effects
    assert effects == [TellLatest(*call.of_producer(10, 10, 10))]  # type: ignore[arg-type]
    effects = call.stage.after(lambda: scoring.tell_again(call.proctor)).effects
    assert effects == [TellLatest(*call.of_consumer(10, 10))]  # type: ignore[arg-type]
    fresh = Call()
    assert fresh.stage.after(lambda: fresh.stage.room.attach(fresh.candidate)).effects == []


def test_streams_that_have_ended_or_are_not_counted_yet_are_passed_over() -> None:
    call = Call()
    for _ in range(3):
        call.second()
    room, producer_id = call.stage.room, call.producer.producer_id
    assert not room.scoring.rate(producer_id, Sample({}, {}))
    assert not room.scoring.rate(producer_id, Sample({producer_id: call.layers}, {}))
    sample = Sample({producer_id: call.layers}, {call.consumer.consumer_id: call.out})
    room.router.close_consumer(call.proctor, call.consumer.consumer_id)
    room.take_effects(0)
    assert not room.scoring.rate(producer_id, sample)
    room.router.close_producer(call.candidate, producer_id)
    room.take_effects(0)
    assert not room.scoring.rate(producer_id, sample)
