"""What gateways ask for a session: a seat in a room, or that it passes to another connection."""

from dataclasses import dataclass, replace

from services.common.ids import ConnectionId, RoomId, SessionId, WatchId
from services.sfu.control.seat import Seat
from services.sfu.core.grant import Grants
from services.sfu.core.limit import MAX_PEERS_PER_ROOM
from services.sfu.core.room import JoinRequest
from services.sfu.core.settings import RoomSettings
from services.sfu.core.visibility import Visibility


@dataclass(frozen=True, slots=True)
class Attach:
    """Which connection takes a session over, and the counter of its resume token."""

    room_id: RoomId
    session_id: SessionId
    counter: int
    watch_id: WatchId
    connection_id: ConnectionId
    generation: int


@dataclass(frozen=True, slots=True)
class Join:
    """Who wants to join what. `max_peers`: 0 means the worker's default; 1,000 are the most.

    `resume_counter`: of the token of a session whose worker is gone. `settings`: what the gateway
    has kept of the room; they count for more than visibility, max_peers and waiting_room.
    """

    room_id: RoomId
    watch_id: WatchId
    connection_id: ConnectionId
    request_id: str
    generation: int
    create: bool
    visibility: Visibility
    max_peers: int
    request: JoinRequest
    resume_counter: int | None = None
    waiting_room: bool = False
    settings: RoomSettings | None = None

    @property
    def grants(self) -> Grants:
        request = self.request
        return Grants(request.may_publish, request.may_subscribe, request.may_moderate)

    def is_of(self, seat: Seat) -> bool:
        """Whether it is the seat's own join, asked for anew."""
        wanted = (self.room_id, self.request.peer_id, self.request.role)
        return wanted == (seat.room_id, seat.peer_id, seat.session.role)

    def as_attach(self, counter: int) -> Attach:
        """For a session that sits here already."""
        return Attach(
            room_id=self.room_id,
            session_id=self.request.session_id,
            counter=counter,
            watch_id=self.watch_id,
            connection_id=self.connection_id,
            generation=self.generation,
        )

    def new_settings(self, default_max_peers: int) -> RoomSettings:
        """For a room that it opens, or opens anew."""
        settings = self.settings or RoomSettings(
            self.visibility, self.max_peers or default_max_peers, self.waiting_room
        )
        return replace(settings, max_peers=min(settings.max_peers, MAX_PEERS_PER_ROOM))
