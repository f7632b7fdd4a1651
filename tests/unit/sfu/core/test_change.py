"""What a session pays for what it changes of its producers."""

from contextlib import AbstractContextManager, suppress

import pytest

from services.common.errors import Refusal
from services.sfu.core.allowance import CHANGE_BURST, INTERVAL_MS
from services.sfu.core.change import charged, starting
from services.sfu.core.peer import Session
from services.sfu.core.port import Kind
from services.sfu.core.session_log import CAPACITY
from services.sfu.core.visibility import Role
from tests.support.refusal import refusal_of
from tests.support.room import GRACE_MS, Stage


def paid(session: Session) -> int:
    return session.changes.full_at_ms // INTERVAL_MS


def test_each_producer_that_begins_turns_or_ends_costs_one() -> None:
    stage = Stage()
    ada = stage.join("ada")
    router = stage.room.router
    with starting(ada, 0):
        voice, face = stage.publish(ada, Kind.AUDIO), stage.publish(ada)
    assert paid(ada) == 2
    with charged(ada, 0):
        router.pause_producer(ada, voice.producer_id)
    assert paid(ada) == 3
    with starting(ada, 0):
        router.resume_producer(ada, voice.producer_id)
        router.close_producer(ada, face.producer_id)
    assert paid(ada) == 5


def test_what_changes_nothing_is_free_and_so_is_what_is_refused() -> None:
    stage = Stage()
    ada = stage.join("ada")
    voice = stage.publish(ada, Kind.AUDIO)
    with starting(ada, 0):
        stage.room.router.resume_producer(ada, voice.producer_id)
    with suppress(Refusal), starting(ada, 0):
        stage.publish(ada, producer_id="bo.1")
    assert paid(ada) == 0


def test_pausing_is_never_refused_and_resuming_is() -> None:
    stage = Stage()
    ada = stage.join("ada")
    voice = stage.publish(ada, Kind.AUDIO)
    ada.changes.charge(0, CHANGE_BURST)
    with charged(ada, 0):
        stage.room.router.pause_producer(ada, voice.producer_id)
    assert refusal_of(_enter, starting(ada, 0)).reason == "TOO_MANY_CHANGES"
    with pytest.raises(Refusal), starting(ada, 2 * INTERVAL_MS - 1):
        pass
    with starting(ada, 2 * INTERVAL_MS):
        pass


def test_within_the_grace_time_one_session_fills_no_viewers_log() -> None:
    stage = Stage()
    ada, pat = stage.join("ada"), stage.join("pat", Role.PROCTOR)
    voice = stage.publish(ada, Kind.AUDIO)
    stage.subscribe(pat, voice)
    router = stage.room.router
    before = pat.log.last_seq
    for now_ms in range(0, GRACE_MS, INTERVAL_MS // 4):
        with suppress(Refusal), starting(ada, now_ms):
            router.resume_producer(ada, voice.producer_id)
        with charged(ada, now_ms):
            router.pause_producer(ada, voice.producer_id)
    assert CAPACITY / 2 < pat.log.last_seq - before < CAPACITY


def _enter(context: AbstractContextManager[None]) -> None:
    context.__enter__()
