"""Calls and replies of the SFU service between protobuf and core's values."""

import hashlib

from google.protobuf.message import Message

from services.common.errors import Refusal
from services.common.ids import (
    ConnectionId,
    PeerId,
    ProducerId,
    RoomId,
    SessionId,
    TransportId,
    UserId,
    WatchId,
)
from services.pb.invigil.sfu.v1 import room_pb2, sfu_service_pb2
from services.sfu.control.join import Attach, Join
from services.sfu.control.room_wire import (
    DIRECTION_TO_WIRE,
    connection_to_wire,
    news_to_wire,
    participant_to_wire,
    producer_to_wire,
    role_from_wire,
    room_state_to_wire,
    settings_from_wire,
    settings_to_wire,
    visibility_from_wire,
    waiting_to_wire,
)
from services.sfu.control.rtp_wire import (
    KIND_TO_WIRE,
    capabilities_from_wire,
    kind_from_wire,
    parameters_from_wire,
    parameters_to_wire,
)
from services.sfu.control.seat import Call, Seat
from services.sfu.control.watch import Admitted, Beat, Ended, Kept, News
from services.sfu.control.watch import Message as WatchMessage
from services.sfu.core import port
from services.sfu.core.grant import Grants, grants_of
from services.sfu.core.layer import HIGHEST, PreferredLayers
from services.sfu.core.peer import Session, Transport
from services.sfu.core.publication import ProduceRequest
from services.sfu.core.publishing import Published, Wish
from services.sfu.core.room import JoinRequest
from services.sfu.core.router import MadeConsumer

DTLS_ROLE_FROM_WIRE = {
    # Absent means that the client leaves the choice to the server.
    sfu_service_pb2.DTLS_ROLE_UNSPECIFIED: port.DtlsRole.AUTO,
    sfu_service_pb2.DTLS_ROLE_AUTO: port.DtlsRole.AUTO,
    sfu_service_pb2.DTLS_ROLE_CLIENT: port.DtlsRole.CLIENT,
    sfu_service_pb2.DTLS_ROLE_SERVER: port.DtlsRole.SERVER,
}
DTLS_ROLE_TO_WIRE = {
    port.DtlsRole.AUTO: sfu_service_pb2.DTLS_ROLE_AUTO,
    port.DtlsRole.CLIENT: sfu_service_pb2.DTLS_ROLE_CLIENT,
    port.DtlsRole.SERVER: sfu_service_pb2.DTLS_ROLE_SERVER,
}

# After a resume another gateway repeats a request, with another key. Any may know more of the room
# by the time it asks again, and the client may have shown another token.
NOT_OF_THE_CLIENT = frozenset(
    {
        "call",
        "room_settings",
        "create",
        "room_config",
        "may_publish",
        "may_subscribe",
        "may_moderate",
    }
)


def digest(request: Message) -> bytes:
    """Tells a repeat of a request from another request under the same id."""
    # The name counts: a pause and a resume of one producer have the same bytes.
    name = request.DESCRIPTOR.full_name.encode()
    content = type(request)()
    content.CopyFrom(request)
    for field in NOT_OF_THE_CLIENT.intersection(request.DESCRIPTOR.fields_by_name):
        content.ClearField(field)
    return hashlib.sha256(name + b"\0" + content.SerializeToString(deterministic=True)).digest()


def call_from_wire(call: sfu_service_pb2.SessionCall) -> Call:
    return Call(
        room_id=RoomId(call.room_id),
        session_id=SessionId(call.session_id),
        session_key=call.session_key,
        request_id=call.request_id,
        generation=call.generation,
    )


def join_from_wire(request: sfu_service_pb2.JoinRoomRequest) -> Join:
    """Raises Refusal INVALID_MESSAGE."""
    return Join(
        room_id=RoomId(request.room_id),
        watch_id=WatchId(request.watch_id),
        connection_id=ConnectionId(request.connection_id or request.session_id),
        request_id=request.request_id,
        generation=request.generation,
        create=request.create,
        visibility=visibility_from_wire(request.room_config.visibility),
        max_peers=request.room_config.max_participants,
        request=JoinRequest(
            session_id=SessionId(request.session_id),
            peer_id=PeerId(request.peer_id),
            user_id=UserId(request.user_id),
            display_name=request.display_name,
            role=role_from_wire(request.role),
            app_data_json=request.app_data_json,
            rtp_capabilities=(
                capabilities_from_wire(request.rtp_capabilities)
                if request.HasField("rtp_capabilities")
                else None
            ),
            may_publish=request.may_publish,
            may_subscribe=request.may_subscribe,
            may_moderate=request.may_moderate,
            had_seat=request.HasField("resume_counter"),
        ),
        resume_counter=request.resume_counter if request.HasField("resume_counter") else None,
        waiting_room=request.room_config.waiting_room,
        settings=(
            settings_from_wire(request.room_settings) if request.HasField("room_settings") else None
        ),
    )


def attach_from_wire(request: sfu_service_pb2.AttachSessionRequest) -> Attach:
    return Attach(
        room_id=RoomId(request.room_id),
        session_id=SessionId(request.session_id),
        counter=request.counter,
        watch_id=WatchId(request.watch_id),
        connection_id=ConnectionId(request.connection_id or request.session_id),
        generation=request.generation,
    )


def produce_from_wire(request: sfu_service_pb2.ProduceRequest) -> ProduceRequest:
    """Raises Refusal INVALID_MESSAGE."""
    return ProduceRequest(
        kind=kind_from_wire(request.kind),
        transport_id=transport_id_from_wire(request.transport_id),
        rtp_parameters=(
            parameters_from_wire(request.rtp_parameters)
            if request.HasField("rtp_parameters")
            else None
        ),
        app_data_json=request.app_data_json,
        paused=request.paused,
        producer_id=ProducerId(request.producer_id) if request.producer_id else None,
        audience=tuple(map(PeerId, request.audience_peer_ids)),
    )


def preferred_from_wire(
    request: sfu_service_pb2.ConsumeRequest | sfu_service_pb2.SetConsumerLayersRequest,
) -> PreferredLayers:
    """Absent means: the highest."""
    if not request.HasField("preferred_layers"):
        return HIGHEST
    layers = request.preferred_layers
    temporal = layers.temporal_layer if layers.HasField("temporal_layer") else None
    return PreferredLayers(layers.spatial_layer, temporal)


def preferred_to_wire(preferred: PreferredLayers | None) -> sfu_service_pb2.PreferredLayers | None:
    if preferred is None:
        return None
    return sfu_service_pb2.PreferredLayers(
        spatial_layer=preferred.spatial, temporal_layer=preferred.temporal
    )


def transport_id_from_wire(text: str) -> TransportId | None:
    """Empty means: the only one that fits."""
    return TransportId(text) if text else None


def dtls_from_wire(message: sfu_service_pb2.DtlsParameters) -> port.DtlsParameters:
    return port.DtlsParameters(
        role=DTLS_ROLE_FROM_WIRE.get(message.role, port.DtlsRole.AUTO),
        fingerprints=tuple(
            port.Fingerprint(fingerprint.algorithm, fingerprint.value)
            for fingerprint in message.fingerprints
        ),
    )


def position_to_wire(seat: Seat) -> sfu_service_pb2.LogPosition:
    return sfu_service_pb2.LogPosition(epoch=seat.room.epoch, seq=seat.session.log.last_seq)


def joined_to_wire(seat: Seat, worker_id: str) -> sfu_service_pb2.JoinRoomResponse:
    session = seat.session
    if session.is_waiting:
        return sfu_service_pb2.JoinRoomResponse(
            position=position_to_wire(seat),
            session_key=seat.key,
            worker_id=worker_id,
            waiting=True,
        )
    return sfu_service_pb2.JoinRoomResponse(
        position=position_to_wire(seat),
        session_key=seat.key,
        worker_id=worker_id,
        room=room_state_to_wire(seat.room),
        participants=[
            participant_to_wire(participant) for participant in seat.room.participants(session)
        ],
        own_transports=[
            room_pb2.OwnTransport(
                transport_id=transport.transport_id,
                direction=DIRECTION_TO_WIRE[transport.direction],
                worker_id=worker_id,
            )
            for transport in session.transports.values()
        ],
        own_producers=[producer_to_wire(p.view()) for p in session.producers.values()],
        own_consumers=[
            room_pb2.OwnConsumer(
                consumer_id=consumer.consumer_id,
                producer_id=consumer.producer_id,
                transport_id=consumer.transport_id,
                paused=consumer.paused,
            )
            for consumer in session.consumers.values()
        ],
        counter=seat.counter,
        waiting_peers=[waiting_to_wire(peer) for peer in seat.room.lobby.visible_to(session)],
        grants=grants_to_wire(session),
    )


def attached_to_wire(
    seat: Seat, last: sfu_service_pb2.LogPosition, worker_id: str
) -> sfu_service_pb2.AttachSessionResponse:
    """The events after `last`, or a snapshot where they are not to be had."""
    missed = seat.session.log.since(last.seq) if last.epoch == seat.room.epoch else None
    if missed is None:
        return sfu_service_pb2.AttachSessionResponse(
            session=joined_to_wire(seat, worker_id), has_snapshot=True
        )
    return sfu_service_pb2.AttachSessionResponse(
        session=sfu_service_pb2.JoinRoomResponse(
            position=position_to_wire(seat),
            session_key=seat.key,
            worker_id=worker_id,
            counter=seat.counter,
            grants=grants_to_wire(seat.session),
        ),
        missed=[
            news_to_wire(News(seat.session_id, seat.room.epoch, seq, "", event))
            for seq, event in missed
        ],
    )


def grants_to_wire(session: Session) -> sfu_service_pb2.Grants:
    grants = grants_of(session)
    return sfu_service_pb2.Grants(
        publish=grants.publish, subscribe=grants.subscribe, moderate=grants.moderate
    )


def grants_from_wire(message: sfu_service_pb2.Grants) -> Grants:
    return Grants(message.publish, message.subscribe, message.moderate)


def transport_to_wire(
    seat: Seat, transport: Transport, offer: port.TransportOffer, worker_id: str
) -> sfu_service_pb2.CreateTransportResponse:
    return sfu_service_pb2.CreateTransportResponse(
        position=position_to_wire(seat),
        transport_id=transport.transport_id,
        direction=DIRECTION_TO_WIRE[transport.direction],
        ice_parameters=ice_to_wire(offer.ice_parameters),
        ice_candidates=[
            sfu_service_pb2.IceCandidate(
                foundation=candidate.foundation,
                address=candidate.address,
                port=candidate.port,
                priority=candidate.priority,
                protocol=candidate.protocol,
                type=candidate.type,
            )
            for candidate in offer.ice_candidates
        ],
        dtls_parameters=sfu_service_pb2.DtlsParameters(
            role=DTLS_ROLE_TO_WIRE[offer.dtls_parameters.role],
            fingerprints=[
                sfu_service_pb2.DtlsFingerprint(
                    algorithm=fingerprint.algorithm, value=fingerprint.value
                )
                for fingerprint in offer.dtls_parameters.fingerprints
            ],
        ),
        worker_id=worker_id,
    )


def ice_to_wire(ice: port.IceParameters) -> sfu_service_pb2.IceParameters:
    return sfu_service_pb2.IceParameters(
        username_fragment=ice.username_fragment, password=ice.password, ice_lite=ice.ice_lite
    )


def consume_result_to_wire(
    producer_id: ProducerId, result: MadeConsumer | Refusal, worker_id: str
) -> sfu_service_pb2.ConsumeResult:
    if isinstance(result, Refusal):
        return sfu_service_pb2.ConsumeResult(
            failure=sfu_service_pb2.ConsumeFailure(
                producer_id=producer_id, reason=result.reason, message=result.message
            )
        )
    producer = result.producer
    return sfu_service_pb2.ConsumeResult(
        consumer=sfu_service_pb2.Consumer(
            consumer_id=result.consumer.consumer_id,
            producer_id=producer.producer_id,
            peer_id=producer.peer_id,
            kind=KIND_TO_WIRE[producer.kind],
            rtp_parameters=parameters_to_wire(result.rtp_parameters),
            type=(
                sfu_service_pb2.CONSUMER_TYPE_SIMULCAST
                if producer.has_layers
                else sfu_service_pb2.CONSUMER_TYPE_SIMPLE
            ),
            producer_paused=producer.paused,
            app_data_json=producer.app_data_json,
            transport_id=result.consumer.transport_id,
            worker_id=worker_id,
        )
    )


def wish_from_wire(track: sfu_service_pb2.SdpTrack) -> Wish:
    return Wish(track.app_data_json, tuple(map(PeerId, track.audience_peer_ids)))


def published_to_wire(published: Published) -> sfu_service_pb2.SdpTrackResult:
    result = published.result
    if isinstance(result, Refusal):
        return sfu_service_pb2.SdpTrackResult(
            mid=published.mid,
            failure=sfu_service_pb2.SdpTrackFailure(
                code=result.code, reason=result.reason, message=result.message
            ),
        )
    return sfu_service_pb2.SdpTrackResult(
        mid=published.mid, producer_id=result.producer_id, muted=result.muted
    )


def watch_message_to_wire(message: WatchMessage) -> sfu_service_pb2.WatchResponse:
    match message:
        case News():
            return sfu_service_pb2.WatchResponse(event=news_to_wire(message))
        case Admitted(session_id=session_id, connection_id=connection_id):
            return sfu_service_pb2.WatchResponse(
                admitted=sfu_service_pb2.SessionAdmitted(
                    session_id=session_id,
                    connection_id=connection_to_wire(connection_id, session_id),
                )
            )
        case Kept(room_id=room_id, settings=settings):
            return sfu_service_pb2.WatchResponse(room_settings=settings_to_wire(room_id, settings))
        case Ended(session_id=session_id, connection_id=connection_id):
            return sfu_service_pb2.WatchResponse(
                ended=sfu_service_pb2.SessionEnded(
                    session_id=session_id,
                    reason=message.reason,
                    connection_id=connection_to_wire(connection_id, session_id),
                    generation=message.generation,
                    message=message.message,
                )
            )
        case Beat(tick=tick, engine_tick=engine_tick):
            return sfu_service_pb2.WatchResponse(
                heartbeat=sfu_service_pb2.Heartbeat(tick=tick, engine_tick=engine_tick)
            )
