"""Bounds and validity of RTP capabilities and parameters that came from outside.

Texts end up in the SDP that another peer's browser builds (fmtp, msid, rid), so a line break in one
would let a publisher write lines of a proctor's session description.
"""

import re

from services.sfu.core.port import Kind
from services.sfu.core.rtp import (
    CodecCapability,
    CodecParameters,
    EncodingParameters,
    HeaderExtension,
    ParameterValue,
    RtcpFeedback,
    RtpCapabilities,
    RtpParameters,
)

MAX_CODECS = 64
# Of a producer, retransmission formats aside: what the engine takes.
MAX_MEDIA_CODECS = 16
MAX_HEADER_EXTENSIONS = 32
MAX_ENCODINGS = 8
MAX_CODEC_PARAMETERS = 32
MAX_FEEDBACK = 16
MAX_PARAMETER_BYTES = 256
# Of one codec, names and values together: they are repeated to every consumer.
MAX_CODEC_PARAMETERS_BYTES = 1024
MAX_URI_BYTES = 256
MAX_SSRC = 0xFFFF_FFFF

_MIME_TYPE = re.compile(r"(audio|video)/[A-Za-z0-9.+_-]{1,32}")
# RFC 4566 token, of the length that a one-byte header extension can carry (RFC 8285 section 4.2).
_TOKEN = r"[!#-'*+\-.0-9A-Z^-~]"
_MID = re.compile(_TOKEN + "{1,16}")
# RFC 8851 section 10: letters, digits, "-" and "_".
_RID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_MSID = re.compile(_TOKEN + "{1,64}( " + _TOKEN + "{1,64})?")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_FEEDBACK = re.compile(r"[a-z0-9-]{1,32}")
_RESERVED_MIDS = frozenset({"probator", "datachannel"})
_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})


class InvalidRtp(ValueError):
    """The parameters can never be right; the text says why and may be shown to the client."""


def check_capabilities(capabilities: RtpCapabilities) -> None:
    """Raise InvalidRtp unless the capabilities are well formed and within bounds."""
    _require(len(capabilities.codecs) <= MAX_CODECS, "too many codecs")
    _require(
        len(capabilities.header_extensions) <= MAX_HEADER_EXTENSIONS, "too many header extensions"
    )
    for codec in capabilities.codecs:
        _check_codec(codec)
        _require(_kind_of(codec.mime_type) is codec.kind, "a codec's kind is not its mime type's")
        if codec.preferred_payload_type is not None:
            _check_payload_type(codec.preferred_payload_type)
    for extension in capabilities.header_extensions:
        _check_extension(extension)


def check_parameters(kind: Kind, parameters: RtpParameters) -> None:
    """Raise InvalidRtp unless a producer of this kind may have these parameters."""
    _require(0 < len(parameters.codecs) <= MAX_CODECS, "codecs must be 1 to 64")
    _require(
        len(parameters.header_extensions) <= MAX_HEADER_EXTENSIONS, "too many header extensions"
    )
    _require(len(parameters.encodings) <= MAX_ENCODINGS, "too many encodings")
    for codec in parameters.codecs:
        _check_codec(codec)
        _check_payload_type(codec.payload_type)
        _require(_kind_of(codec.mime_type) is kind, "a codec is not of the producer's kind")
    media_codecs = sum(not is_rtx(codec.mime_type) for codec in parameters.codecs)
    _require(media_codecs <= MAX_MEDIA_CODECS, "more than 16 media codecs")
    payload_types = [codec.payload_type for codec in parameters.codecs]
    _require(len(set(payload_types)) == len(payload_types), "a payload type occurs twice")
    _check_mid(parameters.mid)
    _require(parameters.msid is None or bool(_MSID.fullmatch(parameters.msid)), "bad msid")
    _check_extension_ids(parameters)
    _check_encodings(parameters.encodings)


def is_rtx(mime_type: str) -> bool:
    """Whether a mime type is a retransmission format (RFC 4588)."""
    return mime_type.lower().endswith("/rtx")


def is_rtx_of(codec: CodecParameters, media: CodecParameters) -> bool:
    """Whether a codec is the retransmission format of a media codec."""
    return is_rtx(codec.mime_type) and number(codec.parameters.get("apt")) == media.payload_type


def number(value: ParameterValue | None) -> int | None:
    """The value if it is a number. Python holds True for 1: a truth value is not a number here."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _check_codec(codec: CodecCapability | CodecParameters) -> None:
    _require(bool(_MIME_TYPE.fullmatch(codec.mime_type)), "bad mimeType")
    _require(0 < codec.clock_rate <= MAX_SSRC, "bad clockRate")
    _require(codec.channels is None or 0 < codec.channels <= 255, "bad channels")
    _require(len(codec.parameters) <= MAX_CODEC_PARAMETERS, "too many codec parameters")
    for name, value in codec.parameters.items():
        _check_codec_parameter(name, value)
    size_bytes = sum(len(name) + len(str(value)) for name, value in codec.parameters.items())
    _require(size_bytes <= MAX_CODEC_PARAMETERS_BYTES, "too long codec parameters")
    if is_rtx(codec.mime_type):
        _require(number(codec.parameters.get("apt")) is not None, "rtx without a number as apt")
    _require(len(codec.rtcp_feedback) <= MAX_FEEDBACK, "too much rtcpFeedback")
    for feedback in codec.rtcp_feedback:
        _check_feedback(feedback)


def _check_codec_parameter(name: str, value: ParameterValue) -> None:
    # mediasoup-client refuses to load with a truth value in the parameters.
    _require(not isinstance(value, bool), "a codec parameter is a truth value")
    for text in (name, value):
        if isinstance(text, str):
            _require(len(text) <= MAX_PARAMETER_BYTES, "a codec parameter is too long")
            _require(bool(_PRINTABLE.fullmatch(text)), "a codec parameter is not printable")
    _require(name != "" and ";" not in name and "=" not in name, "bad codec parameter name")


def _check_feedback(feedback: RtcpFeedback) -> None:
    _require(bool(_FEEDBACK.fullmatch(feedback.type)), "bad rtcpFeedback")
    _require(
        feedback.parameter == "" or bool(_FEEDBACK.fullmatch(feedback.parameter)),
        "bad rtcpFeedback",
    )


def _check_extension(extension: HeaderExtension) -> None:
    _check_uri(extension.uri)
    _require(1 <= extension.preferred_id <= 255, "bad header extension id")
    _require(extension.direction in _DIRECTIONS, "bad header extension direction")


def _check_extension_ids(parameters: RtpParameters) -> None:
    ids = [extension.id for extension in parameters.header_extensions]
    # 15 is reserved and 0 is padding in the one-byte form (RFC 8285 section 4.2).
    _require(all(1 <= id_ <= 14 for id_ in ids), "header extension ids must be 1 to 14")
    _require(len(set(ids)) == len(ids), "a header extension id occurs twice")
    for extension in parameters.header_extensions:
        _check_uri(extension.uri)


def _check_encodings(encodings: tuple[EncodingParameters, ...]) -> None:
    ssrcs = [ssrc for e in encodings for ssrc in (e.ssrc, e.rtx_ssrc) if ssrc is not None]
    _require(all(0 < ssrc <= MAX_SSRC for ssrc in ssrcs), "bad ssrc")
    _require(len(set(ssrcs)) == len(ssrcs), "an ssrc occurs twice")
    rids = [e.rid for e in encodings if e.rid is not None]
    _require(all(_RID.fullmatch(rid) for rid in rids), "bad rid")
    _require(len(set(rids)) == len(rids), "a rid occurs twice")
    if len(encodings) > 1:
        told_apart = all(e.ssrc is not None or e.rid is not None for e in encodings)
        _require(told_apart, "each of several encodings needs an ssrc or a rid")


def _check_mid(mid: str | None) -> None:
    _require(mid is None or bool(_MID.fullmatch(mid)), "bad mid")
    _require(mid not in _RESERVED_MIDS, "the mid is reserved")


def _check_uri(uri: str) -> None:
    fits = 0 < len(uri) <= MAX_URI_BYTES
    _require(fits and bool(_PRINTABLE.fullmatch(uri)), "bad header extension uri")


def _check_payload_type(payload_type: int) -> None:
    _require(0 <= payload_type <= 127, "payload types must be 0 to 127")


def _kind_of(mime_type: str) -> Kind:
    return Kind.AUDIO if mime_type.lower().startswith("audio/") else Kind.VIDEO


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise InvalidRtp(text)
