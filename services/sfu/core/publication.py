"""Publishing: from a `produce` request to a producer and what the engine is told of it."""

import re
from dataclasses import dataclass, replace

from services.common.errors import Code, Refusal
from services.common.ids import PeerId, ProducerId, TransportId
from services.sfu.core.limit import MAX_PRODUCERS_PER_SESSION, check_app_data
from services.sfu.core.ortc import (
    UnsupportedCodec,
    default_parameters,
    get_consumable,
    get_producer_mapping,
)
from services.sfu.core.peer import Producer, Session, Transport
from services.sfu.core.plan import plan_producer
from services.sfu.core.port import InboundEncoding, Kind, ProducerSpec
from services.sfu.core.rtp import EncodingParameters, RtpCapabilities, RtpParameters
from services.sfu.core.rtp_check import InvalidRtp, check_parameters

_PRODUCER_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class ProduceRequest:
    kind: Kind
    # None: the session's only send transport.
    transport_id: TransportId | None = None
    # None: the router's first codec of that kind, SSRC from the first packet.
    rtp_parameters: RtpParameters | None = None
    app_data_json: str = ""
    paused: bool = False
    # "<own peer id>.<n>"; None: the next one.
    producer_id: ProducerId | None = None
    # The peers for whom alone it is; empty: for all who may see the publisher.
    audience: tuple[PeerId, ...] = ()


def publish(
    session: Session,
    transport: Transport,
    request: ProduceRequest,
    router: RtpCapabilities,
    *,
    is_user_muted: bool,
    muted_ids: frozenset[ProducerId],
) -> tuple[Producer, ProducerSpec]:
    """A producer for the request; the caller has checked its audience and enters it into its books.

    `is_user_muted`: a moderator has muted all audio of the user; `muted_ids`: of single producers.

    Raises Refusal: FORBIDDEN (MAY_NOT_PUBLISH), INVALID_MESSAGE (app data), PRODUCE_ERROR.
    """
    if not session.may_publish:
        raise Refusal(Code.FORBIDDEN, "MAY_NOT_PUBLISH", "This role or token may not publish.")
    if len(session.producers) >= MAX_PRODUCERS_PER_SESSION:
        raise _refusal("TOO_MANY_PRODUCERS", "The session has too many producers.")
    app_data_json = check_app_data(
        request.app_data_json,
        (session.app_data_json, *(p.app_data_json for p in session.producers.values())),
    )
    parameters = _checked(request, router)
    try:
        mapping = get_producer_mapping(parameters, router)
    except UnsupportedCodec as error:
        raise _refusal("UNSUPPORTED_CODEC", f"rtpParameters: {error}.") from error
    _check_streams(session, transport, parameters)
    producer_id = _number(session, request.producer_id)
    muted = producer_id in muted_ids or (is_user_muted and request.kind is Kind.AUDIO)
    spec = plan_producer(
        parameters,
        router,
        producer_id=producer_id,
        transport_id=transport.transport_id,
        kind=request.kind,
        paused=request.paused or muted,
    )
    producer = Producer(
        producer_id=producer_id,
        session_id=session.session_id,
        peer_id=session.peer_id,
        transport_id=transport.transport_id,
        kind=request.kind,
        mid=parameters.mid,
        payload_types=tuple(codec.payload_type for codec in parameters.codecs),
        encodings=spec.encodings,
        consumable=get_consumable(request.kind, parameters, router, mapping),
        app_data_json=app_data_json,
        paused_by_owner=request.paused,
        muted=muted,
        audience=frozenset(request.audience) or None,
    )
    return producer, spec


def _checked(request: ProduceRequest, router: RtpCapabilities) -> RtpParameters:
    parameters = request.rtp_parameters
    if parameters is None:
        parameters = default_parameters(request.kind, router)
    try:
        check_parameters(request.kind, parameters)
    except InvalidRtp as error:
        raise _refusal("BAD_RTP_PARAMETERS", f"rtpParameters: {error}.") from error
    return replace(parameters, encodings=parameters.encodings or (EncodingParameters(),))


def _check_streams(session: Session, transport: Transport, parameters: RtpParameters) -> None:
    """Refuse a stream whose packets could not be told from those of another on its transport."""
    on_it = [p for p in session.producers.values() if p.transport_id == transport.transport_id]
    mids = {producer.mid for producer in on_it if producer.mid is not None}
    if parameters.mid in mids:
        raise _refusal("MID_TAKEN", "Another producer of the transport has this mid.")
    ssrcs = {ssrc for p in on_it for e in p.encodings for ssrc in (e.ssrc, e.rtx_ssrc)}
    for encoding in parameters.encodings:
        for ssrc in (encoding.ssrc, encoding.rtx_ssrc):
            if ssrc is not None and ssrc in ssrcs:
                raise _refusal("SSRC_TAKEN", "Another producer of the transport has this ssrc.")
    if parameters.mid is None:
        _check_without_mid(on_it, parameters)


def _check_without_mid(on_it: list[Producer], parameters: RtpParameters) -> None:
    nameless = [producer for producer in on_it if producer.mid is None]
    rids = {e.rid for p in nameless for e in p.encodings if e.rid is not None}
    payload_types = {
        pt for p in nameless if _is_found_by_type(p.encodings) for pt in p.payload_types
    }
    for encoding in parameters.encodings:
        if encoding.rid is not None and encoding.rid in rids:
            raise _refusal("RID_TAKEN", "Another producer without a mid has this rid.")
    sole = parameters.encodings[0]
    if sole.ssrc is None and sole.rid is None:
        for codec in parameters.codecs:
            if codec.payload_type in payload_types:
                raise _refusal(
                    "STREAM_AMBIGUOUS",
                    "Another producer has this payload type: give a mid or ssrc.",
                )


def _is_found_by_type(encodings: tuple[InboundEncoding, ...]) -> bool:
    return all(encoding.ssrc is None and encoding.rid is None for encoding in encodings)


def _number(session: Session, wanted: ProducerId | None) -> ProducerId:
    numbering = session.numbering
    if wanted is None:
        numbering.producer += 1
        return ProducerId(f"{session.peer_id}.{numbering.producer}")
    prefix = f"{session.peer_id}."
    suffix = wanted.removeprefix(prefix)
    if not wanted.startswith(prefix) or not _PRODUCER_NUMBER.fullmatch(suffix):
        raise _refusal("BAD_PRODUCER_ID", "A producer id is the own peer id, a dot and a number.")
    if wanted in session.producers:
        raise _refusal("PRODUCER_ID_TAKEN", "The producer id is in use.")
    numbering.producer = max(numbering.producer, int(suffix))
    return wanted


def _refusal(reason: str, message: str) -> Refusal:
    return Refusal(Code.PRODUCE_ERROR, reason, message)
