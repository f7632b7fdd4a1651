"""Cutting a DTLS flight into datagrams."""

from collections.abc import Iterator

# RFC 6347, section 4.1: type, version, epoch, sequence number, and a length in the last two bytes.
_RECORD_HEADER_BYTES = 13
_LENGTH_OFFSET = 11


def datagrams_of_flight(flight: bytes, limit_bytes: int) -> Iterator[bytes]:
    """Whole records, as many per datagram as fit; a record above the limit goes alone.

    A record must not span datagrams (RFC 6347, section 4.1.1).
    """
    start = end = 0
    while end < len(flight):
        length = int.from_bytes(flight[end + _LENGTH_OFFSET : end + _RECORD_HEADER_BYTES], "big")
        next_end = end + _RECORD_HEADER_BYTES + length
        if next_end - start > limit_bytes and end > start:
            yield flight[start:end]
            start = end
        end = next_end
    if start < len(flight):
        yield flight[start:]
