"""DTLS-SRTP of one transport: the only module that knows the inside of aiortc's RTCDtlsTransport.

aiortc drives the handshake on datagrams that the engine hands up; what leaves here is the keying
material. No RTP is ever given to it: the engine decrypts that itself.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCIceTransport
from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    RTCDtlsTransport,
    SRTPProtectionProfile,
)
from OpenSSL import SSL

from services.sfu.core.port import Fingerprint
from services.sfu.media.flight import datagrams_of_flight

# Every private name of aiortc that this module calls, reads, writes or overrides, with the
# parameters that it relies on. tests/contract/media/test_aiortc_private_names.py fails when aiortc
# renames one or changes what it takes.
PRIVATE_METHODS: Mapping[type, Mapping[str, tuple[str, ...]]] = {
    RTCCertificate: {"_create_ssl_context": ("self", "srtp_profiles")},
    RTCDtlsTransport: {
        "_do_handshake": ("self",),
        "_recv_next": ("self",),
        "_set_role": ("self", "role"),
        "_setup_srtp": ("self",),
        "_validate_peer_identity": ("self", "remoteParameters"),
        "_write_ssl": ("self",),
    },
}
PRIVATE_ATTRIBUTES: tuple[str, ...] = ("_role", "_srtp_profiles", "_ssl", "_task")

# Preferred first; who is the DTLS server chooses, so the client's order counts when it is the one.
# 128 bits are enough and cost the least, 256 are for clients that offer nothing less, and the
# counter mode, whose authentication is a pass of its own over the packet, is for the oldest.
_PROFILES: Mapping[str, SRTPProtectionProfile] = {
    "AEAD_AES_128_GCM": SRTP_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": SRTP_AEAD_AES_256_GCM,
    "AES128_CM_SHA1_80": SRTP_AES128_CM_SHA1_80,
}
_EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764, section 4.2.
# pyOpenSSL has no constant for it. RFC 8827, section 6.5 asks for 1.2; aiortc's record handling is
# not prepared for the unified header of 1.3.
_DTLS_1_2 = 0xFEFD
# IPv6's least MTU less its headers and some for tunnels: what browsers use too.
_MAX_SENT_BYTES = 1_200
# aiortc ends the transport on an empty datagram and on one above libsrtp's buffer.
_MAX_RECEIVED_BYTES = 1_500
_MAX_WAITING_DATAGRAMS = 16

Profile = Literal["AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES128_CM_SHA1_80"]
Role = Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master keys and salts of both directions. Never printed."""

    profile: Profile
    receive_key: bytes = field(repr=False)
    receive_salt: bytes = field(repr=False)
    send_key: bytes = field(repr=False)
    send_salt: bytes = field(repr=False)


class DtlsFailure(Exception):
    """The handshake cannot succeed. `reason` is one of those of MediaListener.transport_failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WorkerCertificate(RTCCertificate):
    """What all transports of a worker show, with one TLS context for all of them."""

    _context: SSL.Context | None = None

    def sha256(self) -> Fingerprint:
        """Only this one is advertised: mediasoup-client takes the last fingerprint of the list."""
        found = next(f for f in self.getFingerprints() if f.algorithm == "sha-256")
        return Fingerprint(algorithm=found.algorithm, value=found.value)

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            context = super()._create_ssl_context(srtp_profiles)
            context.set_min_proto_version(_DTLS_1_2)
            context.set_max_proto_version(_DTLS_1_2)
            # Without OP_NO_QUERY_MTU OpenSSL forgets the MTU that the session is given.
            context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
            self._context = context
        return self._context


class DatagramPipe:
    """What aiortc takes for its ICE transport: a bounded queue inwards, a function outwards."""

    # aiortc reads it to choose a DTLS role, which is set explicitly here.
    role = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_MAX_WAITING_DATAGRAMS)

    def push(self, datagram: bytes) -> bool:
        """Take a datagram from the engine. False: it was dropped."""
        if not 0 < len(datagram) <= _MAX_RECEIVED_BYTES or not 20 <= datagram[0] <= 63:
            return False
        try:
            self._waiting.put_nowait(datagram)
        except asyncio.QueueFull:
            return False
        return True

    async def _recv(self) -> bytes:
        return await self._waiting.get()

    async def _send(self, datagram: bytes) -> None:
        self.send(datagram)


class _Endpoint(RTCDtlsTransport):
    """aiortc's state machine with the keys taken out and its known weak places closed."""

    def __init__(self, pipe: DatagramPipe, certificate: WorkerCertificate, role: Role) -> None:
        super().__init__(cast(RTCIceTransport, pipe), [certificate])
        self._pipe = pipe
        self._srtp_profiles = list(_PROFILES.values())
        self._set_role(role)
        self.identity_refused = False
        self.keys: SrtpKeys | None = None

    @property
    def pump(self) -> "asyncio.Future[None] | None":
        """aiortc's task that reads on after the handshake."""
        return self._task

    def flush(self) -> None:
        """Send what OpenSSL has written, whole records per datagram.

        aiortc reads its buffer once, 1,500 bytes at most: a longer flight would be cut in a record.
        """
        if self._ssl is None:
            return
        flight = b""
        while True:
            try:
                flight += self._ssl.bio_read(65_536)
            except SSL.Error:
                break
        for datagram in datagrams_of_flight(flight, _MAX_SENT_BYTES):
            self._pipe.send(datagram)

    def say_goodbye(self) -> None:
        """Send close_notify if there is a session to close."""
        if self._ssl is None:
            return
        try:
            self._ssl.shutdown()
        except SSL.Error:
            # Raised in the middle of a handshake, where there is nothing to close.
            return
        self.flush()

    async def _do_handshake(self) -> None:
        # The first step after aiortc has made the TLS session.
        assert self._ssl is not None
        self._ssl.set_ciphertext_mtu(_MAX_SENT_BYTES)
        await super()._do_handshake()

    async def _write_ssl(self) -> None:
        self.flush()

    async def _recv_next(self) -> None:
        await super()._recv_next()
        # aiortc swallows a fatal alert and would wait for ever on a session that is over.
        if self._ssl is not None and self._ssl.get_shutdown() & SSL.RECEIVED_SHUTDOWN:
            raise ConnectionError

    def _validate_peer_identity(self, remoteParameters: RTCDtlsParameters) -> None:
        super()._validate_peer_identity(remoteParameters)
        self.identity_refused = self.state == "failed"

    def _setup_srtp(self) -> None:
        # In place of aiortc's step, which would make libsrtp sessions that nobody uses.
        assert self._ssl is not None
        selected = self._ssl.get_selected_srtp_profile()
        for name, profile in _PROFILES.items():
            if profile.openssl_profile == selected:
                self.keys = self._export(cast(Profile, name), profile)

    def _export(self, name: Profile, profile: SRTPProtectionProfile) -> SrtpKeys:
        """RFC 5764, section 4.2: client key, server key, client salt, server salt."""
        assert self._ssl is not None
        key, salt = profile.key_length, profile.salt_length
        block = self._ssl.export_keying_material(_EXPORTER_LABEL, 2 * (key + salt))
        client = (block[:key], block[2 * key : 2 * key + salt])
        server = (block[key : 2 * key], block[2 * key + salt :])
        receive, send = (client, server) if self._role == "server" else (server, client)
        return SrtpKeys(name, *receive, *send)


class Dtls:
    """One DTLS association. `handshake` once, then `wait_closed`; `close` at any time."""

    def __init__(self, pipe: DatagramPipe, certificate: WorkerCertificate, role: Role) -> None:
        self._endpoint = _Endpoint(pipe, certificate, role)

    async def handshake(self, remote: Collection[Fingerprint], timeout_ms: int) -> SrtpKeys:
        """Keys of a peer whose certificate has every one of the `remote` fingerprints.

        Raises DtlsFailure with DTLS_TIMEOUT, FINGERPRINT_MISMATCH or DTLS_FAILED.
        """
        expected = RTCDtlsParameters([RTCDtlsFingerprint(f.algorithm, f.value) for f in remote])
        try:
            # aiortc retransmits (RFC 6347, section 4.2.4) but never gives up.
            async with asyncio.timeout(timeout_ms / 1000):
                await self._endpoint.start(expected)
        except TimeoutError:
            raise DtlsFailure("DTLS_TIMEOUT") from None
        except SSL.Error as error:
            # OpenSSL's own retransmission limit surfaces here.
            raise DtlsFailure("DTLS_FAILED") from error
        if self._endpoint.identity_refused:
            raise DtlsFailure("FINGERPRINT_MISMATCH")
        if self._endpoint.keys is None:
            raise DtlsFailure("DTLS_FAILED")
        return self._endpoint.keys

    async def wait_closed(self) -> None:
        """Answer retransmissions until the peer closes the association or breaks it off."""
        if self._endpoint.pump is not None:
            await self._endpoint.pump

    def close(self) -> None:
        """Tell the peer, if there is a session, and stop reading. Twice is fine."""
        if self._endpoint.pump is not None:
            self._endpoint.pump.cancel()
        self._endpoint.say_goodbye()
