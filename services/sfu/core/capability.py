"""What every router of this worker can receive and send."""

from services.sfu.core.port import Extension, Kind
from services.sfu.core.rtp import (
    CodecCapability,
    HeaderExtension,
    RtcpFeedback,
    RtpCapabilities,
)

URI_OF_EXTENSION = {
    Extension.MID: "urn:ietf:params:rtp-hdrext:sdes:mid",
    Extension.RID: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    Extension.RRID: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    Extension.ABS_SEND_TIME: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    Extension.TRANSPORT_CC: (
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    ),
    Extension.AUDIO_LEVEL: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    Extension.ORIENTATION: "urn:3gpp:video-orientation",
    Extension.TOFFSET: "urn:ietf:params:rtp-hdrext:toffset",
}
EXTENSION_OF_URI = {uri: extension for extension, uri in URI_OF_EXTENSION.items()}

NACK = RtcpFeedback("nack")
NACK_PLI = RtcpFeedback("nack", "pli")
CCM_FIR = RtcpFeedback("ccm", "fir")
GOOG_REMB = RtcpFeedback("goog-remb")
TRANSPORT_CC = RtcpFeedback("transport-cc")


def _extension(kind: Kind, name: Extension, id_: int, direction: str) -> HeaderExtension:
    return HeaderExtension(kind, URI_OF_EXTENSION[name], id_, direction)


# Payload type 127, SSRC 1234 and the MID "probator" belong to mediasoup-client's bandwidth probe on
# the receive transport and are never given out.
ROUTER_CAPABILITIES = RtpCapabilities(
    codecs=(
        CodecCapability(
            Kind.AUDIO, "audio/opus", 100, 48000, channels=2, rtcp_feedback=(NACK, TRANSPORT_CC)
        ),
        CodecCapability(
            Kind.VIDEO,
            "video/VP8",
            101,
            90000,
            rtcp_feedback=(NACK, NACK_PLI, CCM_FIR, GOOG_REMB, TRANSPORT_CC),
        ),
        CodecCapability(Kind.VIDEO, "video/rtx", 102, 90000, parameters={"apt": 101}),
    ),
    # "recvonly": accepted from publishers, not offered to consumers.
    header_extensions=(
        _extension(Kind.AUDIO, Extension.MID, 1, "sendrecv"),
        _extension(Kind.VIDEO, Extension.MID, 1, "sendrecv"),
        _extension(Kind.VIDEO, Extension.RID, 2, "recvonly"),
        _extension(Kind.VIDEO, Extension.RRID, 3, "recvonly"),
        _extension(Kind.AUDIO, Extension.ABS_SEND_TIME, 4, "sendrecv"),
        _extension(Kind.VIDEO, Extension.ABS_SEND_TIME, 4, "sendrecv"),
        _extension(Kind.AUDIO, Extension.TRANSPORT_CC, 5, "recvonly"),
        _extension(Kind.VIDEO, Extension.TRANSPORT_CC, 5, "sendrecv"),
        _extension(Kind.AUDIO, Extension.AUDIO_LEVEL, 10, "sendrecv"),
        _extension(Kind.VIDEO, Extension.ORIENTATION, 11, "sendrecv"),
        _extension(Kind.VIDEO, Extension.TOFFSET, 12, "sendrecv"),
    ),
)
