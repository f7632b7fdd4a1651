"""Resuming, from the gateway's values to protobuf and back."""

from dataclasses import replace

from services.gateway.core.admission import Grants
from services.gateway.core.effect import Join
from services.gateway.core.message.room import RoomJoin, RoomState
from services.gateway.core.order import Event
from services.gateway.core.resume import Recovered, Resumption
from services.gateway.upstream.event import event_from_pb
from services.gateway.upstream.room import join_to_pb, joined_from_pb, position_from_pb
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb


def attach_to_pb(
    resumption: Resumption, *, watch_id: str, generation: int
) -> pb.AttachSessionRequest:
    ticket, last = resumption.ticket, resumption.last
    return pb.AttachSessionRequest(
        watch_id=watch_id,
        room_id=ticket.admission.room_id,
        session_id=ticket.session_id,
        counter=ticket.place.counter,
        last=pb.LogPosition(epoch=last.epoch, seq=last.seq) if last is not None else None,
        generation=generation,
        connection_id=resumption.connection_id,
    )


def recovered_from_pb(resumption: Resumption, response: pb.AttachSessionResponse) -> Recovered:
    """Raises ValueError or KeyError for what a worker cannot mean."""
    if response.has_snapshot:
        return rejoined_from_pb(resumption, response.session)
    missed = [event_from_pb(message) for message in response.missed]
    return Recovered(
        position_from_pb(response.session.position),
        missed=tuple(event for event in missed if isinstance(event, Event)),
        grants=_grants_from_pb(response.session),
    )


def rejoin_to_pb(resumption: Resumption, *, watch_id: str, generation: int) -> pb.JoinRoomRequest:
    message = join_to_pb(_join(resumption), watch_id=watch_id, generation=generation)
    message.connection_id = resumption.connection_id
    message.resume_counter = resumption.ticket.place.counter
    return message


def rejoined_from_pb(resumption: Resumption, response: pb.JoinRoomResponse) -> Recovered:
    answer = joined_from_pb(_join(resumption), response)
    assert isinstance(answer.payload, RoomState)
    return Recovered(
        position_from_pb(response.position),
        state=answer.payload,
        grants=_grants_from_pb(response),
    )


def _grants_from_pb(response: pb.JoinRoomResponse) -> Grants | None:
    if not response.HasField("grants"):
        return None
    grants = response.grants
    return Grants(grants.publish, grants.subscribe, grants.moderate)


def _join(resumption: Resumption) -> Join:
    """The session's join, as it is made anew where its worker is gone."""
    ticket = resumption.ticket
    return Join(
        ordinal=0,
        room_id=ticket.admission.room_id,
        session_id=ticket.session_id,
        peer_id=ticket.peer_id,
        # The room was there: whoever comes back first opens it again.
        admission=replace(ticket.admission, may_create=True),
        request=RoomJoin(type="room:join", timestamp=0, payload=ticket.join),
        request_id=f"{ticket.session_id}:{resumption.connection_id}:rejoin",
    )
