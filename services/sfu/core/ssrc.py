"""SSRCs for the streams that a room sends."""

FIRST = 100_000_000
LAST = 0xFFFF_FFFE


class SsrcPool:
    """Pairs of SSRCs, a media stream's and its RTX's, counted up from a random start.

    Counting makes them unique in the room, hence on each of its transports. The range keeps clear
    of SSRC 1234, which mediasoup-client uses for its bandwidth probe.
    """

    def __init__(self, start: int) -> None:
        """`start` is any number; the shell draws it at random."""
        pairs = (LAST - FIRST) // 2
        self._next = FIRST + 2 * (start % pairs)

    def take(self) -> tuple[int, int]:
        """The SSRC of a new stream and that of its retransmissions."""
        ssrc = self._next
        self._next = ssrc + 2 if ssrc + 3 <= LAST else FIRST
        return ssrc, ssrc + 1
