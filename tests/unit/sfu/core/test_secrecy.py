"""In a proctored room no candidate learns of another candidate or an observer, whatever happens."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.play import NAMES, Play, Step, hidden_from, scripts


@settings(max_examples=300)
@given(st.booleans(), scripts)
def test_candidate_learns_of_no_other_candidate(waiting_room: bool, script: list[Step]) -> None:
    play = Play(waiting_room)
    play.run(script)

    for name, said in play.told:
        text = repr(said)
        assert not [hidden for hidden in hidden_from(name) if hidden in text], (name, said)


@settings(max_examples=150)
@given(scripts)
def test_producer_for_one_peer_is_known_to_nobody_else(script: list[Step]) -> None:
    play = Play(waiting_room=False)
    play.run(script)

    for name, said in play.told:
        others = [f'{{"for":"{other}"}}' for other in NAMES if other != name]
        assert not [mark for mark in others if mark in repr(said)], (name, said)
