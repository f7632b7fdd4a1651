"""RTCP through the real engine: loss, congestion feedback, reports."""

import time

from tests.support.poll import eventually
from tests.support.webrtc.rtcp import (
    Nack,
    PictureLoss,
    ReceiverReport,
    SenderReport,
    SourceDescription,
    TransportCc,
    build_nack,
    build_pli,
    build_receiver_report,
    build_sender_report,
)
from tests.support.webrtc.rtp import Rtp
from tests.support.webrtc.stage import (
    AUDIO_SSRC,
    CAMERA,
    HEARING,
    MICROPHONE,
    ROUTER_VP8_RTX,
    SEEING,
    VIDEO_SSRC,
    Guest,
    Stage,
)
from tests.support.webrtc.track import Camera, Microphone, label

OWN_SSRC = 0x11111111
# Seconds from the epoch of NTP, 1900, to that of Unix.
_NTP_OFFSET_S = 2_208_988_800


def ntp_now() -> int:
    return int((time.time() + _NTP_OFFSET_S) * 2**32)


def nacked(publisher: Guest) -> set[int]:
    return {
        sequence
        for packet in publisher.client.rtcp
        if isinstance(packet, Nack) and packet.media_ssrc == VIDEO_SSRC
        for sequence in packet.sequences
    }


async def watching(stage: Stage) -> tuple[Guest, Guest, Camera, Rtp]:
    """A publisher and a subscriber that has had the key frame."""
    publisher, subscriber = await stage.join(), await stage.join()
    stage.consume(subscriber, stage.produce(publisher, CAMERA), SEEING)
    camera = Camera(publisher.client)
    key_frame = camera.send(key_frame=True)
    await eventually(lambda: subscriber.client.rtp)
    return publisher, subscriber, camera, key_frame


async def test_a_nack_of_the_subscriber_is_answered_by_rtx(stage: Stage) -> None:
    _, subscriber, camera, _ = await watching(stage)
    for _ in range(9):
        camera.send()
    await eventually(lambda: len(subscriber.client.rtp) == 10)
    lost = subscriber.client.rtp[4]
    subscriber.client.send_rtcp(build_nack(OWN_SSRC, SEEING.ssrc, [lost.sequence]))
    await eventually(lambda: len(subscriber.client.rtp) == 11)
    again = subscriber.client.rtp[10]
    assert (again.ssrc, again.payload_type) == (SEEING.rtx_ssrc, ROUTER_VP8_RTX)
    assert int.from_bytes(again.payload[:2], "big") == lost.sequence
    assert again.payload[2:] == lost.payload
    assert (again.timestamp, again.marker) == (lost.timestamp, lost.marker)


async def test_a_nack_for_what_was_never_sent_is_not_answered(stage: Stage) -> None:
    _, subscriber, camera, _ = await watching(stage)
    last = subscriber.client.rtp[-1]
    subscriber.client.send_rtcp(build_nack(OWN_SSRC, SEEING.ssrc, [last.sequence + 1_000 & 0xFFFF]))
    subscriber.client.send_rtcp(build_nack(OWN_SSRC, 0xDEADBEEF, [last.sequence]))
    subscriber.client.send_rtcp(build_nack(OWN_SSRC, SEEING.ssrc, [last.sequence]))
    await eventually(lambda: len(subscriber.client.rtp) == 2)
    camera.send()
    await eventually(lambda: len(subscriber.client.rtp) == 3)
    assert [p.ssrc for p in subscriber.client.rtp] == [SEEING.ssrc, SEEING.rtx_ssrc, SEEING.ssrc]


async def test_a_gap_is_asked_for_and_what_rtx_brings_is_forwarded(stage: Stage) -> None:
    publisher, subscriber, camera, _ = await watching(stage)
    lost = camera.next()
    for _ in range(3):
        camera.send()
    await eventually(lambda: lost.sequence in nacked(publisher), what="NACK")
    camera.send_again(lost)
    await eventually(lambda: len(subscriber.client.rtp) == 5)
    payloads = {p.sequence: label(p) for p in subscriber.client.rtp}
    first = subscriber.client.rtp[0].sequence
    assert payloads[first + 1 & 0xFFFF] == label(lost)


async def test_a_plain_retransmission_fills_the_gap_too(stage: Stage) -> None:
    publisher, subscriber, camera, _ = await watching(stage)
    lost = camera.next()
    for _ in range(3):
        camera.send()
    await eventually(lambda: lost.sequence in nacked(publisher), what="NACK")
    publisher.client.send_rtp(lost)
    await eventually(lambda: len(subscriber.client.rtp) == 5)
    assert label(lost) in {label(p) for p in subscriber.client.rtp}


async def test_every_packet_is_reported_by_transport_wide_feedback(stage: Stage) -> None:
    publisher, _, camera, _ = await watching(stage)
    for _ in range(30):
        camera.send()
    reported: set[int] = set()

    def all_reported() -> bool:
        for packet in publisher.client.rtcp:
            if isinstance(packet, TransportCc):
                reported.update(
                    range(packet.base_sequence, packet.base_sequence + packet.status_count)
                )
        return reported >= set(range(31))

    await eventually(all_reported, what="feedback for 31 packets")
    counts = [p.feedback_count for p in publisher.client.rtcp if isinstance(p, TransportCc)]
    assert counts == list(range(counts[0], counts[0] + len(counts)))


async def test_a_pli_of_the_subscriber_reaches_the_publisher(stage: Stage) -> None:
    publisher, subscriber, _, _ = await watching(stage)
    publisher.client.rtcp.clear()

    def asked() -> bool:
        subscriber.client.send_rtcp(build_pli(OWN_SSRC, SEEING.ssrc))
        return any(isinstance(packet, PictureLoss) for packet in publisher.client.rtcp)

    await eventually(asked, what="PLI")
    assert {p.media_ssrc for p in publisher.client.rtcp if isinstance(p, PictureLoss)} == {
        VIDEO_SSRC
    }


async def test_many_plis_of_a_subscriber_are_few_at_the_publisher(stage: Stage) -> None:
    publisher, subscriber, _, _ = await watching(stage)
    publisher.client.rtcp.clear()
    for _ in range(200):
        subscriber.client.send_rtcp(build_pli(OWN_SSRC, SEEING.ssrc))
    subscriber.client.send_rtcp(
        build_nack(OWN_SSRC, SEEING.ssrc, [subscriber.client.rtp[0].sequence])
    )
    # The answer to the last command shows that the others were read.
    await eventually(lambda: len(subscriber.client.rtp) == 2)
    assert len(publisher.client.rtcp_of(PictureLoss)) <= 5


async def test_the_publisher_hears_of_its_stream_and_can_tell_the_round_trip(stage: Stage) -> None:
    publisher, _, camera, _ = await watching(stage)
    ntp = ntp_now()
    publisher.client.send_rtcp(build_sender_report(VIDEO_SSRC, ntp=ntp, timestamp=5_000))
    camera.send()

    def echoed() -> bool:
        return any(
            block.ssrc == VIDEO_SSRC and block.last_sender_report == ntp >> 16 & 0xFFFFFFFF
            for packet in publisher.client.rtcp
            if isinstance(packet, ReceiverReport | SenderReport)
            for block in packet.reports
        )

    await eventually(echoed, what="a receiver report with the time of the sender report")


async def test_the_subscriber_gets_sender_reports_in_its_own_timestamps(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    stage.consume(subscriber, stage.produce(publisher, MICROPHONE), HEARING)
    microphone = Microphone(publisher.client)
    (sent,) = microphone.send()
    await eventually(lambda: subscriber.client.rtp)
    offset = subscriber.client.rtp[0].timestamp - sent.timestamp
    # The publisher's clock is an hour off: only its pairs of NTP time and timestamp count.
    epoch = ntp_now() - (3_600 << 32)

    def reported() -> list[SenderReport]:
        ntp = ntp_now() - (3_600 << 32)
        publisher.client.send_rtcp(
            build_sender_report(AUDIO_SSRC, ntp=ntp, timestamp=sent.timestamp + ticks(ntp - epoch))
        )
        microphone.send()
        return [
            packet
            for packet in subscriber.client.rtcp
            if isinstance(packet, SenderReport) and packet.ssrc == HEARING.ssrc
        ]

    await eventually(lambda: len(reported()) >= 2, what="two sender reports")
    for report in reported():
        elapsed = report.ntp - (3_600 << 32) - epoch
        expected = sent.timestamp + offset + ticks(elapsed)
        # A second: the publisher's reports may wait on this loaded machine before they are read.
        assert abs((report.timestamp - expected + 2**31) % 2**32 - 2**31) < 48_000
        assert report.packets > 0
    assert SourceDescription(HEARING.ssrc, "candidate") in subscriber.client.rtcp


def ticks(ntp_units: int) -> int:
    """NTP time, in units of 2**-32 s, as timestamps of 48 kHz."""
    return ntp_units * 48_000 >> 32


async def test_receiver_reports_of_the_subscriber_give_the_round_trip(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    consumer_id = stage.consume(subscriber, stage.produce(publisher, MICROPHONE), HEARING)
    microphone = Microphone(publisher.client)
    microphone.send()

    def reported() -> bool:
        publisher.client.send_rtcp(build_sender_report(AUDIO_SSRC, ntp=ntp_now(), timestamp=1_000))
        microphone.send()
        return bool(subscriber.client.rtcp_of(SenderReport))

    await eventually(reported, what="a sender report")
    report = subscriber.client.rtcp_of(SenderReport)[-1]
    assert isinstance(report, SenderReport)
    subscriber.client.send_rtcp(
        build_receiver_report(
            OWN_SSRC,
            HEARING.ssrc,
            highest=subscriber.client.rtp[-1].sequence,
            last_sender_report=report.ntp >> 16 & 0xFFFFFFFF,
            delay=1,
        )
    )
    round_trip_ms = None
    for _ in range(100):
        round_trip_ms = (await stage.plane.consumer_stats(consumer_id)).round_trip_ms
        if round_trip_ms is not None:
            break
    assert round_trip_ms is not None
    assert 0 <= round_trip_ms < 60_000
