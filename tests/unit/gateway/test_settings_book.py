"""The copy of a room's settings that outlives a worker."""

from services.common.ids import RoomId
from services.gateway.upstream.settings import RETENTION_S, SettingsBook
from services.pb.invigil.sfu.v1.room_pb2 import RoomSettings

EXAM = RoomId("exam")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def version_of(book: SettingsBook[str]) -> int | None:
    settings = book.newest(EXAM)
    return settings.version if settings is not None else None


def test_newest_version_is_given_on() -> None:
    book: SettingsBook[str] = SettingsBook(Clock())
    assert version_of(book) is None
    for version in (1, 3):
        book.keep(RoomSettings(room_id="exam", version=version), "w1")
    assert version_of(book) == 3


def test_room_that_has_ended_leaves_nothing() -> None:
    book: SettingsBook[str] = SettingsBook(Clock())
    book.keep(RoomSettings(room_id="exam", version=1), "w1")
    book.keep(RoomSettings(room_id="exam", ended=True), "w1")
    book.keep(RoomSettings(room_id="unknown", ended=True), "w1")
    assert len(book) == 0


def test_settings_of_a_lost_worker_are_kept_until_its_clients_are_back() -> None:
    clock = Clock()
    book: SettingsBook[str] = SettingsBook(clock)
    book.keep(RoomSettings(room_id="exam", version=5), "w1")
    book.keep(RoomSettings(room_id="other", version=5), "w2")
    book.lost("w1")
    clock.now = RETENTION_S - 1
    # A worker that never had it, and comes and goes, changes nothing.
    book.lost("w1")
    assert version_of(book) == 5
    clock.now = RETENTION_S
    assert version_of(book) is None
    assert len(book) == 1


def test_successor_with_an_older_version_does_not_hide_the_newer() -> None:
    clock = Clock()
    book: SettingsBook[str] = SettingsBook(clock)
    book.keep(RoomSettings(room_id="exam", version=5), "w1")
    book.lost("w1")
    book.keep(RoomSettings(room_id="exam", version=2), "w2")
    clock.now = 2 * RETENTION_S
    assert version_of(book) == 5
