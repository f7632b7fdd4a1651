"""Who waits to come in, and who has to go first."""

from collections import Counter
from random import Random

import pytest

from services.gateway.core.lobby import Lobby


def test_the_oldest_of_those_who_are_most_goes_first() -> None:
    lobby: Lobby[int] = Lobby()
    for guest, name in enumerate("abbcbc"):
        lobby.enter(guest, name)
    gone = []
    while len(lobby):
        gone.append(lobby.first_out())
        lobby.leave(gone[-1])
    assert gone[0] == 1
    assert set(gone[1:3]) == {2, 3}
    assert sorted(gone) == list(range(6))


def test_guest_counts_under_the_name_that_it_turns_out_to_have() -> None:
    lobby: Lobby[int] = Lobby()
    for guest in range(3):
        lobby.enter(guest, "proxy")
    for guest in (0, 1):
        lobby.rename(guest, f"client {guest}")
    lobby.enter(3, "client 1")
    assert lobby.first_out() == 1
    lobby.rename(9, "nobody")
    assert 9 not in lobby


def test_bytes_are_of_those_who_wait() -> None:
    lobby: Lobby[int] = Lobby()
    lobby.enter(1, "a")
    lobby.reads(1, 100)
    lobby.reads(2, 100)
    assert lobby.bytes == 100
    lobby.leave(1)
    lobby.leave(1)
    assert (lobby.bytes, len(lobby)) == (0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_whoever_comes_and_goes_the_first_out_is_of_a_name_that_has_the_most(seed: int) -> None:
    noise = Random(seed)
    lobby: Lobby[int] = Lobby()
    here: dict[int, str] = {}
    for guest in range(300):
        match noise.randrange(3):
            case 0 if here:
                gone = noise.choice(list(here))
                lobby.leave(gone)
                del here[gone]
            case 1 if here:
                moved, name = noise.choice(list(here)), noise.choice("abcd")
                lobby.rename(moved, name)
                if here.pop(moved) is not None:
                    here[moved] = name
            case _:
                here[guest] = noise.choice("abcd")
                lobby.enter(guest, here[guest])
        assert len(lobby) == len(here)
        if here:
            counts = Counter(here.values())
            assert counts[here[lobby.first_out()]] == max(counts.values())
