"""What the engine counts is what clients sent and got: real packets over the real engine."""

import pytest

from services.common.errors import Refusal
from services.common.ids import ConsumerId, ProducerId
from services.sfu.core.port import DtlsState, IceState
from tests.support.poll import eventually
from tests.support.webrtc.repair import Retransmitter
from tests.support.webrtc.rtcp import build_nack, build_receiver_report
from tests.support.webrtc.simulcast import Simulcast
from tests.support.webrtc.stage import (
    AUDIO_SSRC,
    CAMERA,
    HEARING,
    MICROPHONE,
    SEEING,
    SIMULCAST_CAMERA,
    VIDEO_SSRC,
    Stage,
)
from tests.support.webrtc.track import Camera, Microphone

OWN_SSRC = 0x11111111


async def test_stats_of_a_microphone_are_what_was_sent(stage: Stage) -> None:
    publisher = await stage.join()
    producer_id = stage.produce(publisher, MICROPHONE)
    (before,) = await stage.plane.producer_stats(producer_id)
    assert (before.ssrc, before.packets_received, before.jitter_us) == (AUDIO_SSRC, 0, None)
    microphone = Microphone(publisher.client)
    sent = microphone.send(10)
    # Lost on the way.
    for _ in range(3):
        microphone.next()
    sent += microphone.send(7)
    await stage.counted("rtp_packets_in", above=16)
    (stats,) = await stage.plane.producer_stats(producer_id)
    assert (stats.packets_received, stats.packets_lost) == (17, 3)
    assert stats.bytes_received == sum(len(packet.payload) for packet in sent)
    assert (stats.packets_repaired, stats.nacks_sent) == (None, 0)
    assert stats.jitter_us is not None
    assert stats.jitter_us > 0


async def test_stats_of_a_camera_tell_what_was_asked_for_and_repaired(stage: Stage) -> None:
    publisher, viewer = await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, CAMERA)
    stage.consume(viewer, producer_id, SEEING)
    camera = Camera(publisher.client)
    sender = Retransmitter(publisher.client, camera)
    sender.send(key_frame=True)
    publisher.client.lose_every(2)
    for _ in range(8):
        sender.send()
    publisher.client.lose_every(0)
    # It shows what is missing.
    sender.send()

    dropped = publisher.client.dropped_out

    def repaired() -> bool:
        sender.answer()
        return stage.plane.counters()["rtx_in"] >= dropped

    await eventually(repaired, what="what was asked for has come")
    (stats,) = await stage.plane.producer_stats(producer_id)
    assert dropped == 4
    assert stats.ssrc == VIDEO_SSRC
    assert (stats.packets_received, stats.packets_lost) == (camera.count, dropped)
    assert stats.packets_repaired == dropped
    assert stats.nacks_sent >= 1
    assert stats.key_frame_requests_sent >= 1


async def test_each_layer_of_a_simulcast_is_counted_by_itself(stage: Stage) -> None:
    publisher = await stage.join()
    producer_id = stage.produce(publisher, SIMULCAST_CAMERA)
    camera = Simulcast(publisher.client)
    camera.send(key_frame=True)
    camera.active = {0}
    for _ in range(4):
        camera.send()
    await stage.counted("rtp_packets_in", above=6)
    stats = await stage.plane.producer_stats(producer_id)
    assert [one.packets_received for one in stats] == [5, 1, 1]
    assert len({one.ssrc for one in stats}) == 3


async def test_transport_counts_every_datagram_of_its_client_but_ice(stage: Stage) -> None:
    guest = await stage.guest()
    stats = await stage.plane.transport_stats(guest.transport_id)
    assert (stats.ice_state, stats.dtls_state) == (IceState.NEW, DtlsState.NEW)
    assert (stats.packets_received, stats.packets_sent) == (0, 0)

    publisher = await stage.join()
    before = await stage.plane.transport_stats(publisher.transport_id)
    assert (before.ice_state, before.dtls_state) == (IceState.CONNECTED, DtlsState.CONNECTED)
    # The handshake.
    assert before.packets_received > 0
    assert before.packets_sent > 0
    stage.produce(publisher, MICROPHONE)
    microphone = Microphone(publisher.client)
    packets = [microphone.next() for _ in range(50)]
    datagrams = [publisher.client.protect(packet) for packet in packets]
    for datagram in datagrams:
        publisher.client.send_raw(datagram)
    await stage.counted("rtp_packets_in", above=49)
    after = await stage.plane.transport_stats(publisher.transport_id)
    assert after.packets_received - before.packets_received == 50
    assert after.bytes_received - before.bytes_received == sum(map(len, datagrams))


async def test_sample_has_all_streams_with_what_their_receivers_say(stage: Stage) -> None:
    publisher, listener = await stage.join(), await stage.join()
    sound = stage.produce(publisher, MICROPHONE)
    picture = stage.produce(publisher, SIMULCAST_CAMERA)
    hearing = stage.consume(listener, sound, HEARING)
    microphone = Microphone(publisher.client)
    microphone.send(4)
    microphone.next()
    microphone.send(15)
    await eventually(lambda: len(listener.client.rtp) == 19)
    sample = await stage.plane.sample()
    assert sample.producers == {
        sound: [(19, 20, 1, 0)],
        picture: [(0, 0, 0, 0)] * 3,
    }
    assert sample.consumers == {hearing: (19, 0, 0, 0)}

    first = listener.client.rtp[0].sequence
    again = build_nack(OWN_SSRC, HEARING.ssrc, [first + 2 & 0xFFFF])
    listener.client.send_rtcp(again)
    await stage.counted("retransmitted")
    report = build_receiver_report(OWN_SSRC, HEARING.ssrc, highest=first + 19, lost=2)
    listener.client.send_rtcp(report)
    await stage.counted("receiver_reports_in")
    sample = await stage.plane.sample()
    assert sample.consumers == {hearing: (19, 20, 2, 1)}

    stage.plane.remove_producer(sound)
    sample = await stage.plane.sample()
    assert sample.producers.keys() == {picture}
    assert sample.consumers == {}


async def test_stats_of_what_ends_meanwhile_are_refused(stage: Stage) -> None:
    publisher = await stage.join()
    with pytest.raises(KeyError):
        await stage.plane.producer_stats(ProducerId("none"))
    with pytest.raises(KeyError):
        await stage.plane.consumer_stats(ConsumerId("none"))
    producer_id = stage.produce(publisher, MICROPHONE)
    asked = stage.plane.producer_stats(producer_id)
    stage.plane.remove_producer(producer_id)
    with pytest.raises(KeyError):
        await asked
    transport_id = publisher.transport_id
    stats = await stage.plane.transport_stats(transport_id)
    assert stats.ice_state is IceState.CONNECTED
    stage.plane.close_transport(transport_id)
    with pytest.raises((KeyError, Refusal)):
        await stage.plane.transport_stats(transport_id)
