"""The two ends of retransmission: who keeps what it sent, and who asks for what is missing."""

from tests.support.webrtc.client import WebRtcClient
from tests.support.webrtc.rtcp import Nack, build_nack
from tests.support.webrtc.rtp import Rtp
from tests.support.webrtc.track import Camera

_OWN_SSRC = 0x11111111


class Retransmitter:
    """Answers each NACK for a camera's packets by RTX."""

    def __init__(self, client: WebRtcClient, camera: Camera) -> None:
        self._client = client
        self._camera = camera
        self._sent: dict[int, Rtp] = {}
        self._read = 0
        # Sequence numbers that were asked for, as often as they were.
        self.asked: list[int] = []

    def send(self, *, key_frame: bool = False) -> Rtp:
        packet = self._camera.send(key_frame=key_frame)
        self._sent[packet.sequence] = packet
        return packet

    def answer(self) -> None:
        """Send again what was asked for since the last call."""
        news, self._read = self._client.rtcp[self._read :], len(self._client.rtcp)
        for packet in news:
            if not isinstance(packet, Nack):
                continue
            for sequence in packet.sequences:
                self.asked.append(sequence)
                self._camera.send_again(self._sent[sequence])


class Requester:
    """Receives one stream and its RTX, and asks for every gap."""

    def __init__(self, client: WebRtcClient, ssrc: int, rtx_ssrc: int) -> None:
        self._client = client
        self._ssrc = ssrc
        self._rtx_ssrc = rtx_ssrc
        self._read = 0
        self._first: int | None = None
        # Payloads by their distance from the first packet.
        self.payloads: dict[int, bytes] = {}
        self.asked: set[int] = set()

    def take(self) -> None:
        """Sort in what came since the last call."""
        news, self._read = self._client.rtp[self._read :], len(self._client.rtp)
        for packet in news:
            if packet.ssrc == self._ssrc:
                self._put(packet.sequence, packet.payload)
            elif packet.ssrc == self._rtx_ssrc:
                self._put(int.from_bytes(packet.payload[:2], "big"), packet.payload[2:])

    def ask(self) -> None:
        """Ask for everything that is missing now."""
        missing = self.missing()
        if self._first is None or not missing:
            return
        self.asked |= missing
        numbers = [self._first + distance & 0xFFFF for distance in sorted(missing)]
        self._client.send_rtcp(build_nack(_OWN_SSRC, self._ssrc, numbers))

    def missing(self) -> set[int]:
        """Distances from the first packet that are missing before the newest."""
        return set(range(max(self.payloads, default=0))) - self.payloads.keys()

    def _put(self, sequence: int, payload: bytes) -> None:
        if self._first is None:
            self._first = sequence
        self.payloads[sequence - self._first & 0xFFFF] = payload
