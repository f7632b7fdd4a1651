"""From an own description to the text that a client reads.

Every text in it was checked when it came in: core refuses a line break wherever one could be.
"""

from collections.abc import Iterator

from services.sfu.core.description import OwnDescription, OwnSection
from services.sfu.core.port import DtlsParameters, IceCandidate, TransportOffer
from services.sfu.core.rtp import CodecParameters, RtpParameters

_DISCARD_PORT = 9


def write(description: OwnDescription) -> str:
    """The text, with CRLF line ends."""
    return "".join(f"{line}\r\n" for line in _lines(description))


def _lines(description: OwnDescription) -> Iterator[str]:
    yield "v=0"
    yield f"o=- {description.session_number} {description.version} IN IP4 0.0.0.0"
    yield "s=-"
    yield "t=0 0"
    yield "a=ice-lite"
    if description.bundle:
        yield f"a=group:BUNDLE {' '.join(description.bundle)}"
    yield "a=extmap-allow-mixed"
    yield "a=msid-semantic:WMS *"
    for section in description.sections:
        yield from _section(section, description)


def _section(section: OwnSection, description: OwnDescription) -> Iterator[str]:
    parameters = section.parameters
    formats = section.formats
    if parameters is not None:
        formats = tuple(str(codec.payload_type) for codec in parameters.codecs)
    port = 0 if section.is_rejected else _DISCARD_PORT
    yield f"m={section.media} {port} {section.protocol} {' '.join(formats)}"
    yield "c=IN IP4 0.0.0.0"
    if section.mid is not None:
        yield f"a=mid:{section.mid}"
    # In rejected sections too: aiortc and GStreamer want these of every section.
    yield from _transport(description.transport, description.setup)
    yield f"a={section.flow}"
    if parameters is not None:
        yield from _rtp(section, parameters)


def _rtp(section: OwnSection, parameters: RtpParameters) -> Iterator[str]:
    yield "a=rtcp-mux"
    yield "a=rtcp-rsize"
    for codec in parameters.codecs:
        yield from _codec(codec)
    for extension in parameters.header_extensions:
        flow = section.extension_flow.get(extension.id)
        yield f"a=extmap:{extension.id}{f'/{flow}' if flow else ''} {extension.uri}"
    if section.flow.sends:
        yield from _sources(parameters)
    yield from _rids(section)


def _transport(transport: TransportOffer, setup: str) -> Iterator[str]:
    ice, dtls = transport.ice_parameters, transport.dtls_parameters
    yield f"a=ice-ufrag:{ice.username_fragment}"
    yield f"a=ice-pwd:{ice.password}"
    for candidate in transport.ice_candidates:
        yield _candidate(candidate)
    yield "a=end-of-candidates"
    yield from _fingerprints(dtls)
    yield f"a=setup:{setup}"


def _candidate(candidate: IceCandidate) -> str:
    where = f"{candidate.protocol} {candidate.priority} {candidate.address} {candidate.port}"
    return f"a=candidate:{candidate.foundation} 1 {where} typ {candidate.type}"


def _fingerprints(dtls: DtlsParameters) -> Iterator[str]:
    for fingerprint in dtls.fingerprints:
        yield f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}"


def _codec(codec: CodecParameters) -> Iterator[str]:
    name = codec.mime_type.partition("/")[2]
    channels = f"/{codec.channels}" if (codec.channels or 1) > 1 else ""
    yield f"a=rtpmap:{codec.payload_type} {name}/{codec.clock_rate}{channels}"
    if codec.parameters:
        pairs = ";".join(f"{name}={value}" for name, value in codec.parameters.items())
        yield f"a=fmtp:{codec.payload_type} {pairs}"
    for feedback in codec.rtcp_feedback:
        yield f"a=rtcp-fb:{codec.payload_type} {feedback.type} {feedback.parameter}".rstrip()


def _sources(parameters: RtpParameters) -> Iterator[str]:
    encoding = parameters.encodings[0]
    if parameters.msid is not None:
        yield f"a=msid:{parameters.msid}"
    ssrcs = [ssrc for ssrc in (encoding.ssrc, encoding.rtx_ssrc) if ssrc is not None]
    if len(ssrcs) == 2:
        yield f"a=ssrc-group:FID {ssrcs[0]} {ssrcs[1]}"
    cname = parameters.rtcp.cname if parameters.rtcp else None
    for ssrc in ssrcs:
        yield f"a=ssrc:{ssrc} cname:{cname or '-'}"


def _rids(section: OwnSection) -> Iterator[str]:
    for rid in section.rids:
        yield f"a=rid:{rid} recv"
    if section.rids and section.is_simulcast:
        yield f"a=simulcast:recv {';'.join(section.rids)}"
