"""A session description (RFC 8866) as values: what a plain WebRTC client says, and what it is told.

`media` turns texts into these and these into texts; what follows from them is decided in core.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from services.sfu.core.port import DtlsParameters, Kind, TransportOffer
from services.sfu.core.rtp import RtpParameters

# Of a client's description. One frame of the browser protocol holds no more of a browser's answer.
MAX_SECTIONS = 64


class Flow(StrEnum):
    """Direction of a section, from the point of view of whoever wrote the description."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Flow.SENDRECV, Flow.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Flow.SENDRECV, Flow.RECVONLY)

    @property
    def reverse(self) -> "Flow":
        """The same as the other side says it."""
        return _REVERSE.get(self, self)


_REVERSE = {Flow.SENDONLY: Flow.RECVONLY, Flow.RECVONLY: Flow.SENDONLY}


@dataclass(frozen=True, slots=True)
class Section:
    """One m= section of a client's description."""

    # "audio", "video", "application", or something that nobody here knows.
    media: str
    protocol: str
    formats: tuple[str, ...]
    mid: str | None
    flow: Flow
    # Port 0, and not because it is bundle-only (RFC 8843 section 6).
    is_rejected: bool
    is_bundled: bool
    has_rtcp_mux: bool
    # Fingerprints and the role that a=setup leaves to the client. None without a fingerprint.
    dtls: DtlsParameters | None
    # What is listed, whichever side is to send it. None unless audio or video.
    parameters: RtpParameters | None = None
    # The encodings were given by a=simulcast, and so are they to be answered.
    is_simulcast: bool = False
    # Extension ids that say a direction (RFC 8285 section 6).
    extension_flow: Mapping[int, Flow] = field(default_factory=dict)

    @property
    def kind(self) -> Kind | None:
        """None for a section that can only be rejected."""
        return Kind(self.media) if self.media in ("audio", "video") else None


@dataclass(frozen=True, slots=True)
class Description:
    """What a client said, section by section, in order."""

    sections: tuple[Section, ...]

    @property
    def dtls(self) -> DtlsParameters | None:
        """Of the one transport: the first section that is not rejected has it."""
        return next((s.dtls for s in self.sections if not s.is_rejected and s.dtls), None)


@dataclass(frozen=True, slots=True)
class OwnSection:
    """One m= section that the server writes."""

    media: str
    mid: str | None
    flow: Flow
    # None: a section of a client that is rejected, because nothing of it could be used.
    parameters: RtpParameters | None
    # Written with the port 0. A section that has ended keeps its formats, which aiortc asks for.
    is_rejected: bool = False
    protocol: str = "UDP/TLS/RTP/SAVPF"
    # What is listed where there are no parameters.
    formats: tuple[str, ...] = ()
    # Encodings to receive, by a=rid; with a=simulcast where the client used that.
    rids: tuple[str, ...] = ()
    is_simulcast: bool = False
    extension_flow: Mapping[int, Flow] = field(default_factory=dict)
    # An answer's BUNDLE names nothing that the offer's does not (RFC 8843 section 7.3).
    is_bundled: bool = True


@dataclass(frozen=True, slots=True)
class OwnDescription:
    """What a client is told."""

    # Of the o= line: the same for all descriptions of a connection, and counted up by each.
    session_number: int
    version: int
    transport: TransportOffer
    # "actpass" in offers, "active" or "passive" in answers.
    setup: str
    sections: tuple[OwnSection, ...]

    @property
    def bundle(self) -> tuple[str, ...]:
        """MIDs of what shares the transport."""
        return tuple(
            section.mid
            for section in self.sections
            if section.is_bundled and not section.is_rejected and section.mid is not None
        )


class SdpFormat(Protocol):
    """Texts and values of descriptions, which the media side turns into each other."""

    def read(self, text: str) -> Description:
        """What a client said. Raises Refusal: TRANSPORT_ERROR, MALFORMED_SDP."""

    def write(self, description: OwnDescription) -> str:
        """The text for a client."""
