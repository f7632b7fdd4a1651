"""Transports on the real engine: handshake, failure, end."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from services.common.errors import Code, Refusal
from services.common.ids import TransportId
from services.sfu.core.port import DtlsParameters, DtlsRole, Fingerprint, TransportState
from tests.support.poll import eventually
from tests.support.webrtc.dtls import ALL_PROFILES, new_identity
from tests.support.webrtc.rtcp import ReceiverReport, build_pli
from tests.support.webrtc.stage import (
    HEARING,
    LOOPBACK,
    MICROPHONE,
    Guest,
    Stage,
    open_stage,
)
from tests.support.webrtc.track import Microphone


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("profile", ALL_PROFILES)
async def test_media_and_control_flow_in_both_dtls_roles_and_with_every_profile(
    stage: Stage, role: Literal["client", "server"], profile: str
) -> None:
    publisher = await stage.join(dtls_role=role, profiles=(profile,))
    subscriber = await stage.join(dtls_role=role, profiles=(profile,))
    stage.consume(subscriber, stage.produce(publisher, MICROPHONE), HEARING)
    sent = Microphone(publisher.client).send(10)
    await eventually(lambda: len(subscriber.client.rtp) == 10)
    assert [p.payload for p in subscriber.client.rtp] == [p.payload for p in sent]
    for keys in (publisher.client.dtls.keys, subscriber.client.dtls.keys):
        assert keys is not None
        assert keys.profile == profile
    await eventually(lambda: publisher.client.rtcp_of(ReceiverReport), what="a report")
    subscriber.client.send_rtcp(build_pli(0x11111111, HEARING.ssrc))
    await stage.counted("plis_in")
    counters = stage.plane.counters()
    assert counters["srtp_auth_failed"] + counters["srtcp_auth_failed"] == 0
    assert publisher.client.rejected + subscriber.client.rejected == 0


async def test_states_are_told_in_order(stage: Stage) -> None:
    guest = await stage.join()
    assert stage.ear.states == [
        (guest.transport_id, TransportState.CONNECTING),
        (guest.transport_id, TransportState.CONNECTED),
    ]
    assert stage.plane.counters()["transports_connected"] == 1


async def test_a_client_hello_that_overtakes_the_signaling_is_kept(stage: Stage) -> None:
    guest = await stage.guest()
    guest.client.start()
    await stage.reaches(guest, TransportState.CONNECTING)
    assert stage.plane.transport_state(guest.transport_id) is TransportState.CONNECTING
    stage.plane.connect_transport(guest.transport_id, guest.client.dtls_parameters())
    await stage.reaches(guest, TransportState.CONNECTED)


async def test_sha_512_beside_sha_256_is_checked_and_accepted(stage: Stage) -> None:
    guest = await stage.guest()
    remote = guest.client.dtls_parameters("sha-512", "sha-256")
    stage.plane.connect_transport(guest.transport_id, remote)
    await guest.client.connect()
    await stage.reaches(guest, TransportState.CONNECTED)


async def test_another_certificate_fails_the_transport(stage: Stage) -> None:
    guest = await stage.guest()
    stranger = Fingerprint("sha-256", new_identity().fingerprint())
    stage.plane.connect_transport(guest.transport_id, DtlsParameters(DtlsRole.CLIENT, (stranger,)))
    guest.client.start()
    await eventually(lambda: stage.ear.failures)
    assert stage.ear.failures == [(guest.transport_id, "FINGERPRINT_MISMATCH")]
    assert stage.plane.counters()["transports_failed_fingerprint_mismatch"] == 1
    with pytest.raises(KeyError):
        stage.plane.transport_state(guest.transport_id)


async def test_connecting_again_with_the_same_fingerprints_does_nothing(stage: Stage) -> None:
    guest = await stage.join()
    stage.plane.connect_transport(guest.transport_id, guest.client.dtls_parameters())
    assert stage.plane.transport_state(guest.transport_id) is TransportState.CONNECTED


async def test_connecting_again_with_other_fingerprints_is_refused_and_changes_nothing(
    stage: Stage,
) -> None:
    guest = await stage.join()
    stranger = Fingerprint("sha-256", new_identity().fingerprint())
    with pytest.raises(Refusal) as refused:
        stage.plane.connect_transport(
            guest.transport_id, DtlsParameters(DtlsRole.CLIENT, (stranger,))
        )
    assert (refused.value.code, refused.value.reason) == (
        Code.TRANSPORT_ERROR,
        "ALREADY_CONNECTED",
    )
    assert stage.plane.transport_state(guest.transport_id) is TransportState.CONNECTED
    assert stage.ear.failures == []


async def test_a_fingerprint_that_cannot_be_checked_is_refused_and_another_may_follow(
    stage: Stage,
) -> None:
    guest = await stage.guest()
    unknown = DtlsParameters(DtlsRole.CLIENT, (Fingerprint("md5", "AB:CD"),))
    with pytest.raises(Refusal, match="BAD_FINGERPRINT"):
        stage.plane.connect_transport(guest.transport_id, unknown)
    stage.plane.connect_transport(guest.transport_id, guest.client.dtls_parameters())
    await guest.client.connect()
    await stage.reaches(guest, TransportState.CONNECTED)


async def test_a_client_that_checks_connectivity_and_is_silent_then_is_given_up() -> None:
    async with open_stage(replace(LOOPBACK, dtls_timeout_ms=100)) as stage:
        guest = await stage.guest()
        stage.plane.connect_transport(guest.transport_id, guest.client.dtls_parameters())
        guest.client.send_check()
        await eventually(lambda: stage.ear.failures)
        assert stage.ear.failures == [(guest.transport_id, "DTLS_TIMEOUT")]


async def test_a_client_that_closes_dtls_ends_its_transport(stage: Stage) -> None:
    leaving, staying = await stage.join(), await stage.join()
    leaving.client.dtls.close()
    await eventually(lambda: stage.ear.failures)
    assert stage.ear.failures == [(leaving.transport_id, "DTLS_CLOSED")]
    assert stage.plane.transport_state(staying.transport_id) is TransportState.CONNECTED


async def test_closing_a_transport_tells_the_client_and_frees_what_hung_on_it(
    stage: Stage,
) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, MICROPHONE)
    consumer_id = stage.consume(subscriber, producer_id, HEARING)
    stage.plane.close_transport(publisher.transport_id)
    await eventually(lambda: publisher.client.dtls.closed, what="close_notify")
    for forgotten in (
        lambda: stage.plane.transport_state(publisher.transport_id),
        lambda: stage.plane.pause_producer(producer_id),
        lambda: stage.plane.pause_consumer(consumer_id),
    ):
        with pytest.raises(KeyError):
            forgotten()
    # What is gone may be removed again.
    stage.plane.remove_consumer(consumer_id)
    stage.plane.remove_producer(producer_id)
    stage.plane.close_transport(publisher.transport_id)
    assert stage.ear.failures == []


async def test_closing_in_the_middle_of_a_handshake_is_quiet(stage: Stage) -> None:
    guest = await stage.guest()
    stage.plane.connect_transport(guest.transport_id, guest.client.dtls_parameters())
    guest.client.send_check()
    await eventually(lambda: guest.client.stun_answers)
    stage.plane.close_transport(guest.transport_id)
    await stage.join()
    assert stage.ear.failures == []


async def test_without_checks_a_transport_disconnects_and_a_check_brings_it_back() -> None:
    async with open_stage(replace(LOOPBACK, consent_timeout_ms=300)) as stage:
        guest = await stage.join()
        await stage.reaches(guest, TransportState.DISCONNECTED)
        guest.client.send_check()
        await eventually(
            lambda: (guest.transport_id, TransportState.CONNECTED) in stage.ear.states[-1:]
        )


async def test_media_follows_the_client_to_the_address_it_nominates(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    stage.consume(subscriber, stage.produce(publisher, MICROPHONE), HEARING)
    before = subscriber.client.local_address
    await subscriber.client.move()
    assert subscriber.client.local_address != before
    answered = len(subscriber.client.stun_answers)
    subscriber.client.send_check()
    await eventually(lambda: len(subscriber.client.stun_answers) > answered)
    Microphone(publisher.client).send(5)
    await eventually(lambda: len(subscriber.client.rtp) == 5)


async def test_media_goes_on_through_an_ice_restart_and_onto_a_new_address(stage: Stage) -> None:
    publisher, subscriber = await stage.join(), await stage.join()
    stage.consume(subscriber, stage.produce(publisher, MICROPHONE), HEARING)
    microphone, client = Microphone(publisher.client), subscriber.client
    before = client.username_fragment
    told = len(stage.ear.states)

    restarted = stage.plane.restart_ice(subscriber.transport_id)
    assert restarted.username_fragment != before
    # Nothing has been checked with the new ones yet: the client's old checks keep consent alive.
    await answered(client.send_check, subscriber)
    microphone.send(5)
    await eventually(lambda: len(client.rtp) == 5)

    client.restart_ice(restarted)
    await client.move()
    await answered(client.send_check, subscriber)
    microphone.send(5)
    await eventually(lambda: len(client.rtp) == 10)
    # DTLS and keys stayed, and nobody was told of a change.
    assert (client.rejected, stage.ear.states[told:], stage.ear.failures) == (0, [], [])


async def test_old_credentials_are_void_once_the_new_ones_were_used(stage: Stage) -> None:
    guest = await stage.join()
    old = guest.client.check()
    guest.client.restart_ice(stage.plane.restart_ice(guest.transport_id))
    await answered(guest.client.send_check, guest)

    count = len(guest.client.stun_answers)
    guest.client.send_raw(old)
    await answered(guest.client.send_check, guest)
    assert len(guest.client.stun_answers) == count + 1


async def answered(send: Callable[[], None], guest: Guest) -> None:
    """Send a check and see its answer."""
    before = len(guest.client.stun_answers)
    send()
    await eventually(lambda: len(guest.client.stun_answers) > before, what="a STUN answer")


async def test_unknown_ids_are_key_errors(stage: Stage) -> None:
    guest = await stage.guest()
    with pytest.raises(KeyError):
        stage.plane.connect_transport(TransportId("none"), guest.client.dtls_parameters())
    with pytest.raises(KeyError):
        stage.plane.restart_ice(TransportId("none"))


async def test_a_listener_that_raises_costs_only_the_transport_it_was_told_of(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, bystander = await stage.guest(), await stage.join()
    tell = stage.ear.transport_changed

    def raise_for_the_victim(transport_id: TransportId, state: TransportState) -> None:
        if transport_id == victim.transport_id:
            raise ValueError("a bug in the books")
        tell(transport_id, state)

    monkeypatch.setattr(stage.ear, "transport_changed", raise_for_the_victim)
    victim.client.send_check()
    await eventually(lambda: stage.ear.failures)
    assert stage.ear.failures == [(victim.transport_id, "ENGINE_FAULT")]
    await stage.join()
    assert stage.plane.transport_state(bystander.transport_id) is TransportState.CONNECTED


async def test_many_clients_shake_hands_at_once(stage: Stage) -> None:
    guests = await asyncio.gather(*(stage.join() for _ in range(20)))
    assert len({guest.transport_id for guest in guests}) == 20
    assert stage.ear.failures == []
