"""A small WebRTC client: controlling ICE, DTLS by pyOpenSSL, SRTP by libsrtp, one UDP socket."""

import asyncio
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import pylibsrtp
from aioice import stun

from services.sfu.core.port import (
    DtlsParameters,
    DtlsRole,
    Fingerprint,
    IceParameters,
    TransportOffer,
)
from tests.support.poll import eventually
from tests.support.webrtc.dtls import ALL_PROFILES, DtlsEnd, Identity, Keys
from tests.support.webrtc.rtcp import Packet, parse_rtcp
from tests.support.webrtc.rtp import Rtp, parse_rtp

_CHECK_PERIOD_S = 0.05
_TICK_S = 0.01
# RFC 7983: SRTP and SRTCP begin with a byte of this value or more.
_MEDIA = 128
_LIBSRTP_PROFILES = {
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "AES128_CM_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


class WebRtcClient(asyncio.DatagramProtocol):
    """Use `async with`; then `connect`, `send_rtp`, and look at `rtp` and `rtcp`."""

    def __init__(
        self,
        offer: TransportOffer,
        *,
        dtls_role: Literal["client", "server"] = "client",
        profiles: Sequence[str] = ALL_PROFILES,
        identity: Identity | None = None,
    ) -> None:
        candidate = offer.ice_candidates[0]
        self.remote = (candidate.address, candidate.port)
        self.dtls = DtlsEnd(self.send_raw, role=dtls_role, profiles=profiles, identity=identity)
        self.rtp: list[Rtp] = []
        self.rtcp: list[Packet] = []
        self.stun_answers: list[stun.Message] = []
        # Packets that libsrtp could not authenticate: there must be none.
        self.rejected = 0
        self.dropped_in = self.dropped_out = 0
        self._media_in = self._media_out = 0
        self._loses_every = 0
        self._ice = offer.ice_parameters
        self._tie_breaker = secrets.randbits(64)
        self._socket: socket.socket | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._inbound: pylibsrtp.Session | None = None
        self._outbound: pylibsrtp.Session | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "WebRtcClient":
        await self.move()
        return self

    async def move(self) -> None:
        """Go on from another local port, as after a change of network."""
        if self._transport is not None:
            self._transport.close()
        family = socket.AF_INET6 if ":" in self.remote[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(self.remote)
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, sock=self._socket
        )

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._transport is not None:
            self._transport.close()

    def lose_every(self, nth: int) -> None:
        """From now on every nth media datagram gets lost, in each direction; 0: none."""
        self._loses_every = nth

    def dtls_parameters(self, *algorithms: str) -> DtlsParameters:
        """What this client would signal."""
        role = DtlsRole.CLIENT if self.dtls.role == "client" else DtlsRole.SERVER
        return DtlsParameters(
            role,
            tuple(
                Fingerprint(algorithm, self.dtls.identity.fingerprint(algorithm))
                for algorithm in algorithms or ("sha-256",)
            ),
        )

    @property
    def local_address(self) -> str:
        assert self._socket is not None
        host, port = self._socket.getsockname()[:2]
        return f"{host}:{port}"

    def start(self) -> None:
        """Check connectivity and begin DTLS once a check is answered."""
        self._task = asyncio.create_task(self._run())

    async def connect(self) -> None:
        """ICE, DTLS and SRTP are up on this side."""
        self.start()
        await eventually(lambda: self.dtls.keys, what="the client's DTLS handshake")

    def restart_ice(self, parameters: IceParameters) -> None:
        """Check with these credentials from now on."""
        self._ice = parameters

    @property
    def username_fragment(self) -> str:
        """The worker's, which names the transport."""
        return self._ice.username_fragment

    def check(self, *, nominate: bool = True, password: str = "", username: str = "") -> bytes:
        """A STUN binding request (RFC 8445, section 7.2.2)."""
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = username or f"{self._ice.username_fragment}:test"
        request.attributes["PRIORITY"] = 1_853_824_767
        request.attributes["ICE-CONTROLLING"] = self._tie_breaker
        if nominate:
            request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity((password or self._ice.password).encode())
        request.add_fingerprint()
        return bytes(request)

    def send_check(self, *, nominate: bool = True, password: str = "", username: str = "") -> None:
        self.send_raw(self.check(nominate=nominate, password=password, username=username))

    def send_raw(self, datagram: bytes) -> None:
        assert self._socket is not None
        if datagram[:1] >= bytes([_MEDIA]):
            self._media_out += 1
            if self._is_lost(self._media_out):
                self.dropped_out += 1
                return
        # Not by the asyncio transport, which sends no empty datagram.
        self._socket.send(datagram)

    def protect(self, packet: Rtp) -> bytes:
        assert self._outbound is not None
        protected: bytes = self._outbound.protect(packet.build())
        return protected

    def send_rtp(self, packet: Rtp) -> None:
        self.send_raw(self.protect(packet))

    def protect_rtcp(self, packet: bytes) -> bytes:
        assert self._outbound is not None
        protected: bytes = self._outbound.protect_rtcp(packet)
        return protected

    def send_rtcp(self, *packets: bytes) -> None:
        self.send_raw(self.protect_rtcp(b"".join(packets)))

    def rtcp_of(self, kind: type[Packet]) -> list[Packet]:
        return [packet for packet in self.rtcp if isinstance(packet, kind)]

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[0] < 4:
            self.stun_answers.append(stun.parse_message(data))
        elif 20 <= data[0] <= 63:
            self._feed_dtls(data)
        elif self._inbound is not None:
            self._media_in += 1
            if self._is_lost(self._media_in):
                self.dropped_in += 1
            else:
                self._unprotect(data)

    def error_received(self, exc: Exception) -> None:
        """A closed port answers with ICMP; tests look at what arrives, not at that."""

    def _is_lost(self, number: int) -> bool:
        return self._loses_every > 0 and number % self._loses_every == 0

    async def _run(self) -> None:
        while not self.stun_answers:
            self.send_check()
            await asyncio.sleep(_CHECK_PERIOD_S)
        if self.dtls.role == "client":
            self.dtls.start()
        while True:
            self.dtls.tick()
            await asyncio.sleep(_TICK_S)

    def _feed_dtls(self, data: bytes) -> None:
        self.dtls.feed(data)
        if self.dtls.keys is not None and self._inbound is None:
            self._set_keys(self.dtls.keys)

    def _set_keys(self, keys: Keys) -> None:
        profile = _LIBSRTP_PROFILES[keys.profile]
        policy = pylibsrtp.Policy
        inbound = policy(keys.receive, policy.SSRC_ANY_INBOUND, srtp_profile=profile)
        outbound = policy(keys.send, policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
        inbound.window_size = outbound.window_size = 1_024
        # A lost packet may be sent again under its own number.
        outbound.allow_repeat_tx = True
        self._inbound, self._outbound = pylibsrtp.Session(inbound), pylibsrtp.Session(outbound)

    def _unprotect(self, data: bytes) -> None:
        assert self._inbound is not None
        try:
            # RFC 5761, section 4.
            if 192 <= data[1] <= 223:
                self.rtcp.extend(parse_rtcp(self._inbound.unprotect_rtcp(data)))
            else:
                self.rtp.append(parse_rtp(self._inbound.unprotect(data)))
        except pylibsrtp.Error:
            self.rejected += 1
