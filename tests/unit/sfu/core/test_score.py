"""What a score says of a stream, second by second."""

import pytest

from services.sfu.core.score import Score, rate

START = (100, 100, 0, 0)
PER_SECOND = 100


class Stream:
    """A stream that is counted once a second."""

    def __init__(self) -> None:
        self.score = Score()
        self.now = START
        self.score.count(START)

    def second(self, *, lost: int = 0, repaired: int = 0, sent: int = PER_SECOND) -> bool:
        """A second passes in which so many are lost; whether the score is another one then."""
        packets, expected, lost_before, repaired_before = self.now
        self.now = (
            packets + sent - lost + repaired,
            expected + sent,
            lost_before + lost,
            repaired_before + repaired,
        )
        return self.score.count(self.now)

    def seconds(self, count: int, *, lost: int = 0, repaired: int = 0) -> list[int | None]:
        """The score after each of so many seconds."""
        scores = []
        for _ in range(count):
            self.second(lost=lost, repaired=repaired)
            scores.append(self.score.told)
        return scores


def test_nothing_is_said_before_two_counts_and_then_the_best_of_a_stream_without_loss() -> None:
    stream = Stream()
    assert stream.score.told is None
    assert stream.second()
    assert stream.score.told == 10
    assert not stream.second()


@pytest.mark.parametrize(
    ("lost_percent", "score"),
    [(0, 10), (1, 10), (2, 9), (3, 8), (5, 7), (8, 6), (12, 5), (20, 4), (30, 3), (45, 2), (60, 1)],
)
def test_score_falls_with_loss_but_something_that_comes_is_more_than_nothing(
    lost_percent: int, score: int
) -> None:
    now = (10_000, 1_000, 10 * lost_percent, 0)
    assert rate((0, 0, 0, 0), now) == score


def test_what_was_repaired_counts_a_fifth_of_what_was_not() -> None:
    before = (0, 0, 0, 0)
    assert rate(before, (900, 1_000, 100, 0)) == 6
    assert rate(before, (1_000, 1_000, 100, 100)) == 9
    assert rate(before, (950, 1_000, 100, 50)) == 7
    # More repairs than losses of that time: those before it are mended.
    assert rate(before, (1_000, 1_000, 10, 400)) == 10


def test_worse_is_told_at_once_and_better_when_the_loss_has_left_the_last_three_seconds() -> None:
    stream = Stream()
    assert stream.seconds(3) == [10, 10, 10]
    # 30 of 300, then 60 of 300.
    assert stream.seconds(2, lost=30) == [6, 4]
    assert stream.seconds(5) == [4, 6, 10, 10, 10]


def test_repair_that_comes_in_the_next_second_still_mends_the_one_before() -> None:
    stream = Stream()
    stream.seconds(3)
    stream.second(lost=15)
    assert stream.score.told == 7
    stream.second(repaired=15)
    assert stream.score.told == 10


def test_step_of_one_is_told_only_when_it_lasts() -> None:
    stream = Stream()
    stream.seconds(3)
    # 4 of 300 are a 9, for the three seconds that they stay in.
    bursts = [stream.seconds(1, lost=lost)[0] for lost in (4, 0, 0, 0, 0) * 5]
    assert bursts == [10] * 25
    assert stream.seconds(6, lost=2) == [10, 10, 10, 10, 9, 9]
    assert stream.seconds(8) == [9, 9, 9, 9, 10, 10, 10, 10]


def test_silence_of_three_seconds_is_a_zero_and_shorter_ones_say_nothing() -> None:
    stream = Stream()
    stream.seconds(3)
    told = []
    for _ in range(4):
        stream.second(sent=0)
        told.append(stream.score.told)
    assert told == [10, 10, 0, 0]
    # The first packets after it are news at once.
    assert stream.second()
    assert stream.score.told == 10


def test_stream_that_never_comes_is_a_zero_after_three_seconds() -> None:
    score = Score()
    nothing = (0, 0, 0, 0)
    assert [score.count(nothing) for _ in range(4)] == [False, False, False, True]
    assert score.told == 0


def test_pause_is_no_silence_and_what_comes_after_begins_anew() -> None:
    stream = Stream()
    stream.seconds(2, lost=30)
    assert stream.score.told == 3
    for _ in range(10):
        stream.score.rest()
    assert stream.score.told == 3
    assert not stream.second(sent=0)
    assert not stream.second(sent=0)
    assert not stream.second(sent=0)
    assert stream.second()
    assert stream.score.told == 10


def test_packets_that_nobody_has_reported_on_say_nothing() -> None:
    score = Score()
    for packets in range(100, 1_000, 100):
        assert not score.count((packets, 0, 0, 0))
    assert score.told is None
    # An audio receiver of a browser reports every five seconds: what it says stands until then.
    assert score.count((1_000, 900, 180, 0))
    assert score.told == 4
    for packets in range(1_100, 1_500, 100):
        assert not score.count((packets, 900, 180, 0))
    assert score.count((1_500, 1_400, 180, 0))
    assert score.told == 10


def test_counters_that_go_back_are_no_news() -> None:
    assert rate((500, 500, 20, 0), (510, 10, 0, 0)) is None
    assert rate((500, 500, 20, 9), (600, 600, 5, 0)) == 10
