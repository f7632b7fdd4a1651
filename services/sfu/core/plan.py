"""From negotiated parameters to what the media side is told: producer and consumer specs."""

from services.common.ids import ConsumerId, ProducerId, TransportId
from services.sfu.core.capability import EXTENSION_OF_URI, NACK, TRANSPORT_CC
from services.sfu.core.ortc import NegotiatedCodec, get_extension_ids
from services.sfu.core.port import (
    ConsumerSpec,
    Extension,
    InboundCodec,
    InboundEncoding,
    Kind,
    OutboundCodec,
    ProducerSpec,
)
from services.sfu.core.rtp import CodecParameters, RtpCapabilities, RtpParameters
from services.sfu.core.rtp_check import is_rtx, number


def plan_producer(
    parameters: RtpParameters,
    router: RtpCapabilities,
    *,
    producer_id: ProducerId,
    transport_id: TransportId,
    kind: Kind,
    paused: bool,
) -> ProducerSpec:
    """How the engine is to receive a stream with these parameters."""
    codecs = tuple(
        _inbound_codec(codec, parameters.codecs)
        for codec in parameters.codecs
        if not is_rtx(codec.mime_type)
    )
    has_rtx = any(codec.rtx_payload_type is not None for codec in codecs)
    extension_ids = {
        extension: id_
        for extension, id_ in get_extension_ids(parameters.header_extensions).items()
        if extension in _accepted_extensions(kind, router)
    }
    feedback = {item for codec in parameters.codecs for item in codec.rtcp_feedback}
    return ProducerSpec(
        producer_id=producer_id,
        transport_id=transport_id,
        kind=kind,
        mid=parameters.mid,
        codecs=codecs,
        encodings=tuple(
            InboundEncoding(e.ssrc, e.rtx_ssrc if has_rtx else None, e.rid)
            for e in parameters.encodings
        )
        or (InboundEncoding(),),
        extension_ids=extension_ids,
        nack=NACK in feedback,
        transport_cc=TRANSPORT_CC in feedback and Extension.TRANSPORT_CC in extension_ids,
        paused=paused,
    )


def plan_consumer(
    parameters: RtpParameters,
    codecs: tuple[NegotiatedCodec, ...],
    *,
    consumer_id: ConsumerId,
    producer_id: ProducerId,
    transport_id: TransportId,
    kind: Kind,
    cname: str,
    layer: int,
    paused: bool,
) -> ConsumerSpec:
    """How the engine is to send to a consumer with these parameters."""
    encoding = parameters.encodings[0]
    assert encoding.ssrc is not None, "a consumer's SSRC is always given"
    assert parameters.mid is not None, "a consumer's MID is always given"
    return ConsumerSpec(
        consumer_id=consumer_id,
        producer_id=producer_id,
        transport_id=transport_id,
        kind=kind,
        mid=parameters.mid,
        ssrc=encoding.ssrc,
        rtx_ssrc=encoding.rtx_ssrc,
        codecs=tuple(
            OutboundCodec(
                codec.producer_payload_type,
                codec.parameters.payload_type,
                codec.rtx_payload_type,
            )
            for codec in codecs
        ),
        extension_ids=get_extension_ids(parameters.header_extensions),
        cname=cname,
        layer=layer,
        paused=paused,
    )


def _inbound_codec(codec: CodecParameters, among: tuple[CodecParameters, ...]) -> InboundCodec:
    rtx = next(
        (
            other.payload_type
            for other in among
            if is_rtx(other.mime_type) and number(other.parameters.get("apt")) == codec.payload_type
        ),
        None,
    )
    name = codec.mime_type.partition("/")[2].lower()
    return InboundCodec(name, codec.payload_type, codec.clock_rate, rtx)


def _accepted_extensions(kind: Kind, router: RtpCapabilities) -> set[Extension]:
    return {
        EXTENSION_OF_URI[extension.uri]
        for extension in router.header_extensions
        if extension.kind is kind and extension.direction in ("sendrecv", "recvonly")
    }
