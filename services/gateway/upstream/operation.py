"""The worker's unary calls: a browser's request in, protobuf over the wire, its reply out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from services.common.errors import Code, Refusal
from services.common.rpc.status import CODES
from services.gateway.core.effect import Answer
from services.gateway.core.message import media, peer, sdp, stats, text, transport
from services.gateway.core.message.envelope import Payload
from services.gateway.core.message.field import to_json, to_opaque_json
from services.gateway.core.message.request import WorkerRequest
from services.gateway.core.message.room import (
    RoomLeave,
    RoomLeft,
    RoomLock,
    RoomLocked,
    RoomUnlock,
    RoomUnlocked,
)
from services.gateway.core.refusal import error_of
from services.gateway.upstream.room import (
    DIRECTION_FROM_PB,
    DIRECTION_TO_PB,
    opaque_from_json,
    position_from_pb,
)
from services.gateway.upstream.rtp import (
    KIND_FROM_PB,
    KIND_TO_PB,
    capabilities_to_pb,
    parameters_from_pb,
    parameters_to_pb,
)
from services.gateway.upstream.stats import consumer_stats, producer_stats, transport_stats
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb

DTLS_ROLE_TO_PB = {
    "auto": pb.DTLS_ROLE_AUTO,
    "client": pb.DTLS_ROLE_CLIENT,
    "server": pb.DTLS_ROLE_SERVER,
}
DTLS_ROLE_FROM_PB = {number: role for role, number in DTLS_ROLE_TO_PB.items()}

# Calls a method of the service with a message, and gives its response. Raises Refusal.
Send = Callable[[str, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """`method` of the service, the message for it, and the payload of the browser's reply."""

    method: str
    message: Callable[[Any, pb.SessionCall], Any]
    payload: Callable[[Any, Any], Payload]


async def carry_out(request: WorkerRequest, call: pb.SessionCall, send: Send) -> Answer:
    """Have the worker do what the browser asked. Raises Refusal."""
    operation = _operation_for(request)
    try:
        response = await send(operation.method, operation.message(request.payload, call))
    except Refusal as refusal:
        return _in_list(request, refusal)
    return Answer(operation.payload(request.payload, response), position_from_pb(response.position))


def _operation_for(request: WorkerRequest) -> Operation:
    if not isinstance(request, stats.StatsGet):
        return OPERATIONS[type(request)]
    if request.payload.producer_id is not None:
        return PRODUCER_STATS
    return TRANSPORT_STATS if request.payload.transport_id is not None else CONSUMER_STATS


def _in_list(request: WorkerRequest, refusal: Refusal) -> Answer:
    """Answer a refused `consume` of a list of one with a list, as the client asked for one.

    The worker refuses a call for a single producer as a whole. Raises `refusal` in all other cases.
    """
    is_list = isinstance(request, media.Consume) and request.payload.producer_ids is not None
    if not is_list or refusal.code not in (Code.CONSUME_ERROR, Code.NOT_FOUND):
        raise refusal
    assert isinstance(request, media.Consume)
    error = error_of(refusal, request.type)
    return Answer(
        media.ConsumersCreated(
            consumers=[
                media.ConsumeFailure(producer_id=producer_id, error=error)
                for producer_id in request.payload.wanted
            ]
        )
    )


def _create_transport(
    payload: transport.TransportCreatePayload, call: pb.SessionCall
) -> pb.CreateTransportRequest:
    return pb.CreateTransportRequest(call=call, direction=DIRECTION_TO_PB[payload.direction])


def _transport_created(_: object, response: pb.CreateTransportResponse) -> Payload:
    dtls = response.dtls_parameters
    return transport.TransportCreated(
        transport_id=response.transport_id,
        direction=DIRECTION_FROM_PB[response.direction],
        ice_parameters=_ice_from_pb(response.ice_parameters),
        ice_candidates=[
            transport.IceCandidate(
                foundation=candidate.foundation,
                ip=candidate.address,
                address=candidate.address,
                port=candidate.port,
                priority=candidate.priority,
                protocol=candidate.protocol,
                type=candidate.type,
            )
            for candidate in response.ice_candidates
        ],
        dtls_parameters=transport.DtlsParameters.model_validate(
            {
                "role": DTLS_ROLE_FROM_PB.get(dtls.role, "auto"),
                "fingerprints": [
                    {"algorithm": each.algorithm, "value": each.value} for each in dtls.fingerprints
                ],
            }
        ),
    )


def _connect_transport(
    payload: transport.TransportConnectPayload, call: pb.SessionCall
) -> pb.ConnectTransportRequest:
    dtls = payload.dtls_parameters
    return pb.ConnectTransportRequest(
        call=call,
        transport_id=payload.transport_id or "",
        dtls_parameters=pb.DtlsParameters(
            role=DTLS_ROLE_TO_PB[dtls.role],
            fingerprints=[
                pb.DtlsFingerprint(algorithm=each.algorithm, value=each.value)
                for each in dtls.fingerprints
            ],
        ),
    )


def _ice_from_pb(ice: pb.IceParameters) -> transport.IceParameters:
    return transport.IceParameters(
        username_fragment=ice.username_fragment, password=ice.password, ice_lite=ice.ice_lite
    )


def _produce(payload: media.ProducePayload, call: pb.SessionCall) -> pb.ProduceRequest:
    rtp_parameters = payload.rtp_parameters
    return pb.ProduceRequest(
        call=call,
        transport_id=payload.transport_id or "",
        kind=KIND_TO_PB[payload.kind],
        rtp_parameters=parameters_to_pb(rtp_parameters) if rtp_parameters else None,
        app_data_json=to_opaque_json(payload.app_data),
        paused=payload.paused,
        producer_id=payload.producer_id or "",
        audience_peer_ids=payload.audience or [],
    )


def _consume(payload: media.ConsumePayload, call: pb.SessionCall) -> pb.ConsumeRequest:
    capabilities = payload.rtp_capabilities
    return pb.ConsumeRequest(
        call=call,
        producer_ids=payload.wanted,
        transport_id=payload.transport_id or "",
        rtp_capabilities=capabilities_to_pb(capabilities) if capabilities else None,
        paused=payload.paused,
        preferred_layers=_layers(payload.preferred_layers),
    )


def _layers(layers: media.Layers | None) -> pb.PreferredLayers | None:
    if layers is None:
        return None
    return pb.PreferredLayers(
        spatial_layer=layers.spatial_layer, temporal_layer=layers.temporal_layer
    )


def _set_layers(
    payload: media.SetLayersPayload, call: pb.SessionCall
) -> pb.SetConsumerLayersRequest:
    return pb.SetConsumerLayersRequest(
        call=call, consumer_id=payload.consumer_id, preferred_layers=_layers(payload)
    )


def _layers_set(payload: media.SetLayersPayload, response: pb.SetConsumerLayersResponse) -> Payload:
    layers = response.preferred_layers
    has_layers = response.HasField("preferred_layers")
    return media.ConsumerLayersSet(
        consumer_id=payload.consumer_id,
        spatial_layer=layers.spatial_layer if has_layers else None,
        temporal_layer=layers.temporal_layer if layers.HasField("temporal_layer") else None,
    )


def _consumed(payload: media.ConsumePayload, response: pb.ConsumeResponse) -> Payload:
    results = [_consume_result(result) for result in response.results]
    if payload.producer_ids is not None:
        return media.ConsumersCreated(consumers=results)
    # A call for a single producer fails as a call, so there is one result and it is a consumer.
    (only,) = results
    if isinstance(only, media.ConsumeFailure):
        reason = str((only.error.details or {}).get("reason", "UNEXPECTED"))
        raise Refusal(Code.CONSUME_ERROR, reason, only.error.message)
    return only


def _consume_result(result: pb.ConsumeResult) -> media.ConsumerCreated | media.ConsumeFailure:
    if result.WhichOneof("result") != "consumer":
        failure = result.failure
        refusal = Refusal(Code.CONSUME_ERROR, failure.reason, failure.message)
        return media.ConsumeFailure(
            producer_id=failure.producer_id, error=error_of(refusal, "consume")
        )
    consumer = result.consumer
    is_simulcast = consumer.type == pb.CONSUMER_TYPE_SIMULCAST
    return media.ConsumerCreated(
        consumer_id=consumer.consumer_id,
        producer_id=consumer.producer_id,
        peer_id=consumer.peer_id,
        kind=KIND_FROM_PB[consumer.kind],
        rtp_parameters=parameters_from_pb(consumer.rtp_parameters),
        consumer_type="simulcast" if is_simulcast else "simple",
        producer_paused=consumer.producer_paused,
        app_data=opaque_from_json(consumer.app_data_json),
    )


def _sdp_offer(payload: sdp.SdpOfferPayload, call: pb.SessionCall) -> pb.ApplySdpOfferRequest:
    return pb.ApplySdpOfferRequest(
        call=call,
        sdp=payload.sdp,
        tracks=[
            pb.SdpTrack(
                mid=track.mid,
                app_data_json=to_opaque_json(track.app_data),
                audience_peer_ids=track.audience or [],
            )
            for track in payload.tracks
        ],
    )


def _sdp_answered(_: object, response: pb.ApplySdpOfferResponse) -> Payload:
    return sdp.SdpAnswered(
        sdp=response.sdp,
        transport_id=response.transport_id,
        producers=[_track_result(result) for result in response.tracks],
    )


def _track_result(result: pb.SdpTrackResult) -> sdp.PublishedTrack | sdp.RejectedTrack:
    mid = result.mid or None
    if result.WhichOneof("result") == "producer_id":
        muted = result.muted or None
        return sdp.PublishedTrack(mid=mid, producer_id=result.producer_id, muted=muted)
    failure = result.failure
    # Empty where the worker is of an earlier version.
    code = Code(failure.code) if failure.code in CODES else Code.PRODUCE_ERROR
    refusal = Refusal(code, failure.reason, failure.message)
    return sdp.RejectedTrack(mid=mid, error=error_of(refusal, "produce"))


def _on_transport(method: str, message: Callable[..., Any], reply: type[Any]) -> Operation:
    return Operation(method, message, lambda _, response: reply(transport_id=response.transport_id))


def _on_producer(method: str, message: type[Any], reply: type[Any]) -> Operation:
    return Operation(
        method,
        lambda payload, call: message(call=call, producer_id=payload.producer_id),
        lambda payload, _: reply(producer_id=payload.producer_id),
    )


def _on_consumer(method: str, message: type[Any], reply: type[Any]) -> Operation:
    return Operation(
        method,
        lambda payload, call: message(call=call, consumer_id=payload.consumer_id),
        lambda payload, _: reply(consumer_id=payload.consumer_id),
    )


def _on_peer(method: str, message: type[Any], reply: type[Any]) -> Operation:
    return Operation(
        method,
        lambda payload, call: message(call=call, peer_id=payload.peer_id),
        lambda payload, _: reply(peer_id=payload.peer_id),
    )


def _on_peer_with_reason(method: str, message: type[Any], reply: type[Any]) -> Operation:
    return Operation(
        method,
        lambda payload, call: message(
            call=call, peer_id=payload.peer_id, reason=payload.reason or ""
        ),
        lambda payload, _: reply(peer_id=payload.peer_id),
    )


def _on_room(method: str, message: type[Any], reply: type[Any]) -> Operation:
    return Operation(method, lambda _, call: message(call=call), lambda _, __: reply())


def _update_peer(payload: peer.PeerUpdatePayload, call: pb.SessionCall) -> pb.UpdatePeerRequest:
    app_data = payload.app_data
    return pb.UpdatePeerRequest(
        call=call,
        app_data_json=to_opaque_json(app_data) if app_data is not None else None,
        display_name=payload.display_name,
        hand_raised=payload.hand_raised,
    )


def _send_message(payload: text.MessageSendPayload, call: pb.SessionCall) -> pb.SendMessageRequest:
    return pb.SendMessageRequest(
        call=call, to_peer_id=payload.to or "", body_json=to_json(payload.body)
    )


CONSUMER_STATS = Operation(
    "GetConsumerStats",
    lambda payload, call: pb.GetConsumerStatsRequest(call=call, consumer_id=payload.consumer_id),
    consumer_stats,
)
PRODUCER_STATS = Operation(
    "GetProducerStats",
    lambda payload, call: pb.GetProducerStatsRequest(call=call, producer_id=payload.producer_id),
    producer_stats,
)
TRANSPORT_STATS = Operation(
    "GetTransportStats",
    lambda payload, call: pb.GetTransportStatsRequest(call=call, transport_id=payload.transport_id),
    transport_stats,
)

# Of every request but `stats:get`, whose form decides.
OPERATIONS: dict[type[Any], Operation] = {
    RoomLeave: Operation(
        "LeaveRoom",
        lambda _, call: pb.LeaveRoomRequest(call=call),
        lambda _, response: RoomLeft(reason=response.reason),
    ),
    transport.TransportCreate: Operation("CreateTransport", _create_transport, _transport_created),
    transport.TransportConnect: _on_transport(
        "ConnectTransport", _connect_transport, transport.TransportConnected
    ),
    transport.TransportRestartIce: Operation(
        "RestartIce",
        lambda payload, call: pb.RestartIceRequest(
            call=call, transport_id=payload.transport_id or ""
        ),
        lambda _, response: transport.TransportIceRestarted(
            transport_id=response.transport_id,
            ice_parameters=_ice_from_pb(response.ice_parameters),
        ),
    ),
    transport.TransportClose: _on_transport(
        "CloseTransport",
        lambda payload, call: pb.CloseTransportRequest(
            call=call, transport_id=payload.transport_id
        ),
        transport.TransportClosed,
    ),
    media.Produce: Operation(
        "Produce",
        _produce,
        lambda _, response: media.Produced(
            producer_id=response.producer_id, muted=response.muted or None
        ),
    ),
    media.Consume: Operation("Consume", _consume, _consumed),
    sdp.SdpOffer: Operation("ApplySdpOffer", _sdp_offer, _sdp_answered),
    sdp.SdpAnswer: Operation(
        "ApplySdpAnswer",
        lambda payload, call: pb.ApplySdpAnswerRequest(
            call=call, offer_id=payload.offer_id, sdp=payload.sdp
        ),
        lambda payload, _: sdp.SdpAnswerTaken(offer_id=payload.offer_id),
    ),
    media.ProducerPause: _on_producer(
        "PauseProducer", pb.PauseProducerRequest, media.ProducerPaused
    ),
    media.ProducerResume: _on_producer(
        "ResumeProducer", pb.ResumeProducerRequest, media.ProducerResumed
    ),
    media.ProducerClose: _on_producer(
        "CloseProducer", pb.CloseProducerRequest, media.ProducerClosed
    ),
    media.ConsumerPause: _on_consumer(
        "PauseConsumer", pb.PauseConsumerRequest, media.ConsumerPaused
    ),
    media.ConsumerResume: _on_consumer(
        "ResumeConsumer", pb.ResumeConsumerRequest, media.ConsumerResumed
    ),
    media.ConsumerClose: _on_consumer(
        "CloseConsumer", pb.CloseConsumerRequest, media.ConsumerClosed
    ),
    media.ConsumerSetLayers: Operation("SetConsumerLayers", _set_layers, _layers_set),
    media.ConsumerRequestKeyFrame: _on_consumer(
        "RequestConsumerKeyFrame",
        pb.RequestConsumerKeyFrameRequest,
        media.ConsumerKeyFrameRequested,
    ),
    text.MessageSend: Operation("SendMessage", _send_message, lambda _, __: text.MessageSent()),
    peer.PeerUpdate: Operation("UpdatePeer", _update_peer, lambda _, __: peer.PeerUpdated()),
    peer.PeerAdmit: _on_peer("AdmitPeer", pb.AdmitPeerRequest, peer.PeerAdmitted),
    peer.PeerReject: _on_peer_with_reason("RejectPeer", pb.RejectPeerRequest, peer.PeerRejected),
    peer.PeerKick: _on_peer_with_reason("KickPeer", pb.KickPeerRequest, peer.PeerKicked),
    peer.PeerMute: _on_peer("MutePeer", pb.MutePeerRequest, peer.PeerMuted),
    peer.PeerUnmute: _on_peer("UnmutePeer", pb.UnmutePeerRequest, peer.PeerUnmuted),
    RoomLock: _on_room("LockRoom", pb.LockRoomRequest, RoomLocked),
    RoomUnlock: _on_room("UnlockRoom", pb.UnlockRoomRequest, RoomUnlocked),
}
