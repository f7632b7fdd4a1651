"""RTP capabilities and parameters as plain values, in mediasoup's vocabulary.

None means absent. A codec parameter is a number or a text and keeps its type from end to end:
clients compare strictly, so the text "1" must never become the number 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.sfu.core.port import Kind

ParameterValue = int | str


@dataclass(frozen=True, slots=True)
class RtcpFeedback:
    # "nack", "ccm", "transport-cc", "goog-remb".
    type: str
    # "pli", "fir" or empty.
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class CodecCapability:
    kind: Kind
    mime_type: str
    # Absent only in a client's wish.
    preferred_payload_type: int | None
    # Hz.
    clock_rate: int
    # Audio only; absent means 1.
    channels: int | None = None
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    rtcp_feedback: tuple[RtcpFeedback, ...] = ()


@dataclass(frozen=True, slots=True)
class HeaderExtension:
    kind: Kind
    uri: str
    preferred_id: int
    # From the router's point of view: "sendrecv", "sendonly", "recvonly", "inactive".
    direction: str = "sendrecv"
    preferred_encrypt: bool = False


@dataclass(frozen=True, slots=True)
class RtpCapabilities:
    codecs: tuple[CodecCapability, ...]
    header_extensions: tuple[HeaderExtension, ...] = ()


@dataclass(frozen=True, slots=True)
class CodecParameters:
    mime_type: str
    payload_type: int
    clock_rate: int
    channels: int | None = None
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    rtcp_feedback: tuple[RtcpFeedback, ...] = ()


@dataclass(frozen=True, slots=True)
class HeaderExtensionParameters:
    uri: str
    id: int
    encrypt: bool = False


@dataclass(frozen=True, slots=True)
class EncodingParameters:
    # Absent for simulcast by RID: browsers announce no SSRC there.
    ssrc: int | None = None
    rid: str | None = None
    rtx_ssrc: int | None = None
    scalability_mode: str | None = None
    max_bitrate_bps: int | None = None
    dtx: bool | None = None


@dataclass(frozen=True, slots=True)
class RtcpParameters:
    cname: str | None = None
    reduced_size: bool | None = None
    mux: bool | None = None


@dataclass(frozen=True, slots=True)
class RtpParameters:
    mid: str | None
    codecs: tuple[CodecParameters, ...]
    header_extensions: tuple[HeaderExtensionParameters, ...] = ()
    encodings: tuple[EncodingParameters, ...] = ()
    rtcp: RtcpParameters | None = None
    # "<stream id> <track id>".
    msid: str | None = None
