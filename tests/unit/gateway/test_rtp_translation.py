from hypothesis import given
from hypothesis import strategies as st

from services.gateway.core.message import rtp
from services.gateway.upstream.rtp import (
    capabilities_from_pb,
    capabilities_to_pb,
    parameters_from_pb,
    parameters_to_pb,
)

text = st.text(max_size=12)
name = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
ssrc = st.integers(0, 2**32 - 1)
payload_type = st.integers(0, 127)
parameters = st.dictionaries(name, st.integers(-(2**63), 2**63 - 1) | text, max_size=4)
feedback = st.lists(st.builds(rtp.RtcpFeedback, type=text, parameter=text), max_size=3)
kind = st.sampled_from(["audio", "video"])
channels = st.none() | st.integers(1, 8)

rtp_capabilities = st.builds(
    rtp.RtpCapabilities,
    codecs=st.lists(
        st.builds(
            rtp.RtpCodecCapability,
            kind=kind,
            mime_type=name,
            preferred_payload_type=st.none() | payload_type,
            clock_rate=st.integers(1, 2**32 - 1),
            channels=channels,
            parameters=parameters,
            rtcp_feedback=feedback,
        ),
        max_size=3,
    ),
    header_extensions=st.lists(
        st.builds(
            rtp.RtpHeaderExtension,
            kind=kind,
            uri=name,
            preferred_id=st.integers(0, 255),
            preferred_encrypt=st.booleans(),
            direction=st.sampled_from(["sendrecv", "sendonly", "recvonly", "inactive"]),
        ),
        max_size=3,
    ),
)
rtp_parameters = st.builds(
    rtp.RtpParameters,
    mid=st.none() | text,
    codecs=st.lists(
        st.builds(
            rtp.RtpCodecParameters,
            mime_type=name,
            payload_type=payload_type,
            clock_rate=st.integers(1, 2**32 - 1),
            channels=channels,
            parameters=parameters,
            rtcp_feedback=feedback,
        ),
        min_size=1,
        max_size=3,
    ),
    header_extensions=st.lists(
        st.builds(
            rtp.RtpHeaderExtensionParameters,
            uri=name,
            id=st.integers(0, 255),
            encrypt=st.booleans(),
        ),
        max_size=3,
    ),
    encodings=st.lists(
        st.builds(
            rtp.RtpEncodingParameters,
            ssrc=st.none() | ssrc,
            rid=st.none() | name,
            rtx=st.none() | st.builds(rtp.RtxParameters, ssrc=ssrc),
            scalability_mode=st.none() | text,
            max_bitrate=st.none() | st.integers(0, 2**53),
            dtx=st.none() | st.booleans(),
            codec_payload_type=st.none() | payload_type,
            scale_resolution_down_by=st.none() | st.floats(1, 16),
        ),
        max_size=3,
    ),
    rtcp=st.none()
    | st.builds(
        rtp.RtcpParameters,
        cname=st.none() | text,
        reduced_size=st.none() | st.booleans(),
        mux=st.none() | st.booleans(),
    ),
    msid=st.none() | text,
)


@given(rtp_capabilities)
def test_capabilities_survive_the_way_there_and_back(value: rtp.RtpCapabilities) -> None:
    assert capabilities_from_pb(capabilities_to_pb(value)) == value


@given(rtp_parameters)
def test_parameters_survive_the_way_there_and_back(value: rtp.RtpParameters) -> None:
    assert parameters_from_pb(parameters_to_pb(value)) == value
