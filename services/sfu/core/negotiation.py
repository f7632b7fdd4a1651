"""Offer and answer (RFC 3264) between an SDP client and the router, on top of ORTC.

Pure functions: which of the formats, extensions and encodings that a section lists are used.
"""

from dataclasses import replace

from services.sfu.core.description import Flow, OwnSection, Section
from services.sfu.core.ortc import (
    UnsupportedCodec,
    common_feedback,
    find_capability,
    rtx_of,
)
from services.sfu.core.port import ConsumerSpec, OutboundCodec
from services.sfu.core.rtp import (
    CodecParameters,
    HeaderExtensionParameters,
    RtcpFeedback,
    RtpCapabilities,
    RtpParameters,
)
from services.sfu.core.rtp_check import is_rtx, is_rtx_of

# The one-byte form of header extensions holds these ids (RFC 8285 section 4.2).
_EXTENSION_IDS = range(1, 15)


def accept_offer(section: Section, router: RtpCapabilities) -> RtpParameters:
    """What of an offered section is to be sent: one media codec, with its retransmissions.

    The client's own order decides: its first codec that the router has. Payload types and ids are
    the client's. Raises UnsupportedCodec.
    """
    offered = section.parameters
    if offered is None:
        raise UnsupportedCodec("neither audio nor video")
    extensions = _accepted_extensions(section, offered, router)
    for codec in offered.codecs:
        capability = None if is_rtx(codec.mime_type) else find_capability(codec, router)
        if capability is None:
            continue
        media = replace(codec, rtcp_feedback=common_feedback(codec, capability, extensions))
        rtx = None
        if rtx_of(capability, router) is not None:
            rtx = next((other for other in offered.codecs if is_rtx_of(other, codec)), None)
        encodings = offered.encodings
        if rtx is None:
            encodings = tuple(replace(encoding, rtx_ssrc=None) for encoding in encodings)
        codecs = (media,) if rtx is None else (media, replace(rtx, rtcp_feedback=()))
        return replace(offered, codecs=codecs, header_extensions=extensions, encodings=encodings)
    raise UnsupportedCodec("no offered codec is supported")


def accept_answer(offered: RtpParameters, section: Section) -> RtpParameters | None:
    """What of a consumer's parameters its client takes; None: not even the media codec."""
    answered = section.parameters
    if answered is None:
        return None
    taken = {codec.payload_type: codec for codec in answered.codecs}
    extensions = {
        (each.uri, each.id)
        for each in answered.header_extensions
        if section.extension_flow.get(each.id, Flow.SENDRECV).receives
    }
    codecs = tuple(
        replace(codec, rtcp_feedback=_taken_feedback(codec, taken[codec.payload_type]))
        for codec in offered.codecs
        if codec.payload_type in taken and _is_same(codec, taken[codec.payload_type])
    )
    if all(is_rtx(codec.mime_type) for codec in codecs):
        return None
    has_rtx = any(is_rtx(codec.mime_type) for codec in codecs)
    encoding = offered.encodings[0]
    return replace(
        offered,
        codecs=codecs,
        header_extensions=tuple(
            each for each in offered.header_extensions if (each.uri, each.id) in extensions
        ),
        encodings=(encoding if has_rtx else replace(encoding, rtx_ssrc=None),),
    )


def reduce_spec(spec: ConsumerSpec, taken: RtpParameters) -> ConsumerSpec:
    """How the engine is to send to a consumer whose client takes this much of what was offered."""
    payload_types = {codec.payload_type for codec in taken.codecs}
    ids = {extension.id for extension in taken.header_extensions}
    return replace(
        spec,
        rtx_ssrc=taken.encodings[0].rtx_ssrc,
        codecs=tuple(
            OutboundCodec(
                codec.producer_payload_type,
                codec.payload_type,
                codec.rtx_payload_type if codec.rtx_payload_type in payload_types else None,
            )
            for codec in spec.codecs
            if codec.payload_type in payload_types
        ),
        extension_ids={name: id_ for name, id_ in spec.extension_ids.items() if id_ in ids},
    )


def _accepted_extensions(
    section: Section, offered: RtpParameters, router: RtpCapabilities
) -> tuple[HeaderExtensionParameters, ...]:
    received = {
        extension.uri
        for extension in router.header_extensions
        if extension.kind is section.kind and extension.direction in ("sendrecv", "recvonly")
    }
    by_uri: dict[str, HeaderExtensionParameters] = {}
    for extension in offered.header_extensions:
        flow = section.extension_flow.get(extension.id, Flow.SENDRECV)
        if extension.uri in received and flow.sends and extension.id in _EXTENSION_IDS:
            by_uri.setdefault(extension.uri, extension)
    return tuple(by_uri.values())


def _is_same(offered: CodecParameters, answered: CodecParameters) -> bool:
    return (
        offered.mime_type.lower() == answered.mime_type.lower()
        and offered.clock_rate == answered.clock_rate
    )


def _taken_feedback(
    offered: CodecParameters, answered: CodecParameters
) -> tuple[RtcpFeedback, ...]:
    return tuple(each for each in offered.rtcp_feedback if each in answered.rtcp_feedback)


def answer_section(section: Section, accepted: RtpParameters, *, is_received: bool) -> OwnSection:
    """How a section of an offer is answered of which this much is used."""
    flow = Flow.RECVONLY if is_received else Flow.INACTIVE
    rids = tuple(encoding.rid for encoding in accepted.encodings if encoding.rid is not None)
    return OwnSection(
        media=section.media,
        mid=section.mid,
        flow=flow,
        parameters=replace(accepted, codecs=tuple(map(_as_receiver, accepted.codecs))),
        protocol=section.protocol,
        rids=rids,
        is_simulcast=section.is_simulcast,
        extension_flow={id_: flow.reverse for id_, flow in section.extension_flow.items()},
        is_bundled=section.is_bundled,
    )


def reject_section(section: Section) -> OwnSection:
    """How a section is answered that is not used."""
    return OwnSection(
        media=section.media,
        mid=section.mid,
        flow=Flow.INACTIVE,
        parameters=None,
        is_rejected=True,
        protocol=section.protocol,
        formats=section.formats,
    )


def _as_receiver(codec: CodecParameters) -> CodecParameters:
    """A codec whose parameters say what the server wants to receive, not what the client does."""
    parameters = {name: codec.parameters[name] for name in _AGREED if name in codec.parameters}
    if codec.parameters.get("sprop-stereo") == 1:
        parameters["stereo"] = 1
    return replace(codec, parameters=parameters)


# Parameters that both sides have in common, or that the server takes as they come: of RTX, Opus,
# H.264, VP9 and AV1.
_AGREED = (
    "apt",
    "minptime",
    "useinbandfec",
    "level-asymmetry-allowed",
    "packetization-mode",
    "profile-level-id",
    "profile-id",
    "profile",
    "level-idx",
    "tier",
)
