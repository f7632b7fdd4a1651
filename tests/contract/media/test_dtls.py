"""The DTLS adapter against a pyOpenSSL end, over an in-process pipe of datagrams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.sfu.core.port import Fingerprint
from services.sfu.media.dtls import (
    DatagramPipe,
    Dtls,
    DtlsFailure,
    Role,
    SrtpKeys,
    WorkerCertificate,
)
from tests.support.poll import eventually
from tests.support.webrtc.dtls import ALL_PROFILES, DtlsEnd, common_identity, new_identity

TIMEOUT_MS = 10_000


def fingerprint(algorithm: str = "sha-256") -> Fingerprint:
    return Fingerprint(algorithm, common_identity().fingerprint(algorithm))


class Wire:
    """Both ends and what went over the wire. `lossy` drops the first datagram each way."""

    def __init__(
        self, role: Role = "server", profiles: tuple[str, ...] = ALL_PROFILES, lossy: bool = False
    ) -> None:
        self.sent: list[bytes] = []
        self._lose = {"up", "down"} if lossy else set()
        self.pipe = DatagramPipe(self._down)
        self.certificate = WorkerCertificate.generateCertificate()
        self.dtls = Dtls(self.pipe, self.certificate, role)
        self.end = DtlsEnd(
            self.up, role="client" if role == "server" else "server", profiles=profiles
        )

    def up(self, datagram: bytes) -> None:
        if "up" in self._lose:
            self._lose.discard("up")
        else:
            self.pipe.push(datagram)

    def _down(self, datagram: bytes) -> None:
        self.sent.append(datagram)
        if "down" in self._lose:
            self._lose.discard("down")
        else:
            asyncio.get_running_loop().call_soon(self.end.feed, datagram)

    async def handshake(self, *remote: Fingerprint, timeout_ms: int = TIMEOUT_MS) -> SrtpKeys:
        async with self.ticking():
            return await self.dtls.handshake(remote or (fingerprint(),), timeout_ms)

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        async def tick() -> None:
            while True:
                self.end.tick()
                await asyncio.sleep(0.01)

        if self.end.role == "client":
            self.end.start()
        task = asyncio.create_task(tick())
        try:
            yield
        finally:
            task.cancel()


async def assert_same_keys(wire: Wire, ours: SrtpKeys) -> None:
    await eventually(lambda: wire.end.keys, what="the other end's handshake")
    theirs = wire.end.keys
    assert theirs is not None
    assert ours.profile == theirs.profile
    assert ours.receive_key + ours.receive_salt == theirs.send
    assert ours.send_key + ours.send_salt == theirs.receive


@pytest.mark.parametrize("role", ["server", "client"])
@pytest.mark.parametrize("profile", ALL_PROFILES)
async def test_both_ends_hold_the_same_keys(role: Role, profile: str) -> None:
    wire = Wire(role, profiles=(profile,))
    keys = await wire.handshake()
    assert keys.profile == profile
    await assert_same_keys(wire, keys)
    wire.dtls.close()


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("AES128_CM_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM"), "AEAD_AES_128_GCM"),
        (("AES128_CM_SHA1_80", "AEAD_AES_256_GCM"), "AEAD_AES_256_GCM"),
        (("AES128_CM_SHA1_80",), "AES128_CM_SHA1_80"),
    ],
)
async def test_as_server_the_cheapest_aead_profile_is_preferred(
    offered: tuple[str, ...], chosen: str
) -> None:
    wire = Wire(profiles=offered)
    assert (await wire.handshake()).profile == chosen
    wire.dtls.close()


async def test_as_client_the_other_end_chooses() -> None:
    wire = Wire("client", profiles=("AEAD_AES_256_GCM", "AEAD_AES_128_GCM"))
    assert (await wire.handshake()).profile == "AEAD_AES_256_GCM"
    wire.dtls.close()


@pytest.mark.parametrize("role", ["server", "client"])
async def test_lost_datagrams_are_sent_again(role: Role) -> None:
    wire = Wire(role, lossy=True)
    await assert_same_keys(wire, await wire.handshake())
    wire.dtls.close()


async def test_a_client_hello_in_several_datagrams_is_put_together() -> None:
    # Chromium's has a post-quantum key share and takes two.
    wire = Wire()
    taken: list[bytes] = []

    def up(datagram: bytes) -> None:
        taken.append(datagram)
        wire.up(datagram)

    wire.end = DtlsEnd(up, mtu_bytes=512)
    wire.end.ssl.set_alpn_protos([b"x" * 250] * 4)
    await assert_same_keys(wire, await wire.handshake())
    assert [datagram[13] for datagram in taken[:2]] == [1, 1], "two fragments of a ClientHello"
    wire.dtls.close()


async def test_no_datagram_is_longer_than_1200_bytes_or_cuts_a_record() -> None:
    wire = Wire()
    await wire.handshake()
    for datagram in wire.sent:
        assert len(datagram) <= 1_200
        while datagram:
            end = 13 + int.from_bytes(datagram[11:13], "big")
            assert end <= len(datagram)
            datagram = datagram[end:]
    wire.dtls.close()


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512"])
async def test_every_advertised_digest_is_checked(algorithm: str) -> None:
    wire = Wire()
    await wire.handshake(fingerprint(algorithm))
    wire.dtls.close()


@pytest.mark.parametrize("role", ["server", "client"])
async def test_another_certificate_is_a_fingerprint_mismatch(role: Role) -> None:
    wire = Wire(role)
    stranger = Fingerprint("sha-256", new_identity().fingerprint())
    with pytest.raises(DtlsFailure, match="FINGERPRINT_MISMATCH"):
        await wire.handshake(stranger)
    wire.dtls.close()


async def test_one_wrong_fingerprint_beside_a_right_one_is_a_mismatch() -> None:
    wire = Wire()
    wrong = Fingerprint("sha-512", new_identity().fingerprint("sha-512"))
    with pytest.raises(DtlsFailure, match="FINGERPRINT_MISMATCH"):
        await wire.handshake(fingerprint(), wrong)
    wire.dtls.close()


async def test_a_peer_without_srtp_fails() -> None:
    wire = Wire(profiles=())
    with pytest.raises(DtlsFailure, match="DTLS_FAILED"):
        await wire.handshake()
    wire.dtls.close()


async def test_a_silent_peer_is_given_up() -> None:
    wire = Wire()
    wire.end.ssl.set_accept_state()
    with pytest.raises(DtlsFailure, match="DTLS_TIMEOUT"):
        await wire.dtls.handshake([fingerprint()], timeout_ms=50)
    wire.dtls.close()


async def test_the_peers_close_notify_ends_the_association() -> None:
    wire = Wire()
    await assert_same_keys(wire, await wire.handshake())
    wire.end.close()
    await asyncio.wait_for(wire.dtls.wait_closed(), 5)
    wire.dtls.close()


async def test_a_fatal_alert_in_the_session_ends_it() -> None:
    wire = Wire()
    await assert_same_keys(wire, await wire.handshake())
    wire.end.break_off()
    await asyncio.wait_for(wire.dtls.wait_closed(), 5)
    wire.dtls.close()


async def test_a_peer_that_refuses_our_certificate_fails_at_once() -> None:
    wire = Wire()
    wire.end = DtlsEnd(wire.up, accepts_certificates=False)
    with pytest.raises(DtlsFailure, match="DTLS_FAILED"):
        await wire.handshake()
    wire.dtls.close()


async def test_closing_tells_the_peer() -> None:
    wire = Wire()
    await assert_same_keys(wire, await wire.handshake())
    wire.dtls.close()
    await eventually(lambda: wire.end.closed, what="close_notify")


async def test_garbage_in_the_session_changes_nothing() -> None:
    wire = Wire()
    await assert_same_keys(wire, await wire.handshake())
    closed = asyncio.create_task(wire.dtls.wait_closed())
    plain_fatal_alert = bytes.fromhex("15fefd00000000000000ff0002022f")
    for datagram in (plain_fatal_alert, b"\x16", b"\x17\xfe\xfd" + bytes(60), b"\x3f" * 1_500):
        assert wire.pipe.push(datagram)
    wire.end.close()
    await asyncio.wait_for(closed, 5)
    wire.dtls.close()


@pytest.mark.parametrize("datagram", [b"", b"\x16" * 1_501, b"\x80" * 100, b"\x00" * 20], ids=len)
async def test_what_aiortc_cannot_take_never_reaches_it(datagram: bytes) -> None:
    assert not DatagramPipe(lambda _: None).push(datagram)


async def test_datagrams_that_nobody_reads_are_bounded() -> None:
    pipe = DatagramPipe(lambda _: None)
    assert [pipe.push(b"\x16" * 20) for _ in range(18)] == [True] * 16 + [False] * 2


def test_keys_are_not_printed() -> None:
    keys = SrtpKeys("AEAD_AES_128_GCM", b"secret-1", b"secret-2", b"secret-3", b"secret-4")
    assert "secret" not in repr(keys)
