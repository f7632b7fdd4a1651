"""A DTLS-SRTP end on pyOpenSSL alone, so that the code under test does not speak to itself."""

import datetime
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from OpenSSL import SSL

PROFILE_LENGTHS = {
    "AEAD_AES_128_GCM": (16, 12),
    "AEAD_AES_256_GCM": (32, 12),
    "AES128_CM_SHA1_80": (16, 14),
}
ALL_PROFILES = tuple(PROFILE_LENGTHS)

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha-256": hashes.SHA256(),
    "sha-384": hashes.SHA384(),
    "sha-512": hashes.SHA512(),
}


@dataclass(frozen=True)
class Identity:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def fingerprint(self, algorithm: str = "sha-256") -> str:
        return self.certificate.fingerprint(_HASHES[algorithm]).hex(":").upper()


def new_identity() -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    today = datetime.datetime.now(tz=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return Identity(key, certificate)


@cache
def common_identity() -> Identity:
    return new_identity()


@dataclass(frozen=True)
class Keys:
    """Master key and salt joined, as libsrtp takes them."""

    profile: str
    receive: bytes
    send: bytes


class DtlsEnd:
    """`start`, then `feed` every datagram; `tick` now and then for retransmission."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        role: Literal["client", "server"] = "client",
        profiles: Sequence[str] = ALL_PROFILES,
        identity: Identity | None = None,
        accepts_certificates: bool = True,
        mtu_bytes: int | None = None,
    ) -> None:
        self.identity = identity or common_identity()
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: accepts_certificates
        )
        # What browsers and the worker agree on; `break_off` knows its record format.
        context.set_cipher_list(b"ECDHE-ECDSA-AES128-GCM-SHA256")
        context.use_certificate(self.identity.certificate)
        context.use_privatekey(self.identity.key)
        if profiles:
            context.set_tlsext_use_srtp(b":".join(b"SRTP_" + p.encode() for p in profiles))
        if mtu_bytes is not None:
            context.set_options(SSL.OP_NO_QUERY_MTU)
        self.ssl = SSL.Connection(context)
        if mtu_bytes is not None:
            self.ssl.set_ciphertext_mtu(mtu_bytes)
        self.role = role
        self.keys: Keys | None = None
        self.closed = False
        self.error: SSL.Error | None = None
        self._send = send
        if role == "server":
            self.ssl.set_accept_state()
        else:
            self.ssl.set_connect_state()

    def start(self) -> None:
        self._step()

    def feed(self, datagram: bytes) -> None:
        self.ssl.bio_write(datagram)
        self._step()

    def tick(self) -> None:
        if self.keys is None and self.ssl.DTLSv1_get_timeout() == 0:
            self.ssl.DTLSv1_handle_timeout()
            self._flush()

    def close(self) -> None:
        self.ssl.shutdown()
        self._flush()

    def break_off(self) -> None:
        """Send a fatal alert inside the session, which OpenSSL does not do when asked."""
        key, iv = self._client_write_key()
        # Epoch 1, and a sequence number that nothing else has reached.
        counter = (1).to_bytes(2, "big") + (1_000).to_bytes(6, "big")
        alert = bytes([2, 40])
        header = bytes([21]) + b"\xfe\xfd"
        additional = counter + header + len(alert).to_bytes(2, "big")
        sealed = counter + AESGCM(key).encrypt(iv + counter, alert, additional)
        self._send(header + counter + len(sealed).to_bytes(2, "big") + sealed)

    def _client_write_key(self) -> tuple[bytes, bytes]:
        """RFC 5246, section 6.3, for AES-128-GCM with SHA-256 (no MAC keys)."""
        secret = self.ssl.master_key()
        client_random, server_random = self.ssl.client_random(), self.ssl.server_random()
        assert secret is not None
        assert client_random is not None
        assert server_random is not None
        seed = b"key expansion" + server_random + client_random
        block, link = b"", seed
        while len(block) < 40:
            link = hmac.digest(secret, link, "sha256")
            block += hmac.digest(secret, link + seed, "sha256")
        return block[:16], block[32:36]

    def _step(self) -> None:
        try:
            if self.keys is None:
                self.ssl.do_handshake()
                self.keys = self._export()
            else:
                self.ssl.recv(2_048)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error as error:
            self.error = error
        self._flush()

    def _flush(self) -> None:
        while True:
            try:
                data = self.ssl.bio_read(65_536)
            except SSL.Error:
                return
            while data:
                end = 13 + int.from_bytes(data[11:13], "big")
                self._send(data[:end])
                data = data[end:]

    def _export(self) -> Keys:
        profile = self.ssl.get_selected_srtp_profile().decode().removeprefix("SRTP_")
        key, salt = PROFILE_LENGTHS[profile]
        block = self.ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        client = block[:key] + block[2 * key : 2 * key + salt]
        server = block[key : 2 * key] + block[2 * key + salt :]
        if self.role == "client":
            return Keys(profile, receive=server, send=client)
        return Keys(profile, receive=client, send=server)
