"""From a publisher's packets to a subscriber's, over the real engine and independent SRTP."""

from dataclasses import replace

from services.sfu.core.port import InboundEncoding
from tests.support.poll import eventually
from tests.support.webrtc.rtcp import PictureLoss
from tests.support.webrtc.rtp import Rtp, vp8_is_key_frame, vp8_picture_id
from tests.support.webrtc.stage import (
    AUDIO_LEVEL,
    AUDIO_SSRC,
    CAMERA,
    HEARING,
    MICROPHONE,
    MID,
    RID,
    ROUTER_AUDIO_LEVEL,
    ROUTER_MID,
    ROUTER_OPUS,
    ROUTER_VP8,
    RRID,
    SEEING,
    SIMULCAST_CAMERA,
    VIDEO_SSRC,
    VP8_RTX,
    Guest,
    Stage,
)
from tests.support.webrtc.track import Camera, Microphone, label


def consecutive(packets: list[Rtp]) -> bool:
    first = packets[0].sequence
    return [p.sequence for p in packets] == [(first + n) & 0xFFFF for n in range(len(packets))]


async def asked_for_key_frame(publisher: Guest, ssrc: int = VIDEO_SSRC) -> None:
    await eventually(
        lambda: any(
            isinstance(packet, PictureLoss) and packet.media_ssrc == ssrc
            for packet in publisher.client.rtcp
        ),
        what=f"PLI for {ssrc:x}",
    )


async def test_audio_arrives_rewritten_for_the_consumer(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    stage.consume(subscriber, stage.produce(publisher, MICROPHONE), HEARING)
    microphone = Microphone(publisher.client)
    sent = microphone.send(8, {MID: b"0", AUDIO_LEVEL: b"\x85"}) + microphone.send(8)
    await eventually(lambda: len(subscriber.client.rtp) == 16)
    received = subscriber.client.rtp
    assert [p.payload for p in received] == [p.payload for p in sent]
    assert {p.ssrc for p in received} == {HEARING.ssrc}
    assert {p.payload_type for p in received} == {ROUTER_OPUS}
    assert consecutive(received)
    assert {
        (theirs.timestamp - ours.timestamp) & 0xFFFFFFFF
        for ours, theirs in zip(sent, received, strict=True)
    } == {(received[0].timestamp - sent[0].timestamp) & 0xFFFFFFFF}
    for packet in received:
        assert packet.extensions[ROUTER_AUDIO_LEVEL] == b"\x85"
        assert set(packet.extensions) <= {ROUTER_AUDIO_LEVEL, ROUTER_MID}
    assert received[0].extensions[ROUTER_MID] == HEARING.mid.encode()


async def test_video_starts_with_a_key_frame_that_the_publisher_was_asked_for(
    stage: Stage,
) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, CAMERA)
    camera = Camera(publisher.client)
    camera.send()
    await stage.counted("rtp_packets_in")
    stage.consume(subscriber, producer_id, SEEING)
    await asked_for_key_frame(publisher)
    camera.send()
    camera.send()
    key_frame = camera.send(key_frame=True)
    later = [camera.send() for _ in range(10)]
    await eventually(lambda: len(subscriber.client.rtp) >= 11)
    received = subscriber.client.rtp
    assert vp8_is_key_frame(received[0].payload)
    assert [label(p) for p in received] == [label(p) for p in [key_frame, *later]]
    assert {(p.ssrc, p.payload_type) for p in received} == {(SEEING.ssrc, ROUTER_VP8)}
    assert received[0].extensions[ROUTER_MID] == SEEING.mid.encode()
    assert consecutive(received)
    pictures = [vp8_picture_id(p.payload) for p in received]
    assert pictures == [pictures[0] + n for n in range(11)]
    assert all(p.marker for p in received)


async def test_one_producer_reaches_several_consumers_each_with_its_own_numbers(
    stage: Stage,
) -> None:
    publisher = await stage.join()
    producer_id = stage.produce(publisher, MICROPHONE)
    subscribers = [await stage.join() for _ in range(3)]
    for number, subscriber in enumerate(subscribers):
        stage.consume(
            subscriber, producer_id, replace(HEARING, ssrc=0xC1000000 + number, mid=str(number))
        )
    sent = Microphone(publisher.client).send(10)
    for number, subscriber in enumerate(subscribers):
        await eventually(lambda client=subscriber.client: len(client.rtp) == 10)  # type: ignore[misc]
        assert {p.ssrc for p in subscriber.client.rtp} == {0xC1000000 + number}
        assert [p.payload for p in subscriber.client.rtp] == [p.payload for p in sent]


async def test_audio_and_video_of_one_peer_share_both_transports(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    stage.consume(subscriber, stage.produce(publisher, MICROPHONE), HEARING)
    stage.consume(subscriber, stage.produce(publisher, CAMERA), SEEING)
    await asked_for_key_frame(publisher)
    microphone, camera = Microphone(publisher.client), Camera(publisher.client)
    camera.send(key_frame=True)
    for _ in range(9):
        camera.send()
        microphone.send()
    await eventually(lambda: len(subscriber.client.rtp) >= 19)
    by_ssrc = {
        ssrc: [p for p in subscriber.client.rtp if p.ssrc == ssrc]
        for ssrc in (HEARING.ssrc, SEEING.ssrc)
    }
    assert [len(packets) for packets in by_ssrc.values()] == [9, 10]
    assert all(consecutive(packets) for packets in by_ssrc.values())


async def test_what_arrived_before_produce_is_remembered_by_mid(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    microphone = Microphone(publisher.client, ssrc=0xA7777777)
    microphone.send(3, {MID: b"0"})
    await stage.counted("rtp_packets_in", above=2)
    # The SSRC is not signaled, and the browser sends the MID no more.
    spec = replace(MICROPHONE, encodings=(InboundEncoding(),))
    stage.consume(subscriber, stage.produce(publisher, spec), HEARING)
    sent = microphone.send(5)
    await eventually(lambda: len(subscriber.client.rtp) >= 5)
    assert [p.payload for p in subscriber.client.rtp] == [p.payload for p in sent]


async def test_simulcast_layers_are_remembered_by_rid_and_one_is_forwarded(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    cameras = {
        rid: Camera(publisher.client, ssrc=0xB1000000 + n, rtx_ssrc=0xB2000000 + n)
        for n, rid in enumerate(("r0", "r1", "r2"))
    }
    for rid, camera in cameras.items():
        camera.send(key_frame=True, extensions={MID: b"1", RID: rid.encode()})
    await stage.counted("rtp_packets_in", above=2)
    producer_id = stage.produce(publisher, SIMULCAST_CAMERA)
    stage.consume(subscriber, producer_id, replace(SEEING, layer=1))
    await asked_for_key_frame(publisher, 0xB1000001)
    middle = []
    for key_frame in (True, False, False, False):
        for rid, camera in cameras.items():
            packet = camera.send(key_frame=key_frame)
            middle += [packet] if rid == "r1" else []
    await eventually(lambda: len(subscriber.client.rtp) >= 4)
    received = subscriber.client.rtp
    assert [label(p) for p in received] == [label(p) for p in middle]
    assert {p.ssrc for p in received} == {SEEING.ssrc}
    assert consecutive(received)


async def test_simulcast_starts_by_rid_after_produce_too(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, SIMULCAST_CAMERA)
    stage.consume(subscriber, producer_id, replace(SEEING, layer=2))
    camera = Camera(publisher.client, ssrc=0xB1000002)
    # Browsers begin with a padding probe on the RTX stream.
    publisher.client.send_rtp(
        Rtp(VP8_RTX, 1, 1, 0xB2000002, b"", extensions={MID: b"1", RRID: b"r2"})
    )
    camera.send(extensions={MID: b"1", RID: b"r2"})
    await asked_for_key_frame(publisher, 0xB1000002)
    camera.send(key_frame=True)
    await eventually(lambda: subscriber.client.rtp)
    assert vp8_is_key_frame(subscriber.client.rtp[0].payload)


async def test_a_paused_producer_is_silent_and_video_resumes_at_a_key_frame(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, CAMERA)
    stage.consume(subscriber, producer_id, SEEING)
    camera = Camera(publisher.client)
    camera.send(key_frame=True)
    await eventually(lambda: len(subscriber.client.rtp) == 1)
    stage.plane.pause_producer(producer_id)
    for _ in range(5):
        camera.send()
    await stage.counted("rtp_packets_in", above=5)
    publisher.client.rtcp.clear()
    stage.plane.resume_producer(producer_id)
    await asked_for_key_frame(publisher)
    camera.send()
    after = camera.send(key_frame=True)
    await eventually(lambda: len(subscriber.client.rtp) == 2)
    assert label(subscriber.client.rtp[1]) == label(after)
    assert consecutive(subscriber.client.rtp)


async def test_a_consumer_made_paused_starts_when_it_is_resumed(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, CAMERA)
    consumer_id = stage.consume(subscriber, producer_id, replace(SEEING, paused=True))
    camera = Camera(publisher.client)
    camera.send()
    await stage.counted("rtp_packets_in")
    stage.plane.resume_consumer(consumer_id)
    await asked_for_key_frame(publisher)
    sent = camera.send(key_frame=True)
    await eventually(lambda: subscriber.client.rtp)
    assert [label(p) for p in subscriber.client.rtp] == [label(sent)]


async def test_a_paused_consumer_is_silent_while_another_goes_on(stage: Stage) -> None:
    publisher, paused, playing = await stage.join(), await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, MICROPHONE)
    consumer_id = stage.consume(paused, producer_id, HEARING)
    stage.consume(playing, producer_id, replace(HEARING, ssrc=0xC2000000))
    microphone = Microphone(publisher.client)
    stage.plane.pause_consumer(consumer_id)
    microphone.send(5)
    await eventually(lambda: len(playing.client.rtp) == 5)
    assert paused.client.rtp == []
    stage.plane.resume_consumer(consumer_id)
    last = microphone.send()
    await eventually(lambda: paused.client.rtp)
    assert [p.payload for p in paused.client.rtp] == [p.payload for p in last]


async def test_a_removed_consumer_gets_nothing_more(stage: Stage) -> None:
    publisher, leaving, staying = await stage.join(), await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, MICROPHONE)
    consumer_id = stage.consume(leaving, producer_id, HEARING)
    stage.consume(staying, producer_id, replace(HEARING, ssrc=0xC2000000))
    microphone = Microphone(publisher.client)
    microphone.send(2)
    await eventually(lambda: len(leaving.client.rtp) == 2)
    stage.plane.remove_consumer(consumer_id)
    microphone.send(5)
    await eventually(lambda: len(staying.client.rtp) == 7)
    assert len(leaving.client.rtp) == 2


async def test_stats_count_what_a_consumer_was_sent(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    consumer_id = stage.consume(subscriber, stage.produce(publisher, CAMERA), SEEING)
    await asked_for_key_frame(publisher)
    assert (await stage.plane.consumer_stats(consumer_id)).waiting_for_key_frame
    camera = Camera(publisher.client)
    camera.send()
    camera.send(key_frame=True)
    camera.send()
    await eventually(lambda: len(subscriber.client.rtp) == 2)
    stats = await stage.plane.consumer_stats(consumer_id)
    assert (stats.packets_received, stats.packets_sent) == (3, 2)
    assert not stats.waiting_for_key_frame
    assert stats.key_frame_requests_sent >= 1


def test_the_ssrcs_of_these_tests_differ() -> None:
    assert len({AUDIO_SSRC, VIDEO_SSRC, HEARING.ssrc, SEEING.ssrc}) == 4
