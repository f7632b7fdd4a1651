"""RTP capabilities and parameters in mediasoup's JSON shape."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, FailFast, Field, StringConstraints

from services.gateway.core.message.field import MediaKind, Says, WireModel

MAX_CODECS = 64
MAX_EXTENSIONS = 64
MAX_ENCODINGS = 16
MAX_CODEC_PARAMETERS = 64

Ssrc = Annotated[int, Field(ge=0, le=2**32 - 1)]
PayloadType = Annotated[int, Field(ge=0, le=127)]
ExtensionId = Annotated[int, Field(ge=0, le=255)]
ClockRate = Annotated[int, Field(ge=1, le=2**32 - 1)]
Channels = Annotated[int, Field(ge=1, le=255)]
MimeType = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=256)]
ShortText = Annotated[str, StringConstraints(max_length=256)]
Rid = Annotated[str, StringConstraints(min_length=1, max_length=16, pattern="^[A-Za-z0-9_-]+$")]


def _few(value: object) -> object:
    # pydantic counts a dictionary only after it has looked at every entry.
    if isinstance(value, dict) and len(value) > MAX_CODEC_PARAMETERS:
        raise ValueError(f"has more than {MAX_CODEC_PARAMETERS} entries")
    return value


# mediasoup-client compares codec parameters strictly and fails on null and booleans: an integer
# stays an integer and text stays text, all the way through.
ParameterName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
ParameterValue = (
    Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
    | Annotated[str, StringConstraints(max_length=1024)]
)
CodecParameters = Annotated[
    dict[ParameterName, ParameterValue],
    BeforeValidator(_few),
    Says({"maxProperties": MAX_CODEC_PARAMETERS}),
]


class RtcpFeedback(WireModel):
    type: ShortText
    parameter: ShortText = ""


FeedbackList = Annotated[list[RtcpFeedback], Field(max_length=32)]


class RtpCodecCapability(WireModel):
    kind: MediaKind
    mime_type: MimeType
    preferred_payload_type: PayloadType | None = None
    clock_rate: ClockRate
    channels: Channels | None = None
    parameters: CodecParameters = Field(default_factory=dict)
    rtcp_feedback: FeedbackList = Field(default_factory=list)


class RtpHeaderExtension(WireModel):
    kind: MediaKind
    uri: Uri
    preferred_id: ExtensionId
    preferred_encrypt: bool = False
    direction: Literal["sendrecv", "sendonly", "recvonly", "inactive"] = "sendrecv"


class RtpCapabilities(WireModel):
    # One frame can hold thousands of errors, and each costs the time of everyone else: only the
    # first bad codec is described.
    codecs: Annotated[list[RtpCodecCapability], Field(max_length=MAX_CODECS), FailFast()] = Field(
        default_factory=list
    )
    header_extensions: Annotated[list[RtpHeaderExtension], Field(max_length=MAX_EXTENSIONS)] = (
        Field(default_factory=list)
    )


class RtpCodecParameters(WireModel):
    mime_type: MimeType
    payload_type: PayloadType
    clock_rate: ClockRate
    channels: Channels | None = None
    parameters: CodecParameters = Field(default_factory=dict)
    rtcp_feedback: FeedbackList = Field(default_factory=list)


class RtpHeaderExtensionParameters(WireModel):
    uri: Uri
    id: ExtensionId
    encrypt: bool = False


class RtxParameters(WireModel):
    ssrc: Ssrc


class RtpEncodingParameters(WireModel):
    ssrc: Ssrc | None = None
    rid: Rid | None = None
    rtx: RtxParameters | None = None
    scalability_mode: ShortText | None = None
    # Bit/s.
    max_bitrate: Annotated[int, Field(ge=0, le=2**53)] | None = None
    dtx: bool | None = None
    codec_payload_type: PayloadType | None = None
    scale_resolution_down_by: Annotated[float, Field(gt=0)] | None = None


class RtcpParameters(WireModel):
    cname: ShortText | None = None
    reduced_size: bool | None = None
    mux: bool | None = None


class RtpParameters(WireModel):
    mid: ShortText | None = None
    codecs: Annotated[
        list[RtpCodecParameters], Field(min_length=1, max_length=MAX_CODECS), FailFast()
    ]
    header_extensions: list[RtpHeaderExtensionParameters] = Field(
        default_factory=list, max_length=MAX_EXTENSIONS
    )
    encodings: Annotated[list[RtpEncodingParameters], Field(max_length=MAX_ENCODINGS)] = Field(
        default_factory=list
    )
    rtcp: RtcpParameters | None = None
    msid: ShortText | None = None
