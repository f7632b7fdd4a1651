"""Who may say something to whom."""

import pytest

from services.common.errors import Code
from services.common.ids import PeerId
from services.sfu.core.event import MessageReceived
from services.sfu.core.peer import Session
from services.sfu.core.text import send
from services.sfu.core.visibility import Role, Visibility
from tests.support.refusal import refusal_of
from tests.support.room import Stage


class Hall:
    """Two candidates, two proctors and an observer."""

    def __init__(self, visibility: Visibility = Visibility.PROCTORED) -> None:
        self.stage = Stage(visibility)
        self.peers = {
            name: self.stage.join(name, role)
            for name, role in {
                "ada": Role.CANDIDATE,
                "ben": Role.CANDIDATE,
                "eve": Role.PROCTOR,
                "pat": Role.PROCTOR,
                "obs": Role.OBSERVER,
            }.items()
        }

    def __getitem__(self, name: str) -> Session:
        return self.peers[name]

    def heard(self, sender: str, to: str | None = None) -> set[str]:
        """Who gets a message."""
        to_id = PeerId(to) if to is not None else None
        roster = self.stage.room.roster
        after = self.stage.after(lambda: send(roster, self[sender], to_id, '"hi"'))
        told = MessageReceived(PeerId(sender), to_id, '"hi"')
        return {name for name, peer in self.peers.items() if after.told(peer) == [told]}

    def refused(self, sender: str, to: str, body: str = '"hi"') -> tuple[Code, str, str]:
        refusal = refusal_of(lambda: send(self.stage.room.roster, self[sender], PeerId(to), body))
        return refusal.code, refusal.reason, refusal.message


@pytest.mark.parametrize("visibility", list(Visibility))
def test_candidate_writes_to_the_proctors_or_to_one(visibility: Visibility) -> None:
    hall = Hall(visibility)
    assert hall.heard("ada") == {"eve", "pat"}
    assert hall.heard("ada", "pat") == {"pat"}


def test_proctor_writes_to_all_or_to_one() -> None:
    hall = Hall()
    assert hall.heard("eve") == {"ada", "ben", "pat", "obs"}
    assert hall.heard("eve", "ben") == {"ben"}
    assert hall.heard("eve", "obs") == {"obs"}


def test_other_candidate_is_an_unknown_peer_to_a_candidate() -> None:
    hall = Hall()
    expected = hall.refused("ada", "nobody")
    assert expected[:2] == (Code.NOT_FOUND, "PEER_NOT_FOUND")
    for to in ("ben", "obs", "ada"):
        assert hall.refused("ada", to) == expected


def test_candidates_do_not_write_to_each_other_in_an_open_room_either() -> None:
    assert Hall(Visibility.OPEN).refused("ada", "ben")[1] == "CANDIDATE_TO_CANDIDATE"


def test_observer_has_no_voice() -> None:
    assert Hall().refused("obs", "eve")[:2] == (Code.FORBIDDEN, "MAY_NOT_SEND")


def test_body_is_bounded_json() -> None:
    hall = Hall()
    assert hall.refused("ada", "eve", '"' + "x" * 4095 + '"')[1] == "MESSAGE_TOO_LARGE"
    for body in ("", "hi", "NaN", "1e999", "[" * 3000):
        assert hall.refused("ada", "eve", body)[1] == "BAD_MESSAGE"
