"""The media plane as a whole: its port, its offers, its end."""

import asyncio
import re
import socket
from dataclasses import replace

import pytest
import uvloop

from services.common.errors import Refusal
from services.common.ids import ConsumerId, TransportId
from services.sfu.core.port import DtlsRole, Media, MediaListener
from services.sfu.media.plane import MediaConfig, MediaPlane
from tests.support.poll import eventually
from tests.support.webrtc.client import WebRtcClient
from tests.support.webrtc.stage import (
    CAMERA,
    HEARING,
    LOOPBACK,
    MICROPHONE,
    SEEING,
    Ear,
    Stage,
    open_stage,
)
from tests.support.webrtc.track import Microphone


def test_the_plane_is_what_core_asks_for() -> None:
    ear: MediaListener = Ear()
    plane: Media = MediaPlane(LOOPBACK, ear)
    assert plane is not None


async def test_an_offer_has_what_browsers_need(stage: Stage) -> None:
    offer = stage.plane.create_transport(TransportId("t"))
    assert offer.ice_parameters.ice_lite
    # RFC 8839, section 5.4: ice-char is a letter, a digit, "+" or "/".
    assert re.fullmatch(r"[A-Za-z0-9+/]{4,256}", offer.ice_parameters.username_fragment)
    assert re.fullmatch(r"[A-Za-z0-9+/]{22,256}", offer.ice_parameters.password)
    (candidate,) = offer.ice_candidates
    assert stage.plane.media_address == f"{candidate.address}:{candidate.port}"
    assert (candidate.protocol, candidate.type) == ("udp", "host")
    # mediasoup-client takes the last fingerprint and offers actpass only for "auto".
    assert offer.dtls_parameters.role is DtlsRole.AUTO
    assert [f.algorithm for f in offer.dtls_parameters.fingerprints] == ["sha-256"]


async def test_credentials_are_never_the_same(stage: Stage) -> None:
    offers = [stage.plane.create_transport(TransportId(str(n))) for n in range(50)]
    assert len({o.ice_parameters.username_fragment for o in offers}) == 50
    assert len({o.ice_parameters.password for o in offers}) == 50


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_without_a_host_both_families_reach_the_one_port(address: str) -> None:
    if address == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    config = MediaConfig(port=0, advertised_addresses=(address,))
    async with open_stage(config) as stage:
        guest = await stage.join()
        assert guest.client.rejected == 0


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_a_port_in_use_is_an_os_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        plane = MediaPlane(replace(LOOPBACK, port=other.getsockname()[1]), Ear())
        with pytest.raises(OSError, match=r"[Aa]ddress"):
            await plane.start()
        await plane.close()


async def test_the_engines_ticks_go_on(stage: Stage) -> None:
    before = stage.plane.engine_tick()
    await eventually(lambda: stage.plane.engine_tick() > before)


async def test_closing_says_goodbye_to_every_client_and_twice_is_fine() -> None:
    async with open_stage() as stage:
        guests = [await stage.join() for _ in range(3)]
        await stage.plane.close()
        for guest in guests:
            await eventually(lambda client=guest.client: client.dtls.closed)  # type: ignore[misc]
        await stage.plane.close()
        assert stage.ear.failures == []
        with pytest.raises(RuntimeError):
            stage.plane.create_transport(TransportId("late"))


async def test_closing_frees_the_port() -> None:
    async with open_stage() as stage:
        port = int(stage.plane.media_address.rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", port))


async def test_closing_leaves_no_task_behind() -> None:
    async with open_stage() as stage:
        await stage.join()
        half_way = await stage.guest()
        stage.plane.connect_transport(half_way.transport_id, half_way.client.dtls_parameters())
        half_way.client.send_check()
        await eventually(lambda: half_way.client.stun_answers)
    await eventually(lambda: asyncio.all_tasks() == {asyncio.current_task()})


def test_the_plane_runs_on_uvloop() -> None:
    async def call() -> int:
        async with open_stage() as stage:
            publisher, subscriber = await stage.join(), await stage.join()
            stage.consume(subscriber, stage.produce(publisher, MICROPHONE), HEARING)
            Microphone(publisher.client).send(5)
            await eventually(lambda: len(subscriber.client.rtp) == 5)
            return len(subscriber.client.rtp)

    assert uvloop.run(call()) == 5


async def test_an_id_is_given_once(stage: Stage) -> None:
    stage.plane.create_transport(TransportId("t"))
    with pytest.raises(ValueError, match="in use"):
        stage.plane.create_transport(TransportId("t"))


async def test_a_spec_that_can_never_be_right_leaves_nothing_behind(stage: Stage) -> None:
    guest = await stage.guest()
    with pytest.raises(ValueError, match="encodings"):
        stage.produce(guest, replace(CAMERA, encodings=()))
    producer_id = stage.produce(guest, CAMERA)
    with pytest.raises(ValueError, match="SSRC"):
        stage.consume(guest, producer_id, replace(SEEING, rtx_ssrc=SEEING.ssrc))
    stage.consume(guest, producer_id, SEEING)


async def test_stats_of_an_unknown_consumer_are_a_key_error(stage: Stage) -> None:
    with pytest.raises(KeyError):
        await stage.plane.consumer_stats(ConsumerId("none"))


async def test_stats_asked_for_across_the_end_are_refused(stage: Stage) -> None:
    guest = await stage.guest()
    consumer_id = stage.consume(guest, stage.produce(guest, MICROPHONE), HEARING)
    asked = asyncio.create_task(stage.plane.consumer_stats(consumer_id))
    stage.plane.close_transport(guest.transport_id)
    with pytest.raises((Refusal, KeyError)):
        await asked


async def test_a_client_of_one_worker_means_nothing_to_another(stage: Stage) -> None:
    async with open_stage() as other:
        offer = stage.plane.create_transport(TransportId("t"))
        (candidate,) = offer.ice_candidates
        port = int(other.plane.media_address.rsplit(":", 1)[1])
        elsewhere = replace(offer, ice_candidates=(replace(candidate, port=port),))
        async with WebRtcClient(elsewhere) as client:
            client.send_check()
            await other.counted("dropped_stun_unknown_ufrag")
