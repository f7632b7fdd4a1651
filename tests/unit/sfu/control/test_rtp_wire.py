"""RTP values through protobuf and back."""

import pytest

from services.common.errors import Refusal
from services.pb.invigil.sfu.v1 import rtp_pb2
from services.sfu.control.rtp_wire import (
    capabilities_from_wire,
    capabilities_to_wire,
    parameters_from_wire,
    parameters_to_wire,
)
from services.sfu.core.capability import ROUTER_CAPABILITIES
from services.sfu.core.rtp import CodecParameters, RtpParameters
from tests.support.rtp_sample import CHROMIUM, parameters

NAMES = [
    "chromium_audio",
    "chromium_video_simulcast",
    "consumer_audio",
    "consumer_video",
    "firefox_audio",
    "firefox_video_simulcast",
]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_of_browsers_survive_the_wire(name: str) -> None:
    sent = parameters(name)
    assert parameters_from_wire(parameters_to_wire(sent)) == sent


def test_capabilities_survive_the_wire() -> None:
    for capabilities in (CHROMIUM, ROUTER_CAPABILITIES):
        assert capabilities_from_wire(capabilities_to_wire(capabilities)) == capabilities


def test_codec_parameters_keep_their_types() -> None:
    values: dict[str, int | str] = {"number": 1, "text": "1", "zero": 0, "empty": ""}
    sent = RtpParameters(None, (CodecParameters("video/VP8", 96, 90000, parameters=values),))
    received = parameters_from_wire(parameters_to_wire(sent)).codecs[0].parameters
    assert {name: (type(v), v) for name, v in received.items()} == {
        name: (type(v), v) for name, v in values.items()
    }


def test_absent_fields_stay_absent() -> None:
    sent = parameters_to_wire(parameters("consumer_audio"))
    assert not sent.encodings[0].HasField("rtx")
    assert not sent.encodings[0].HasField("rid")
    assert not sent.HasField("msid")


def test_codec_parameter_without_a_value_is_dropped() -> None:
    message = rtp_pb2.RtpParameters(codecs=[rtp_pb2.RtpCodecParameters(mime_type="audio/opus")])
    message.codecs[0].parameters["nothing"].SetInParent()
    assert parameters_from_wire(message).codecs[0].parameters == {}


def test_capability_without_a_kind_is_refused() -> None:
    message = rtp_pb2.RtpCapabilities(codecs=[rtp_pb2.RtpCodecCapability(mime_type="audio/opus")])
    with pytest.raises(Refusal):
        capabilities_from_wire(message)
