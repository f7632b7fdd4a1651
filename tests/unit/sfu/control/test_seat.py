"""Where the worker finds a session: by its id, by its peer's, and by those of its media."""

from services.common.ids import ConnectionId, ConsumerId, PeerId, ProducerId, SessionId, TransportId
from services.sfu.control.seat import Seat, SeatBook
from tests.support.room import Stage


def test_media_is_found_by_the_peer_that_its_id_begins_with() -> None:
    stage, book = Stage(), SeatBook()
    seat = Seat(stage.room, stage.join("a.b"), None, ConnectionId("c"))
    book.add(seat)
    assert book.of_peer(PeerId("a.b")) is seat
    for media in (TransportId("a.b.t1"), ProducerId("a.b.7"), ConsumerId("a.b.c12")):
        assert book.of_media(media) is seat
    for other in (ProducerId("a.7"), ProducerId("a.b"), ProducerId("nonsense"), ProducerId("")):
        assert book.of_media(other) is None


def test_session_that_takes_a_peers_place_is_found_before_and_after_the_other_has_ended() -> None:
    stage, book = Stage(), SeatBook()
    first = Seat(stage.room, stage.join("ada"), None, ConnectionId("c"))
    book.add(first)
    session = stage.join("ada", session_id=SessionId("second"))
    second = Seat(stage.room, session, None, ConnectionId("d"))
    book.add(second)
    assert book.of_peer(session.peer_id) is second
    assert book.end(first.session_id) is first
    assert book.of_peer(session.peer_id) is second
    book.end(session.session_id)
    assert book.of_peer(session.peer_id) is None
    assert len(book) == 0
