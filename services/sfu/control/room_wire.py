"""Participants, settings and events of a room between protobuf and core's values."""

from typing import assert_never

from services.common.errors import Code, Refusal
from services.common.ids import ConnectionId, SessionId
from services.pb.invigil.sfu.v1 import event_pb2, room_pb2
from services.sfu.control.rtp_wire import KIND_TO_WIRE, capabilities_to_wire
from services.sfu.control.watch import News
from services.sfu.core import event
from services.sfu.core.port import Direction
from services.sfu.core.room import Room
from services.sfu.core.visibility import Role, Visibility

ROLE_FROM_WIRE = {
    room_pb2.ROLE_CANDIDATE: Role.CANDIDATE,
    room_pb2.ROLE_PROCTOR: Role.PROCTOR,
    room_pb2.ROLE_OBSERVER: Role.OBSERVER,
}
ROLE_TO_WIRE = {role: wire for wire, role in ROLE_FROM_WIRE.items()}

VISIBILITY_FROM_WIRE = {
    # The default where a token does not say.
    room_pb2.VISIBILITY_UNSPECIFIED: Visibility.PROCTORED,
    room_pb2.VISIBILITY_PROCTORED: Visibility.PROCTORED,
    room_pb2.VISIBILITY_OPEN: Visibility.OPEN,
}
VISIBILITY_TO_WIRE = {
    Visibility.PROCTORED: room_pb2.VISIBILITY_PROCTORED,
    Visibility.OPEN: room_pb2.VISIBILITY_OPEN,
}

CONNECTION_TO_WIRE = {
    event.Connection.OK: room_pb2.CONNECTION_OK,
    event.Connection.LOST: room_pb2.CONNECTION_LOST,
}

DIRECTION_FROM_WIRE = {
    room_pb2.DIRECTION_SEND: Direction.SEND,
    room_pb2.DIRECTION_RECV: Direction.RECV,
}
DIRECTION_TO_WIRE = {direction: wire for wire, direction in DIRECTION_FROM_WIRE.items()}


def role_from_wire(role: room_pb2.Role.ValueType) -> Role:
    """Raises Refusal INVALID_MESSAGE for an unspecified or unknown role."""
    found = ROLE_FROM_WIRE.get(role)
    if found is None:
        raise Refusal(Code.INVALID_MESSAGE, "BAD_ROLE", "The role is not known.")
    return found


def visibility_from_wire(visibility: room_pb2.Visibility.ValueType) -> Visibility:
    """Raises Refusal INVALID_MESSAGE for an unknown visibility."""
    found = VISIBILITY_FROM_WIRE.get(visibility)
    if found is None:
        raise Refusal(Code.INVALID_MESSAGE, "BAD_VISIBILITY", "The visibility is not known.")
    return found


def direction_from_wire(direction: room_pb2.Direction.ValueType) -> Direction:
    """Raises Refusal INVALID_MESSAGE for an unspecified or unknown direction."""
    found = DIRECTION_FROM_WIRE.get(direction)
    if found is None:
        raise Refusal(Code.INVALID_MESSAGE, "BAD_DIRECTION", 'direction is "send" or "recv".')
    return found


def room_state_to_wire(room: Room) -> room_pb2.RoomState:
    return room_pb2.RoomState(
        router_rtp_capabilities=capabilities_to_wire(room.router.capabilities),
        visibility=VISIBILITY_TO_WIRE[room.config.visibility],
        max_participants=room.config.max_peers,
        locked=False,
    )


def producer_to_wire(producer: event.ProducerView) -> room_pb2.Producer:
    return room_pb2.Producer(
        producer_id=producer.producer_id,
        kind=KIND_TO_WIRE[producer.kind],
        paused=producer.paused,
        app_data_json=producer.app_data_json,
    )


def participant_to_wire(participant: event.ParticipantView) -> room_pb2.Participant:
    return room_pb2.Participant(
        peer_id=participant.peer_id,
        user_id=participant.user_id,
        display_name=participant.display_name,
        role=ROLE_TO_WIRE[participant.role],
        connection=CONNECTION_TO_WIRE[participant.connection],
        app_data_json=participant.app_data_json,
        producers=[producer_to_wire(producer) for producer in participant.producers],
    )


def connection_to_wire(connection_id: ConnectionId | None, session_id: SessionId) -> str:
    """Empty for the connection that the session began on, and for nobody's."""
    return connection_id if connection_id and str(connection_id) != session_id else ""


def news_to_wire(news: News) -> event_pb2.SessionEvent:
    message = event_pb2.SessionEvent(
        session_id=news.session_id,
        epoch=news.epoch,
        seq=news.seq,
        traceparent=news.traceparent,
        connection_id=connection_to_wire(news.connection_id, news.session_id),
    )
    _put_event(message, news.event)
    return message


def _put_event(message: event_pb2.SessionEvent, fact: event.Event) -> None:
    match fact:
        case event.ParticipantJoined() | event.ParticipantUpdated() | event.ParticipantLeft():
            _put_participant_event(message, fact)
        case event.ProducerNew(peer_id=peer_id, producer=producer):
            message.producer_new.CopyFrom(
                event_pb2.ProducerNew(
                    producer_id=producer.producer_id,
                    peer_id=peer_id,
                    kind=KIND_TO_WIRE[producer.kind],
                    paused=producer.paused,
                    app_data_json=producer.app_data_json,
                )
            )
        case event.ProducerPaused(producer_id=producer_id):
            message.producer_paused.producer_id = producer_id
        case event.ProducerResumed(producer_id=producer_id):
            message.producer_resumed.producer_id = producer_id
        case event.ProducerClosed(producer_id=producer_id):
            message.producer_closed.producer_id = producer_id
        case event.TransportClosed(transport_id=transport_id, reason=reason):
            message.transport_closed.transport_id = transport_id
            message.transport_closed.reason = reason
        case _:
            _put_consumer_event(message, fact)


def _put_participant_event(
    message: event_pb2.SessionEvent,
    fact: event.ParticipantJoined | event.ParticipantUpdated | event.ParticipantLeft,
) -> None:
    match fact:
        case event.ParticipantJoined(participant=participant):
            message.participant_joined.participant.CopyFrom(participant_to_wire(participant))
        case event.ParticipantUpdated(participant=participant):
            message.participant_updated.participant.CopyFrom(participant_to_wire(participant))
        case event.ParticipantLeft(peer_id=peer_id, reason=reason):
            message.participant_left.peer_id = peer_id
            message.participant_left.reason = reason


def _put_consumer_event(
    message: event_pb2.SessionEvent,
    fact: event.ConsumerPaused
    | event.ConsumerResumed
    | event.ConsumerClosed
    | event.ConsumerLayers,
) -> None:
    match fact:
        case event.ConsumerPaused(consumer_id=consumer_id):
            message.consumer_paused.consumer_id = consumer_id
        case event.ConsumerResumed(consumer_id=consumer_id):
            message.consumer_resumed.consumer_id = consumer_id
        case event.ConsumerClosed(consumer_id=consumer_id):
            message.consumer_closed.consumer_id = consumer_id
        case event.ConsumerLayers(consumer_id=consumer_id, spatial_layer=layer):
            message.consumer_layers.CopyFrom(
                event_pb2.ConsumerLayers(consumer_id=consumer_id, spatial_layer=layer)
            )
        case _:
            assert_never(fact)
