"""RTP capabilities and parameters between protobuf and core's values."""

from collections.abc import Iterable, Mapping

from services.common.errors import Code, Refusal
from services.pb.invigil.sfu.v1 import rtp_pb2
from services.sfu.core.port import Kind
from services.sfu.core.rtp import (
    CodecCapability,
    CodecParameters,
    EncodingParameters,
    HeaderExtension,
    HeaderExtensionParameters,
    ParameterValue,
    RtcpFeedback,
    RtcpParameters,
    RtpCapabilities,
    RtpParameters,
)

KIND_FROM_WIRE = {
    rtp_pb2.MEDIA_KIND_AUDIO: Kind.AUDIO,
    rtp_pb2.MEDIA_KIND_VIDEO: Kind.VIDEO,
}
KIND_TO_WIRE = {kind: wire for wire, kind in KIND_FROM_WIRE.items()}

DIRECTION_FROM_WIRE = {
    rtp_pb2.EXTENSION_DIRECTION_SENDRECV: "sendrecv",
    rtp_pb2.EXTENSION_DIRECTION_SENDONLY: "sendonly",
    rtp_pb2.EXTENSION_DIRECTION_RECVONLY: "recvonly",
    rtp_pb2.EXTENSION_DIRECTION_INACTIVE: "inactive",
}
DIRECTION_TO_WIRE = {text: wire for wire, text in DIRECTION_FROM_WIRE.items()}


def kind_from_wire(kind: rtp_pb2.MediaKind.ValueType) -> Kind:
    """Raises Refusal INVALID_MESSAGE for an unspecified or unknown kind."""
    found = KIND_FROM_WIRE.get(kind)
    if found is None:
        raise Refusal(Code.INVALID_MESSAGE, "BAD_KIND", 'kind must be "audio" or "video".')
    return found


def capabilities_from_wire(message: rtp_pb2.RtpCapabilities) -> RtpCapabilities:
    return RtpCapabilities(
        codecs=tuple(
            CodecCapability(
                kind=kind_from_wire(codec.kind),
                mime_type=codec.mime_type,
                preferred_payload_type=(
                    codec.preferred_payload_type
                    if codec.HasField("preferred_payload_type")
                    else None
                ),
                clock_rate=codec.clock_rate,
                channels=codec.channels if codec.HasField("channels") else None,
                parameters=_parameters_from_wire(codec.parameters),
                rtcp_feedback=_feedback_from_wire(codec.rtcp_feedback),
            )
            for codec in message.codecs
        ),
        header_extensions=tuple(
            HeaderExtension(
                kind=kind_from_wire(extension.kind),
                uri=extension.uri,
                preferred_id=extension.preferred_id,
                direction=DIRECTION_FROM_WIRE.get(extension.direction, "sendrecv"),
                preferred_encrypt=extension.preferred_encrypt,
            )
            for extension in message.header_extensions
        ),
    )


def capabilities_to_wire(capabilities: RtpCapabilities) -> rtp_pb2.RtpCapabilities:
    return rtp_pb2.RtpCapabilities(
        codecs=[
            rtp_pb2.RtpCodecCapability(
                kind=KIND_TO_WIRE[codec.kind],
                mime_type=codec.mime_type,
                preferred_payload_type=codec.preferred_payload_type,
                clock_rate=codec.clock_rate,
                channels=codec.channels,
                parameters=_parameters_to_wire(codec.parameters),
                rtcp_feedback=_feedback_to_wire(codec.rtcp_feedback),
            )
            for codec in capabilities.codecs
        ],
        header_extensions=[
            rtp_pb2.RtpHeaderExtension(
                kind=KIND_TO_WIRE[extension.kind],
                uri=extension.uri,
                preferred_id=extension.preferred_id,
                preferred_encrypt=extension.preferred_encrypt,
                direction=DIRECTION_TO_WIRE[extension.direction],
            )
            for extension in capabilities.header_extensions
        ],
    )


def parameters_from_wire(message: rtp_pb2.RtpParameters) -> RtpParameters:
    return RtpParameters(
        mid=message.mid if message.HasField("mid") else None,
        codecs=tuple(
            CodecParameters(
                mime_type=codec.mime_type,
                payload_type=codec.payload_type,
                clock_rate=codec.clock_rate,
                channels=codec.channels if codec.HasField("channels") else None,
                parameters=_parameters_from_wire(codec.parameters),
                rtcp_feedback=_feedback_from_wire(codec.rtcp_feedback),
            )
            for codec in message.codecs
        ),
        header_extensions=tuple(
            HeaderExtensionParameters(extension.uri, extension.id, extension.encrypt)
            for extension in message.header_extensions
        ),
        encodings=tuple(_encoding_from_wire(encoding) for encoding in message.encodings),
        rtcp=_rtcp_from_wire(message.rtcp) if message.HasField("rtcp") else None,
        msid=message.msid if message.HasField("msid") else None,
    )


def parameters_to_wire(parameters: RtpParameters) -> rtp_pb2.RtpParameters:
    rtcp = parameters.rtcp
    return rtp_pb2.RtpParameters(
        mid=parameters.mid,
        codecs=[
            rtp_pb2.RtpCodecParameters(
                mime_type=codec.mime_type,
                payload_type=codec.payload_type,
                clock_rate=codec.clock_rate,
                channels=codec.channels,
                parameters=_parameters_to_wire(codec.parameters),
                rtcp_feedback=_feedback_to_wire(codec.rtcp_feedback),
            )
            for codec in parameters.codecs
        ],
        header_extensions=[
            rtp_pb2.RtpHeaderExtensionParameters(
                uri=extension.uri, id=extension.id, encrypt=extension.encrypt
            )
            for extension in parameters.header_extensions
        ],
        encodings=[_encoding_to_wire(encoding) for encoding in parameters.encodings],
        rtcp=None
        if rtcp is None
        else rtp_pb2.RtcpParameters(cname=rtcp.cname, reduced_size=rtcp.reduced_size, mux=rtcp.mux),
        msid=parameters.msid,
    )


def _encoding_from_wire(encoding: rtp_pb2.RtpEncodingParameters) -> EncodingParameters:
    return EncodingParameters(
        ssrc=encoding.ssrc if encoding.HasField("ssrc") else None,
        rid=encoding.rid if encoding.HasField("rid") else None,
        rtx_ssrc=encoding.rtx.ssrc if encoding.HasField("rtx") else None,
        scalability_mode=(
            encoding.scalability_mode if encoding.HasField("scalability_mode") else None
        ),
        max_bitrate_bps=encoding.max_bitrate_bps if encoding.HasField("max_bitrate_bps") else None,
        dtx=encoding.dtx if encoding.HasField("dtx") else None,
    )


def _encoding_to_wire(encoding: EncodingParameters) -> rtp_pb2.RtpEncodingParameters:
    return rtp_pb2.RtpEncodingParameters(
        ssrc=encoding.ssrc,
        rid=encoding.rid,
        rtx=None if encoding.rtx_ssrc is None else rtp_pb2.RtxParameters(ssrc=encoding.rtx_ssrc),
        scalability_mode=encoding.scalability_mode,
        max_bitrate_bps=encoding.max_bitrate_bps,
        dtx=encoding.dtx,
    )


def _rtcp_from_wire(rtcp: rtp_pb2.RtcpParameters) -> RtcpParameters:
    return RtcpParameters(
        cname=rtcp.cname if rtcp.HasField("cname") else None,
        reduced_size=rtcp.reduced_size if rtcp.HasField("reduced_size") else None,
        mux=rtcp.mux if rtcp.HasField("mux") else None,
    )


def _parameters_from_wire(
    parameters: Mapping[str, rtp_pb2.ParameterValue],
) -> dict[str, ParameterValue]:
    # A value without either field is a null of the sender; it is dropped as null is everywhere.
    values: dict[str, ParameterValue] = {}
    for name, value in parameters.items():
        match value.WhichOneof("value"):
            case "number":
                values[name] = value.number
            case "text":
                values[name] = value.text
    return values


def _parameters_to_wire(
    parameters: Mapping[str, ParameterValue],
) -> dict[str, rtp_pb2.ParameterValue]:
    return {
        name: rtp_pb2.ParameterValue(number=value)
        if isinstance(value, int)
        else rtp_pb2.ParameterValue(text=value)
        for name, value in parameters.items()
    }


def _feedback_from_wire(feedback: Iterable[rtp_pb2.RtcpFeedback]) -> tuple[RtcpFeedback, ...]:
    return tuple(RtcpFeedback(item.type, item.parameter) for item in feedback)


def _feedback_to_wire(feedback: tuple[RtcpFeedback, ...]) -> list[rtp_pb2.RtcpFeedback]:
    return [rtp_pb2.RtcpFeedback(type=item.type, parameter=item.parameter) for item in feedback]
