"""Producers that exist for some peers only: a proctor who talks to one candidate."""

from functools import partial

from services.common.errors import Code, Refusal
from services.common.ids import PeerId
from services.sfu.core import event
from services.sfu.core.peer import Session
from services.sfu.core.port import Direction, Kind
from services.sfu.core.visibility import Role
from tests.support.refusal import refusal_of
from tests.support.room import Stage


class Talk:
    """Eve talks to Ada; Ben, another proctor and an observer are there as well."""

    def __init__(self) -> None:
        self.stage = stage = Stage()
        self.eve, self.pat = stage.join("eve", Role.PROCTOR), stage.join("pat", Role.PROCTOR)
        self.obs = stage.join("obs", Role.OBSERVER)
        self.ada, self.ben = stage.join("ada"), stage.join("ben")
        self.made = stage.after(self._publish)

    def _publish(self) -> None:
        self.voice = self.stage.publish(self.eve, Kind.AUDIO, audience=(PeerId("ada"),))

    def consume(self, session: Session) -> object:
        router = self.stage.room.router
        if not session.transports:
            router.create_transport(session, Direction.RECV)
        (result,) = router.consume(session, (self.voice.producer_id,), None, None, paused=False)
        return result


def test_producer_with_an_audience_is_told_to_nobody_else() -> None:
    talk = Talk()
    new = event.ProducerNew(PeerId("eve"), talk.voice.view())
    assert talk.made.told(talk.ada) == [new]
    for other in (talk.ben, talk.pat, talk.obs, talk.eve):
        assert talk.made.told(other) == []
    router = talk.stage.room.router
    for action in (router.pause_producer, router.resume_producer, router.close_producer):
        after = talk.stage.after(partial(action, talk.eve, talk.voice.producer_id))
        assert len(after.told(talk.ada)) == 1
        for other in (talk.ben, talk.pat, talk.obs, talk.eve):
            assert after.told(other) == []


def test_roster_shows_it_to_its_audience_only() -> None:
    talk = Talk()
    room = talk.stage.room
    for viewer, count in ((talk.ada, 1), (talk.ben, 0), (talk.pat, 0)):
        (eve,) = (p for p in room.participants(viewer) if p.peer_id == "eve")
        assert len(eve.producers) == count
    after = talk.stage.after(lambda: room.update(talk.eve, hand_raised=True))
    for viewer, count in ((talk.ada, 1), (talk.ben, 0), (talk.obs, 0)):
        (updated,) = after.told(viewer)
        assert isinstance(updated, event.ParticipantUpdated)
        assert len(updated.participant.producers) == count


def test_it_is_consumed_by_its_audience_and_unknown_to_the_others() -> None:
    talk = Talk()
    assert not isinstance(talk.consume(talk.ada), Refusal)
    for other in (talk.ben, talk.pat, talk.obs):
        refused = talk.consume(other)
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.reason) == (Code.CONSUME_ERROR, "PRODUCER_NOT_FOUND")
    # Not even a moderator, who would learn of it.
    pausing = refusal_of(
        lambda: talk.stage.room.moderation.pause_producer(talk.pat, talk.voice.producer_id)
    )
    assert pausing.reason == "PRODUCER_NOT_FOUND"


def test_peer_that_leaves_and_comes_back_is_still_addressed() -> None:
    talk = Talk()
    talk.stage.room.leave(talk.ada)
    again = talk.stage.join("ada")
    (eve,) = (p for p in talk.stage.room.participants(again) if p.peer_id == "eve")
    assert len(eve.producers) == 1
    assert not isinstance(talk.consume(again), Refusal)


def test_audience_is_of_other_peers_who_are_here() -> None:
    talk = Talk()
    for audience in (("nobody",), ("ada", "nobody"), ("eve",)):
        refused = refusal_of(talk.stage.publish, talk.eve, Kind.AUDIO, audience=audience)
        assert (refused.code, refused.reason) == (Code.PRODUCE_ERROR, "PEER_NOT_FOUND")


def test_only_proctors_choose_an_audience() -> None:
    talk = Talk()
    # It could show its camera to one of its proctors, and not to the others.
    refused = refusal_of(lambda: talk.stage.publish(talk.ada, audience=(PeerId("eve"),)))
    assert (refused.code, refused.reason) == (Code.FORBIDDEN, "MAY_NOT_ADDRESS")
