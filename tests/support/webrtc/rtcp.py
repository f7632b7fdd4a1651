"""RTCP as a browser makes and takes it (RFC 3550, RFC 4585, transport-cc draft 01)."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ReportBlock:
    ssrc: int
    lost: int
    highest_sequence: int
    last_sender_report: int
    delay_since: int


@dataclass(frozen=True)
class SenderReport:
    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...]


@dataclass(frozen=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...]


@dataclass(frozen=True)
class SourceDescription:
    ssrc: int
    cname: str


@dataclass(frozen=True)
class Nack:
    sender_ssrc: int
    media_ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True)
class PictureLoss:
    sender_ssrc: int
    media_ssrc: int


@dataclass(frozen=True)
class TransportCc:
    sender_ssrc: int
    media_ssrc: int
    base_sequence: int
    status_count: int
    feedback_count: int


@dataclass(frozen=True)
class Other:
    packet_type: int
    count: int
    body: bytes


Packet = (
    SenderReport | ReceiverReport | SourceDescription | Nack | PictureLoss | TransportCc | Other
)


def parse_rtcp(compound: bytes) -> Iterator[Packet]:
    while compound:
        first, packet_type, words = struct.unpack_from("!BBH", compound)
        assert first >> 6 == 2
        end = 4 + 4 * words
        assert end <= len(compound)
        yield _parse_one(packet_type, first & 0x1F, compound[4:end])
        compound = compound[end:]


def _parse_one(packet_type: int, count: int, body: bytes) -> Packet:
    match packet_type, count:
        case (200, _):
            ssrc, ntp, timestamp, packets, octets = struct.unpack_from("!IQIII", body)
            return SenderReport(
                ssrc, ntp, timestamp, packets, octets, tuple(_blocks(count, body[24:]))
            )
        case (201, _):
            (ssrc,) = struct.unpack_from("!I", body)
            return ReceiverReport(ssrc, tuple(_blocks(count, body[4:])))
        case (202, 1):
            (ssrc,) = struct.unpack_from("!I", body)
            assert body[4] == 1
            return SourceDescription(ssrc, body[6 : 6 + body[5]].decode())
        case (205, 1):
            sender, media = struct.unpack_from("!II", body)
            return Nack(sender, media, tuple(_nacked(body[8:])))
        case (205, 15):
            sender, media, base, statuses, reference = struct.unpack_from("!IIHHI", body)
            return TransportCc(sender, media, base, statuses, reference & 0xFF)
        case (206, 1):
            sender, media = struct.unpack_from("!II", body)
            return PictureLoss(sender, media)
    return Other(packet_type, count, body)


def _blocks(count: int, body: bytes) -> Iterator[ReportBlock]:
    for index in range(count):
        ssrc, lost, highest, _, last, delay = struct.unpack_from("!IIIIII", body, 24 * index)
        yield ReportBlock(ssrc, lost & 0xFFFFFF, highest, last, delay)


def _nacked(body: bytes) -> Iterator[int]:
    for pid, mask in struct.iter_unpack("!HH", body):
        yield pid
        yield from ((pid + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1)


def _packet(packet_type: int, count: int, body: bytes) -> bytes:
    assert len(body) % 4 == 0
    return struct.pack("!BBH", 0x80 | count, packet_type, len(body) // 4) + body


def build_sender_report(
    ssrc: int, *, ntp: int, timestamp: int, packets: int = 1, octets: int = 1
) -> bytes:
    return _packet(200, 0, struct.pack("!IQIII", ssrc, ntp, timestamp, packets, octets))


def build_receiver_report(
    ssrc: int,
    media_ssrc: int,
    *,
    highest: int,
    lost: int = 0,
    last_sender_report: int = 0,
    delay: int = 0,
) -> bytes:
    block = struct.pack("!IIIIII", media_ssrc, lost, highest, 0, last_sender_report, delay)
    return _packet(201, 1, struct.pack("!I", ssrc) + block)


def build_nack(ssrc: int, media_ssrc: int, sequences: Iterable[int]) -> bytes:
    items = b"".join(struct.pack("!HH", sequence, 0) for sequence in sequences)
    return _packet(205, 1, struct.pack("!II", ssrc, media_ssrc) + items)


def build_pli(ssrc: int, media_ssrc: int) -> bytes:
    return _packet(206, 1, struct.pack("!II", ssrc, media_ssrc))
