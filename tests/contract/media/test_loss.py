"""Loss in every direction at once, between real clients and the real engine."""

import asyncio

from tests.support.poll import eventually
from tests.support.webrtc.repair import Requester, Retransmitter
from tests.support.webrtc.rtp import Rtp
from tests.support.webrtc.stage import CAMERA, SEEING, Stage
from tests.support.webrtc.track import Camera, label

PACKETS = 600
NTH = 20
PACKET_GAP_S = 0.001


async def test_with_every_20th_datagram_lost_each_way_the_viewer_ends_without_a_gap(
    stage: Stage,
) -> None:
    publisher, viewer = await stage.join(), await stage.join()
    stage.consume(viewer, stage.produce(publisher, CAMERA), SEEING)
    camera = Retransmitter(publisher.client, Camera(publisher.client))
    screen = Requester(viewer.client, SEEING.ssrc, SEEING.rtx_ssrc or 0)
    sent = [camera.send(key_frame=True)]
    await eventually(lambda: viewer.client.rtp, what="the key frame")
    for guest in (publisher, viewer):
        guest.client.lose_every(NTH)

    def exchange() -> None:
        sent.append(camera.send())
        camera.answer()
        screen.take()
        screen.ask()

    for _ in range(PACKETS):
        exchange()
        await asyncio.sleep(PACKET_GAP_S)

    def complete() -> bool:
        # What follows a lost packet shows that it is missing, so sending goes on.
        exchange()
        return screen.payloads.keys() >= set(range(PACKETS))

    await eventually(complete, what="everything that was sent has been received")
    assert [label_of(screen, number) for number in range(PACKETS)] == labels(sent[:PACKETS])
    assert asked_of_publisher(camera, sent) & set(range(PACKETS)), "nothing was lost on the way up"
    assert screen.asked & set(range(PACKETS)), "nothing was lost on the way down"
    for client in (publisher.client, viewer.client):
        assert client.dropped_in > 0
        assert client.dropped_out > 0
        assert client.rejected == 0


def labels(packets: list[Rtp]) -> list[bytes]:
    return [label(packet) for packet in packets]


def label_of(screen: Requester, number: int) -> bytes:
    return screen.payloads[number][-8:]


def asked_of_publisher(camera: Retransmitter, sent: list[Rtp]) -> set[int]:
    """Numbers of the packets that the engine asked for."""
    return {number for number, packet in enumerate(sent) if packet.sequence in camera.asked}
