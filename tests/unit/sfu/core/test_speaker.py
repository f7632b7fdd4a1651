"""Who speaks, by how loud microphones were, and who is told so."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.ids import ProducerId
from services.sfu.core.effect import TellOperator
from services.sfu.core.event import SpeakersActive
from services.sfu.core.peer import Producer, Session
from services.sfu.core.port import Kind
from services.sfu.core.speaker import MOST_TOLD
from services.sfu.core.visibility import Role, Visibility
from tests.support.room import Aftermath, Stage

INTERVAL_MS = 300
# Means of an interval in -dBov.
SPEECH, LOUD_SPEECH, SOFT_SPEECH, TYPING, NOISE = 38, 30, 46, 54, 57


class Scene(Stage):
    """A room in which time passes in intervals."""

    def microphone(self, peer_id: str, role: Role = Role.CANDIDATE) -> tuple[Session, Producer]:
        session = self.join(peer_id, role)
        return session, self.publish(session, Kind.AUDIO)

    def hear(self, *levels: tuple[Producer, int]) -> Aftermath:
        """One interval with these levels, and silence of all others."""
        self.now_ms += INTERVAL_MS
        heard: dict[ProducerId, int] = {p.producer_id: level for p, level in levels}
        return self.after(lambda: self.room.speakers.hear(heard, self.now_ms))

    def hear_for(self, intervals: int, *levels: tuple[Producer, int]) -> list[Aftermath]:
        return [self.hear(*levels) for _ in range(intervals)]


def told(after: Aftermath, session: Session) -> list[list[str]]:
    """The lists of peers that a session was told, each the loudest first."""
    events = after.latest(session)
    assert all(isinstance(event, SpeakersActive) for event in events)
    return [[one.peer_id for one in event.speakers] for event in events]  # type: ignore[union-attr]


def all_told(many: list[Aftermath], session: Session) -> list[list[str]]:
    return [speakers for after in many for speakers in told(after, session)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


# Beginning and ending.


def test_proctor_is_told_at_once_who_begins_to_speak_and_once_only(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    scene.microphone("ben")
    scene.hear()
    after = scene.hear((ada, SPEECH))
    (event,) = after.latest(eve)
    assert isinstance(event, SpeakersActive)
    (speaker,) = event.speakers
    assert (speaker.peer_id, speaker.producer_id) == ("ada", ada.producer_id)
    assert SPEECH < speaker.level <= 50
    assert all_told(scene.hear_for(20, (ada, SPEECH)), eve) == []


def test_whoever_falls_silent_is_told_of_after_a_breath_and_not_before(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    scene.hear_for(5, (ada, SPEECH))
    silence = scene.hear_for(6)
    assert all_told(silence, eve) == [[]]
    assert all_told(silence[:3], eve) == []
    assert all_told(scene.hear_for(6), eve) == []


def test_pauses_for_breath_do_not_flicker(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    heard: list[Aftermath] = []
    for _ in range(20):
        heard += scene.hear_for(3, (ada, SPEECH))
        heard += scene.hear_for(2)
    assert all_told(heard, eve) == [["ada"]]


def test_soft_speech_is_speech_a_little_later(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    assert all_told(scene.hear_for(3, (ada, SOFT_SPEECH)), eve) == [["ada"]]


@pytest.mark.parametrize("level", [TYPING, NOISE, 60, 127])
def test_typing_noise_and_silence_are_no_speech(scene: Scene, level: int) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    assert all_told(scene.hear_for(50, (ada, level)), eve) == []


def test_door_that_slams_is_no_speech(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    # 100 ms at -15 dBov.
    heard = [scene.hear((ada, 45)), *scene.hear_for(5)]
    assert all_told(heard, eve) == []


def test_level_between_the_thresholds_neither_begins_nor_ends(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    assert all_told(scene.hear_for(10, (ada, 52)), eve) == []
    scene.hear_for(3, (ada, SPEECH))
    assert all_told(scene.hear_for(10, (ada, 52)), eve) == []


def test_long_interval_of_a_busy_loop_counts_as_what_it_was(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    scene.hear_for(5, (ada, SPEECH))
    scene.now_ms += 5_000
    assert told(scene.hear(), eve) == [[]]


# Muting, leaving.


def test_whoever_is_muted_or_pauses_has_stopped_whatever_was_heard(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    session, ada = scene.microphone("ada")
    scene.hear_for(3, (ada, SPEECH))
    scene.room.router.pause_producer(session, ada.producer_id)
    assert told(scene.hear((ada, SPEECH)), eve) == [[]]
    scene.room.router.resume_producer(session, ada.producer_id)
    assert all_told(scene.hear_for(3), eve) == []
    scene.hear_for(3, (ada, SPEECH))
    scene.room.moderation.mute(eve, session.peer_id)
    assert told(scene.hear((ada, SPEECH)), eve) == [[]]


def test_whoever_leaves_has_stopped_and_then_there_is_nothing_to_hear(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    session, ada = scene.microphone("ada")
    speakers = scene.room.speakers
    assert speakers.is_needed
    scene.hear_for(3, (ada, SPEECH))
    scene.room.leave(session)
    assert speakers.is_needed
    assert told(scene.hear(), eve) == [[]]
    assert not speakers.is_needed


def test_id_that_is_used_again_begins_silent(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    session, ada = scene.microphone("ada")
    scene.hear_for(3, (ada, SPEECH))
    scene.room.router.close_producer(session, ada.producer_id)
    scene.publish(session, Kind.AUDIO, producer_id=ada.producer_id)
    assert told(scene.hear(), eve) == [[]]


def test_camera_needs_no_hearing(scene: Scene) -> None:
    scene.publish(scene.join("ada"), Kind.VIDEO)
    assert not scene.room.speakers.is_needed


# The order.


def test_loudest_is_first_and_changes_only_for_more_than_a_hair(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    _, ben = scene.microphone("ben")
    first = scene.hear_for(5, (ada, SPEECH), (ben, LOUD_SPEECH))
    assert all_told(first, eve)[-1] == ["ben", "ada"]
    wavering = [scene.hear((ada, 33 + turn % 3), (ben, 32 + turn % 2)) for turn in range(30)]
    assert len(all_told(wavering, eve)) <= 1
    changed = scene.hear_for(5, (ada, 20), (ben, LOUD_SPEECH))
    assert all_told(changed, eve)[-1] == ["ada", "ben"]


def test_two_who_take_turns_in_words_are_told_once(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    _, ada = scene.microphone("ada")
    _, ben = scene.microphone("ben")
    scene.hear_for(3, (ada, LOUD_SPEECH), (ben, SPEECH))
    turns = [
        scene.hear((ada, LOUD_SPEECH if turn % 2 else 40), (ben, 40 if turn % 2 else LOUD_SPEECH))
        for turn in range(40)
    ]
    assert len(all_told(turns, eve)) <= 1


def test_at_most_eight_are_told_the_loudest_of_all(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    voices = [scene.microphone(f"p{number}")[1] for number in range(12)]
    heard = scene.hear_for(8, *((voice, 44 - 2 * at) for at, voice in enumerate(voices)))
    last = all_told(heard, eve)[-1]
    assert len(last) == MOST_TOLD
    assert last[0] == "p11"
    assert set(last) <= {f"p{number}" for number in range(3, 12)}


# Who is told.


def test_candidates_hear_of_proctors_and_of_themselves_alone(scene: Scene) -> None:
    eve, talk = scene.microphone("eve", Role.PROCTOR)
    ada, of_ada = scene.microphone("ada")
    ben, of_ben = scene.microphone("ben")
    olga = scene.join("olga", Role.OBSERVER)
    after = scene.hear((of_ada, 35), (of_ben, 40), (talk, 30))
    assert told(after, ada) == [["eve", "ada"]]
    assert told(after, ben) == [["eve", "ben"]]
    assert told(after, eve) == [["eve", "ada", "ben"]]
    assert told(after, olga) == [["eve", "ada", "ben"]]


def test_candidate_is_told_nothing_of_another_candidate(scene: Scene) -> None:
    scene.join("eve", Role.PROCTOR)
    _, of_ada = scene.microphone("ada")
    ben = scene.join("ben")
    assert all_told([*scene.hear_for(5, (of_ada, SPEECH)), *scene.hear_for(5)], ben) == []


def test_everyone_hears_of_everyone_in_an_open_room() -> None:
    scene = Scene(Visibility.OPEN)
    ada, of_ada = scene.microphone("ada")
    ben, _ = scene.microphone("ben")
    after = scene.hear((of_ada, SPEECH))
    assert told(after, ada) == told(after, ben) == [["ada"]]


def test_talk_back_is_told_to_its_audience_and_its_owner_alone(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    finn = scene.join("finn", Role.PROCTOR)
    ada, ben = scene.join("ada"), scene.join("ben")
    talk = scene.publish(eve, Kind.AUDIO, audience=(ada.peer_id,))
    after = scene.hear((talk, SPEECH))
    assert told(after, ada) == told(after, eve) == [["eve"]]
    assert told(after, finn) == told(after, ben) == []
    scene.room.leave(ada)
    again = scene.join("ada", session_id="s-ada-2")
    assert told(scene.hear((talk, SPEECH)), again) == [["eve"]]


def test_whoever_waits_to_be_let_in_is_told_nothing() -> None:
    scene = Scene(waiting_room=True)
    eve, talk = scene.microphone("eve", Role.PROCTOR)
    ada = scene.join("ada")
    assert ada.is_waiting
    assert told(scene.hear((talk, SPEECH)), ada) == []
    scene.room.moderation.admit(eve, ada.peer_id)
    assert told(scene.hear((talk, SPEECH)), ada) == [["eve"]]


def test_whoever_joins_later_is_told_who_speaks_already(scene: Scene) -> None:
    _, of_ada = scene.microphone("ada")
    scene.hear_for(5, (of_ada, SPEECH))
    eve = scene.join("eve", Role.PROCTOR)
    assert told(scene.hear((of_ada, SPEECH)), eve) == [["ada"]]


def test_client_that_comes_back_is_told_again_what_it_may_have_missed(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    finn = scene.join("finn", Role.PROCTOR)
    session, of_ada = scene.microphone("ada")
    assert told(scene.after(lambda: scene.room.attach(finn)), finn) == []
    scene.hear_for(3, (of_ada, SPEECH))
    scene.room.detach(eve, scene.now_ms)
    assert told(scene.after(lambda: scene.room.attach(eve)), eve) == [["ada"]]
    scene.room.detach(eve, scene.now_ms)
    scene.room.leave(session)
    assert told(scene.after(lambda: scene.room.attach(eve)), eve) == [[]]


def test_operator_is_told_once_whoever_may_see_it(scene: Scene) -> None:
    for number in range(3):
        scene.join(f"eve{number}", Role.PROCTOR)
    _, of_ada = scene.microphone("ada")
    after = scene.hear((of_ada, SPEECH))
    (seen,) = [effect for effect in after.effects if isinstance(effect, TellOperator)]
    assert seen.session_id is None
    assert isinstance(seen.event, SpeakersActive)


def test_levels_of_other_rooms_and_of_producers_that_are_gone_mean_nothing(scene: Scene) -> None:
    eve = scene.join("eve", Role.PROCTOR)
    scene.microphone("ada")
    scene.now_ms += INTERVAL_MS
    levels = {ProducerId("zoe.1"): 10, ProducerId(""): 0}
    after = scene.after(lambda: scene.room.speakers.hear(levels, scene.now_ms))
    assert told(after, eve) == []


# All of it at once.


@dataclass
class Crowd:
    """A room of anybody, some of whose proctors speak to a few."""

    scene: Scene
    sessions: list[Session]
    producers: list[Producer]


@st.composite
def crowds(draw: st.DrawFn) -> Crowd:
    scene = Scene(draw(st.sampled_from(Visibility)))
    roles = [Role.PROCTOR, *draw(st.lists(st.sampled_from(Role), max_size=13))]
    sessions = [scene.join(f"p{at}", role) for at, role in enumerate(roles)]
    producers = []
    for session in sessions:
        if session.role is Role.OBSERVER:
            continue
        others = [other.peer_id for other in sessions if other is not session]
        may_address = session.role is Role.PROCTOR and others
        audience = draw(st.lists(st.sampled_from(others), unique=True)) if may_address else ()
        producers.append(scene.publish(session, Kind.AUDIO, audience=tuple(audience)))
    return Crowd(scene, sessions, producers)


@given(crowds(), st.data())
@settings(max_examples=60, deadline=None)
def test_everyone_hears_of_the_loudest_whom_they_may_see_and_of_nobody_else(
    crowd: Crowd, data: st.DataObject
) -> None:
    scene, roster = crowd.scene, crowd.scene.room.roster
    known: dict[str, list[ProducerId]] = {}
    voices = st.tuples(st.sampled_from(crowd.producers), st.integers(0, 127))
    for _ in range(data.draw(st.integers(1, 8))):
        after = scene.hear(*data.draw(st.lists(voices, max_size=14)))
        operator = [e.event for e in after.effects if isinstance(e, TellOperator)]
        assert len(operator) <= 1
        for session in crowd.sessions:
            visible = {p.producer_id for p in crowd.producers if roster.sees_producer(session, p)}
            for event in after.latest(session):
                assert isinstance(event, SpeakersActive)
                told_ids = [one.producer_id for one in event.speakers]
                assert set(told_ids) <= visible
                assert len(set(told_ids)) == len(told_ids) <= MOST_TOLD
                levels = [one.level for one in event.speakers]
                assert levels == sorted(levels)
                assert all(0 <= level <= 127 for level in levels)
                known[session.session_id] = told_ids
            # Looked at for this one alone.
            view = scene.room.speakers._view_of_one(session)
            expected = [speaker.producer_id for speaker in view.event.speakers]
            told_last = known.get(session.session_id, [])
            assert set(told_last) == set(expected)
            assert told_last[:1] == expected[:1]
