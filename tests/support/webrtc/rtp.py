"""RTP packets as a browser makes and takes them (RFC 3550, RFC 8285, RFC 7741)."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

_ONE_BYTE = 0xBEDE
_TWO_BYTE = 0x1000


@dataclass(frozen=True)
class Rtp:
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = b"payload"
    marker: bool = False
    extensions: Mapping[int, bytes] = field(default_factory=dict)

    def build(self) -> bytes:
        first = 0x90 if self.extensions else 0x80
        second = self.payload_type | (0x80 if self.marker else 0)
        header = struct.pack(
            "!BBHII", first, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
        )
        return header + self._extension_block() + self.payload

    def _extension_block(self) -> bytes:
        if not self.extensions:
            return b""
        block = b"".join(
            bytes([number << 4 | len(value) - 1]) + value
            for number, value in self.extensions.items()
        )
        block += bytes(-len(block) % 4)
        return struct.pack("!HH", _ONE_BYTE, len(block) // 4) + block


def parse_rtp(packet: bytes) -> Rtp:
    first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
    assert first >> 6 == 2
    offset = 12 + 4 * (first & 0x0F)
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        profile, words = struct.unpack_from("!HH", packet, offset)
        block = packet[offset + 4 : offset + 4 + 4 * words]
        extensions = _parse_extensions(profile, block)
        offset += 4 + 4 * words
    end = len(packet) - (packet[-1] if first & 0x20 else 0)
    return Rtp(
        second & 0x7F, sequence, timestamp, ssrc, packet[offset:end], bool(second >> 7), extensions
    )


def _parse_extensions(profile: int, block: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    two_byte = profile & 0xFFF0 == _TWO_BYTE
    assert two_byte or profile == _ONE_BYTE
    at = 0
    while at < len(block):
        if block[at] == 0:
            at += 1
            continue
        if two_byte:
            number, length, at = block[at], block[at + 1], at + 2
        else:
            number, length, at = block[at] >> 4, (block[at] & 0x0F) + 1, at + 1
        found[number] = block[at : at + length]
        assert len(found[number]) == length
        at += length
    return found


def vp8_payload(*, key_frame: bool, picture_id: int, size: int = 60) -> bytes:
    """The first packet of a frame: descriptor with picture id, TL0PICIDX and layer ids."""
    descriptor = struct.pack(
        "!BBHBB", 0x80 | 0x10, 0xE0, 0x8000 | picture_id & 0x7FFF, picture_id & 0xFF, 0x20
    )
    # RFC 6386, section 9.1: bit 0 is clear for a key frame, which a start code and a size follow.
    frame = b"\x10\x00\x00\x9d\x01\x2a\x40\x01\xf0\x00" if key_frame else b"\x11\x00\x00"
    return (descriptor + frame).ljust(size, b"\xaa")


def vp8_is_key_frame(payload: bytes) -> bool:
    return not payload[_vp8_descriptor_bytes(payload)] & 0x01


def vp8_picture_id(payload: bytes) -> int:
    """Of a descriptor with a picture id, in either length."""
    assert payload[0] & 0x80
    assert payload[1] & 0x80
    if payload[2] & 0x80:
        return int.from_bytes(payload[2:4], "big") & 0x7FFF
    return payload[2]


def _vp8_descriptor_bytes(payload: bytes) -> int:
    if not payload[0] & 0x80:
        return 1
    length = 2
    if payload[1] & 0x80:
        length += 2 if payload[2] & 0x80 else 1
    length += 1 if payload[1] & 0x40 else 0
    return length + (1 if payload[1] & 0x30 else 0)
