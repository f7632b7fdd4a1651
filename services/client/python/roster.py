"""Who is in the room and what they publish, kept from `room:state` and the events after it."""

from dataclasses import dataclass, field

from services.client.python.connection import AnyEvent
from services.client.python.message import (
    Participant,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    Producer,
    ProducerChanged,
    ProducerNew,
    RoomState,
)


@dataclass(slots=True)
class Roster:
    """The others, by peer id, and their producers, by producer id."""

    participants: dict[str, Participant] = field(default_factory=dict)
    producers: dict[str, Producer] = field(default_factory=dict)
    # The peer of each producer.
    owners: dict[str, str] = field(default_factory=dict)

    def load(self, state: RoomState) -> None:
        """Begin with a snapshot; the own peer is no other."""
        for peer in state.participants:
            if peer.peer_id != state.peer_id:
                self._add(peer)

    def apply(self, event: AnyEvent) -> None:
        """Follow an event. One about somebody unknown changes nothing."""
        match event:
            case ParticipantJoined(participant=peer) | ParticipantUpdated(participant=peer):
                self._remove(peer.peer_id)
                self._add(peer)
            case ParticipantLeft(peer_id=peer_id):
                self._remove(peer_id)
            case ProducerNew():
                self.producers[event.producer_id] = event
                self.owners[event.producer_id] = event.peer_id
            case ProducerChanged(type="producer:closed", producer_id=producer_id):
                self.producers.pop(producer_id, None)
                self.owners.pop(producer_id, None)
            case ProducerChanged(producer_id=producer_id) if producer_id in self.producers:
                change = {"paused": event.type == "producer:paused", "muted": event.muted}
                changed = self.producers[producer_id].model_copy(update=change)
                self.producers[producer_id] = changed

    def producers_of(self, name: str) -> list[Producer]:
        """What the participants of this display name publish."""
        peers = {peer.peer_id for peer in self.participants.values() if peer.display_name == name}
        return [self.producers[id_] for id_, owner in self.owners.items() if owner in peers]

    def _add(self, peer: Participant) -> None:
        self.participants[peer.peer_id] = peer
        for producer in peer.producers:
            self.producers[producer.producer_id] = producer
            self.owners[producer.producer_id] = peer.peer_id

    def _remove(self, peer_id: str) -> None:
        self.participants.pop(peer_id, None)
        for producer_id in [id_ for id_, owner in self.owners.items() if owner == peer_id]:
            del self.owners[producer_id]
            del self.producers[producer_id]
