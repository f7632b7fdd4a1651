"""From the router's capabilities to what aiortc sends and receives."""

import json
from pathlib import Path

import pytest

from services.client.python.failure import ProtocolError
from services.client.python.message import Encoding, RtpCapabilities, RtpParameters
from services.client.python.rtp import (
    receive_capabilities,
    send_parameters,
    to_receiver,
    to_sender,
)

VECTORS = Path(__file__).resolve().parents[2] / "support" / "rtp_vector"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


@pytest.fixture
def router() -> RtpCapabilities:
    text = (VECTORS / "router_capabilities.json").read_text()
    return RtpCapabilities.model_validate_json(text)


def consumer(name: str) -> RtpParameters:
    return RtpParameters.model_validate(json.loads((VECTORS / name).read_text()))


def test_picture_is_sent_under_the_routers_numbers_with_its_rtx(router: RtpCapabilities) -> None:
    parameters = send_parameters("video", router, mid="1", ssrc=7, rtx_ssrc=8, cname="c")
    media, rtx = parameters.codecs
    assert media.mime_type == "video/VP8"
    assert rtx.parameters["apt"] == media.payload_type
    assert parameters.encodings[0].ssrc == 7
    assert parameters.encodings[0].rtx is not None
    assert to_sender(parameters).codecs[0].payloadType == media.payload_type
    assert to_sender(parameters).muxId == "1"


def test_sound_has_no_rtx(router: RtpCapabilities) -> None:
    parameters = send_parameters("audio", router, mid="0", ssrc=7, rtx_ssrc=8, cname="c")
    (codec,) = parameters.codecs
    assert codec.mime_type == "audio/opus"
    assert parameters.encodings == [Encoding(ssrc=7)]


def test_what_aiortc_does_not_speak_is_not_promised(router: RtpCapabilities) -> None:
    for kind in ("audio", "video"):
        parameters = send_parameters(kind, router, mid="0", ssrc=7, rtx_ssrc=8, cname="c")
        assert TRANSPORT_CC not in {extension.uri for extension in parameters.header_extensions}
    narrowed = receive_capabilities(router)
    assert TRANSPORT_CC not in {extension.uri for extension in narrowed.header_extensions}
    told = {feedback.type for codec in narrowed.codecs for feedback in codec.rtcp_feedback}
    assert told == {"nack", "ccm", "goog-remb"}


def test_router_without_a_codec_that_can_be_sent_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError):
        send_parameters("video", RtpCapabilities(), mid="0", ssrc=7, rtx_ssrc=8, cname="c")


def test_receiver_is_found_by_the_ssrc_of_its_rtx_too() -> None:
    parameters = consumer("consumer_video.json")
    (encoding,) = parameters.encodings
    assert encoding.rtx is not None
    media, rtx = to_receiver(parameters).encodings
    assert media.ssrc == encoding.ssrc
    assert media.rtx is not None
    assert rtx.ssrc == media.rtx.ssrc == encoding.rtx.ssrc


def test_encoding_without_ssrc_cannot_be_received() -> None:
    parameters = consumer("consumer_audio.json").model_copy(update={"encodings": [Encoding()]})
    with pytest.raises(ProtocolError):
        to_receiver(parameters)
