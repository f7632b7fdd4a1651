"""Whatever people do in a room, its books agree with each other and with what was decided."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sfu.core.port import Kind
from services.sfu.core.room import Room
from tests.support.play import Play, Step, scripts


def check(room: Room) -> None:
    sessions, decided = room.roster.sessions.values(), room.settings
    assert len({session.peer_id for session in room.everyone()}) == len(room.everyone())
    for session in room.everyone():
        assert session.user_id not in decided.banned
        assert session.is_waiting is (session in room.lobby.sessions())
    owned = {pid: s for s in sessions for pid in s.producers}
    assert owned.keys() == room.router.producers.keys()
    assert decided.muted_producers <= owned.keys()
    for producer_id, producer in room.router.producers.items():
        is_user_muted = owned[producer_id].user_id in decided.muted
        assert producer.muted is (
            producer_id in decided.muted_producers
            or (is_user_muted and producer.kind is Kind.AUDIO)
        )
        for consumer_id in producer.consumer_ids:
            viewer = room.roster.sessions[room.router.consumers[consumer_id].session_id]
            assert room.roster.sees_producer(viewer, producer)


@settings(max_examples=200)
@given(st.booleans(), scripts)
def test_books_of_a_room_agree(waiting_room: bool, script: list[Step]) -> None:
    play = Play(waiting_room)
    play.run([])
    for step in script:
        play.step(step)
        check(play.stage.room)
