"""Those who wait to be let in, and the moderators who decide."""

from services.common.errors import Code
from services.common.ids import PeerId, UserId
from services.sfu.core import effect, event
from services.sfu.core.lobby import MAX_WAITING
from services.sfu.core.visibility import Role
from tests.support.refusal import refusal_of
from tests.support.room import WAITING_MS, Stage


def test_candidate_waits_and_only_moderators_learn_of_it() -> None:
    stage = Stage(waiting_room=True)
    eve, guest = stage.join("eve", Role.PROCTOR), stage.join("g", Role.PROCTOR, may_moderate=False)

    after = stage.after(lambda: stage.join("ada", app_data_json='{"seat":7}'))

    view = event.WaitingView(PeerId("ada"), UserId("user-ada"), "ada", '{"seat":7}')
    assert after.told(eve) == [event.ParticipantWaiting(view)]
    assert after.told(guest) == []
    assert stage.room.lobby.visible_to(eve) == (view,)
    assert stage.room.lobby.visible_to(guest) == ()
    assert [p.peer_id for p in stage.room.participants(eve)] == ["g"]


def test_proctors_observers_and_moderators_do_not_wait() -> None:
    stage = Stage(waiting_room=True)

    assert not stage.join("eve", Role.PROCTOR, may_moderate=False).is_waiting
    assert not stage.join("obs", Role.OBSERVER).is_waiting
    assert not stage.join("odd", may_moderate=True).is_waiting


def test_peer_of_a_lost_worker_was_let_in_before() -> None:
    assert not Stage(waiting_room=True).join("ada", had_seat=True).is_waiting


def test_admitted_peer_is_seated_at_once_and_its_user_waits_no_more() -> None:
    stage = Stage(waiting_room=True)
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")

    after = stage.after(lambda: stage.room.moderation.admit(eve, PeerId("ada")))

    assert effect.AdmitSession(ada.session_id) in after.effects
    (joined,) = after.told(eve)
    assert isinstance(joined, event.ParticipantJoined)
    assert [p.peer_id for p in stage.room.participants(ada)] == ["eve"]
    stage.room.leave(ada)
    assert not stage.join("adas-new-tab", user_id=ada.user_id).is_waiting


def test_admitting_twice_is_as_good_as_once() -> None:
    stage = Stage(waiting_room=True)
    eve = stage.join("eve", Role.PROCTOR)
    stage.join("ada")
    stage.room.moderation.admit(eve, PeerId("ada"))

    again = stage.after(lambda: stage.room.moderation.admit(eve, PeerId("ada")))

    assert again.effects == []


def test_rejected_peer_is_told_why_and_may_try_again() -> None:
    stage = Stage(waiting_room=True)
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")

    after = stage.after(lambda: stage.room.moderation.reject(eve, PeerId("ada"), "No ID"))

    assert after.ended == [effect.EndSession(ada.session_id, "REJECTED", "No ID")]
    assert after.told(eve) == [event.ParticipantLeft(PeerId("ada"), "REJECTED")]
    assert stage.join("ada").is_waiting
    seated = refusal_of(lambda: stage.room.moderation.reject(eve, PeerId("eve"), ""))
    assert seated.code is Code.NOT_FOUND


def test_kicked_while_waiting_is_banned() -> None:
    stage = Stage(waiting_room=True)
    eve = stage.join("eve", Role.PROCTOR)
    stage.join("ada")

    after = stage.after(lambda: stage.room.moderation.kick(eve, PeerId("ada"), ""))

    assert [end.reason for end in after.ended] == ["KICKED"]
    assert refusal_of(lambda: stage.join("ada")).reason == "BANNED"


def test_who_waits_when_the_room_is_locked_can_still_be_admitted() -> None:
    stage = Stage(waiting_room=True)
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")
    stage.room.moderation.lock(eve)

    assert refusal_of(lambda: stage.join("ben")).reason == "ROOM_LOCKED"
    stage.room.moderation.admit(eve, PeerId("ada"))

    assert not ada.is_waiting
    stage.room.leave(ada)
    assert not stage.join("ada").is_waiting


def test_nobody_waits_for_a_place_that_there_is_not() -> None:
    stage = Stage(waiting_room=True, max_peers=2)
    stage.join("eve", Role.PROCTOR)
    stage.join("ada")

    assert refusal_of(stage.join, "ben").code is Code.ROOM_FULL
    # Who need not wait is not kept out by those who do.
    stage.join("pat", Role.PROCTOR)


def test_nobody_is_admitted_to_a_full_room() -> None:
    stage = Stage(waiting_room=True, max_peers=2)
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")
    stage.join("pat", Role.PROCTOR)

    refused = refusal_of(lambda: stage.room.moderation.admit(eve, PeerId("ada")))

    assert refused.code is Code.ROOM_FULL
    assert ada.is_waiting


def test_waiting_ends_with_the_socket_and_with_time() -> None:
    stage = Stage(waiting_room=True)
    eve, ada, ben = stage.join("eve", Role.PROCTOR), stage.join("ada"), stage.join("ben")

    lost = stage.after(lambda: stage.room.detach(ada, now_ms=5))

    assert [end.reason for end in lost.ended] == ["LEFT"]
    assert lost.told(eve) == [event.ParticipantLeft(PeerId("ada"), "LEFT")]
    assert stage.room.deadline_ms() == WAITING_MS
    assert stage.room.lobby.expired(WAITING_MS - 1) == []
    assert stage.room.lobby.expired(WAITING_MS) == [ben]
    late = stage.after(lambda: stage.room.leave(ben, "WAITED_TOO_LONG"))
    assert late.told(eve) == [event.ParticipantLeft(PeerId("ben"), "TIMED_OUT")]
    assert stage.room.deadline_ms() is None


def test_room_with_someone_who_waits_is_not_empty() -> None:
    stage = Stage(waiting_room=True)
    ada = stage.join("ada")

    assert not stage.room.is_empty
    stage.room.leave(ada)
    assert stage.room.is_empty


def test_room_that_stops_ends_the_waiting_too() -> None:
    stage = Stage(waiting_room=True)
    ada = stage.join("ada")

    after = stage.after(lambda: stage.room.stop("WORKER_FAULT"))

    assert after.ended == [effect.EndSession(ada.session_id, "WORKER_FAULT")]
    assert stage.room.is_empty


def test_waiting_room_has_an_end() -> None:
    stage = Stage(waiting_room=True, max_peers=1000)
    for number in range(MAX_WAITING):
        stage.join(f"p{number}")

    assert refusal_of(lambda: stage.join("late")).reason == "WAITING_ROOM_FULL"
    taken = refusal_of(lambda: stage.join("p1", session_id="s-other"))
    assert taken.reason == "PEER_ID_TAKEN"
