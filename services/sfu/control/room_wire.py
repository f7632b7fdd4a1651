"""Participants, settings and events of a room between protobuf and core's values."""

from collections.abc import Iterable
from typing import assert_never

from services.common.errors import Code, Refusal
from services.common.ids import ConnectionId, ProducerId, RoomId, SessionId, UserId
from services.pb.invigil.sfu.v1 import event_pb2, room_pb2
from services.sfu.control.rtp_wire import KIND_TO_WIRE, capabilities_to_wire
from services.sfu.control.watch import News
from services.sfu.core import event
from services.sfu.core.port import Direction
from services.sfu.core.room import Room
from services.sfu.core.settings import RoomSettings
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
        visibility=VISIBILITY_TO_WIRE[room.settings.visibility],
        max_participants=room.settings.max_peers,
        locked=room.settings.locked,
    )


def settings_to_wire(room_id: RoomId, settings: RoomSettings | None) -> room_pb2.RoomSettings:
    """None: the room is over."""
    if settings is None:
        return room_pb2.RoomSettings(room_id=room_id, ended=True)
    return room_pb2.RoomSettings(
        room_id=room_id,
        version=settings.version,
        visibility=VISIBILITY_TO_WIRE[settings.visibility],
        max_participants=settings.max_peers,
        waiting_room=settings.waiting_room,
        locked=settings.locked,
        # In a fixed order: the bytes of a request tell whether it is a repeat.
        member_user_ids=sorted(settings.members),
        admitted_user_ids=sorted(settings.admitted),
        banned_user_ids=sorted(settings.banned),
        muted_user_ids=sorted(settings.muted),
        muted_producer_ids=sorted(settings.muted_producers),
    )


def settings_from_wire(settings: room_pb2.RoomSettings) -> RoomSettings:
    """Raises Refusal INVALID_MESSAGE for an unknown visibility."""
    return RoomSettings(
        visibility=visibility_from_wire(settings.visibility),
        max_peers=settings.max_participants,
        waiting_room=settings.waiting_room,
        version=settings.version,
        locked=settings.locked,
        members=_users(settings.member_user_ids),
        admitted=_users(settings.admitted_user_ids),
        banned=_users(settings.banned_user_ids),
        muted=_users(settings.muted_user_ids),
        muted_producers=frozenset(map(ProducerId, settings.muted_producer_ids)),
    )


def waiting_to_wire(peer: event.WaitingView) -> room_pb2.WaitingPeer:
    return room_pb2.WaitingPeer(
        peer_id=peer.peer_id,
        user_id=peer.user_id,
        display_name=peer.display_name,
        app_data_json=peer.app_data_json,
    )


def producer_to_wire(producer: event.ProducerView) -> room_pb2.Producer:
    return room_pb2.Producer(
        producer_id=producer.producer_id,
        kind=KIND_TO_WIRE[producer.kind],
        paused=producer.paused,
        app_data_json=producer.app_data_json,
        muted=producer.muted,
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
        hand_raised=participant.hand_raised,
        muted=participant.muted,
    )


def speaker_to_wire(speaker: event.Speaker) -> event_pb2.Speaker:
    return event_pb2.Speaker(
        peer_id=speaker.peer_id, producer_id=speaker.producer_id, level=speaker.level
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
        case (
            event.ParticipantJoined()
            | event.ParticipantUpdated()
            | event.ParticipantLeft()
            | event.ParticipantWaiting()
        ):
            _put_participant_event(message, fact)
        case event.MessageReceived() | event.RoomLocked() | event.RoomUnlocked():
            _put_room_event(message, fact)
        case event.SpeakersActive(speakers=speakers):
            message.speakers_active.SetInParent()
            message.speakers_active.speakers.extend(map(speaker_to_wire, speakers))
        case (
            event.ProducerNew()
            | event.ProducerPaused()
            | event.ProducerResumed()
            | event.ProducerClosed()
            | event.ProducerLayersNeeded()
        ):
            _put_producer_event(message, fact)
        case event.ProducerScore() | event.ConsumerScore():
            _put_score(message, fact)
        case event.SdpOffered(offer_id=offer_id, transport_id=transport_id, sdp=sdp):
            message.sdp_offer.CopyFrom(
                event_pb2.SdpOffer(offer_id=offer_id, transport_id=transport_id, sdp=sdp)
            )
        case event.TransportClosed(transport_id=transport_id, reason=reason):
            message.transport_closed.transport_id = transport_id
            message.transport_closed.reason = reason
        case _:
            _put_consumer_event(message, fact)


def _put_participant_event(
    message: event_pb2.SessionEvent,
    fact: event.ParticipantJoined
    | event.ParticipantUpdated
    | event.ParticipantLeft
    | event.ParticipantWaiting,
) -> None:
    match fact:
        case event.ParticipantJoined(participant=participant):
            message.participant_joined.participant.CopyFrom(participant_to_wire(participant))
        case event.ParticipantUpdated(participant=participant):
            message.participant_updated.participant.CopyFrom(participant_to_wire(participant))
        case event.ParticipantLeft(peer_id=peer_id, reason=reason):
            message.participant_left.peer_id = peer_id
            message.participant_left.reason = reason
        case event.ParticipantWaiting(peer=peer):
            message.participant_waiting.peer.CopyFrom(waiting_to_wire(peer))


def _put_room_event(
    message: event_pb2.SessionEvent,
    fact: event.MessageReceived | event.RoomLocked | event.RoomUnlocked,
) -> None:
    match fact:
        case event.MessageReceived(from_peer_id=sender, to_peer_id=to, body_json=body_json):
            message.message_received.CopyFrom(
                event_pb2.MessageReceived(
                    from_peer_id=sender, to_peer_id=to or "", body_json=body_json
                )
            )
        case event.RoomLocked():
            message.room_locked.SetInParent()
        case event.RoomUnlocked():
            message.room_unlocked.SetInParent()


def _put_producer_event(
    message: event_pb2.SessionEvent,
    fact: event.ProducerNew
    | event.ProducerPaused
    | event.ProducerResumed
    | event.ProducerClosed
    | event.ProducerLayersNeeded,
) -> None:
    match fact:
        case event.ProducerNew(peer_id=peer_id, producer=producer):
            message.producer_new.CopyFrom(
                event_pb2.ProducerNew(
                    producer_id=producer.producer_id,
                    peer_id=peer_id,
                    kind=KIND_TO_WIRE[producer.kind],
                    paused=producer.paused,
                    app_data_json=producer.app_data_json,
                    muted=producer.muted,
                )
            )
        case event.ProducerPaused(producer_id=producer_id, muted=muted):
            message.producer_paused.producer_id = producer_id
            message.producer_paused.muted = muted
        case event.ProducerResumed(producer_id=producer_id):
            message.producer_resumed.producer_id = producer_id
        case event.ProducerClosed(producer_id=producer_id):
            message.producer_closed.producer_id = producer_id
        case event.ProducerLayersNeeded(producer_id=producer_id, spatial_layer=layer):
            message.producer_layers_needed.CopyFrom(
                event_pb2.ProducerLayersNeeded(producer_id=producer_id, spatial_layer=layer)
            )


def _put_score(
    message: event_pb2.SessionEvent, fact: event.ProducerScore | event.ConsumerScore
) -> None:
    match fact:
        case event.ProducerScore(producer_id=producer_id, scores=scores):
            message.producer_score.CopyFrom(
                event_pb2.ProducerScore(
                    producer_id=producer_id,
                    scores=[
                        event_pb2.LayerScore(layer=one.layer, rid=one.rid or "", score=one.score)
                        for one in scores
                    ],
                )
            )
        case event.ConsumerScore(consumer_id=consumer_id, score=score, producer_score=behind):
            message.consumer_score.CopyFrom(
                event_pb2.ConsumerScore(consumer_id=consumer_id, score=score, producer_score=behind)
            )


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


def _users(texts: Iterable[str]) -> frozenset[UserId]:
    return frozenset(map(UserId, texts))
