"""The numbered events of a session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.ids import PeerId, ProducerId
from services.sfu.core.event import Event, ParticipantLeft, ProducerClosed
from services.sfu.core.session_log import SessionLog


def event(number: int) -> Event:
    return ProducerClosed(ProducerId(f"p.{number}"))


@given(count=st.integers(0, 40), capacity=st.integers(1, 20), seq=st.integers(0, 45))
def test_replay_gives_every_missed_event_once_or_says_that_it_cannot(
    count: int, capacity: int, seq: int
) -> None:
    log = SessionLog(capacity)
    for number in range(1, count + 1):
        assert log.append(event(number)) == number
    missed = log.since(seq)
    if seq > count or count - seq > capacity:
        assert missed is None
    else:
        assert missed == tuple((number, event(number)) for number in range(seq + 1, count + 1))


def test_empty_log_has_nothing_to_replay() -> None:
    log = SessionLog()
    assert log.last_seq == 0
    assert log.since(0) == ()
    assert log.since(1) is None


@pytest.mark.parametrize("reach", [1024, 1025])
def test_log_keeps_the_last_1024_events(reach: int) -> None:
    log = SessionLog()
    for _ in range(2000):
        log.append(ParticipantLeft(PeerId("a"), "LEFT"))
    assert (log.since(2000 - reach) is None) is (reach > 1024)
