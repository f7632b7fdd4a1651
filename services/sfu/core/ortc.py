"""Codec negotiation as ORTC has it: what a producer sends, what a consumer of it can receive.

Pure functions on values that `rtp_check` has accepted. Three rules differ from mediasoup's: RTCP
feedback of a consumer is the router's list as far as the consumer supports it, so the router's
order stays, and audio keeps its plain NACK; a codec that a producer has under two payload types is
written once; a consumer's encoding names a scalability mode only for a simulcast, and no bit rate,
because the engine forwards one layer and does not say what the others take.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.sfu.core.capability import (
    EXTENSION_OF_URI,
    GOOG_REMB,
    TRANSPORT_CC,
    URI_OF_EXTENSION,
)
from services.sfu.core.port import Extension, Kind
from services.sfu.core.rtp import (
    CodecCapability,
    CodecParameters,
    EncodingParameters,
    HeaderExtensionParameters,
    RtcpFeedback,
    RtcpParameters,
    RtpCapabilities,
    RtpParameters,
)
from services.sfu.core.rtp_check import is_rtx, number

# W3C scalability modes: spatial and temporal layers of one encoding.
_MODE = re.compile(r"[LS][1-9]T([1-9])")


class UnsupportedCodec(ValueError):
    """No codec of the request is one that the other side has."""


@dataclass(frozen=True, slots=True)
class ConsumableCodec:
    """A producer's codec as consumers get it, and the payload type that it has on the way in."""

    parameters: CodecParameters
    producer_payload_type: int


@dataclass(frozen=True, slots=True)
class Consumable:
    """What a producer offers to consumers: the router's payload types and extension ids."""

    kind: Kind
    codecs: tuple[ConsumableCodec, ...]
    # The router's RTX codec of each media codec that has one, by media payload type.
    rtx_codecs: Mapping[int, CodecParameters]
    header_extensions: tuple[HeaderExtensionParameters, ...]
    msid: str | None
    # How a client learns how many layers there are; None for a single encoding.
    scalability_mode: str | None = None


@dataclass(frozen=True, slots=True)
class NegotiatedCodec:
    """A codec that both the producer and the consumer have."""

    parameters: CodecParameters
    producer_payload_type: int
    rtx_payload_type: int | None


def get_producer_mapping(
    parameters: RtpParameters, router: RtpCapabilities
) -> Mapping[int, CodecCapability]:
    """The router's codec for each payload type of a producer, media and RTX.

    Raises UnsupportedCodec where the router has no such codec, or an RTX codec stands for none.
    """
    mapping: dict[int, CodecCapability] = {}
    for codec in parameters.codecs:
        if not is_rtx(codec.mime_type):
            mapping[codec.payload_type] = _router_codec(codec, router)
    if not mapping:
        raise UnsupportedCodec("no media codec")
    for codec in parameters.codecs:
        if not is_rtx(codec.mime_type):
            continue
        media = mapping.get(_apt(codec))
        if media is None:
            raise UnsupportedCodec("an rtx codec's apt names no media codec")
        rtx = rtx_of(media, router)
        if rtx is None:
            raise UnsupportedCodec(f"no rtx for {media.mime_type}")
        mapping[codec.payload_type] = rtx
    return mapping


def get_consumable(
    kind: Kind,
    parameters: RtpParameters,
    router: RtpCapabilities,
    mapping: Mapping[int, CodecCapability],
) -> Consumable:
    """What a producer with these parameters offers to consumers."""
    codecs: list[ConsumableCodec] = []
    rtx_codecs: dict[int, CodecParameters] = {}
    for codec in parameters.codecs:
        if is_rtx(codec.mime_type):
            continue
        media = mapping[codec.payload_type]
        consumable = replace(_as_parameters(media), parameters=dict(codec.parameters))
        codecs.append(ConsumableCodec(consumable, codec.payload_type))
        # The router answers NACKs itself, so a publisher without RTX costs its consumers nothing.
        rtx = rtx_of(media, router)
        if rtx is not None:
            rtx_codecs[consumable.payload_type] = _as_parameters(rtx)
    extensions = tuple(
        HeaderExtensionParameters(extension.uri, extension.preferred_id)
        for extension in router.header_extensions
        if extension.kind is kind and extension.direction in ("sendrecv", "sendonly")
    )
    mode = _scalability_mode(kind, parameters)
    return Consumable(kind, tuple(codecs), rtx_codecs, extensions, parameters.msid, mode)


def get_consumer_parameters(
    consumable: Consumable,
    capabilities: RtpCapabilities,
    *,
    mid: str,
    ssrc: int,
    rtx_ssrc: int,
    cname: str,
) -> tuple[RtpParameters, tuple[NegotiatedCodec, ...]]:
    """The RTP parameters of a new consumer, and its codecs by producer payload type.

    `rtx_ssrc` is used only where both sides have RTX. Raises UnsupportedCodec.
    """
    extensions = _common_extensions(consumable, capabilities)
    # By payload type: a codec that the producer has twice is one codec for the consumer, since no
    # session description may name a payload type twice.
    written: dict[int, CodecParameters] = {}
    negotiated: list[NegotiatedCodec] = []
    for codec in consumable.codecs:
        capability = find_capability(codec.parameters, capabilities)
        if capability is None:
            continue
        feedback = common_feedback(codec.parameters, capability, extensions)
        media = replace(codec.parameters, rtcp_feedback=feedback)
        written.setdefault(media.payload_type, media)
        rtx = consumable.rtx_codecs.get(codec.parameters.payload_type)
        if rtx is not None and find_capability(rtx, capabilities) is not None:
            written.setdefault(rtx.payload_type, rtx)
        else:
            rtx = None
        negotiated.append(
            NegotiatedCodec(
                codec.parameters,
                codec.producer_payload_type,
                None if rtx is None else rtx.payload_type,
            )
        )
    if not negotiated:
        raise UnsupportedCodec("no compatible media codec")
    has_rtx = any(codec.rtx_payload_type is not None for codec in negotiated)
    parameters = RtpParameters(
        mid=mid,
        codecs=tuple(written.values()),
        header_extensions=extensions,
        encodings=(
            EncodingParameters(
                ssrc=ssrc,
                rtx_ssrc=rtx_ssrc if has_rtx else None,
                scalability_mode=consumable.scalability_mode,
            ),
        ),
        rtcp=RtcpParameters(cname=cname, reduced_size=True, mux=True),
        msid=consumable.msid,
    )
    return parameters, tuple(negotiated)


def default_parameters(kind: Kind, router: RtpCapabilities) -> RtpParameters:
    """What `produce {kind}` alone means: the router's first codec of that kind, as it stands.

    The SSRC comes from the first packet. Raises UnsupportedCodec where the router has none.
    """
    media = next(
        (c for c in router.codecs if c.kind is kind and not is_rtx(c.mime_type)),
        None,
    )
    if media is None:
        raise UnsupportedCodec(f"no {kind} codec")
    rtx = rtx_of(media, router)
    return RtpParameters(
        mid=None,
        codecs=tuple(_as_parameters(codec) for codec in (media, rtx) if codec is not None),
        header_extensions=tuple(
            HeaderExtensionParameters(extension.uri, extension.preferred_id)
            for extension in router.header_extensions
            if extension.kind is kind and extension.direction in ("sendrecv", "recvonly")
        ),
        encodings=(EncodingParameters(),),
    )


def get_extension_ids(
    extensions: tuple[HeaderExtensionParameters, ...],
) -> Mapping[Extension, int]:
    """Ids of the extensions that the engine knows. Encrypted ones (RFC 6904) are left alone."""
    return {
        EXTENSION_OF_URI[extension.uri]: extension.id
        for extension in extensions
        if extension.uri in EXTENSION_OF_URI and not extension.encrypt
    }


def _scalability_mode(kind: Kind, parameters: RtpParameters) -> str | None:
    """As mediasoup writes it: "L3T1" for three encodings, T as the publisher says."""
    encodings = parameters.encodings
    if kind is not Kind.VIDEO or len(encodings) < 2:
        return None
    modes = (encoding.scalability_mode for encoding in encodings)
    named = _MODE.match(next((mode for mode in modes if mode), ""))
    return f"L{len(encodings)}T{named.group(1) if named else 1}"


def _router_codec(codec: CodecParameters, router: RtpCapabilities) -> CodecCapability:
    capability = find_capability(codec, router)
    if capability is None:
        raise UnsupportedCodec(f"{codec.mime_type} is not supported")
    return capability


def find_capability(
    codec: CodecParameters, capabilities: RtpCapabilities
) -> CodecCapability | None:
    return next((c for c in capabilities.codecs if _matches(codec, c)), None)


def _matches(codec: CodecParameters, capability: CodecCapability) -> bool:
    return (
        codec.mime_type.lower() == capability.mime_type.lower()
        and codec.clock_rate == capability.clock_rate
        and (codec.channels or 1) == (capability.channels or 1)
    )


def rtx_of(media: CodecCapability, router: RtpCapabilities) -> CodecCapability | None:
    return next(
        (
            codec
            for codec in router.codecs
            if is_rtx(codec.mime_type)
            and number(codec.parameters.get("apt")) == media.preferred_payload_type
        ),
        None,
    )


def _apt(codec: CodecParameters) -> int:
    apt = number(codec.parameters.get("apt"))
    # rtp_check refuses RTX without one; -1 is no payload type.
    return -1 if apt is None else apt


def _as_parameters(codec: CodecCapability) -> CodecParameters:
    assert codec.preferred_payload_type is not None, "the router's codecs have payload types"
    return CodecParameters(
        codec.mime_type,
        codec.preferred_payload_type,
        codec.clock_rate,
        codec.channels,
        dict(codec.parameters),
        codec.rtcp_feedback,
    )


def _common_extensions(
    consumable: Consumable, capabilities: RtpCapabilities
) -> tuple[HeaderExtensionParameters, ...]:
    # By uri and id without the kind: mediasoup-client keys its extensions by id only, so the MID of
    # audio arrives as a video extension.
    known = {(e.uri, e.preferred_id) for e in capabilities.header_extensions}
    return tuple(e for e in consumable.header_extensions if (e.uri, e.id) in known)


def common_feedback(
    codec: CodecParameters,
    capability: CodecCapability,
    extensions: tuple[HeaderExtensionParameters, ...],
) -> tuple[RtcpFeedback, ...]:
    uris = {extension.uri for extension in extensions}
    # One bandwidth signal at most: transport-cc where its extension is there, else REMB.
    if URI_OF_EXTENSION[Extension.TRANSPORT_CC] in uris:
        dropped = {GOOG_REMB}
    elif URI_OF_EXTENSION[Extension.ABS_SEND_TIME] in uris:
        dropped = {TRANSPORT_CC}
    else:
        dropped = {GOOG_REMB, TRANSPORT_CC}
    supported = set(capability.rtcp_feedback) - dropped
    return tuple(feedback for feedback in codec.rtcp_feedback if feedback in supported)
