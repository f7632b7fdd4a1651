"""Which layers of a simulcast its publisher has to send, by what its viewers wish for."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from services.sfu.core.need import LINGER_MS, Need

TOP = 2


def test_publisher_who_has_heard_nothing_sends_all_and_that_all_is_wanted_is_no_news() -> None:
    need = Need(TOP + 1)
    assert (need.told, need.was_told, need.deadline_ms()) == (TOP, False, None)
    assert not need.weigh([TOP], 0)
    assert (need.was_told, need.deadline_ms()) == (False, None)


def test_stream_without_viewers_is_needed_for_a_while_and_then_not_at_all() -> None:
    need = Need(TOP + 1)
    assert not need.weigh([], 100)
    assert need.deadline_ms() == 100 + LINGER_MS
    assert not need.weigh([], 100 + LINGER_MS - 1)
    assert need.weigh([], 100 + LINGER_MS)
    assert (need.told, need.was_told, need.deadline_ms()) == (None, True, None)


def test_more_is_needed_at_once() -> None:
    need = Need(TOP + 1)
    need.weigh([], 0)
    need.weigh([], LINGER_MS)
    assert need.weigh([0, 0], LINGER_MS + 1)
    assert need.told == 0
    assert need.weigh([0, TOP], LINGER_MS + 2)
    assert need.told == TOP


def test_need_is_the_highest_of_the_wishes() -> None:
    need = Need(TOP + 1)
    need.weigh([0, 1, 0], 0)
    assert need.weigh([0, 1, 0], LINGER_MS)
    assert need.told == 1


def test_short_loss_of_interest_is_never_told() -> None:
    need = Need(TOP + 1)
    assert not need.weigh([TOP], 0)
    assert not need.weigh([0], 1)
    assert not need.weigh([TOP], LINGER_MS)
    assert need.deadline_ms() is None
    assert not need.weigh([0], LINGER_MS + 1)
    assert need.deadline_ms() == 2 * LINGER_MS + 1


def test_layer_looked_at_meanwhile_has_a_time_of_its_own() -> None:
    need = Need(TOP + 1)
    need.weigh([], 0)
    need.weigh([1], 4_000)
    need.weigh([0], 4_500)
    assert need.weigh([0], LINGER_MS)
    assert (need.told, need.deadline_ms()) == (1, 4_500 + LINGER_MS)
    assert need.weigh([0], 4_500 + LINGER_MS)
    assert (need.told, need.deadline_ms()) == (0, None)


@dataclass
class Story:
    """What was wished for, and when; independent of how Need keeps it."""

    # The highest wish of each stretch of time, -1 for none, and when that stretch began.
    stretches: list[tuple[int, int]] = field(default_factory=lambda: [(-1, TOP)])

    def needed(self, now_ms: int) -> int:
        ends = [begun_ms for begun_ms, _ in self.stretches[1:]]
        ends.append(now_ms)
        return max(
            highest
            for (_, highest), end_ms in zip(self.stretches, ends, strict=True)
            if now_ms < end_ms + LINGER_MS
        )


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2 * LINGER_MS),
        st.lists(st.integers(0, TOP), max_size=3),
    ),
    max_size=30,
)


@given(STEPS)
def test_need_is_the_highest_wish_of_the_last_seconds_and_every_change_is_told_when_it_comes(
    steps: list[tuple[int, list[int]]],
) -> None:
    need, story, now_ms = Need(TOP + 1), Story(), 0
    wishes: list[int] = []

    def weigh(at_ms: int) -> None:
        before = need.told
        is_news = need.weigh(wishes, at_ms)
        highest = story.needed(at_ms)
        assert need.told == (None if highest < 0 else highest)
        assert is_news == (need.told != before)

    for pause_ms, following in steps:
        until_ms = now_ms + pause_ms
        while story.stretches[1:] and (due_ms := need.deadline_ms()) is not None:
            if due_ms > until_ms:
                break
            # Not a moment earlier would it have been another.
            assert story.needed(due_ms - 1) == need.told
            weigh(due_ms)
            assert need.deadline_ms() != due_ms
        now_ms, wishes = until_ms, following
        story.stretches.append((now_ms, max(wishes, default=-1)))
        weigh(now_ms)
