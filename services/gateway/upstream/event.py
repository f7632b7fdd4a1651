"""Events of a session, from protobuf to the browser's messages."""

from collections.abc import Callable
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from services.common.ids import Epoch
from services.gateway.core.message import media, room, sdp, speaker, text, transport
from services.gateway.core.message.envelope import Payload
from services.gateway.core.order import Event, Position
from services.gateway.upstream.room import (
    opaque_from_json,
    participant_from_pb,
    value_from_json,
    waiting_from_pb,
)
from services.gateway.upstream.rtp import KIND_FROM_PB
from services.pb.invigil.sfu.v1 import event_pb2


def event_from_pb(message: event_pb2.SessionEvent) -> Event | None:
    """An event of a kind that only a newer worker knows has no payload; None if no place either."""
    kind = message.WhichOneof("event")
    position = Position(Epoch(message.epoch), message.seq) if message.seq else None
    if kind is None:
        return Event(None, position) if position is not None else None
    return Event(PAYLOAD[kind](getattr(message, kind)), position)


def unknown_fields(message: event_pb2.SessionEvent) -> tuple[int, ...]:
    """Numbers of the fields that this gateway does not know, in ascending order."""
    fields = UnknownFieldSet(message)
    return tuple(sorted({fields[index].field_number for index in range(len(fields))}))


def _producer_new(message: event_pb2.ProducerNew) -> Payload:
    return media.ProducerNew(
        producer_id=message.producer_id,
        peer_id=message.peer_id,
        kind=KIND_FROM_PB[message.kind],
        paused=message.paused,
        muted=message.muted or None,
        app_data=opaque_from_json(message.app_data_json),
    )


def _producer_score(message: event_pb2.ProducerScore) -> Payload:
    scores = [
        media.LayerScore(layer=one.layer, rid=one.rid or None, score=one.score)
        for one in message.scores
    ]
    return media.ProducerScore(producer_id=message.producer_id, scores=scores)


def _participant_waiting(message: event_pb2.ParticipantWaiting) -> Payload:
    peer = waiting_from_pb(message.peer)
    return room.ParticipantWaiting(**dict(peer))


# By the name of the field in SessionEvent.event.
PAYLOAD: dict[str, Callable[[Any], Payload]] = {
    "participant_joined": lambda message: room.ParticipantJoined(
        participant=participant_from_pb(message.participant)
    ),
    "participant_updated": lambda message: room.ParticipantUpdated(
        participant=participant_from_pb(message.participant)
    ),
    "participant_left": lambda message: room.ParticipantLeft(
        peer_id=message.peer_id, reason=message.reason
    ),
    "participant_waiting": _participant_waiting,
    "message_received": lambda message: text.MessageReceived(
        sender=message.from_peer_id,
        to=message.to_peer_id or None,
        body=value_from_json(message.body_json),
    ),
    "room_locked": lambda _: room.RoomLocked(),
    "room_unlocked": lambda _: room.RoomUnlocked(),
    "producer_new": _producer_new,
    "producer_paused": lambda message: media.ProducerPaused(
        producer_id=message.producer_id, muted=message.muted or None
    ),
    "producer_resumed": lambda message: media.ProducerResumed(producer_id=message.producer_id),
    "producer_closed": lambda message: media.ProducerClosed(producer_id=message.producer_id),
    "consumer_paused": lambda message: media.ConsumerPaused(consumer_id=message.consumer_id),
    "consumer_resumed": lambda message: media.ConsumerResumed(consumer_id=message.consumer_id),
    "consumer_closed": lambda message: media.ConsumerClosed(consumer_id=message.consumer_id),
    "consumer_layers": lambda message: media.ConsumerLayers(
        consumer_id=message.consumer_id,
        spatial_layer=message.spatial_layer if message.HasField("spatial_layer") else None,
    ),
    "producer_layers_needed": lambda message: media.ProducerLayersNeeded(
        producer_id=message.producer_id,
        spatial_layer=message.spatial_layer if message.HasField("spatial_layer") else None,
    ),
    "speakers_active": lambda message: speaker.SpeakerActive(
        speakers=[
            speaker.Speaker(
                peer_id=one.peer_id, producer_id=one.producer_id, level=min(one.level, 127)
            )
            for one in message.speakers
        ]
    ),
    "producer_score": _producer_score,
    "consumer_score": lambda message: media.ConsumerScore(
        consumer_id=message.consumer_id,
        score=message.score,
        producer_score=message.producer_score,
    ),
    "sdp_offer": lambda message: sdp.SdpOffered(
        offer_id=message.offer_id, transport_id=message.transport_id, sdp=message.sdp
    ),
    "transport_closed": lambda message: transport.TransportClosed(
        transport_id=message.transport_id, reason=message.reason
    ),
}
