"""Operators who watch one room: everything that happens in it, once, whoever may see it."""

from services.common.ids import RoomId
from services.sfu.control.mailbox import Mailbox
from services.sfu.control.watch import News

CAPACITY = 1024


class OperatorBook:
    """The mailboxes of operators by room."""

    def __init__(self) -> None:
        self._mailboxes: dict[RoomId, list[Mailbox[News]]] = {}

    def open(self, room_id: RoomId) -> Mailbox[News]:
        """A mailbox for what happens in a room from here on."""
        mailbox: Mailbox[News] = Mailbox(CAPACITY)
        self._mailboxes.setdefault(room_id, []).append(mailbox)
        return mailbox

    def leave(self, room_id: RoomId, mailbox: Mailbox[News]) -> None:
        """The operator has gone; twice is fine."""
        mailboxes = self._mailboxes.get(room_id, [])
        if mailbox in mailboxes:
            mailboxes.remove(mailbox)
        if not mailboxes:
            self._mailboxes.pop(room_id, None)

    def push(self, room_id: RoomId, news: News) -> None:
        for mailbox in self._mailboxes.get(room_id, ()):
            mailbox.push(news)

    def end(self, room_id: RoomId) -> None:
        """The room is over: so are its streams, after what waits on them."""
        for mailbox in self._mailboxes.pop(room_id, ()):
            mailbox.close()

    def close(self) -> None:
        """End all of them."""
        for room_id in tuple(self._mailboxes):
            self.end(room_id)
