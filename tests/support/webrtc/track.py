"""What a browser's encoder sends: numbered packets with the extensions it would put on them."""

from collections.abc import Mapping

from tests.support.webrtc.client import WebRtcClient
from tests.support.webrtc.rtp import Rtp, vp8_payload
from tests.support.webrtc.stage import (
    AUDIO_LEVEL,
    AUDIO_SSRC,
    MID,
    OPUS,
    TRANSPORT_CC,
    VIDEO_RTX_SSRC,
    VIDEO_SSRC,
    VP8,
    VP8_RTX,
)

_FIRST_SEQUENCE = 65_530
_AUDIO_STEP, _VIDEO_STEP = 960, 3_000


def label(packet: Rtp) -> bytes:
    """What tells a camera's packets apart wherever they arrive, RTX included."""
    return packet.payload[-8:]


class Microphone:
    """Opus packets of 20 ms; the sequence numbers wrap soon."""

    def __init__(self, client: WebRtcClient, ssrc: int = AUDIO_SSRC) -> None:
        self._client = client
        self._ssrc = ssrc
        self.count = 0

    def next(self, extensions: Mapping[int, bytes] | None = None) -> Rtp:
        packet = Rtp(
            OPUS,
            (_FIRST_SEQUENCE + self.count) & 0xFFFF,
            1_000 + self.count * _AUDIO_STEP,
            self._ssrc,
            b"opus %06d" % self.count,
            extensions=extensions if extensions is not None else {AUDIO_LEVEL: b"\x85"},
        )
        self.count += 1
        return packet

    def send(self, packets: int = 1, extensions: Mapping[int, bytes] | None = None) -> list[Rtp]:
        sent = [self.next(extensions) for _ in range(packets)]
        for packet in sent:
            self._client.send_rtp(packet)
        return sent


class Camera:
    """VP8 frames of one packet each."""

    def __init__(
        self, client: WebRtcClient, ssrc: int = VIDEO_SSRC, rtx_ssrc: int = VIDEO_RTX_SSRC
    ) -> None:
        self._client = client
        self._ssrc = ssrc
        self._rtx_ssrc = rtx_ssrc
        self._transport_cc = 0
        self._rtx_sequence = 40_000
        self.count = 0

    def next(self, *, key_frame: bool = False, extensions: Mapping[int, bytes] = {}) -> Rtp:
        packet = Rtp(
            VP8,
            (_FIRST_SEQUENCE + self.count) & 0xFFFF,
            5_000 + self.count * _VIDEO_STEP,
            self._ssrc,
            vp8_payload(key_frame=key_frame, picture_id=100 + self.count)
            + b"%02x%06d" % (self._ssrc & 0xFF, self.count),
            marker=True,
            extensions={TRANSPORT_CC: self._transport_cc.to_bytes(2, "big"), **extensions},
        )
        self.count += 1
        self._transport_cc += 1
        return packet

    def send(self, *, key_frame: bool = False, extensions: Mapping[int, bytes] = {}) -> Rtp:
        packet = self.next(key_frame=key_frame, extensions=extensions)
        self._client.send_rtp(packet)
        return packet

    def send_again(self, packet: Rtp, mid: str = "") -> None:
        """Retransmit by RTX (RFC 4588)."""
        self._client.send_rtp(
            Rtp(
                VP8_RTX,
                self._rtx_sequence,
                packet.timestamp,
                self._rtx_ssrc,
                packet.sequence.to_bytes(2, "big") + packet.payload,
                packet.marker,
                {MID: mid.encode()} if mid else {},
            )
        )
        self._rtx_sequence += 1
