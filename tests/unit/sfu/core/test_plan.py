"""What the engine is told of producers and consumers."""

from dataclasses import replace

from services.common.ids import ConsumerId, ProducerId, TransportId
from services.sfu.core.capability import ROUTER_CAPABILITIES
from services.sfu.core.ortc import default_parameters, get_consumer_parameters
from services.sfu.core.plan import plan_consumer, plan_producer
from services.sfu.core.port import (
    Extension,
    InboundCodec,
    InboundEncoding,
    Kind,
    OutboundCodec,
    ProducerSpec,
)
from services.sfu.core.rtp import EncodingParameters, RtpParameters
from tests.support.rtp_sample import CHROMIUM, consumable, parameters


def spec(kind: Kind, sent: RtpParameters) -> ProducerSpec:
    return plan_producer(
        sent,
        ROUTER_CAPABILITIES,
        producer_id=ProducerId("a.1"),
        transport_id=TransportId("a.t1"),
        kind=kind,
        paused=False,
    )


def test_chromiums_simulcast_is_received_by_rid() -> None:
    planned = spec(Kind.VIDEO, parameters("chromium_video_simulcast"))
    assert planned.codecs == (InboundCodec("vp8", 96, 90000, 97),)
    assert planned.encodings == tuple(InboundEncoding(rid=rid) for rid in ("r0", "r1", "r2"))
    assert planned.extension_ids == {
        Extension.MID: 4,
        Extension.RID: 10,
        Extension.RRID: 11,
        Extension.ABS_SEND_TIME: 2,
        Extension.TRANSPORT_CC: 3,
        Extension.ORIENTATION: 13,
        Extension.TOFFSET: 14,
    }
    assert planned.mid == "1"
    assert planned.nack
    assert planned.transport_cc


def test_firefoxs_audio_is_received_by_ssrc_and_without_nack() -> None:
    planned = spec(Kind.AUDIO, parameters("firefox_audio"))
    assert planned.codecs == (InboundCodec("opus", 109, 48000, None),)
    assert planned.encodings == (InboundEncoding(ssrc=1023739656),)
    assert planned.extension_ids == {
        Extension.MID: 3,
        Extension.TRANSPORT_CC: 7,
        Extension.AUDIO_LEVEL: 1,
    }
    assert not planned.nack
    assert planned.transport_cc


def test_transport_cc_needs_its_extension() -> None:
    sent = parameters("chromium_audio")
    bare = replace(
        sent, header_extensions=tuple(e for e in sent.header_extensions if "-cc-" not in e.uri)
    )
    assert not spec(Kind.AUDIO, bare).transport_cc


def test_extensions_that_are_unknown_or_encrypted_are_left_alone() -> None:
    sent = parameters("chromium_audio")
    first, *rest = sent.header_extensions
    changed = replace(
        sent,
        header_extensions=(replace(first, encrypt=True), replace(rest[0], uri="urn:other")),
    )
    assert spec(Kind.AUDIO, changed).extension_ids == {}


def test_rtx_ssrc_without_an_rtx_codec_is_dropped() -> None:
    sent = parameters("chromium_video_simulcast")
    sent = replace(
        sent, codecs=sent.codecs[:1], encodings=(EncodingParameters(ssrc=5, rtx_ssrc=6),)
    )
    assert spec(Kind.VIDEO, sent).encodings == (InboundEncoding(ssrc=5),)


def test_kind_alone_is_received_by_whatever_comes_first() -> None:
    planned = spec(Kind.VIDEO, default_parameters(Kind.VIDEO, ROUTER_CAPABILITIES))
    assert planned.codecs == (InboundCodec("vp8", 101, 90000, 102),)
    assert planned.encodings == (InboundEncoding(),)
    assert planned.mid is None


def test_consumer_is_sent_a_layer_with_the_routers_types_and_ids() -> None:
    written, codecs = get_consumer_parameters(
        consumable(Kind.VIDEO, parameters("firefox_video_simulcast")),
        CHROMIUM,
        mid="3",
        ssrc=100,
        rtx_ssrc=101,
        cname="cam",
    )
    planned = plan_consumer(
        written,
        codecs,
        consumer_id=ConsumerId("b.c1"),
        producer_id=ProducerId("a.1"),
        transport_id=TransportId("b.t1"),
        kind=Kind.VIDEO,
        cname="cam",
        layer=2,
        paused=True,
    )
    assert planned.codecs == (OutboundCodec(120, 101, 102),)
    assert (planned.ssrc, planned.rtx_ssrc, planned.mid) == (100, 101, "3")
    assert planned.extension_ids == {
        Extension.MID: 1,
        Extension.ABS_SEND_TIME: 4,
        Extension.TRANSPORT_CC: 5,
        Extension.ORIENTATION: 11,
        Extension.TOFFSET: 12,
    }
    assert planned.layer == 2
    assert planned.paused
