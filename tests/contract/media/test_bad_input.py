"""Hostile datagrams and clients: dropped and counted, or failed as specified; a call goes on."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from services.common.errors import Refusal
from services.sfu.core.port import DtlsParameters, DtlsRole, Fingerprint, TransportState
from tests.support.poll import eventually
from tests.support.webrtc.dtls import new_identity
from tests.support.webrtc.rtcp import build_nack
from tests.support.webrtc.rtp import Rtp
from tests.support.webrtc.stage import (
    AUDIO_SSRC,
    CAMERA,
    HEARING,
    MICROPHONE,
    SEEING,
    Guest,
    Stage,
    open_stage,
)
from tests.support.webrtc.track import Camera, Microphone

SEED = 20_261_124


@dataclass
class Call:
    """A publisher and a subscriber that want no part of what the test does."""

    stage: Stage
    publisher: Guest
    subscriber: Guest
    microphone: Microphone
    camera: Camera

    async def goes_on(self) -> None:
        """More audio and video arrives, all of it, in order, under its own keys."""
        heard = [p.payload for p in self.microphone.send(20)]
        frames = [self.camera.send().payload[-8:] for _ in range(5)]

        def arrived() -> bool:
            packets = self.subscriber.client.rtp
            audio = [p.payload for p in packets if p.ssrc == HEARING.ssrc]
            video = [p.payload[-8:] for p in packets if p.ssrc == SEEING.ssrc]
            return audio[-20:] == heard and video[-5:] == frames

        await eventually(arrived, what="the call going on")
        assert self.subscriber.client.rejected == 0
        for guest in (self.publisher, self.subscriber):
            state = self.stage.plane.transport_state(guest.transport_id)
            assert state is TransportState.CONNECTED


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with open_stage() as stage:
        publisher, subscriber = await stage.join(), await stage.join()
        stage.consume(subscriber, stage.produce(publisher, MICROPHONE), HEARING)
        stage.consume(subscriber, stage.produce(publisher, CAMERA), SEEING)
        camera = Camera(publisher.client)
        camera.send(key_frame=True)
        await eventually(lambda: subscriber.client.rtp)
        call = Call(stage, publisher, subscriber, Microphone(publisher.client), camera)
        await call.goes_on()
        yield call
        await call.goes_on()


def counter(call: Call, name: str) -> int:
    return call.stage.plane.counters()[name]


async def test_a_check_with_a_wrong_password_is_counted_and_validates_nothing(call: Call) -> None:
    intruder = await call.stage.guest()
    intruder.client.send_check(password="0" * 32)
    await call.stage.counted("dropped_stun_integrity")
    assert call.stage.plane.transport_state(intruder.transport_id) is TransportState.NEW


async def test_a_check_for_a_transport_that_does_not_exist_is_counted(call: Call) -> None:
    intruder = await call.stage.guest()
    intruder.client.send_check(username="0123456789abcdef:test")
    await call.stage.counted("dropped_stun_unknown_ufrag")


async def test_a_check_with_another_clients_name_and_ones_own_password_is_refused(
    call: Call,
) -> None:
    intruder = await call.stage.guest()
    target = call.subscriber.client.username_fragment
    intruder.client.send_check(username=f"{target}:test")
    await call.stage.counted("dropped_stun_integrity")


async def test_media_from_an_address_that_no_check_validated_is_counted(call: Call) -> None:
    intruder = await call.stage.guest()
    intruder.client.send_raw(call.publisher.client.protect(call.microphone.next()))
    intruder.client.send_raw(b"\x16\xfe\xfd" + bytes(60))
    await call.stage.counted("dropped_unvalidated", above=1)
    # The publisher's counter has gone on: its next packet is no replay.


async def test_truncated_datagrams_are_dropped(call: Call) -> None:
    intruder = await call.stage.guest()
    whole = [
        call.publisher.client.protect(call.microphone.next()),
        intruder.client.check(),
        bytes.fromhex("16fefd0000000000000000003001000024"),
        b"\x80\xc8\x00\x06" + bytes(24),
    ]
    before = counter(call, "datagrams_in")
    sent = 0
    for client in (intruder.client, call.publisher.client):
        for datagram in whole:
            for length in range(len(datagram)):
                client.send_raw(datagram[:length])
                sent += 1
            await call.stage.counted("datagrams_in", above=before + sent - 1)
    assert counter(call, "panics") == 0


async def test_random_datagrams_are_dropped(call: Call) -> None:
    chance = random.Random(SEED)
    intruder = await call.stage.guest()
    before = counter(call, "datagrams_in")
    for burst in range(1, 41):
        for _ in range(100):
            client = chance.choice([intruder.client, call.publisher.client])
            client.send_raw(chance.randbytes(chance.randrange(1_600)))
        # Bursts, because the socket's buffer is finite and the kernel would drop the rest.
        await call.stage.counted("datagrams_in", above=before + burst * 100 - 1)
    assert counter(call, "panics") == 0


async def test_mutated_packets_of_every_kind_are_dropped(call: Call) -> None:
    chance = random.Random(SEED)
    before = counter(call, "datagrams_in")
    for burst in range(1, 31):
        for kind in (
            call.publisher.client.protect(call.microphone.next()),
            call.publisher.client.check(),
            call.publisher.client.protect_rtcp(build_nack(1, SEEING.ssrc, [1, 2])),
            bytes.fromhex("16fefd000000000000000000300100002400000000000000"),
        ):
            for _ in range(20):
                damaged = bytearray(kind)
                for _ in range(chance.randrange(1, 4)):
                    damaged[chance.randrange(1, len(damaged))] ^= chance.randrange(1, 256)
                call.publisher.client.send_raw(bytes(damaged))
        await call.stage.counted("datagrams_in", above=before + burst * 80 - 1)
    assert counter(call, "panics") == 0


async def test_an_empty_and_an_oversized_datagram_are_counted(call: Call) -> None:
    call.publisher.client.send_raw(b"")
    await call.stage.counted("dropped_empty")
    call.publisher.client.send_raw(b"\x80" * 4_000)
    await call.stage.counted("dropped_truncated")


async def test_a_replayed_packet_is_counted_and_not_forwarded(call: Call) -> None:
    packet = call.publisher.client.protect(call.microphone.next())
    arrived = len(call.subscriber.client.rtp)
    for _ in range(5):
        call.publisher.client.send_raw(packet)
    await call.stage.counted("srtp_replayed", above=3)
    await eventually(lambda: len(call.subscriber.client.rtp) == arrived + 1)


async def test_an_unauthenticated_packet_is_counted_and_not_forwarded(call: Call) -> None:
    arrived = len(call.subscriber.client.rtp)
    forged = bytearray(call.publisher.client.protect(call.microphone.next()))
    forged[-1] ^= 1
    call.publisher.client.send_raw(bytes(forged))
    await call.stage.counted("srtp_auth_failed")
    report = bytearray(call.publisher.client.protect_rtcp(build_nack(1, SEEING.ssrc, [1])))
    report[9] ^= 1
    call.publisher.client.send_raw(bytes(report))
    await call.stage.counted("srtcp_auth_failed")
    assert len(call.subscriber.client.rtp) == arrived


async def test_one_clients_packet_under_anothers_keys_is_not_forwarded(call: Call) -> None:
    intruder = await call.stage.join()
    intruder.client.send_rtp(Rtp(111, 1, 1, AUDIO_SSRC))
    await call.stage.counted("rtp_before_produce")
    intruder.client.send_raw(call.publisher.client.protect(call.microphone.next()))
    await call.stage.counted("srtp_auth_failed")


async def test_media_of_streams_that_were_never_produced_is_counted_and_bounded(
    call: Call,
) -> None:
    for number in range(600):
        call.publisher.client.send_rtp(Rtp(111, number, 1, 0xE0000000 + number))
    await call.stage.counted("rtp_before_produce", "dropped_too_many_ssrcs", above=599)


async def test_a_payload_type_that_was_not_negotiated_is_counted(call: Call) -> None:
    call.publisher.client.send_rtp(replace(call.microphone.next(), payload_type=77))
    await call.stage.counted("dropped_payload_type")


async def test_a_wrong_fingerprint_fails_that_client_alone(call: Call) -> None:
    intruder = await call.stage.guest()
    stranger = Fingerprint("sha-256", new_identity().fingerprint())
    call.stage.plane.connect_transport(
        intruder.transport_id, DtlsParameters(DtlsRole.CLIENT, (stranger,))
    )
    intruder.client.start()
    await eventually(lambda: call.stage.ear.failures)
    assert call.stage.ear.failures == [(intruder.transport_id, "FINGERPRINT_MISMATCH")]


async def test_a_second_connect_with_another_fingerprint_is_refused(call: Call) -> None:
    stranger = Fingerprint("sha-256", new_identity().fingerprint())
    with pytest.raises(Refusal, match="ALREADY_CONNECTED"):
        call.stage.plane.connect_transport(
            call.publisher.transport_id, DtlsParameters(DtlsRole.CLIENT, (stranger,))
        )


async def test_dtls_garbage_from_a_validated_address_is_survived(call: Call) -> None:
    chance = random.Random(SEED)
    for _ in range(300):
        head = bytes([chance.randrange(20, 64)])
        call.publisher.client.send_raw(head + chance.randbytes(chance.randrange(1_499)))
    await call.stage.counted("dtls_in", above=0)


async def test_dtls_garbage_instead_of_a_handshake_ends_in_failure_or_silence(call: Call) -> None:
    chance = random.Random(SEED)
    intruder = await call.stage.guest()
    call.stage.plane.connect_transport(intruder.transport_id, intruder.client.dtls_parameters())
    intruder.client.send_check()
    await eventually(lambda: intruder.client.stun_answers)
    for _ in range(200):
        intruder.client.send_raw(b"\x16\xfe\xfd" + chance.randbytes(chance.randrange(1_400)))
    await call.stage.counted("dtls_in", "dropped_dtls_excess", above=100)


async def test_dtls_datagrams_that_wait_for_connect_are_bounded(call: Call) -> None:
    intruder = await call.stage.guest()
    intruder.client.send_check()
    await eventually(lambda: intruder.client.stun_answers)
    for _ in range(40):
        intruder.client.send_raw(b"\x16\xfe\xfd" + bytes(30))
    await eventually(lambda: counter(call, "dtls_datagrams_dropped") >= 24)


async def test_a_client_that_vanishes_without_a_word_disturbs_nobody(call: Call) -> None:
    leaving = await call.stage.join()
    leaving.client.send_raw(b"")
    await leaving.client.__aexit__()
