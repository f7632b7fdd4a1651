"""RTP capabilities and parameters between the browser's JSON shape and protobuf."""

from collections.abc import Iterable, Mapping

from services.gateway.core.message import rtp
from services.gateway.core.message.field import MediaKind
from services.pb.invigil.sfu.v1 import rtp_pb2 as pb

KIND_TO_PB: dict[MediaKind, pb.MediaKind.ValueType] = {
    "audio": pb.MEDIA_KIND_AUDIO,
    "video": pb.MEDIA_KIND_VIDEO,
}
KIND_FROM_PB = {number: kind for kind, number in KIND_TO_PB.items()}

DIRECTION_TO_PB = {
    "sendrecv": pb.EXTENSION_DIRECTION_SENDRECV,
    "sendonly": pb.EXTENSION_DIRECTION_SENDONLY,
    "recvonly": pb.EXTENSION_DIRECTION_RECVONLY,
    "inactive": pb.EXTENSION_DIRECTION_INACTIVE,
}
DIRECTION_FROM_PB = {number: name for name, number in DIRECTION_TO_PB.items()}


def capabilities_to_pb(capabilities: rtp.RtpCapabilities) -> pb.RtpCapabilities:
    return pb.RtpCapabilities(
        codecs=[
            pb.RtpCodecCapability(
                kind=KIND_TO_PB[codec.kind],
                mime_type=codec.mime_type,
                preferred_payload_type=codec.preferred_payload_type,
                clock_rate=codec.clock_rate,
                channels=codec.channels,
                parameters=_parameters_to_pb(codec.parameters),
                rtcp_feedback=_feedback_to_pb(codec.rtcp_feedback),
            )
            for codec in capabilities.codecs
        ],
        header_extensions=[
            pb.RtpHeaderExtension(
                kind=KIND_TO_PB[extension.kind],
                uri=extension.uri,
                preferred_id=extension.preferred_id,
                preferred_encrypt=extension.preferred_encrypt,
                direction=DIRECTION_TO_PB[extension.direction],
            )
            for extension in capabilities.header_extensions
        ],
    )


def capabilities_from_pb(message: pb.RtpCapabilities) -> rtp.RtpCapabilities:
    return rtp.RtpCapabilities(
        codecs=[
            rtp.RtpCodecCapability(
                kind=KIND_FROM_PB[codec.kind],
                mime_type=codec.mime_type,
                preferred_payload_type=_optional_int(codec, "preferred_payload_type"),
                clock_rate=codec.clock_rate,
                channels=_optional_int(codec, "channels"),
                parameters=_parameters_from_pb(codec.parameters),
                rtcp_feedback=_feedback_from_pb(codec.rtcp_feedback),
            )
            for codec in message.codecs
        ],
        header_extensions=[
            rtp.RtpHeaderExtension.model_validate(
                {
                    "kind": KIND_FROM_PB[extension.kind],
                    "uri": extension.uri,
                    "preferredId": extension.preferred_id,
                    "preferredEncrypt": extension.preferred_encrypt,
                    "direction": DIRECTION_FROM_PB.get(extension.direction, "sendrecv"),
                }
            )
            for extension in message.header_extensions
        ],
    )


def parameters_to_pb(parameters: rtp.RtpParameters) -> pb.RtpParameters:
    rtcp = parameters.rtcp
    return pb.RtpParameters(
        mid=parameters.mid,
        codecs=[
            pb.RtpCodecParameters(
                mime_type=codec.mime_type,
                payload_type=codec.payload_type,
                clock_rate=codec.clock_rate,
                channels=codec.channels,
                parameters=_parameters_to_pb(codec.parameters),
                rtcp_feedback=_feedback_to_pb(codec.rtcp_feedback),
            )
            for codec in parameters.codecs
        ],
        header_extensions=[
            pb.RtpHeaderExtensionParameters(
                uri=extension.uri, id=extension.id, encrypt=extension.encrypt
            )
            for extension in parameters.header_extensions
        ],
        encodings=[_encoding_to_pb(encoding) for encoding in parameters.encodings],
        rtcp=None
        if rtcp is None
        else pb.RtcpParameters(cname=rtcp.cname, reduced_size=rtcp.reduced_size, mux=rtcp.mux),
        msid=parameters.msid,
    )


def parameters_from_pb(message: pb.RtpParameters) -> rtp.RtpParameters:
    return rtp.RtpParameters(
        mid=message.mid if message.HasField("mid") else None,
        codecs=[
            rtp.RtpCodecParameters(
                mime_type=codec.mime_type,
                payload_type=codec.payload_type,
                clock_rate=codec.clock_rate,
                channels=_optional_int(codec, "channels"),
                parameters=_parameters_from_pb(codec.parameters),
                rtcp_feedback=_feedback_from_pb(codec.rtcp_feedback),
            )
            for codec in message.codecs
        ],
        header_extensions=[
            rtp.RtpHeaderExtensionParameters(
                uri=extension.uri, id=extension.id, encrypt=extension.encrypt
            )
            for extension in message.header_extensions
        ],
        encodings=[_encoding_from_pb(encoding) for encoding in message.encodings],
        rtcp=_rtcp_from_pb(message.rtcp) if message.HasField("rtcp") else None,
        msid=message.msid if message.HasField("msid") else None,
    )


def _encoding_to_pb(encoding: rtp.RtpEncodingParameters) -> pb.RtpEncodingParameters:
    return pb.RtpEncodingParameters(
        ssrc=encoding.ssrc,
        rid=encoding.rid,
        rtx=None if encoding.rtx is None else pb.RtxParameters(ssrc=encoding.rtx.ssrc),
        scalability_mode=encoding.scalability_mode,
        max_bitrate_bps=encoding.max_bitrate,
        dtx=encoding.dtx,
        codec_payload_type=encoding.codec_payload_type,
        scale_resolution_down_by=encoding.scale_resolution_down_by,
    )


def _encoding_from_pb(message: pb.RtpEncodingParameters) -> rtp.RtpEncodingParameters:
    has = message.HasField
    return rtp.RtpEncodingParameters(
        ssrc=_optional_int(message, "ssrc"),
        rid=message.rid if has("rid") else None,
        rtx=rtp.RtxParameters(ssrc=message.rtx.ssrc) if has("rtx") else None,
        scalability_mode=message.scalability_mode if has("scalability_mode") else None,
        max_bitrate=_optional_int(message, "max_bitrate_bps"),
        dtx=message.dtx if has("dtx") else None,
        codec_payload_type=_optional_int(message, "codec_payload_type"),
        scale_resolution_down_by=(
            message.scale_resolution_down_by if has("scale_resolution_down_by") else None
        ),
    )


def _rtcp_from_pb(message: pb.RtcpParameters) -> rtp.RtcpParameters:
    has = message.HasField
    return rtp.RtcpParameters(
        cname=message.cname if has("cname") else None,
        reduced_size=message.reduced_size if has("reduced_size") else None,
        mux=message.mux if has("mux") else None,
    )


def _parameters_to_pb(parameters: Mapping[str, int | str]) -> dict[str, pb.ParameterValue]:
    return {
        name: pb.ParameterValue(number=value)
        if isinstance(value, int)
        else pb.ParameterValue(text=value)
        for name, value in parameters.items()
    }


def _parameters_from_pb(parameters: Mapping[str, pb.ParameterValue]) -> dict[str, int | str]:
    return {
        name: value.number if value.WhichOneof("value") == "number" else value.text
        for name, value in parameters.items()
    }


def _feedback_to_pb(feedback: Iterable[rtp.RtcpFeedback]) -> list[pb.RtcpFeedback]:
    return [pb.RtcpFeedback(type=each.type, parameter=each.parameter) for each in feedback]


def _feedback_from_pb(feedback: Iterable[pb.RtcpFeedback]) -> list[rtp.RtcpFeedback]:
    return [rtp.RtcpFeedback(type=each.type, parameter=each.parameter) for each in feedback]


def _optional_int(
    message: pb.RtpCodecCapability | pb.RtpCodecParameters | pb.RtpEncodingParameters, field: str
) -> int | None:
    value: int | None = getattr(message, field) if message.HasField(field) else None  # type: ignore[arg-type]
    return value
