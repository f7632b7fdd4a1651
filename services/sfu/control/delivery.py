"""What is told: to sessions over the streams of their gateways, to the gateways, to operators."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from services.common.ids import RoomId, SessionId
from services.common.log import get_logger
from services.sfu.control.operator_watch import OperatorBook
from services.sfu.control.seat import SeatBook
from services.sfu.control.watch import Admitted, Ended, Kept, News, Watch, WatchBook
from services.sfu.core.description import SdpFormat
from services.sfu.core.effect import (
    AdmitSession,
    EndSession,
    KeepSettings,
    Message,
    OfferSdp,
    TellLatest,
    TellOperator,
    TellSession,
)
from services.sfu.core.event import SdpOffered
from services.sfu.core.room import Room
from services.sfu.core.sdp_connection import SdpOffer

log = get_logger("sfu.worker")


class Delivery:
    """`on_overflow` is called, a round of the loop later, with a stream that is read too slowly."""

    def __init__(
        self,
        seats: SeatBook,
        operators: OperatorBook,
        watches: WatchBook,
        sdp: SdpFormat,
        on_overflow: Callable[[Watch], None],
    ) -> None:
        self._seats = seats
        self._operators = operators
        self._watches = watches
        self._sdp = sdp
        self._on_overflow = on_overflow

    def deliver(self, room: Room, message: Message, traceparent: str) -> None:
        """Tell whom it concerns; nobody where no connection is there."""
        match message:
            case TellSession(session_id=session_id, seq=seq, event=event):
                self._tell(News(session_id, room.epoch, seq, traceparent, event))
            case TellLatest(session_id=session_id, event=event):
                self._tell(News(session_id, room.epoch, 0, traceparent, event))
            case OfferSdp(session_id=session_id, offer=offer):
                if self._is_heard(session_id):
                    told = self._offered(offer)
                    self._tell(News(session_id, room.epoch, 0, traceparent, told))
            case TellOperator(session_id=concerned, event=event):
                news = News(concerned or SessionId(""), room.epoch, 0, traceparent, event)
                self._operators.push(room.room_id, news)
            case AdmitSession(session_id=session_id):
                self._admit(session_id)
            case EndSession(session_id=session_id, reason=reason, message=words):
                self.end(session_id, reason, words)
            case KeepSettings():
                self._keep(room)
            case _:
                assert_never(message)

    def push(self, watch: Watch, message: News | Ended | Admitted | Kept) -> None:
        """Put a message on a stream."""
        watch.mailbox.push(message)
        if watch.mailbox.has_overflown:
            # Detaching its sessions is the next round's work: this round's effects go first.
            asyncio.get_running_loop().call_soon(self._on_overflow, watch)

    def end(self, session_id: SessionId, reason: str, message: str = "") -> None:
        """Free a session's seat, and tell its gateway. Twice is fine.

        All other gateways with a session in the room are told as well: the client may be away, and
        come back to any of them when nobody can ask this worker any more.
        """
        seat = self._seats.end(session_id)
        if seat is None:
            return
        own = seat.unbind()
        ended = Ended(session_id, reason, seat.connection_id, seat.room.generation, message)
        told = self._watches.of_room(seat.room_id)
        for watch in told | {own} if own is not None else told:
            self.push(watch, ended)
        log.info("sfu.session.ended", session_id=session_id, peer_id=seat.peer_id, reason=reason)

    def keep_on(self, watch: Watch, room: Room) -> None:
        """Give a room's settings to a gateway, unless it has them."""
        if watch.kept.get(room.room_id) != room.settings.version:
            watch.kept[room.room_id] = room.settings.version
            self.push(watch, Kept(room.room_id, room.settings))

    def drop(self, watch: Watch, room_id: RoomId, *, has_moved: bool) -> None:
        """A room is over here; its settings with it, unless it goes on elsewhere."""
        was_kept = watch.kept.pop(room_id, None) is not None
        if was_kept and not has_moved:
            self.push(watch, Kept(room_id, None))

    def _tell(self, news: News) -> None:
        seat = self._seats.get(news.session_id)
        if seat is not None and seat.watch is not None:
            self.push(seat.watch, replace(news, connection_id=seat.connection_id))

    def _is_heard(self, session_id: SessionId) -> bool:
        seat = self._seats.get(session_id)
        return seat is not None and seat.watch is not None

    def _offered(self, offer: SdpOffer) -> SdpOffered:
        text = self._sdp.write(offer.description)
        return SdpOffered(offer.offer_id, offer.transport_id, text)

    def _admit(self, session_id: SessionId) -> None:
        seat = self._seats.get(session_id)
        if seat is not None and seat.watch is not None:
            self.push(seat.watch, Admitted(session_id, seat.connection_id))

    def _keep(self, room: Room) -> None:
        for session in room.everyone():
            seat = self._seats.get(session.session_id)
            if seat is not None and seat.watch is not None:
                self.keep_on(seat.watch, room)
