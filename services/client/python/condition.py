"""What moderators decide of a room, and who waits to be let in, kept as the roster is."""

from dataclasses import dataclass, field

from services.client.python.connection import AnyEvent
from services.client.python.message import (
    ParticipantJoined,
    ParticipantLeft,
    ParticipantWaiting,
    RoomLockChanged,
    RoomState,
    WaitingPeer,
)


@dataclass(slots=True)
class Condition:
    """How the room is. Only moderators are told who waits."""

    # Nobody new is let in.
    locked: bool = False
    # By peer id, in the order of their coming.
    waiting: dict[str, WaitingPeer] = field(default_factory=dict)

    def load(self, state: RoomState) -> None:
        """Begin with a snapshot."""
        self.locked = state.room_config.locked
        self.waiting = {peer.peer_id: peer for peer in state.waiting}

    def apply(self, event: AnyEvent) -> None:
        """Follow an event. One about somebody unknown changes nothing."""
        match event:
            case RoomLockChanged():
                self.locked = event.type == "room:locked"
            case ParticipantWaiting():
                self.waiting[event.peer_id] = event
            case ParticipantJoined(participant=peer):
                self.waiting.pop(peer.peer_id, None)
            case ParticipantLeft(peer_id=peer_id):
                self.waiting.pop(peer_id, None)
