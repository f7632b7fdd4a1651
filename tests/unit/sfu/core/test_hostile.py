"""Whatever a client sends is accepted or refused; nothing else can happen."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import Code, Refusal
from services.sfu.core.capability import ROUTER_CAPABILITIES
from services.sfu.core.port import Kind
from services.sfu.core.rtp import (
    CodecCapability,
    CodecParameters,
    EncodingParameters,
    HeaderExtension,
    HeaderExtensionParameters,
    RtcpFeedback,
    RtpCapabilities,
    RtpParameters,
)
from services.sfu.core.visibility import Role
from tests.support.room import Stage

numbers = st.one_of(st.integers(0, 130), st.integers(0, 2**32 - 1))
mime_types = st.one_of(
    st.sampled_from(["audio/opus", "video/VP8", "video/rtx", "video/vp8", "audio/rtx"]),
    st.text(max_size=8),
)
values = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([96, 100, 101]), st.text())
codec_fields = {
    "mime_type": mime_types,
    "clock_rate": st.one_of(st.sampled_from([48000, 90000]), numbers),
    "channels": st.one_of(st.none(), st.sampled_from([1, 2]), numbers),
    "parameters": st.dictionaries(st.sampled_from(["apt", "x", ""]), values, max_size=2),
    "rtcp_feedback": st.lists(
        st.builds(RtcpFeedback, st.sampled_from(["nack", "ccm", ""]), st.text(max_size=4)),
        max_size=2,
    ).map(tuple),
}
uris = st.one_of(
    st.sampled_from([e.uri for e in ROUTER_CAPABILITIES.header_extensions]), st.text(max_size=4)
)
sent = st.builds(
    RtpParameters,
    mid=st.one_of(st.none(), st.sampled_from(["0", "1", "probator"]), st.text(max_size=20)),
    codecs=st.lists(
        st.builds(
            CodecParameters,
            payload_type=st.one_of(st.sampled_from([96, 97, 100, 101]), numbers),
            **codec_fields,
        ),
        max_size=3,
    ).map(tuple),
    header_extensions=st.lists(
        st.builds(HeaderExtensionParameters, uris, st.integers(0, 20), st.booleans()), max_size=4
    ).map(tuple),
    encodings=st.lists(
        st.builds(
            EncodingParameters,
            ssrc=st.one_of(st.none(), numbers),
            rid=st.one_of(st.none(), st.sampled_from(["r0", "r1"]), st.text(max_size=4)),
            rtx_ssrc=st.one_of(st.none(), numbers),
        ),
        max_size=4,
    ).map(tuple),
    msid=st.one_of(st.none(), st.text(max_size=8)),
)
received = st.builds(
    RtpCapabilities,
    codecs=st.lists(
        st.builds(
            CodecCapability,
            kind=st.sampled_from(Kind),
            preferred_payload_type=st.one_of(st.none(), numbers),
            **codec_fields,
        ),
        max_size=3,
    ).map(tuple),
    header_extensions=st.lists(
        st.builds(HeaderExtension, st.sampled_from(Kind), uris, numbers), max_size=4
    ).map(tuple),
)


@given(st.lists(st.tuples(st.sampled_from(Kind), sent), min_size=1, max_size=4), received)
def test_any_parameters_and_capabilities_are_accepted_or_refused(
    published: list[tuple[Kind, RtpParameters]], capabilities: RtpCapabilities
) -> None:
    stage = Stage()
    ann, eve = stage.join("ann"), stage.join("eve", Role.PROCTOR)
    for kind, parameters in published:
        with suppress(Refusal):
            stage.publish(ann, kind, rtp_parameters=parameters)
    for producer in list(ann.producers.values()):
        parameters = stage.subscribe(eve, producer).rtp_parameters
        _assert_harmless(parameters)
        try:
            stage.room.router.consume(
                eve, (producer.producer_id,), None, capabilities, paused=False
            )
        except Refusal as refusal:
            if refusal.code is not Code.CONSUME_ERROR:
                raise
    stage.room.leave(ann)
    assert not stage.room.router.producers


def _assert_harmless(parameters: RtpParameters) -> None:
    """Nothing that a publisher chose can begin a new line in the consumer's SDP."""
    texts = [parameters.msid or ""]
    for codec in parameters.codecs:
        for name, value in codec.parameters.items():
            texts += [name, str(value)]
    assert all(text.isprintable() for text in texts)
    assert len(parameters.encodings) == 1
