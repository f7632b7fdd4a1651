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
    ended.note(SessionId("s-1"), reason)
    assert (SessionId("s-1") in ended) is is_over


def test_oldest_are_forgotten_first() -> None:
    ended = EndedSessions(capacity=2)
    for number in range(3):
        ended.note(SessionId(f"s-{number}"), "LEFT")
    assert [SessionId(f"s-{number}") in ended for number in range(3)] == [False, True, True]
