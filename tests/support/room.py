"""A room of core under test, with the effects of each step at hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.common.ids import Epoch, PeerId, RoomId, SessionId, UserId
from services.sfu.core.effect import (
    AdmitSession,
    Effect,
    EndSession,
    KeepSettings,
    TellLatest,
    TellOperator,
    TellSession,
)
from services.sfu.core.event import Event
from services.sfu.core.peer import Producer, Session
from services.sfu.core.port import Direction, Kind
from services.sfu.core.publication import ProduceRequest
from services.sfu.core.room import JoinRequest, Patience, Room
from services.sfu.core.router import MadeConsumer
from services.sfu.core.settings import RoomSettings
from services.sfu.core.visibility import Role, Visibility

GRACE_MS = 60_000
WAITING_MS = 1_800_000


@dataclass
class Stage:
    """A room and short names for what tests do with it."""

    visibility: Visibility = Visibility.PROCTORED
    max_peers: int = 200
    waiting_room: bool = False
    now_ms: int = 0
    room: Room = field(init=False)

    def __post_init__(self) -> None:
        settings = RoomSettings(self.visibility, self.max_peers, self.waiting_room)
        patience = Patience(GRACE_MS, WAITING_MS)
        self.room = Room(RoomId("exam"), Epoch("e1"), 1, settings, patience, ssrc_start=7)

    def join(self, peer_id: str, role: Role = Role.CANDIDATE, **changes: Any) -> Session:
        request: dict[str, Any] = {
            "session_id": SessionId(f"s-{peer_id}"),
            "peer_id": PeerId(peer_id),
            "user_id": UserId(f"user-{peer_id}"),
            "display_name": peer_id,
            "role": role,
            "may_moderate": role is Role.PROCTOR,
        }
        return self.room.join(JoinRequest(**(request | changes)), self.now_ms)

    def publish(self, session: Session, kind: Kind = Kind.VIDEO, **changes: Any) -> Producer:
        """A producer, on a new send transport if there is none."""
        router = self.room.router
        if not any(t.direction is Direction.SEND for t in session.transports.values()):
            router.create_transport(session, Direction.SEND)
        return router.produce(session, ProduceRequest(kind, **changes))

    def subscribe(self, session: Session, producer: Producer, **changes: Any) -> MadeConsumer:
        """A consumer, on a new receive transport if there is none."""
        router = self.room.router
        if not any(t.direction is Direction.RECV for t in session.transports.values()):
            router.create_transport(session, Direction.RECV)
        request: dict[str, Any] = {"paused": False} | changes
        (made,) = router.consume(session, (producer.producer_id,), None, None, **request)
        assert isinstance(made, MadeConsumer), made
        return made

    def after(self, action: Callable[[], object]) -> "Aftermath":
        """The effects of one action alone."""
        self.room.take_effects(self.now_ms)
        action()
        return Aftermath(self.room.take_effects(self.now_ms))


@dataclass
class Aftermath:
    effects: list[Effect]

    def told(self, session: Session) -> list[Event]:
        """What one session is told, in order."""
        return [
            effect.event
            for effect in self.effects
            if isinstance(effect, TellSession) and effect.session_id == session.session_id
        ]

    def latest(self, session: Session) -> list[Event]:
        """What one session is told without a number, in order."""
        return [
            effect.event
            for effect in self.effects
            if isinstance(effect, TellLatest) and effect.session_id == session.session_id
        ]

    @property
    def commands(self) -> list[Effect]:
        """What the media side is told, in order."""
        told = (TellSession, TellLatest, TellOperator, AdmitSession, EndSession, KeepSettings)
        return [effect for effect in self.effects if not isinstance(effect, told)]

    @property
    def ended(self) -> list[EndSession]:
        return [effect for effect in self.effects if isinstance(effect, EndSession)]

    @property
    def kept(self) -> list[RoomSettings]:
        """The settings that gateways are given, in order."""
        return [effect.settings for effect in self.effects if isinstance(effect, KeepSettings)]
