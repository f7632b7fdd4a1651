"""Negotiation against what Chromium and Firefox really sent and accepted."""

from dataclasses import replace
from typing import Any

import pytest

from services.sfu.core.capability import (
    GOOG_REMB,
    NACK,
    NACK_PLI,
    ROUTER_CAPABILITIES,
    TRANSPORT_CC,
)
from services.sfu.core.ortc import (
    UnsupportedCodec,
    default_parameters,
    get_consumer_parameters,
    get_producer_mapping,
)
from services.sfu.core.port import Kind
from services.sfu.core.rtp import (
    EncodingParameters,
    HeaderExtensionParameters,
    RtcpFeedback,
    RtpParameters,
)
from services.sfu.core.rtp_check import InvalidRtp, check_capabilities, check_parameters
from tests.support.rtp_sample import CHROMIUM, capabilities, consumable, parameters


def test_router_offers_what_browsers_accepted() -> None:
    assert capabilities("router_capabilities") == ROUTER_CAPABILITIES


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("chromium_audio", Kind.AUDIO, {111: 100}),
        ("chromium_video_simulcast", Kind.VIDEO, {96: 101, 97: 102}),
        ("firefox_audio", Kind.AUDIO, {109: 100}),
        ("firefox_video_simulcast", Kind.VIDEO, {120: 101, 124: 102}),
    ],
)
def test_payload_types_of_browsers_map_to_the_routers(
    name: str, kind: Kind, expected: dict[int, int]
) -> None:
    sent = parameters(name)
    check_parameters(kind, sent)
    mapping = get_producer_mapping(sent, ROUTER_CAPABILITIES)
    assert {pt: codec.preferred_payload_type for pt, codec in mapping.items()} == expected


def test_consumer_of_chromiums_audio_is_what_chromium_accepted() -> None:
    sent = parameters("chromium_audio")
    written, _ = get_consumer_parameters(
        consumable(Kind.AUDIO, sent),
        CHROMIUM,
        mid="0",
        ssrc=767057285,
        rtx_ssrc=767057286,
        cname="proto",
    )
    assert written == replace(parameters("consumer_audio"), msid=sent.msid)


def test_consumer_of_chromiums_simulcast_is_what_chromium_accepted() -> None:
    sent = parameters("chromium_video_simulcast")
    written, codecs = get_consumer_parameters(
        consumable(Kind.VIDEO, sent),
        CHROMIUM,
        mid="1",
        ssrc=1556388039,
        rtx_ssrc=1556388040,
        cname="proto",
    )
    accepted = parameters("consumer_video")
    (encoding,) = accepted.encodings
    # For the client's eyes: no browser is told of it.
    encoding = replace(encoding, scalability_mode="L3T3")
    assert written == replace(accepted, msid=sent.msid, encodings=(encoding,))
    assert [(c.producer_payload_type, c.rtx_payload_type) for c in codecs] == [(96, 102)]


def test_consumer_keeps_the_publishers_codec_parameters() -> None:
    sent = parameters("firefox_audio")
    written, _ = get_consumer_parameters(
        consumable(Kind.AUDIO, sent), CHROMIUM, mid="0", ssrc=1, rtx_ssrc=2, cname="c"
    )
    assert written.codecs[0].parameters == {
        "maxplaybackrate": 48000,
        "stereo": 1,
        "useinbandfec": 1,
    }


def test_consumer_without_rtx_gets_neither_codec_nor_ssrc_of_it() -> None:
    no_rtx = replace(
        CHROMIUM, codecs=tuple(c for c in CHROMIUM.codecs if c.mime_type != "video/rtx")
    )
    written, codecs = get_consumer_parameters(
        consumable(Kind.VIDEO, parameters("chromium_video_simulcast")),
        no_rtx,
        mid="0",
        ssrc=7,
        rtx_ssrc=8,
        cname="c",
    )
    assert [codec.mime_type for codec in written.codecs] == ["video/VP8"]
    assert written.encodings == (EncodingParameters(ssrc=7, scalability_mode="L3T3"),)
    assert codecs[0].rtx_payload_type is None


def test_publisher_without_rtx_still_has_consumers_with_it() -> None:
    sent = parameters("chromium_video_simulcast")
    sent = replace(sent, codecs=sent.codecs[:1])
    written, codecs = get_consumer_parameters(
        consumable(Kind.VIDEO, sent), CHROMIUM, mid="0", ssrc=7, rtx_ssrc=8, cname="c"
    )
    assert [codec.payload_type for codec in written.codecs] == [101, 102]
    assert codecs[0].rtx_payload_type == 102


def test_extensions_are_matched_by_uri_and_id_not_by_kind() -> None:
    # mediasoup-client keys extensions by id: audio's MID arrives under kind video.
    written, _ = get_consumer_parameters(
        consumable(Kind.AUDIO, parameters("chromium_audio")),
        CHROMIUM,
        mid="0",
        ssrc=1,
        rtx_ssrc=2,
        cname="c",
    )
    assert "urn:ietf:params:rtp-hdrext:sdes:mid" in {e.uri for e in written.header_extensions}


def test_extension_under_another_id_is_not_used() -> None:
    moved = replace(
        CHROMIUM,
        header_extensions=tuple(
            replace(e, preferred_id=9) if e.preferred_id == 1 else e
            for e in CHROMIUM.header_extensions
        ),
    )
    written, _ = get_consumer_parameters(
        consumable(Kind.AUDIO, parameters("chromium_audio")),
        moved,
        mid="0",
        ssrc=1,
        rtx_ssrc=2,
        cname="c",
    )
    assert [e.id for e in written.header_extensions] == [4, 10]


def consumer_feedback(uris: set[str]) -> tuple[RtcpFeedback, ...]:
    some = replace(
        CHROMIUM,
        header_extensions=tuple(
            e for e in CHROMIUM.header_extensions if any(text in e.uri for text in uris)
        ),
    )
    written, _ = get_consumer_parameters(
        consumable(Kind.VIDEO, parameters("chromium_video_simulcast")),
        some,
        mid="0",
        ssrc=1,
        rtx_ssrc=2,
        cname="c",
    )
    return written.codecs[0].rtcp_feedback


def test_one_bandwidth_signal_at_most_is_negotiated() -> None:
    both = consumer_feedback({"transport-wide-cc", "abs-send-time"})
    assert TRANSPORT_CC in both
    assert GOOG_REMB not in both
    remb = consumer_feedback({"abs-send-time"})
    assert GOOG_REMB in remb
    assert TRANSPORT_CC not in remb
    neither = consumer_feedback({"sdes:mid"})
    assert {NACK, NACK_PLI} <= set(neither)
    assert not {GOOG_REMB, TRANSPORT_CC} & set(neither)


def test_feedback_that_the_consumer_lacks_is_not_negotiated() -> None:
    deaf = replace(CHROMIUM, codecs=tuple(replace(c, rtcp_feedback=()) for c in CHROMIUM.codecs))
    written, _ = get_consumer_parameters(
        consumable(Kind.VIDEO, parameters("chromium_video_simulcast")),
        deaf,
        mid="0",
        ssrc=1,
        rtx_ssrc=2,
        cname="c",
    )
    assert written.codecs[0].rtcp_feedback == ()


def test_consumer_without_a_common_codec_is_refused() -> None:
    audio_only = replace(CHROMIUM, codecs=tuple(c for c in CHROMIUM.codecs if c.kind is Kind.AUDIO))
    video = consumable(Kind.VIDEO, parameters("chromium_video_simulcast"))
    with pytest.raises(UnsupportedCodec):
        get_consumer_parameters(video, audio_only, mid="0", ssrc=1, rtx_ssrc=2, cname="c")


def test_rtx_alone_is_no_common_codec() -> None:
    rtx_only = replace(
        CHROMIUM, codecs=tuple(c for c in CHROMIUM.codecs if c.mime_type == "video/rtx")
    )
    video = consumable(Kind.VIDEO, parameters("chromium_video_simulcast"))
    with pytest.raises(UnsupportedCodec):
        get_consumer_parameters(video, rtx_only, mid="0", ssrc=1, rtx_ssrc=2, cname="c")


def test_codec_under_two_payload_types_is_one_codec_for_the_consumer() -> None:
    sent = parameters("chromium_audio")
    twice = replace(sent, codecs=(sent.codecs[0], replace(sent.codecs[0], payload_type=77)))
    written, negotiated = get_consumer_parameters(
        consumable(Kind.AUDIO, twice), CHROMIUM, mid="0", ssrc=1, rtx_ssrc=2, cname="c"
    )
    assert [codec.payload_type for codec in written.codecs] == [100]
    types = {codec.producer_payload_type: codec.parameters.payload_type for codec in negotiated}
    assert types == {sent.codecs[0].payload_type: 100, 77: 100}


def test_mono_opus_is_not_the_routers_stereo_opus() -> None:
    sent = parameters("chromium_audio")
    mono = replace(sent, codecs=(replace(sent.codecs[0], channels=1),))
    with pytest.raises(UnsupportedCodec):
        get_producer_mapping(mono, ROUTER_CAPABILITIES)


def test_mime_types_are_compared_without_regard_to_case() -> None:
    sent = parameters("chromium_audio")
    shouted = replace(sent, codecs=(replace(sent.codecs[0], mime_type="audio/OPUS"),))
    assert list(get_producer_mapping(shouted, ROUTER_CAPABILITIES)) == [111]


def with_apt(apt: Any) -> RtpParameters:
    sent = parameters("chromium_video_simulcast")
    return replace(sent, codecs=(sent.codecs[0], replace(sent.codecs[1], parameters={"apt": apt})))


@pytest.mark.parametrize("apt", ["96", True, None])
def test_apt_that_is_no_number_is_refused(apt: Any) -> None:
    with pytest.raises(InvalidRtp):
        check_parameters(Kind.VIDEO, with_apt(apt))


def test_true_is_not_payload_type_one() -> None:
    sent = parameters("chromium_video_simulcast")
    codecs = (
        replace(sent.codecs[0], payload_type=1),
        replace(sent.codecs[1], parameters={"apt": True}),
    )
    with pytest.raises(UnsupportedCodec):
        get_producer_mapping(replace(sent, codecs=codecs), ROUTER_CAPABILITIES)


def test_text_one_is_not_payload_type_one() -> None:
    sent = parameters("chromium_video_simulcast")
    codecs = (
        replace(sent.codecs[0], payload_type=1),
        replace(sent.codecs[1], parameters={"apt": "1"}),
    )
    with pytest.raises(UnsupportedCodec):
        get_producer_mapping(replace(sent, codecs=codecs), ROUTER_CAPABILITIES)


def test_rtx_for_no_media_codec_is_refused() -> None:
    with pytest.raises(UnsupportedCodec):
        get_producer_mapping(with_apt(98), ROUTER_CAPABILITIES)


def test_produce_of_a_kind_alone_means_the_routers_first_codec() -> None:
    audio = default_parameters(Kind.AUDIO, ROUTER_CAPABILITIES)
    check_parameters(Kind.AUDIO, audio)
    assert [codec.payload_type for codec in audio.codecs] == [100]
    assert audio.encodings == (EncodingParameters(),)
    video = default_parameters(Kind.VIDEO, ROUTER_CAPABILITIES)
    check_parameters(Kind.VIDEO, video)
    assert [codec.payload_type for codec in video.codecs] == [101, 102]
    assert get_producer_mapping(video, ROUTER_CAPABILITIES)[102].mime_type == "video/rtx"


@pytest.mark.parametrize(
    "change",
    [
        {"mid": "probator"},
        {"mid": "a b"},
        {"mid": "x" * 17},
        {"msid": "stream\r\na=ice-lite"},
        {"codecs": ()},
        {"encodings": (EncodingParameters(), EncodingParameters(rid="h"))},
        {"encodings": (EncodingParameters(ssrc=5), EncodingParameters(ssrc=5))},
        {"encodings": (EncodingParameters(ssrc=0),)},
        {"encodings": (EncodingParameters(rid="r\n0"),)},
        {"encodings": tuple(EncodingParameters(ssrc=n) for n in range(1, 10))},
        {"header_extensions": (HeaderExtensionParameters("urn:x", 15),)},
        {
            "header_extensions": (
                HeaderExtensionParameters("urn:x", 1),
                HeaderExtensionParameters("urn:y", 1),
            )
        },
    ],
    ids=str,
)
def test_producer_parameters_that_can_never_be_right_are_refused(change: dict[str, Any]) -> None:
    sent = replace(parameters("chromium_video_simulcast"), **change)
    with pytest.raises(InvalidRtp):
        check_parameters(Kind.VIDEO, sent)


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"x": True}},
        {"parameters": {"x": "1\r\na=evil"}},
        {"parameters": {"x;y": 1}},
        {"mime_type": "video/VP8 90000\r\n"},
        {"payload_type": 128},
        {"clock_rate": 0},
        {"channels": 0},
        {"rtcp_feedback": (RtcpFeedback("nack\n"),)},
    ],
    ids=str,
)
def test_codecs_that_can_never_be_right_are_refused(change: dict[str, Any]) -> None:
    sent = parameters("chromium_video_simulcast")
    wrong = replace(sent, codecs=(replace(sent.codecs[0], **change),))
    with pytest.raises(InvalidRtp):
        check_parameters(Kind.VIDEO, wrong)


def test_audio_codec_in_a_video_producer_is_refused() -> None:
    with pytest.raises(InvalidRtp):
        check_parameters(Kind.VIDEO, parameters("chromium_audio"))


def test_capabilities_of_browsers_are_accepted() -> None:
    check_capabilities(CHROMIUM)
    check_capabilities(ROUTER_CAPABILITIES)


def test_capabilities_beyond_the_bounds_are_refused() -> None:
    with pytest.raises(InvalidRtp):
        check_capabilities(replace(CHROMIUM, codecs=CHROMIUM.codecs[:1] * 65))
