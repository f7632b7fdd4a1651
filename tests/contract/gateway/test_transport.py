"""Restarting ICE and asking for stats, as a browser speaks of them."""

from typing import Any

import pytest

from services.common.ids import ConsumerId, ProducerId, TransportId
from services.sfu.core.port import ConsumerStats, EncodingStats
from tests.support.client import RefusedError
from tests.support.gateway import RunningGateway, RunningWorker, joined
from tests.support.rtp_sample import read


async def test_ice_restart_gives_new_credentials_each_time_and_a_repeat_the_same(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        created = await ada.ask("transport:create", {"direction": "send"})
        named = {"transportId": created["transportId"]}

        reply = await ada.request("transport:restart-ice", named, correlationId="first")
        assert reply.type == "transport:ice-restarted"
        assert set(reply.payload) == {"transportId", "iceParameters"}
        assert reply.payload["transportId"] == created["transportId"]
        ice = reply.payload["iceParameters"]
        assert set(ice) == {"usernameFragment", "password", "iceLite"}
        assert ice != created["iceParameters"]

        repeated = await ada.request("transport:restart-ice", named, correlationId="first")
        assert repeated == reply
        # The only transport need not be named.
        assert (await ada.ask("transport:restart-ice"))["iceParameters"] != ice
        asked = ("restart_ice", TransportId(created["transportId"]))
        assert worker.media.commands.count(asked) == 2


async def test_ice_restart_of_anything_but_an_own_transport_is_refused(
    gateway: RunningGateway,
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        theirs = await pat.ask("transport:create", {"direction": "recv"})
        for payload in ({}, {"transportId": theirs["transportId"]}, {"transportId": "none"}):
            with pytest.raises(RefusedError) as refused:
                await ada.ask("transport:restart-ice", payload)
            assert (refused.value.code, refused.value.reason) == (
                "TRANSPORT_ERROR",
                "TRANSPORT_NOT_FOUND",
            )


async def test_stats_of_a_consumer_have_the_names_of_w3c(
    gateway: RunningGateway, worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        producer = await ada.ask("produce", {"kind": "audio"})
        await pat.ask("transport:create", {"direction": "recv"})
        consumer_id = (await pat.ask("consume", producer))["consumerId"]
        named = {"consumerId": consumer_id}

        # What the media side has counted: 118 packets, 2 of them sent again, 17 ms there and back.
        assert await pat.ask("stats:get", named) == {
            "stats": [
                {
                    "id": consumer_id,
                    "type": "outbound-rtp",
                    "kind": "audio",
                    "packetsSent": 120,
                    "retransmittedPacketsSent": 2,
                    "remoteId": f"{consumer_id}.remote",
                },
                {
                    "id": f"{consumer_id}.remote",
                    "type": "remote-inbound-rtp",
                    "kind": "audio",
                    "localId": consumer_id,
                    "roundTripTime": 0.017,
                },
            ]
        }

        async def before_any_report(_: ConsumerId) -> ConsumerStats:
            return ConsumerStats(0, 0, 0, 0, 0, False, None)

        monkeypatch.setattr(worker.media, "consumer_stats", before_any_report)
        (only,) = (await pat.ask("stats:get", named))["stats"]
        assert "remoteId" not in only

        with pytest.raises(RefusedError) as refused:
            await ada.ask("stats:get", named)
        assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "CONSUMER_NOT_FOUND")


async def test_stats_of_a_producer_have_an_entry_for_each_layer(
    gateway: RunningGateway, worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        sent = {"kind": "video", "rtpParameters": read("chromium_video_simulcast")}
        named = await ada.ask("produce", sent)
        microphone = await ada.ask("produce", {"kind": "audio"})
        # What the media side has counted: 240 packets of 24,000 bytes, 5 lost, 1,500 us jitter.
        counted = {
            "type": "inbound-rtp",
            "packetsReceived": 240,
            "bytesReceived": 24_000,
            "packetsLost": 5,
            "jitter": 0.0015,
            "nackCount": 2,
        }
        layers = [
            {**counted, "id": f"{named['producerId']}.{layer}", "kind": "video", "rid": f"r{layer}"}
            | {"pliCount": 1}
            for layer in range(3)
        ]
        got = await ada.ask("stats:get", named)
        assert [without(entry, "retransmittedPacketsReceived") for entry in got["stats"]] == layers
        # Who sees a producer may ask as well; who does not gets what there is for no producer.
        assert await pat.ask("stats:get", named) == got
        (sound,) = (await ada.ask("stats:get", microphone))["stats"]
        assert sound == {**counted, "id": f"{microphone['producerId']}.0", "kind": "audio"}

        async def before_any_packet(_: ProducerId) -> tuple[EncodingStats, ...]:
            return (EncodingStats(None, 0, 0, 0, None, None, 0, 0),)

        monkeypatch.setattr(worker.media, "producer_stats", before_any_packet)
        (nothing,) = (await ada.ask("stats:get", microphone))["stats"]
        assert "jitter" not in nothing
        assert "ssrc" not in nothing

        async with joined(gateway, "candidate", "Ben") as ben:
            for payload in (named, {"producerId": "none"}):
                with pytest.raises(RefusedError) as refused:
                    await ben.ask("stats:get", payload)
                found = (refused.value.code, refused.value.reason)
                assert found == ("NOT_FOUND", "PRODUCER_NOT_FOUND")


async def test_stats_of_a_transport_are_for_its_owner(gateway: RunningGateway) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        created = await ada.ask("transport:create", {"direction": "send"})
        named = {"transportId": created["transportId"]}
        assert await ada.ask("stats:get", named) == {
            "stats": [
                {
                    "id": created["transportId"],
                    "type": "transport",
                    "packetsSent": 20,
                    "packetsReceived": 300,
                    "bytesSent": 2_000,
                    "bytesReceived": 30_000,
                    "iceState": "connected",
                    "dtlsState": "connecting",
                }
            ]
        }
        for asked_by, payload in ((pat, named), (ada, {"transportId": "none"})):
            with pytest.raises(RefusedError) as refused:
                await asked_by.ask("stats:get", payload)
            found = (refused.value.code, refused.value.reason)
            assert found == ("NOT_FOUND", "TRANSPORT_NOT_FOUND")


def without(entry: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != name}
