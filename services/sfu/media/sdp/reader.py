"""From a client's text to a description.

aiortc's parser makes the values of the attributes that it knows, from lines that the grammar has
passed, one section at a time. Read here are those that it ignores: a=rid and a=simulcast, the
direction of a header extension, bundle-only sections, payload types without a format.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aiortc.sdp import MediaDescription, SessionDescription, parameters_from_sdp

from services.sfu.core.description import MAX_SECTIONS, Description, Flow, Section
from services.sfu.core.port import DtlsParameters, DtlsRole, Fingerprint
from services.sfu.core.rtp import (
    CodecParameters,
    HeaderExtensionParameters,
    ParameterValue,
    RtcpFeedback,
    RtcpParameters,
    RtpParameters,
)
from services.sfu.media.sdp.encoding import encodings_of
from services.sfu.media.sdp.grammar import check_attribute, check_payload_type, media_line
from services.sfu.media.sdp.line import Line, MalformedSdp, split

# Of one section: the parser's work grows with the square of these.
MAX_FORMATS = 64
MAX_FEEDBACK_LINES = 256
# "a=rtcp-fb:*" is for every payload type of the section.
MAX_COMMON_FEEDBACK = 16
MAX_SSRC_LINES = 64
MAX_EXTENSIONS = 64
# Of what the session says for all sections: it is read again for each.
MAX_SESSION_ATTRIBUTES = 16

# Doubles, in which clients hold numbers, are exact up to here.
_MAX_INTEGER = 2**53
_ENCRYPTED = "urn:ietf:params:rtp-hdrext:encrypt"
# a=setup of the client leaves the other role to the server (RFC 8842 section 5).
_ROLES = {"auto": DtlsRole.AUTO, "client": DtlsRole.CLIENT, "server": DtlsRole.SERVER}

_FLOWS = {flow.value: flow for flow in Flow}
_SESSION_ATTRIBUTES = frozenset({"fingerprint", "setup", *_FLOWS})
# What aiortc is given to read of a section, besides what is rewritten for it.
_READ_BY_AIORTC = frozenset({"fingerprint", "mid", "msid", "setup", "ssrc-group", *_FLOWS})


@dataclass(frozen=True, slots=True)
class _Block:
    """The lines of one section; `session` are those read that hold for all."""

    media: Line
    lines: list[Line]
    session: list[Line]

    def values(self, name: str) -> list[tuple[Line, str]]:
        """Lines and values of an attribute."""
        return [(line, line.attribute[1]) for line in self.lines if line.attribute[0] == name]

    def has(self, name: str) -> bool:
        return bool(self.values(name))


def read(text: str) -> Description:
    """What a client said. Raises MalformedSdp, and nothing else."""
    lines = split(text)
    if not lines or lines[0].text != "v=0":
        raise MalformedSdp(lines[0] if lines else Line(1, ""), "a description begins with v=0")
    session, blocks = _blocks(lines)
    if len(blocks) > MAX_SECTIONS:
        raise MalformedSdp(blocks[MAX_SECTIONS].media, f"there are more than {MAX_SECTIONS} m=")
    for line in lines:
        check_attribute(line)
    bundle = _bundle(session)
    sections = tuple(_section(block, bundle) for block in blocks)
    _check_mids(blocks, sections)
    return Description(sections)


def _blocks(lines: Iterable[Line]) -> tuple[list[Line], list[_Block]]:
    session: list[Line] = []
    shared: list[Line] = []
    blocks: list[_Block] = []
    for line in lines:
        if line.text.startswith("m="):
            blocks.append(_Block(line, [], shared))
        elif blocks:
            blocks[-1].lines.append(line)
        else:
            session.append(line)
            if line.attribute[0] in _SESSION_ATTRIBUTES:
                shared.append(line)
    if len(shared) > MAX_SESSION_ATTRIBUTES:
        raise MalformedSdp(
            shared[MAX_SESSION_ATTRIBUTES],
            f"there are more than {MAX_SESSION_ATTRIBUTES} fingerprints, roles and directions"
            " before the first m=",
        )
    return session, blocks


def _bundle(session: Iterable[Line]) -> frozenset[str]:
    groups = [line.attribute[1].split() for line in session if line.attribute[0] == "group"]
    # RFC 8843 section 7: there is one such group at most in what browsers write.
    return frozenset(next((group[1:] for group in groups if group[0] == "BUNDLE"), ()))


def _check_mids(blocks: list[_Block], sections: tuple[Section, ...]) -> None:
    seen: set[str] = set()
    for block, section in zip(blocks, sections, strict=True):
        if section.mid is not None and section.mid in seen:
            raise MalformedSdp(block.values("mid")[0][0], "another section has this a=mid")
        if section.mid is not None:
            seen.add(section.mid)


def _section(block: _Block, bundle: frozenset[str]) -> Section:
    words = media_line(block.media)
    formats = tuple(words["formats"].split())
    if len(formats) > MAX_FORMATS:
        raise MalformedSdp(block.media, f"there are more than {MAX_FORMATS} formats")
    is_rtp = words["media"] in ("audio", "video")
    described = _describe(block, words["media"] if is_rtp else "audio", formats if is_rtp else ())
    mid = described.rtp.muxId or None
    return Section(
        media=words["media"],
        protocol=words["protocol"],
        formats=formats,
        mid=mid,
        flow=_FLOWS[described.direction] if described.direction else _session_flow(block),
        is_rejected=int(words["port"]) == 0 and not block.has("bundle-only"),
        is_bundled=mid in bundle,
        has_rtcp_mux=block.has("rtcp-mux") or block.has("rtcp-mux-only"),
        dtls=_dtls(described),
        parameters=_parameters(block, described, formats, mid) if is_rtp else None,
        is_simulcast=block.has("simulcast"),
        extension_flow=_extension_flow(block),
    )


def _session_flow(block: _Block) -> Flow:
    # RFC 8866 section 6.7: sendrecv where nothing is said.
    named = (_FLOWS.get(line.attribute[0]) for line in block.session)
    return next((flow for flow in named if flow is not None), Flow.SENDRECV)


def _dtls(described: MediaDescription) -> DtlsParameters | None:
    if described.dtls is None or not described.dtls.fingerprints:
        return None
    return DtlsParameters(
        _ROLES[described.dtls.role],
        tuple(Fingerprint(each.algorithm, each.value) for each in described.dtls.fingerprints),
    )


def _parameters(
    block: _Block, described: MediaDescription, formats: tuple[str, ...], mid: str | None
) -> RtpParameters:
    order = {format_: index for index, format_ in enumerate(formats)}
    codecs = sorted(described.rtp.codecs, key=lambda codec: order[str(codec.payloadType)])
    cname = next((ssrc.cname for ssrc in described.ssrc if ssrc.cname), None)
    return RtpParameters(
        mid=mid,
        codecs=tuple(
            CodecParameters(
                mime_type=codec.mimeType,
                # Every one has it: they come from a=rtpmap lines.
                payload_type=codec.payloadType or 0,
                clock_rate=codec.clockRate,
                channels=codec.channels,
                parameters=_typed(codec.parameters),
                rtcp_feedback=tuple(
                    RtcpFeedback(each.type, each.parameter or "") for each in codec.rtcpFeedback
                ),
            )
            for codec in codecs
        ),
        header_extensions=tuple(
            HeaderExtensionParameters(each.uri, each.id) for each in described.rtp.headerExtensions
        ),
        encodings=encodings_of(
            [value for _, value in block.values("rid")],
            [value for _, value in block.values("simulcast")],
            described,
        ),
        rtcp=RtcpParameters(cname=cname, reduced_size=block.has("rtcp-rsize"), mux=True),
        msid=described.msid,
    )


def _typed(parameters: Mapping[str, object]) -> dict[str, ParameterValue]:
    """Numbers as numbers; a word without a value, as DTMF's "0-15", says nothing to a router."""
    return {
        name.strip(): _number_or_text(name.strip(), str(value).strip())
        for name, value in parameters.items()
        if value is not None
    }


def _number_or_text(name: str, value: str) -> ParameterValue:
    # Six hexadecimal digits of H.264 may happen to be decimal ones.
    is_number = value.isascii() and value.isdecimal() and name != "profile-level-id"
    if is_number and len(value) <= 16 and str(int(value)) == value and int(value) <= _MAX_INTEGER:
        return int(value)
    return value


def _extension_flow(block: _Block) -> dict[int, Flow]:
    flows: dict[int, Flow] = {}
    for _, value in block.values("extmap"):
        id_, _, direction = value.split()[0].partition("/")
        if direction:
            flows[int(id_)] = _FLOWS[direction]
    return flows


def _describe(block: _Block, media: str, formats: tuple[str, ...]) -> MediaDescription:
    """Have aiortc read a section."""
    for format_ in formats:
        check_payload_type(block.media, format_)
    known = _named_once(block, formats)
    lines = [line.text for line in block.session]
    # Its pattern of the m= line is narrower than RFC 8866's.
    lines.append(f"m={media} 9 UDP/TLS/RTP/SAVPF {' '.join(formats or ('0',))}")
    lines += _for_aiortc(block, known)
    try:
        (described,) = SessionDescription.parse("\r\n".join(lines)).media
    except Exception as error:
        # Never seen; whatever it stumbles over was malformed.
        raise MalformedSdp(block.media, "the section cannot be read") from error
    return described


def _named_once(block: _Block, formats: tuple[str, ...]) -> frozenset[str]:
    """Payload types that have a name and are listed in the m= line."""
    named: set[str] = set()
    for line, value in block.values("rtpmap"):
        payload_type = str(int(value.split(" ", 1)[0]))
        if payload_type in named:
            raise MalformedSdp(line, "the payload type has a name already")
        if payload_type in formats:
            named.add(payload_type)
    return frozenset(named)


def _for_aiortc(block: _Block, known: frozenset[str]) -> Iterator[str]:
    feedback = _Bound("rtcp-fb", MAX_FEEDBACK_LINES)
    common = _Bound("rtcp-fb:*", MAX_COMMON_FEEDBACK)
    ssrcs = _Bound("ssrc", MAX_SSRC_LINES)
    extensions = _Bound("extmap", MAX_EXTENSIONS)
    for line in block.lines:
        name, value = line.attribute
        match name:
            case "rtpmap" | "fmtp" | "rtcp-fb":
                feedback.count(line)
                common.count(line)
                yield from _of_codec(line, known)
            case "extmap":
                extensions.count(line)
                yield from _plain_extension(value)
            case "ssrc":
                ssrcs.count(line)
                yield _ssrc(value)
            case _ if name in _READ_BY_AIORTC:
                yield line.text


@dataclass(slots=True)
class _Bound:
    name: str
    most: int
    seen: int = 0

    def count(self, line: Line) -> None:
        self.seen += line.text.startswith(f"a={self.name}")
        if self.seen > self.most:
            raise MalformedSdp(line, f"the section has more than {self.most} a={self.name}")


def _of_codec(line: Line, known: frozenset[str]) -> Iterator[str]:
    """A line about a payload type that has a name."""
    name, value = line.attribute
    first, _, rest = value.partition(" ")
    payload_type = "*" if first == "*" else str(int(first))
    if payload_type != "*" and payload_type not in known:
        return
    if name == "fmtp":
        try:
            parameters_from_sdp(rest)
        except ValueError as error:
            raise MalformedSdp(line, "a number is expected in a=fmtp") from error
    yield f"a={name}:{payload_type} {rest}"


def _plain_extension(value: str) -> Iterator[str]:
    # Attributes may follow the URI (RFC 8285 section 8), which the parser does not expect.
    id_, uri, *_ = value.split()
    if uri != _ENCRYPTED:
        yield f"a=extmap:{id_} {uri}"


def _ssrc(value: str) -> str:
    # Without an attribute, which is allowed, the parser fails.
    ssrc, _, attribute = value.partition(" ")
    return f"a=ssrc:{ssrc} {attribute if ':' in attribute else 'cname:'}"
