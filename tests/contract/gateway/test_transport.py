"""Restarting ICE and asking for stats, as a browser speaks of them."""

import pytest

from services.common.ids import ConsumerId, TransportId
from services.sfu.core.port import ConsumerStats
from tests.support.client import RefusedError
from tests.support.gateway import RunningGateway, RunningWorker, joined


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


@pytest.mark.parametrize("payload", [{"transportId": "t"}, {"producerId": "p"}])
async def test_stats_that_nothing_counts_are_not_made_up(
    gateway: RunningGateway, payload: dict[str, str]
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        with pytest.raises(RefusedError) as refused:
            await ada.ask("stats:get", payload)
        assert (refused.value.code, refused.value.reason) == ("UNAVAILABLE", "NOT_BUILT")
