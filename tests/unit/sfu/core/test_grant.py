"""Grants of a fresh token: what counts from then on, and what becomes of what is there."""

import pytest

from services.common.errors import Refusal
from services.sfu.core.effect import AdmitSession, RemoveConsumer, RemoveProducer
from services.sfu.core.event import (
    ConsumerClosed,
    ParticipantWaiting,
    ProducerClosed,
)
from services.sfu.core.grant import Grants, grants_of, set_grants
from services.sfu.core.port import Kind
from services.sfu.core.visibility import Role, Visibility
from tests.support.room import Stage

ALL = Grants(publish=True, subscribe=True, moderate=True)
PLAIN = Grants(publish=True, subscribe=True, moderate=False)
MUTE = Grants(publish=False, subscribe=True, moderate=False)
BLIND = Grants(publish=True, subscribe=False, moderate=False)


def test_grants_that_are_the_same_change_nothing() -> None:
    stage = Stage()
    ada = stage.join("ada")
    stage.publish(ada)
    assert stage.after(lambda: set_grants(stage.room, ada, grants_of(ada))).effects == []


def test_without_the_right_to_publish_what_is_published_ends_and_all_are_told() -> None:
    stage = Stage()
    ada, pat = stage.join("ada"), stage.join("pat", Role.PROCTOR)
    voice, face = stage.publish(ada, Kind.AUDIO), stage.publish(ada)
    made = stage.subscribe(pat, face)

    after = stage.after(lambda: set_grants(stage.room, ada, MUTE))

    closed = [ProducerClosed(voice.producer_id), ProducerClosed(face.producer_id)]
    assert after.told(ada) == closed
    gone = ConsumerClosed(made.consumer.consumer_id)
    assert after.told(pat) == [closed[0], gone, closed[1]]
    assert RemoveProducer(face.producer_id) in after.commands
    assert not ada.producers
    assert ada.transports
    with pytest.raises(Refusal) as refused:
        stage.publish(ada)
    assert refused.value.reason == "MAY_NOT_PUBLISH"

    set_grants(stage.room, ada, PLAIN)
    assert stage.publish(ada).producer_id == "ada.3"


def test_without_the_right_to_subscribe_what_is_consumed_ends() -> None:
    stage = Stage()
    ada, pat = stage.join("ada"), stage.join("pat", Role.PROCTOR)
    made = stage.subscribe(ada, stage.publish(pat))

    after = stage.after(lambda: set_grants(stage.room, ada, BLIND))

    assert after.told(ada) == [ConsumerClosed(made.consumer.consumer_id)]
    assert after.told(pat) == []
    assert RemoveConsumer(made.consumer.consumer_id) in after.commands
    assert not ada.consumers


def test_new_moderator_is_told_once_who_waits_and_may_decide() -> None:
    stage = Stage(waiting_room=True)
    pat = stage.join("pat", Role.PROCTOR, may_moderate=False)
    ada = stage.join("ada")
    assert ada.is_waiting

    after = stage.after(lambda: set_grants(stage.room, pat, ALL))

    (told,) = after.told(pat)
    assert isinstance(told, ParticipantWaiting)
    assert told.peer.peer_id == "ada"
    assert stage.after(lambda: set_grants(stage.room, pat, ALL)).effects == []
    stage.room.moderation.admit(pat, ada.peer_id)
    set_grants(stage.room, pat, PLAIN)
    with pytest.raises(Refusal) as refused:
        stage.room.moderation.lock(pat)
    assert refused.value.reason == "NOT_A_MODERATOR"


def test_one_who_waits_comes_in_as_a_moderator_where_there_is_a_seat() -> None:
    stage = Stage(Visibility.OPEN, waiting_room=True, max_peers=2)
    ada, bo = stage.join("ada"), stage.join("bo")

    after = stage.after(lambda: set_grants(stage.room, ada, ALL))
    assert AdmitSession(ada.session_id) in after.effects
    assert not ada.is_waiting

    stage.room.moderation.admit(ada, bo.peer_id)
    assert len(stage.room.roster) == 2


def test_one_who_waits_for_a_full_room_goes_on_waiting() -> None:
    stage = Stage(waiting_room=True, max_peers=2)
    ada = stage.join("ada")
    stage.join("pat", Role.PROCTOR)
    stage.join("sue", Role.PROCTOR)

    assert stage.after(lambda: set_grants(stage.room, ada, ALL)).effects == []
    assert ada.is_waiting


def test_an_observer_publishes_nothing_whatever_its_token_says() -> None:
    stage = Stage()
    eve = stage.join("eve", Role.OBSERVER)
    set_grants(stage.room, eve, ALL)
    assert grants_of(eve) == Grants(publish=False, subscribe=True, moderate=True)
