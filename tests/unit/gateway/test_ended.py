"""Sessions that are over for good are remembered, within bounds."""

import pytest

from services.common.ids import SessionId
from services.gateway.upstream.ended import EndedSessions


@pytest.mark.parametrize(
    ("reason", "is_over"),
    [("LEFT", True), ("KICKED", True), ("REPLACED", False), ("WORKER_FAULT", False)],
)
def test_only_what_somebody_meant_to_end_is_over_for_good(reason: str, is_over: bool) -> None:
    ended = EndedSessions()
    ended.note(SessionId("s-1"), reason, 1)
    assert ended.holds(SessionId("s-1"), 1) is is_over


def test_session_that_goes_on_in_a_later_life_of_its_room_is_not_over() -> None:
    ended = EndedSessions()
    # By a worker that does not know yet that another one has the room.
    ended.note(SessionId("s-1"), "TIMED_OUT", 1)
    assert not ended.holds(SessionId("s-1"), 2)
    ended.note(SessionId("s-1"), "LEFT", 2)
    ended.note(SessionId("s-1"), "TIMED_OUT", 1)
    # Nor does an older resume token bring it back.
    assert [ended.holds(SessionId("s-1"), generation) for generation in (1, 2, 3)] == [
        True,
        True,
        False,
    ]


def test_oldest_are_forgotten_first() -> None:
    ended = EndedSessions(capacity=2)
    for number in range(3):
        ended.note(SessionId(f"s-{number}"), "LEFT", 1)
    held = [ended.holds(SessionId(f"s-{number}"), 1) for number in range(3)]
    assert held == [False, True, True]
