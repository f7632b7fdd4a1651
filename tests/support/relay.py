"""A way over UDP to the worker that loses packets: every so manieth of one payload type."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

HOST = "127.0.0.1"
# RFC 7983: what begins so is RTP or RTCP.
MEDIA = range(128, 192)
DATAGRAM_BYTES = 2048
BUFFER_BYTES = 4 * 1024 * 1024


@dataclass
class Loss:
    """Which packets do not arrive. Nothing is lost before `payload_types` are named."""

    every: int
    payload_types: set[int] = field(default_factory=set)
    lost: int = 0
    seen: int = 0

    def takes(self, datagram: bytes) -> bool:
        if len(datagram) < 2 or datagram[0] not in MEDIA:
            return False
        if datagram[1] & 0x7F not in self.payload_types:
            return False
        self.seen += 1
        is_lost = self.seen % self.every == 0
        self.lost += is_lost
        return is_lost


class Relay:
    """Made by `relaying`. Each address of a browser gets a socket of its own to the worker."""

    def __init__(self, worker_port: int, every: int) -> None:
        self.to_worker = Loss(every)
        self.to_browser = Loss(every)
        self._worker_port = worker_port
        self._front = _bound()
        self._backs: dict[tuple[str, int], socket.socket] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._front, self._from_browser)

    def script(self) -> str:
        """For a page: its connections take this way instead of the worker's own port."""
        port = self._front.getsockname()[1]
        return f"""{{
          const set = RTCPeerConnection.prototype.setRemoteDescription;
          RTCPeerConnection.prototype.setRemoteDescription = function ({{ type, sdp }}) {{
            const relayed = sdp.replaceAll(" {self._worker_port} typ ", " {port} typ ");
            return set.call(this, {{ type, sdp: relayed }});
          }};
        }}"""

    def close(self) -> None:
        for end in (self._front, *self._backs.values()):
            self._loop.remove_reader(end)
            end.close()

    def _from_browser(self) -> None:
        datagram, browser = self._front.recvfrom(DATAGRAM_BYTES)
        if browser not in self._backs:
            back = _bound()
            self._backs[browser] = back
            self._loop.add_reader(back, self._from_worker, back, browser)
        if not self.to_worker.takes(datagram):
            _send(self._backs[browser], datagram, (HOST, self._worker_port))

    def _from_worker(self, back: socket.socket, browser: tuple[str, int]) -> None:
        datagram = back.recv(DATAGRAM_BYTES)
        if not self.to_browser.takes(datagram):
            _send(self._front, datagram, browser)


@contextmanager
def relaying(worker_port: int, *, every: int) -> Iterator[Relay]:
    """A port of the loopback address that leads to the worker's, with loss both ways."""
    relay = Relay(worker_port, every)
    try:
        yield relay
    finally:
        relay.close()


def _bound() -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.setblocking(False)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    end.bind((HOST, 0))
    return end


def _send(end: socket.socket, datagram: bytes, to: tuple[str, int]) -> None:
    # A full buffer loses it, as any network may.
    with suppress(BlockingIOError):
        end.sendto(datagram, to)
