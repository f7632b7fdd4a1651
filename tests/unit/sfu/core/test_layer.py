"""Which layer a consumer gets, by its wish and by what is sent."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import Code, Refusal
from services.sfu.core.layer import (
    HIGHEST,
    HOLD_OFF_MS,
    MAX_LAYER,
    Activity,
    PreferredLayers,
    Selection,
    choose,
)

LAYERS = (0, 1, 2)
SUBSETS = [set(some) for count in range(4) for some in itertools.combinations(LAYERS, count)]


@pytest.mark.parametrize("wanted", LAYERS)
@pytest.mark.parametrize("sent", SUBSETS, ids=str)
def test_target_is_the_best_that_is_sent_up_to_the_wish_else_the_least_above(
    wanted: int, sent: set[int]
) -> None:
    downwards_then_upwards = [*range(wanted, -1, -1), *range(wanted + 1, 3)]
    expected = next((layer for layer in downwards_then_upwards if layer in sent), wanted)
    assert choose(wanted, sent) == expected


@pytest.mark.parametrize("layers", [(-1, None), (8, None), (0, -1), (0, 8), (2**32 - 1, None)])
def test_layers_that_no_producer_can_have_are_refused(layers: tuple[int, int | None]) -> None:
    with pytest.raises(Refusal) as refused:
        PreferredLayers(*layers).check()
    assert (refused.value.code, refused.value.reason) == (Code.INVALID_MESSAGE, "BAD_LAYER")


def test_layers_up_to_the_highest_of_the_protocol_are_fine() -> None:
    PreferredLayers(MAX_LAYER, MAX_LAYER).check()
    PreferredLayers(0).check()
    HIGHEST.check()


# What is sent.


def active(*layers: int, at_ms: int = 0) -> Activity:
    activity = Activity()
    for layer in layers:
        activity.begin(layer, at_ms)
    return activity


def test_layers_are_usable_while_they_are_sent() -> None:
    activity = active(2, 0)
    assert activity.sent == (0, 2)
    assert set(activity.usable) == {0, 2}
    activity.end(2)
    assert set(activity.usable) == {0}
    activity.end(0)
    assert not activity.usable
    assert activity.deadline_ms() is None


def test_layer_that_comes_back_after_a_while_is_taken_at_once() -> None:
    activity = active(0, 1)
    activity.end(1)
    activity.begin(1, HOLD_OFF_MS)
    assert set(activity.usable) == {0, 1}
    assert activity.deadline_ms() is None


def test_layer_that_comes_back_soon_is_held_until_it_has_rested() -> None:
    activity = active(0, 1)
    activity.end(1)
    activity.begin(1, 1_000)
    activity.begin(1, 1_500)
    assert activity.sent == (0, 1)
    assert set(activity.usable) == {0}
    assert activity.deadline_ms() == HOLD_OFF_MS
    activity.release(HOLD_OFF_MS - 1)
    assert set(activity.usable) == {0}
    activity.release(HOLD_OFF_MS)
    assert set(activity.usable) == {0, 1}
    assert activity.deadline_ms() is None


def test_layer_that_goes_quiet_again_while_it_is_held_owes_no_more_for_it() -> None:
    activity = active(0, 1)
    for now_ms in (HOLD_OFF_MS // 3, HOLD_OFF_MS // 2, HOLD_OFF_MS - 1):
        activity.end(1)
        activity.begin(1, now_ms)
        assert activity.deadline_ms() == HOLD_OFF_MS
    activity.end(1)
    assert activity.deadline_ms() is None
    activity.begin(1, HOLD_OFF_MS)
    assert set(activity.usable) == {0, 1}


def test_layer_that_is_held_is_better_than_none() -> None:
    activity = active(0, 1)
    activity.end(1)
    activity.begin(1, 1_000)
    activity.end(0)
    assert set(activity.usable) == {1}


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 3_000)), max_size=60))
def test_layer_is_taken_at_most_once_in_the_hold_off(
    steps: list[tuple[int, bool, int]],
) -> None:
    # Layer 3 is always there, so that none of the others is ever taken for want of a better one.
    activity, now_ms = active(3), 0
    taken_at: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for layer, is_active, later_ms in steps:
        now_ms += later_ms
        before = set(activity.usable)
        activity.release(now_ms)
        if is_active:
            activity.begin(layer, now_ms)
        else:
            activity.end(layer)
        for new in set(activity.usable) - before:
            taken_at[new].append(now_ms)
    for times in taken_at.values():
        assert all(b - a >= HOLD_OFF_MS for a, b in itertools.pairwise(times))


# One consumer.


def test_wish_above_the_highest_means_the_highest() -> None:
    selection = Selection(HIGHEST, 3, LAYERS)
    assert selection.preferred == PreferredLayers(2)
    assert selection.target == 2
    selection.prefer(PreferredLayers(5, 1))
    assert selection.preferred == PreferredLayers(2, 1)


def test_new_consumer_starts_with_what_is_sent_and_not_with_its_wish() -> None:
    assert Selection(HIGHEST, 3, {0, 1}).target == 1
    assert Selection(PreferredLayers(0), 3, {1, 2}).target == 1
    assert Selection(HIGHEST, 3, set()).target == 2


def test_target_changes_only_when_there_is_a_better_one() -> None:
    selection = Selection(PreferredLayers(1), 3, {0, 1})
    assert not selection.aim({0, 1, 2})
    assert selection.aim({0, 2})
    assert selection.target == 0
    selection.prefer(PreferredLayers(2))
    assert selection.aim({0, 2})
    assert selection.target == 2
    # Nothing to go to: the wish, once, and then no more of it.
    assert not selection.aim(set())


def test_client_is_told_each_layer_once() -> None:
    selection = Selection(HIGHEST, 3, LAYERS)
    assert not selection.settle(is_flowing=True)
    assert selection.started(2, is_flowing=True)
    assert selection.told == 2
    assert not selection.settle(is_flowing=True)
    assert not selection.started(2, is_flowing=True)


def test_layer_goes_on_until_the_other_one_starts() -> None:
    selection = Selection(HIGHEST, 3, LAYERS)
    selection.started(2, is_flowing=True)
    selection.aim({0})
    assert not selection.settle(is_flowing=True)
    assert selection.told == 2
    assert selection.started(0, is_flowing=True)
    assert selection.told == 0


def test_layer_that_begins_again_where_it_stopped_is_told_without_the_media_sides_word() -> None:
    selection = Selection(HIGHEST, 3, LAYERS)
    selection.started(2, is_flowing=True)
    assert selection.settle(is_flowing=False)
    assert selection.told is None
    assert not selection.settle(is_flowing=False)
    assert selection.settle(is_flowing=True)
    assert selection.told == 2


def test_layer_that_was_changed_in_a_pause_is_told_when_it_starts() -> None:
    selection = Selection(HIGHEST, 3, LAYERS)
    selection.started(2, is_flowing=True)
    selection.settle(is_flowing=False)
    selection.prefer(PreferredLayers(0))
    assert selection.aim(LAYERS)
    assert not selection.settle(is_flowing=True)
    assert selection.told is None
    assert selection.started(0, is_flowing=True)
    assert selection.told == 0


def test_start_that_crosses_a_pause_is_not_told_before_the_pause_ends() -> None:
    selection = Selection(HIGHEST, 3, LAYERS)
    assert not selection.started(2, is_flowing=False)
    assert selection.settle(is_flowing=True)
    assert selection.told == 2
