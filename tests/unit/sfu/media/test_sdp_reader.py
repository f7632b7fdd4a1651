"""Reading session descriptions: what real clients offer, and what is wrong with a malformed one."""

import pytest

from services.sfu.core.description import MAX_SECTIONS, Flow
from services.sfu.core.port import DtlsRole, Kind
from services.sfu.core.rtp import EncodingParameters, RtcpFeedback
from services.sfu.media.sdp.line import MAX_SDP_BYTES, MalformedSdp
from services.sfu.media.sdp.reader import read
from tests.support.sdp import NAMES, vector

SIMULCAST = tuple(EncodingParameters(rid=rid) for rid in ("q", "h", "f"))
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)


def described(*lines: str) -> str:
    head = ("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", FINGERPRINT, "a=setup:actpass")
    return "\r\n".join((*head, *lines)) + "\r\n"


def refused(text: str) -> MalformedSdp:
    with pytest.raises(MalformedSdp) as caught:
        read(text)
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_real_offer_is_read_with_its_tracks_and_its_transport(name: str) -> None:
    description = read(vector(name))
    assert description.dtls is not None
    assert description.dtls.role is DtlsRole.AUTO
    tracks = [section for section in description.sections if section.kind is not None]
    assert sorted(section.media for section in tracks) == ["audio", "video"]
    for section in tracks:
        assert section.flow.sends
        assert section.is_bundled
        assert section.has_rtcp_mux
        assert not section.is_rejected
        assert section.parameters is not None
        assert section.parameters.mid == section.mid
        names = {codec.mime_type.lower() for codec in section.parameters.codecs}
        assert names & {"audio/opus", "video/vp8"}


@pytest.mark.parametrize("name", ["chromium_simulcast", "firefox_simulcast"])
def test_simulcast_is_read_from_its_rids(name: str) -> None:
    _, video, channel = read(vector(name)).sections
    assert video.parameters is not None
    assert video.is_simulcast
    assert video.parameters.encodings == SIMULCAST
    assert channel.kind is None
    assert channel.formats == ("webrtc-datachannel",)


def test_single_encoding_has_the_ssrcs_of_stream_and_retransmission() -> None:
    audio, video = read(vector("chromium_plain")).sections
    assert audio.parameters is not None
    assert video.parameters is not None
    (sole,) = video.parameters.encodings
    assert (sole.ssrc, sole.rtx_ssrc) == (3742119612, 3394318539)
    assert audio.parameters.encodings == (EncodingParameters(ssrc=1968142874),)


def test_codec_parameters_are_numbers_where_they_are_and_texts_otherwise() -> None:
    _, video = read(vector("chromium_plain")).sections
    assert video.parameters is not None
    rtx = next(c for c in video.parameters.codecs if c.payload_type == 97)
    h264 = next(c for c in video.parameters.codecs if c.payload_type == 102)
    assert rtx.parameters == {"apt": 96}
    assert h264.parameters == {
        "level-asymmetry-allowed": 1,
        "packetization-mode": 1,
        "profile-level-id": "42001f",
    }
    vp8 = video.parameters.codecs[0]
    assert RtcpFeedback("nack", "pli") in vp8.rtcp_feedback
    assert RtcpFeedback("transport-cc") in vp8.rtcp_feedback


def test_codecs_are_in_the_order_of_the_m_line() -> None:
    description = read(
        described(
            "m=video 9 UDP/TLS/RTP/SAVPF 98 96", "a=rtpmap:96 VP8/90000", "a=rtpmap:98 VP9/90000"
        )
    )
    parameters = description.sections[0].parameters
    assert parameters is not None
    assert [codec.mime_type for codec in parameters.codecs] == ["video/VP9", "video/VP8"]


def test_direction_of_an_extension_is_read() -> None:
    _, video, _ = read(vector("firefox_simulcast")).sections
    assert video.extension_flow == {
        6: Flow.RECVONLY,
        8: Flow.SENDONLY,
        9: Flow.SENDONLY,
        10: Flow.SENDONLY,
    }


def test_section_that_is_bundle_only_is_not_rejected() -> None:
    video, audio = read(vector("gstreamer_plain")).sections
    assert not audio.is_rejected
    rejected = read(vector("gstreamer_plain").replace("a=bundle-only\r\n", ""))
    assert rejected.sections[1].is_rejected
    assert not video.is_rejected


def test_direction_of_the_session_holds_for_sections_without_one() -> None:
    lines = ("m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2")
    assert read(described("a=recvonly", *lines)).sections[0].flow is Flow.RECVONLY
    assert read(described(*lines)).sections[0].flow is Flow.SENDRECV
    assert read(described("a=recvonly", *lines, "a=inactive")).sections[0].flow is Flow.INACTIVE


def test_what_nobody_here_knows_is_let_pass() -> None:
    description = read(
        described(
            "a=x-new:thing",
            "m=audio 9 RTP/SAVPF-bis 111 0",
            "b=AS:64",
            "a=rtpmap:111 opus/48000/2",
            "a=fmtp:0 unnamed=1",
            "a=rtcp-fb:0 nack",
            "a=rtpmap:96 VP8/90000",
            "a=extmap:1 urn:x with attributes",
            "a=extmap:2 urn:ietf:params:rtp-hdrext:encrypt urn:y",
            "a=ssrc:5",
            "a=candidate:whatever",
            "m=text 9 TCP/MSRP *",
        )
    )
    audio, text = description.sections
    assert audio.parameters is not None
    assert audio.protocol == "RTP/SAVPF-bis"
    assert [codec.payload_type for codec in audio.parameters.codecs] == [111]
    assert [extension.uri for extension in audio.parameters.header_extensions] == ["urn:x"]
    assert text.kind is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a=rtpmap:111 opus", "a=rtpmap is malformed"),
        ("a=rtpmap:111 opus/48000/2/3", "a=rtpmap is malformed"),
        ("a=fmtp:111", "a=fmtp is malformed"),
        ("a=fmtp:111 stereo=yes", "a number is expected"),
        ("a=extmap:1/sideways urn:x", "a=extmap is malformed"),
        ("a=setup:maybe", "a=setup is malformed"),
        ("a=ssrc:x cname:y", "a=ssrc is malformed"),
        ("a=ssrc-group:FID 1 x", "a=ssrc-group is malformed"),
        ("a=simulcast:send", "a=simulcast is malformed"),
        ("a=rid:q", "a=rid is malformed"),
        ("a=mid:two words", "a=mid is malformed"),
        ("a=fingerprint:sha-256", "a=fingerprint is malformed"),
        ("a=ice-ufrag:a b", "a=ice-ufrag is malformed"),
        ("m=audio nine UDP/TLS/RTP/SAVPF 0", "m= is malformed"),
        ("m=audio 9 UDP/TLS/RTP/SAVPF x", "no payload type x"),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 128", "no payload type 128"),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 72", "no payload type 72"),
        ("a=rtpmap:111 opus/48000/2", "has a name already"),
        ("nonsense", 'a letter, "="'),
        ("a=tab\there", "control character"),
        ("a=" + "x" * 3000, "more than 2048 characters"),
    ],
)
def test_malformed_line_is_named(line: str, problem: str) -> None:
    text = described(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2", line, "a=recvonly"
    )
    error = refused(text)
    assert error.line_number == 9
    assert problem in error.problem
    assert error.excerpt.startswith(line[:5])


def test_mid_that_occurs_twice_is_refused_at_the_second() -> None:
    section = ("m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0")
    assert refused(described(*section, *section)).line_number == 10


def test_excerpt_shows_nothing_that_could_harm_a_log() -> None:
    error = refused(described("a=mid:\x1b[31m\u2028" + "x" * 200))
    assert error.excerpt.isprintable()
    assert len(error.excerpt) == 80


@pytest.mark.parametrize("text", ["", "\r\n", "hello", "m=audio 9 x 0", "v=1"])
def test_what_does_not_begin_as_a_description_is_refused(text: str) -> None:
    assert refused(text).line_number <= 2


def test_description_is_bounded_in_size_and_in_parts() -> None:
    assert "bytes" in refused(described(*["a=x:" + "y" * 1000] * (MAX_SDP_BYTES // 1000))).problem
    assert "bytes" in refused(described("s=" + "é" * (MAX_SDP_BYTES // 2))).problem
    assert "lines" in refused(described(*["a=x"] * 5000)).problem
    assert "m=" in refused(described(*["m=text 9 x *"] * (MAX_SECTIONS + 1))).problem
    formats = " ".join(str(number % 60) for number in range(65))
    assert "formats" in refused(described(f"m=audio 9 x {formats}")).problem
    assert "before the first m=" in refused("v=0\r\n" + "a=sendrecv\r\n" * 17).problem
    for line in ("a=ssrc:1 cname:x", "a=rtcp-fb:* nack", "a=extmap:1 urn:x"):
        assert "more than" in refused(described("m=audio 9 x 0", *[line] * 600)).problem


def test_legacy_simulcast_is_read_from_its_ssrc_groups() -> None:
    description = read(
        described(
            "m=video 9 UDP/TLS/RTP/SAVPF 96",
            "a=rtpmap:96 VP8/90000",
            "a=ssrc-group:SIM 1 2 3",
            "a=ssrc-group:FID 1 11",
            "a=ssrc-group:FID 2 12",
            "a=ssrc-group:FID 3 13",
        )
    )
    parameters = description.sections[0].parameters
    assert parameters is not None
    assert [(e.ssrc, e.rtx_ssrc) for e in parameters.encodings] == [(1, 11), (2, 12), (3, 13)]


def test_simulcast_keeps_paused_encodings_and_the_first_of_alternatives() -> None:
    description = read(
        described(
            "m=video 9 UDP/TLS/RTP/SAVPF 96",
            "a=rid:a send",
            "a=rid:b send max-width=640",
            "a=rid:c send",
            "a=rid:d recv",
            "a=simulcast:recv d send a;~b,c;unknown",
        )
    )
    parameters = description.sections[0].parameters
    assert parameters is not None
    assert [encoding.rid for encoding in parameters.encodings] == ["a", "b"]


def test_kind_of_a_section_is_the_routers() -> None:
    assert [section.kind for section in read(vector("aiortc_plain")).sections] == [
        Kind.AUDIO,
        Kind.VIDEO,
    ]
