"""RTP parameters: from what the router can do to what aiortc sends and receives."""

from aiortc.rtcrtpparameters import (
    ParametersDict,
    RTCRtcpFeedback,
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpDecodingParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
    RTCRtpRtxParameters,
    RTCRtpSendParameters,
)

from services.client.python.failure import ProtocolError
from services.client.python.message import (
    Codec,
    CodecCapability,
    Encoding,
    Extension,
    Kind,
    Rtcp,
    RtpCapabilities,
    RtpParameters,
    Rtx,
)

# What aiortc reads and writes. Without transport-cc it gets along with REMB, which it makes of
# abs-send-time.
_EXTENSIONS = frozenset(
    {
        "urn:ietf:params:rtp-hdrext:sdes:mid",
        "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    }
)
_CODECS = frozenset({"audio/opus", "video/vp8", "video/rtx"})
_FEEDBACK = frozenset({("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("goog-remb", "")})


def receive_capabilities(router: RtpCapabilities) -> RtpCapabilities:
    """What of the router's capabilities this client can receive."""
    return RtpCapabilities(
        codecs=[_narrowed(codec) for codec in router.codecs if _is_known(codec)],
        header_extensions=[e for e in router.header_extensions if e.uri in _EXTENSIONS],
    )


def send_parameters(
    kind: Kind, router: RtpCapabilities, *, mid: str, ssrc: int, rtx_ssrc: int, cname: str
) -> RtpParameters:
    """How to send one stream of `kind` under the router's own numbers.

    Raises ProtocolError where the router has no codec that this client can send.
    """
    media = next((c for c in router.codecs if c.kind == kind and _is_media(c)), None)
    if media is None or media.preferred_payload_type is None:
        raise ProtocolError(f"the router has no {kind} codec that this client can send")
    rtx = next(
        (
            codec
            for codec in router.codecs
            if _is_rtx(codec.mime_type)
            and codec.parameters.get("apt") == media.preferred_payload_type
        ),
        None,
    )
    return RtpParameters(
        mid=mid,
        codecs=[_as_codec(codec) for codec in (media, rtx) if codec is not None],
        header_extensions=[
            Extension(uri=extension.uri, id=extension.preferred_id)
            for extension in router.header_extensions
            if extension.kind == kind
            and extension.uri in _EXTENSIONS
            and extension.direction in ("sendrecv", "recvonly")
        ],
        encodings=[Encoding(ssrc=ssrc, rtx=Rtx(ssrc=rtx_ssrc) if rtx is not None else None)],
        rtcp=Rtcp(cname=cname),
    )


def to_sender(parameters: RtpParameters) -> RTCRtpSendParameters:
    """The same for aiortc's sender. It chooses SSRCs itself."""
    return RTCRtpSendParameters(
        codecs=[_to_aiortc(codec) for codec in parameters.codecs],
        headerExtensions=_extensions(parameters),
        muxId=parameters.mid or "",
        rtcp=RTCRtcpParameters(cname=parameters.rtcp.cname, mux=True),
    )


def to_receiver(parameters: RtpParameters) -> RTCRtpReceiveParameters:
    """The same for aiortc's receiver. Raises ProtocolError for parameters without an SSRC."""
    encodings: list[RTCRtpDecodingParameters] = []
    for encoding in parameters.encodings:
        if encoding.ssrc is None:
            raise ProtocolError("a consumer's encoding has no ssrc")
        decoding = RTCRtpDecodingParameters(encoding.ssrc, parameters.codecs[0].payload_type)
        encodings.append(decoding)
        rtx = next((codec for codec in parameters.codecs if _is_rtx(codec.mime_type)), None)
        if encoding.rtx is not None and rtx is not None:
            decoding.rtx = RTCRtpRtxParameters(encoding.rtx.ssrc)
            # aiortc finds a packet's receiver by the SSRCs of its encodings alone: with several
            # consumers on a transport the payload type does not tell them apart.
            encodings.append(RTCRtpDecodingParameters(encoding.rtx.ssrc, rtx.payload_type))
    return RTCRtpReceiveParameters(
        codecs=[_to_aiortc(codec) for codec in parameters.codecs],
        headerExtensions=_extensions(parameters),
        muxId=parameters.mid or "",
        rtcp=RTCRtcpParameters(cname=parameters.rtcp.cname, mux=True),
        encodings=encodings,
    )


def _is_rtx(mime_type: str) -> bool:
    return mime_type.lower().endswith("/rtx")


def _is_known(codec: CodecCapability) -> bool:
    return codec.mime_type.lower() in _CODECS


def _is_media(codec: CodecCapability) -> bool:
    return _is_known(codec) and not _is_rtx(codec.mime_type)


def _narrowed(codec: CodecCapability) -> CodecCapability:
    kept = [f for f in codec.rtcp_feedback if (f.type, f.parameter) in _FEEDBACK]
    return codec.model_copy(update={"rtcp_feedback": kept})


def _as_codec(capability: CodecCapability) -> Codec:
    codec = _narrowed(capability)
    return Codec(
        mime_type=codec.mime_type,
        payload_type=codec.preferred_payload_type or 0,
        clock_rate=codec.clock_rate,
        channels=codec.channels,
        parameters=codec.parameters,
        rtcp_feedback=codec.rtcp_feedback,
    )


def _to_aiortc(codec: Codec) -> RTCRtpCodecParameters:
    parameters: ParametersDict = dict(codec.parameters.items())
    return RTCRtpCodecParameters(
        mimeType=codec.mime_type,
        clockRate=codec.clock_rate,
        channels=codec.channels,
        payloadType=codec.payload_type,
        rtcpFeedback=[RTCRtcpFeedback(f.type, f.parameter) for f in codec.rtcp_feedback],
        parameters=parameters,
    )


def _extensions(parameters: RtpParameters) -> list[RTCRtpHeaderExtensionParameters]:
    return [RTCRtpHeaderExtensionParameters(e.id, e.uri) for e in parameters.header_extensions]
