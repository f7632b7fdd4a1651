"""Scores and stats as a browser hears of them: everything is real, and loss is made."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tests.support import poll
from tests.support.call import Call, Peer, open_call, publisher, viewer
from tests.support.client import Client
from tests.support.poll import PATIENCE_S, until
from tests.support.webrtc.rtcp import build_receiver_report

OWN_SSRC = 0x11111111
REPORT_S = 0.2


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with open_call() as running:
        yield running


async def eventually(condition: Callable[[], object]) -> None:
    """Scores take seconds."""
    await poll.eventually(condition, within_s=PATIENCE_S)


def scores_of(client: Client, kind: str, **named: str) -> list[dict[str, Any]]:
    """What was told about it, in order."""
    told = [event for event in client.events if event.type == kind]
    assert all(event.seq is None for event in told)
    return [event.payload for event in told if event.payload.items() >= named.items()]


class Reporter:
    """Says of one stream what a browser would: `lost` of each hundred packets did not come."""

    def __init__(self, peer: Peer, ssrc: int) -> None:
        self._peer = peer
        self._ssrc = ssrc
        self.lost_percent = 0
        self._lost = 0.0
        self._reported = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            mine = [packet for packet in self._peer.media.rtp if packet.ssrc == self._ssrc]
            if mine:
                self._lost += (len(mine) - self._reported) * self.lost_percent / 100
                self._reported = len(mine)
                report = build_receiver_report(
                    OWN_SSRC, self._ssrc, highest=mine[-1].sequence, lost=int(self._lost)
                )
                self._peer.media.send_rtcp(report)


async def test_loss_of_the_viewer_and_loss_of_the_publisher_are_told_apart(call: Call) -> None:
    async with publisher(call) as (ada, producer_id, camera), viewer(call) as pat:
        created = await pat.signaling.ask("consume", {"producerId": producer_id})
        named = {"consumerId": created["consumerId"]}
        reporter = Reporter(pat, created["rtpParameters"]["encodings"][0]["ssrc"])

        def last() -> dict[str, Any]:
            told = scores_of(pat.signaling, "consumer:score", **named)
            return told[-1] if told else {}

        def uplink() -> list[int]:
            told = scores_of(ada.signaling, "producer:score", producerId=producer_id)
            return [one["score"] for one in told[-1]["scores"]] if told else []

        async with camera.running(), reporter.running():
            await eventually(lambda: last() == {**named, "score": 10, "producerScore": 10})
            await eventually(lambda: uplink() == [10, 10, 10])
            (first, *_) = scores_of(ada.signaling, "producer:score")
            assert [one["rid"] for one in first["scores"]] == ["r0", "r1", "r2"]
            # Nobody else is told.
            assert scores_of(ada.signaling, "consumer:score") == []
            assert scores_of(pat.signaling, "producer:score") == []

            reporter.lost_percent = 25
            await eventually(lambda: last().get("score", 10) <= 4)
            assert last()["producerScore"] == 10
            reporter.lost_percent = 0
            await eventually(lambda: last()["score"] == 10)

            # The publisher's camera does not retransmit, so what is lost stays lost.
            ada.media.lose_every(4)
            await eventually(lambda: max(uplink()) <= 4)
            await eventually(lambda: last()["producerScore"] <= 4)
            ada.media.lose_every(0)
            await eventually(lambda: uplink() == [10, 10, 10])
            camera.active = {0, 1}
            await eventually(lambda: uplink() == [10, 10, 0])
        await eventually(lambda: uplink() == [0, 0, 0])
        await eventually(lambda: last() == {**named, "score": 0, "producerScore": 0})


async def test_numbers_agree_with_what_was_sent(call: Call) -> None:
    async with publisher(call) as (ada, producer_id, camera), viewer(call) as pat:
        created = await pat.signaling.ask("consume", {"producerId": producer_id})
        await pat.signaling.ask(
            "consumer:set-layers", {"consumerId": created["consumerId"], "spatialLayer": 0}
        )
        camera.active = {0, 1}
        camera.send(key_frame=True)
        for _ in range(40):
            camera.send()
        ssrc = created["rtpParameters"]["encodings"][0]["ssrc"]
        await eventually(lambda: any(packet.ssrc == ssrc for packet in pat.media.rtp))
        camera.active = {0}
        camera.send()

        async def received() -> list[dict[str, Any]] | None:
            got = await ada.signaling.ask("stats:get", {"producerId": producer_id})
            counts = [one["packetsReceived"] for one in got["stats"]]
            return got["stats"] if counts == [42, 41, 0] else None

        low, middle, high = await until(received, "every packet that was sent is counted") or []
        assert [one["packetsLost"] for one in (low, middle, high)] == [0, 0, 0]
        assert [one["rid"] for one in (low, middle, high)] == ["r0", "r1", "r2"]
        assert "ssrc" not in high
        assert low["bytesReceived"] > 0
        (transport,) = (
            await ada.signaling.ask("stats:get", {"transportId": f"{ada.signaling.peer_id}.t1"})
        )["stats"]
        # Media, and DTLS before it.
        assert transport["packetsReceived"] > 83
        assert transport["bytesReceived"] > low["bytesReceived"] + middle["bytesReceived"]
        assert (transport["iceState"], transport["dtlsState"]) == ("connected", "connected")
        (outbound, *_) = (
            await pat.signaling.ask("stats:get", {"consumerId": created["consumerId"]})
        )["stats"]
        assert outbound["packetsSent"] == len([p for p in pat.media.rtp if p.ssrc == ssrc])
