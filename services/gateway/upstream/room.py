"""Rooms and those in them, from protobuf to the browser's JSON shape."""

import json
from collections.abc import Iterable

from pydantic import JsonValue

from services.common.ids import Epoch
from services.gateway.core.admission import Role
from services.gateway.core.effect import Answer, Join
from services.gateway.core.message import room
from services.gateway.core.message.field import TransportDirection, to_opaque_json
from services.gateway.core.order import Position
from services.gateway.upstream.rtp import KIND_FROM_PB, capabilities_from_pb, capabilities_to_pb
from services.pb.invigil.sfu.v1 import room_pb2, sfu_service_pb2

ROLE_TO_PB = {
    Role.CANDIDATE: room_pb2.ROLE_CANDIDATE,
    Role.PROCTOR: room_pb2.ROLE_PROCTOR,
    Role.OBSERVER: room_pb2.ROLE_OBSERVER,
}
ROLE_FROM_PB = {number: role for role, number in ROLE_TO_PB.items()}

DIRECTION_TO_PB: dict[TransportDirection, room_pb2.Direction.ValueType] = {
    "send": room_pb2.DIRECTION_SEND,
    "recv": room_pb2.DIRECTION_RECV,
}
DIRECTION_FROM_PB = {number: direction for direction, number in DIRECTION_TO_PB.items()}


def join_to_pb(join: Join, *, watch_id: str, generation: int) -> sfu_service_pb2.JoinRoomRequest:
    admission, asked = join.admission, join.request.payload
    is_open = admission.visibility == "open"
    return sfu_service_pb2.JoinRoomRequest(
        watch_id=watch_id,
        room_id=join.room_id,
        session_id=join.session_id,
        peer_id=join.peer_id,
        user_id=admission.user_id,
        display_name=asked.display_name,
        role=ROLE_TO_PB[admission.role],
        app_data_json=to_opaque_json(asked.app_data),
        rtp_capabilities=(
            capabilities_to_pb(asked.rtp_capabilities) if asked.rtp_capabilities else None
        ),
        request_id=join.request_id,
        generation=generation,
        create=admission.may_create,
        room_config=room_pb2.RoomConfig(
            visibility=room_pb2.VISIBILITY_OPEN if is_open else room_pb2.VISIBILITY_PROCTORED,
            max_participants=admission.max_participants,
            waiting_room=admission.waiting_room,
        ),
        may_publish=admission.may_publish,
        may_subscribe=admission.may_subscribe,
        may_moderate=admission.may_moderate,
    )


def joined_from_pb(join: Join, response: sfu_service_pb2.JoinRoomResponse) -> Answer:
    """The room as it is; where a moderator has to let the peer in first, that it waits."""
    if response.waiting:
        return Answer(room.RoomWaiting(room_id=join.room_id))
    position = position_from_pb(response.position)
    state = room.RoomState(
        epoch=position.epoch,
        seq=position.seq,
        peer_id=join.peer_id,
        participants=[participant_from_pb(each) for each in response.participants],
        waiting=[waiting_from_pb(each) for each in response.waiting_peers] or None,
        room_config=room.RoomConfig(
            router_rtp_capabilities=capabilities_from_pb(response.room.router_rtp_capabilities),
            max_participants=response.room.max_participants,
            visibility=(
                "open" if response.room.visibility == room_pb2.VISIBILITY_OPEN else "proctored"
            ),
            locked=response.room.locked,
        ),
        own=room.Own(
            transports=[
                room.OwnTransport(
                    transport_id=each.transport_id, direction=DIRECTION_FROM_PB[each.direction]
                )
                for each in response.own_transports
            ],
            producers=producers_from_pb(response.own_producers),
            consumers=[
                room.OwnConsumer(
                    consumer_id=each.consumer_id,
                    producer_id=each.producer_id,
                    transport_id=each.transport_id,
                    paused=each.paused,
                )
                for each in response.own_consumers
            ],
        ),
    )
    return Answer(state, position)


def position_from_pb(position: sfu_service_pb2.LogPosition) -> Position:
    return Position(Epoch(position.epoch), position.seq)


def participant_from_pb(message: room_pb2.Participant) -> room.Participant:
    return room.Participant(
        peer_id=message.peer_id,
        user_id=message.user_id,
        display_name=message.display_name,
        role=ROLE_FROM_PB[message.role].value,
        connection="lost" if message.connection == room_pb2.CONNECTION_LOST else "ok",
        hand_raised=message.hand_raised or None,
        muted=message.muted or None,
        app_data=opaque_from_json(message.app_data_json),
        producers=producers_from_pb(message.producers),
    )


def waiting_from_pb(message: room_pb2.WaitingPeer) -> room.WaitingPeer:
    return room.WaitingPeer(
        peer_id=message.peer_id,
        user_id=message.user_id,
        display_name=message.display_name,
        app_data=opaque_from_json(message.app_data_json),
    )


def producers_from_pb(messages: Iterable[room_pb2.Producer]) -> list[room.ProducerInfo]:
    return [
        room.ProducerInfo(
            producer_id=message.producer_id,
            kind=KIND_FROM_PB[message.kind],
            paused=message.paused,
            muted=message.muted or None,
            app_data=opaque_from_json(message.app_data_json),
        )
        for message in messages
    ]


def opaque_from_json(text: str) -> dict[str, JsonValue]:
    """A peer's object as another gateway sent it; absent or anything else is the empty object."""
    value = value_from_json(text)
    return value if isinstance(value, dict) else {}


def value_from_json(text: str) -> JsonValue:
    """A JSON value as another gateway sent it; anything else is the empty text."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return value
