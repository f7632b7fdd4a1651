"""What moderators may do, to whom, and what the others learn of it."""

from collections.abc import Callable

import pytest

from services.common.errors import Code
from services.common.ids import PeerId, ProducerId, SessionId, UserId
from services.sfu.core import effect, event
from services.sfu.core.peer import Session
from services.sfu.core.port import Direction, Kind
from services.sfu.core.visibility import Role
from tests.support.refusal import refusal_of
from tests.support.room import Stage

ADA = UserId("user-ada")


def act(stage: Stage, name: str, moderator: Session, target: str) -> object:
    moderation = stage.room.moderation
    peer_id = PeerId(target)
    acts: dict[str, Callable[[], object]] = {
        "lock": lambda: moderation.lock(moderator),
        "unlock": lambda: moderation.unlock(moderator),
        "admit": lambda: moderation.admit(moderator, peer_id),
        "reject": lambda: moderation.reject(moderator, peer_id, ""),
        "kick": lambda: moderation.kick(moderator, peer_id, ""),
        "mute": lambda: moderation.mute(moderator, peer_id),
        "unmute": lambda: moderation.unmute(moderator, peer_id),
    }
    return acts[name]()


ON_PEERS = ["admit", "reject", "kick", "mute", "unmute"]


@pytest.mark.parametrize("name", ["lock", "unlock", *ON_PEERS])
@pytest.mark.parametrize("role", list(Role))
def test_only_a_moderator_moderates_whatever_its_role(name: str, role: Role) -> None:
    stage = Stage()
    stage.join("ada")
    other = stage.join("eve", role, may_moderate=False)

    refused = refusal_of(lambda: act(stage, name, other, "ada"))

    assert (refused.code, refused.reason) == (Code.FORBIDDEN, "NOT_A_MODERATOR")


@pytest.mark.parametrize("name", ON_PEERS)
def test_peer_that_is_not_there_or_not_to_be_seen_is_not_found(name: str) -> None:
    stage = Stage()
    stage.join("ada")
    # The token of a candidate may say so, though nobody would.
    odd = stage.join("ben", may_moderate=True)

    unseen, unknown = (refusal_of(act, stage, name, odd, target) for target in ("ada", "nobody"))

    assert (unseen.code, unseen.reason) == (Code.NOT_FOUND, "PEER_NOT_FOUND")
    assert unseen.message == unknown.message


@pytest.mark.parametrize("name", ["kick", "mute", "unmute"])
def test_moderator_is_not_moderated_on_any_of_its_devices(name: str) -> None:
    stage = Stage()
    eve = stage.join("eve", Role.PROCTOR)
    stage.join("pat", Role.PROCTOR)
    stage.join("pats-phone", user_id=UserId("user-pat"))

    for target in ("pat", "pats-phone"):
        refused = refusal_of(act, stage, name, eve, target)
        assert refused.reason == "PEER_IS_MODERATOR"


def test_kicked_user_is_gone_from_every_device_and_stays_out() -> None:
    stage = Stage()
    eve = stage.join("eve", Role.PROCTOR)
    ada, phone = stage.join("ada"), stage.join("adas-phone", user_id=ADA)
    ben = stage.join("ben")

    after = stage.after(lambda: stage.room.moderation.kick(eve, PeerId("ada"), "Phone in hand"))

    assert after.ended == [
        effect.EndSession(session.session_id, "KICKED", "Phone in hand") for session in (ada, phone)
    ]
    assert after.told(eve) == [
        event.ParticipantLeft(PeerId("ada"), "KICKED"),
        event.ParticipantLeft(PeerId("adas-phone"), "KICKED"),
    ]
    assert after.told(ben) == []
    for role in Role:
        refused = refusal_of(stage.join, "again", role, user_id=ADA, had_seat=True)
        assert (refused.code, refused.reason) == (Code.FORBIDDEN, "BANNED")


def test_locked_room_lets_in_moderators_and_those_who_were_there() -> None:
    stage = Stage()
    eve, ada, ben = stage.join("eve", Role.PROCTOR), stage.join("ada"), stage.join("ben")

    after = stage.after(lambda: stage.room.moderation.lock(eve))

    assert after.told(eve) == []
    assert after.told(ada) == after.told(ben) == [event.RoomLocked()]
    assert refusal_of(lambda: stage.join("cam")).reason == "ROOM_LOCKED"
    assert refusal_of(lambda: stage.join("obs", Role.OBSERVER)).reason == "ROOM_LOCKED"
    stage.join("pat", Role.PROCTOR)
    stage.room.leave(ada)
    stage.join("adas-new-tab", user_id=ADA)
    # It left before the lock, and kept its resume token.
    assert refusal_of(stage.join, "dan", had_seat=True).reason == "ROOM_LOCKED"


def test_room_is_locked_and_unlocked_once() -> None:
    stage = Stage()
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")
    moderation = stage.room.moderation
    moderation.lock(eve)

    assert stage.after(lambda: moderation.lock(eve)).effects == []
    assert stage.after(lambda: moderation.unlock(eve)).told(ada) == [event.RoomUnlocked()]
    assert stage.after(lambda: moderation.unlock(eve)).effects == []
    stage.join("cam")


def test_muted_user_is_silent_on_every_device_and_in_what_it_publishes_later() -> None:
    stage = Stage()
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")
    phone = stage.join("adas-phone", user_id=ADA)
    microphone, camera = stage.publish(ada, Kind.AUDIO), stage.publish(ada, Kind.VIDEO)
    made = stage.subscribe(eve, microphone)

    after = stage.after(lambda: stage.room.moderation.mute(eve, PeerId("ada")))

    assert microphone.paused
    assert not camera.paused
    assert after.commands == [effect.PauseProducer(microphone.producer_id)]
    assert after.told(ada) == [event.ProducerPaused(microphone.producer_id, muted=True)]
    facts = after.told(eve)
    updates = [fact for fact in facts if isinstance(fact, event.ParticipantUpdated)]
    assert [(u.participant.peer_id, u.participant.muted) for u in updates] == [
        ("ada", True),
        ("adas-phone", True),
    ]
    assert event.ConsumerPaused(made.consumer.consumer_id) in facts
    later = stage.publish(phone, Kind.AUDIO)
    assert (later.paused, later.muted) == (True, True)


def test_owner_cannot_resume_what_a_moderator_muted() -> None:
    stage = Stage()
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")
    microphone = stage.publish(ada, Kind.AUDIO)
    stage.room.moderation.mute(eve, PeerId("ada"))

    refused = refusal_of(lambda: stage.room.router.resume_producer(ada, microphone.producer_id))

    assert (refused.code, refused.reason) == (Code.FORBIDDEN, "MUTED_BY_MODERATOR")
    assert microphone.paused


def test_unmuting_gives_back_what_the_owner_had_not_paused() -> None:
    stage = Stage()
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")
    router, moderation = stage.room.router, stage.room.moderation
    first = router.create_transport(ada, Direction.SEND).transport_id
    open_one = stage.publish(ada, Kind.AUDIO, transport_id=first)
    beside = router.create_transport(ada, Direction.SEND).transport_id
    closed_one = stage.publish(ada, Kind.AUDIO, transport_id=beside)
    router.pause_producer(ada, closed_one.producer_id)
    moderation.mute(eve, PeerId("ada"))

    after = stage.after(lambda: moderation.unmute(eve, PeerId("ada")))

    assert not open_one.paused
    # A moderator never opens a microphone that its owner has closed.
    assert closed_one.paused
    assert after.commands == [effect.ResumeProducer(open_one.producer_id)]
    assert after.told(ada) == [
        event.ProducerResumed(open_one.producer_id),
        event.ProducerPaused(closed_one.producer_id, muted=False),
    ]
    router.resume_producer(ada, closed_one.producer_id)
    assert not closed_one.paused


def test_one_producer_is_paused_by_a_moderator_until_a_moderator_resumes_it() -> None:
    stage = Stage()
    eve, pat = stage.join("eve", Role.PROCTOR), stage.join("pat", Role.PROCTOR)
    ada = stage.join("ada")
    camera = stage.publish(ada)
    moderation = stage.room.moderation
    paused = event.ProducerPaused(camera.producer_id, muted=True)

    after = stage.after(lambda: moderation.pause_producer(eve, camera.producer_id))

    # Eve too: the answer does not say whether Ada has paused it as well.
    assert (after.told(eve), after.told(pat), after.told(ada)) == ([paused], [paused], [paused])
    assert refusal_of(
        lambda: stage.room.router.resume_producer(ada, camera.producer_id)
    ).reason == ("MUTED_BY_MODERATOR")
    moderation.resume_producer(pat, camera.producer_id)
    assert not camera.paused


def test_audio_of_a_muted_user_is_not_resumed_one_by_one() -> None:
    stage = Stage()
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")
    microphone = stage.publish(ada, Kind.AUDIO)
    stage.room.moderation.mute(eve, PeerId("ada"))

    refused = refusal_of(lambda: stage.room.moderation.resume_producer(eve, microphone.producer_id))

    assert refused.reason == "PEER_MUTED"


def test_producer_of_another_is_unknown_to_who_may_not_moderate() -> None:
    stage = Stage()
    stage.join("eve", Role.PROCTOR)
    guest = stage.join("guest", Role.PROCTOR, may_moderate=False)
    camera = stage.publish(stage.join("ada"))

    refused, unknown = (
        refusal_of(stage.room.moderation.pause_producer, guest, name)
        for name in (camera.producer_id, ProducerId("p.9"))
    )

    assert (refused.code, refused.reason) == (Code.PRODUCE_ERROR, "PRODUCER_NOT_FOUND")
    assert refused.message == unknown.message


def test_settings_follow_each_decision_and_forget_producers_that_are_gone() -> None:
    stage = Stage()
    eve, ada = stage.join("eve", Role.PROCTOR), stage.join("ada")
    camera = stage.publish(ada)
    moderation = stage.room.moderation

    (held,) = stage.after(lambda: moderation.pause_producer(eve, camera.producer_id)).kept
    (freed,) = stage.after(lambda: stage.room.router.close_producer(ada, camera.producer_id)).kept

    assert held.muted_producers == {camera.producer_id}
    assert freed.muted_producers == frozenset()
    assert freed.version == held.version + 1


def test_what_was_decided_elsewhere_takes_effect_on_those_who_are_here() -> None:
    stage = Stage()
    stage.join("eve", Role.PROCTOR)
    ada, ben = stage.join("ada"), stage.join("ben")
    microphone = stage.publish(ben, Kind.AUDIO)
    presented = stage.room.settings.ban(ada.user_id).mute(ben.user_id).lock(frozenset())

    after = stage.after(lambda: stage.room.moderation.adopt(presented))

    assert after.ended == [effect.EndSession(ada.session_id, "KICKED", "")]
    assert after.kept[0] == presented
    assert microphone.muted
    assert refusal_of(lambda: stage.join("cam")).reason == "ROOM_LOCKED"


def test_peer_tells_what_it_changed_of_itself_and_nothing_where_nothing_is() -> None:
    stage = Stage()
    eve, ada, ben = stage.join("eve", Role.PROCTOR), stage.join("ada"), stage.join("ben")
    update = stage.room.update

    after = stage.after(
        lambda: update(ada, app_data_json='{"a":1}', display_name="Ada L.", hand_raised=True)
    )

    (told,) = after.told(eve)
    assert isinstance(told, event.ParticipantUpdated)
    seen = told.participant
    assert (seen.app_data_json, seen.display_name, seen.hand_raised) == ('{"a":1}', "Ada L.", True)
    assert after.told(ada) == after.told(ben) == []
    assert stage.after(lambda: update(ada, hand_raised=True)).effects == []
    big = '{"a":"' + "x" * 2100 + '"}'
    refused = refusal_of(lambda: update(ada, app_data_json=big, display_name="Eve"))
    assert refused.reason == "APP_DATA_TOO_LARGE"
    assert ada.display_name == "Ada L."


def test_session_replaced_by_its_own_peer_needs_no_moderator() -> None:
    stage = Stage(waiting_room=True)
    eve = stage.join("eve", Role.PROCTOR)
    stage.join("ada")
    stage.room.moderation.admit(eve, PeerId("ada"))
    stage.room.moderation.lock(eve)

    again = stage.join("ada", session_id=SessionId("s-again"))

    assert not again.is_waiting
