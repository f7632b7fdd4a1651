"""Types of identifiers. Each is a string on every wire; none may stand for another."""

from typing import NewType

RoomId = NewType("RoomId", str)
UserId = NewType("UserId", str)
# One connected device of a user in a room.
PeerId = NewType("PeerId", str)
# One life of a peer in the signaling protocol; what a resume token names.
SessionId = NewType("SessionId", str)
TransportId = NewType("TransportId", str)
# "<peer id>.<n>".
ProducerId = NewType("ProducerId", str)
ConsumerId = NewType("ConsumerId", str)
WorkerId = NewType("WorkerId", str)
GatewayId = NewType("GatewayId", str)
# One Watch stream of a gateway on a worker.
WatchId = NewType("WatchId", str)
# One connection of a client at its gateway; a session has another one after each resume.
ConnectionId = NewType("ConnectionId", str)
CorrelationId = NewType("CorrelationId", str)
# Names one life of a room on one worker.
Epoch = NewType("Epoch", str)
