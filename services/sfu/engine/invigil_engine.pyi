"""The packet engine of a worker: one thread, one UDP port, no Python in it.

Python programs it as a driver programs a switch. Handles (transport, producer, consumer) are
numbers that the caller chooses, unique per kind while in use, 0 to 2**32 - 1. Commands are queued
to the engine's thread and take effect in order; they raise RuntimeError only when the engine has
stopped or its command queue (65,536) is full, and ValueError for arguments that can never be right,
numbers out of range among them. Tokens are 0 to 2**64 - 1.
A command for a handle that is gone is ignored and counted.
"""

from collections.abc import Sequence
from typing import Literal, Self, final

__all__ = ["Engine"]

# Upwards events, in the order in which they happened:
#   ("dtls", transport, datagram)            a DTLS record from a validated address
#   ("ice", transport, "connected", remote)  a pair was nominated, or another one than before;
#                                            remote is "address:port"
#   ("ice", transport, "disconnected")       consent expired
#   ("transport_failed", transport, reason)  the engine closed it: "panic"
#   ("encoding", producer, encoding, "active" | "quiet")
#                                            an encoding of a video producer sends, or went quiet:
#                                            was silent for 500 ms while another one sent five
#                                            frames. Quiet to begin with; when all are silent
#                                            nothing is told
#   ("consumer_layer", consumer, layer)      this encoding is forwarded: told of video, within
#                                            10 ms of the first start and of each switch
#   ("consumer_stats", token, stats or None) answer to request_consumer_stats; so are
#   ("producer_stats", token, stats or None), ("transport_stats", token, stats or None) and
#   ("sample", token, (encodings, consumers))
#   ("audio_levels", token, [(producer, level), …])
#                                            answer to request_audio_levels
Event = (
    tuple[str, int, bytes]
    | tuple[str, int, str]
    | tuple[str, int, int]
    | tuple[str, int, str, str]
    | tuple[str, int, int, str]
    | tuple[str, int, "dict[str, int] | None"]
    | tuple[str, int, list[tuple[int, int]]]
    | tuple[str, int, "list[dict[str, int]] | None"]
    | tuple[str, int, tuple[bytes, bytes]]
)

ExtensionName = Literal[
    "mid", "rid", "rrid", "abs-send-time", "transport-cc", "audio-level", "orientation", "toffset"
]
Profile = Literal["AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES128_CM_SHA1_80"]

@final
class Engine:
    def __new__(
        cls,
        *,
        address: str,
        port: int,
        receive_buffer_bytes: int = 4_194_304,
        send_buffer_bytes: int = 4_194_304,
        event_capacity: int = 8_192,
        consent_timeout_ms: int = 30_000,
    ) -> Self:
        """Bind and start the thread.

        `address` is an IPv4 or IPv6 literal; "::" takes both families. Port 0 takes a free one.
        Raises OSError when the address cannot be bound, ValueError for what is no address, a port,
        buffer or timeout out of range, and an `event_capacity` that is not 1 to 1,048,576.
        """

    @property
    def port(self) -> int: ...
    def fileno(self) -> int:
        """An eventfd that is readable while events wait: for loop.add_reader."""

    def drain(self) -> list[Event]:
        """Take all waiting events and make fileno() unreadable. Never blocks."""

    def tick(self) -> int:
        """Rounds of the engine's loop so far (it makes at least ten a second)."""

    def counters(self) -> dict[str, int]:
        """Process-wide counters since the start, by name."""

    def stop(self) -> None:
        """End and join the thread, close the socket. Twice is fine. Releases the GIL meanwhile."""

    def add_transport(self, transport: int, *, ufrag: str, password: str) -> None: ...
    def restart_ice(self, transport: int, *, ufrag: str, password: str) -> None:
        """New credentials; the old ones stay good until the first check with the new ones."""

    def set_keys(
        self,
        transport: int,
        *,
        profile: Profile,
        receive_key: bytes,
        receive_salt: bytes,
        send_key: bytes,
        send_salt: bytes,
    ) -> None:
        """Master keys and salts of SRTP and SRTCP, both directions."""

    def send_dtls(self, transport: int, datagram: bytes) -> None:
        """Send to the nominated address, else the last validated one; dropped without either."""

    def remove_transport(self, transport: int) -> None:
        """Forget it, its producers and its consumers, and the consumers of its producers."""

    def add_producer(
        self,
        producer: int,
        transport: int,
        *,
        video: bool,
        mid: str | None,
        codecs: Sequence[tuple[str, int, int, int | None]],
        encodings: Sequence[tuple[int | None, int | None, str | None]],
        extensions: dict[ExtensionName, int],
        nack: bool,
        transport_cc: bool,
        paused: bool,
    ) -> None:
        """Receive a stream.

        An SSRC that names the MID, or MID and RID, of an encoding takes the place of the one
        before; viewers go on at its next key frame.

        `codecs`: (name in lower case, payload type, clock rate, payload type of its RTX or None).
        `encodings`: (SSRC, SSRC of its RTX, RID), each may be None, lowest layer first; all None
        means the sole encoding, found by MID or else by payload type.
        """

    def pause_producer(self, producer: int) -> None:
        """Forward nothing; go on receiving."""

    def resume_producer(self, producer: int) -> None:
        """Forward again; video asks for a key frame."""

    def remove_producer(self, producer: int) -> None:
        """Forget it and its consumers."""

    def add_consumer(
        self,
        consumer: int,
        producer: int,
        transport: int,
        *,
        mid: str,
        ssrc: int,
        rtx_ssrc: int | None,
        codecs: Sequence[tuple[int, int, int | None]],
        extensions: dict[ExtensionName, int],
        cname: str,
        layer: int,
        paused: bool,
    ) -> None:
        """Send a producer's encoding number `layer` to a transport, to begin with.

        `codecs`: (producer's payload type, payload type to send, payload type of its RTX or None).
        """

    def set_consumer_layer(self, consumer: int, layer: int) -> None:
        """Forward another encoding, from its next key frame on, which is asked for while it is
        active; from one that came in the last 300 ms, if nothing was forwarded since.

        Until then the one before goes on. Asking for that one again cancels the switch; asking for
        the same target again changes nothing. Where nothing is forwarded (paused, or waiting for a
        key frame) the change is immediate. A layer that the producer does not have is ignored and
        counted.
        """

    def request_key_frame(self, consumer: int) -> None:
        """Ask the publisher for a key frame, as a PLI of the viewer would: at once, or when the
        last request has had its time. Nothing for audio, and for a consumer that is paused.
        """

    def pause_consumer(self, consumer: int) -> None: ...
    def resume_consumer(self, consumer: int) -> None:
        """Send again, from the next key frame on for video, which is asked for."""

    def remove_consumer(self, consumer: int) -> None: ...
    def request_consumer_stats(self, consumer: int, token: int) -> None:
        """Ask for ("consumer_stats", token, stats). Keys of stats:

        packets_received (of the encoding that is forwarded), packets_sent, packets_retransmitted,
        nacks_received, key_frame_requests_sent (to the producer), waiting_for_key_frame (0 or 1),
        round_trip_ms (absent until known), layer (the encoding that is forwarded, or was last;
        absent before the first start), target_layer (the one that is to be forwarded).
        """

    def request_audio_levels(self, token: int, producers: int) -> None:
        """Ask for ("audio_levels", token, levels): how loud each audio producer was since this was
        asked last, in -dBov (RFC 6464), by its publisher's word.

        The mean over time; what is quieter than 60, and time without packets, counts as 60.
        Producers that were silent or are paused are left out. `producers`: how many there may be
        (at most 65,535), so that the engine's thread need not make room.
        """

    def request_producer_stats(self, producer: int, token: int) -> None:
        """Ask for ("producer_stats", token, stats): one for each encoding, lowest layer first.

        Keys: ssrc (absent until known), packets_received (retransmissions included, what came twice
        counted once), bytes_received (of their payload), packets_repaired (of them, those that came
        by RTX; absent without it), packets_lost (as receiver reports tell it: without regard to
        RTX; negative where packets came twice), jitter_micros (absent before the second packet),
        nacks_sent (messages, each for several packets), key_frame_requests_sent.
        """

    def request_transport_stats(self, transport: int, token: int) -> None:
        """Ask for ("transport_stats", token, stats). Datagrams without ICE, bytes of UDP payload:

        packets_received, bytes_received, packets_sent, bytes_sent.
        """

    def request_sample(self, token: int, producers: int, consumers: int) -> None:
        """Ask for ("sample", token, (encodings, consumers)): counters of all streams at one moment.

        `producers` and `consumers`: how many there are; room for the answer comes with the request.

        Records without padding, in struct's letters:
        encodings "<IIQqQ": producer, index of the encoding, packets_received, packets_lost and
        packets_repaired as in producer_stats.
        consumers "<IQIiQ": consumer; packets sent, without retransmissions; by the client's last
        report the packets that it should have got (0 before the first report), those of them that
        it lost, and how many different packets had been sent to it again.
        """
