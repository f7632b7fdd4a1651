"""Who speaks as a browser is told, through gateway and worker control plane."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.common.ids import ProducerId
from tests.support.client import Client, resumed
from tests.support.gateway import RunningGateway, RunningWorker, joined
from tests.support.poll import eventually

SPEECH = 30


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.sfu.control.hearing.INTERVAL_S", 0.05)
    monkeypatch.setattr("services.sfu.core.speaker.HANG_MS", 100)


async def microphone(client: Client) -> ProducerId:
    await client.ask("transport:create", {"direction": "send"})
    produced = await client.ask("produce", {"kind": "audio"})
    return ProducerId(produced["producerId"])


def speakers(client: Client) -> list[list[str]]:
    """The peers of each list that the client was told, in order."""
    told = [event for event in client.events if event.type == "speaker:active"]
    assert all(event.seq is None for event in told)
    return [[one["peerId"] for one in event.payload["speakers"]] for event in told]


@asynccontextmanager
async def three(gateway: RunningGateway) -> AsyncIterator[tuple[Client, Client, Client]]:
    """Two candidates and a proctor."""
    async with (
        joined(gateway, "candidate", "Ada") as ada,
        joined(gateway, "candidate", "Ben") as ben,
        joined(gateway, "proctor", "Pat") as pat,
    ):
        yield ada, ben, pat


async def test_proctor_hears_of_candidates_and_candidates_of_themselves_and_proctors(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with three(gateway) as (ada, ben, pat):
        of_ada, of_pat = await microphone(ada), await microphone(pat)
        worker.media.levels = {of_ada: SPEECH}
        told = await pat.event("speaker:active")
        (speaker,) = told.payload["speakers"]
        assert told.seq is None
        assert (speaker["peerId"], speaker["producerId"]) == (ada.peer_id, of_ada)
        assert 0 <= speaker["level"] <= 50
        await eventually(lambda: speakers(ada) == [[ada.peer_id]], what="Ada hears of herself")

        worker.media.levels = {of_pat: SPEECH}
        await eventually(lambda: speakers(ben) == [[pat.peer_id]], what="Ben hears of Pat")
        await eventually(lambda: speakers(ada)[-1] == [pat.peer_id], what="Ada alone hears of Pat")
        worker.media.levels = {}
        for client in (ada, ben, pat):
            await eventually(lambda c=client: speakers(c)[-1] == [], what="silence")  # type: ignore[misc]
        assert speakers(ben) == [[pat.peer_id], []]
        assert ada.peer_id not in "".join(ben.frames)


async def test_moderator_who_mutes_ends_the_speech(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with three(gateway) as (ada, _, pat):
        worker.media.levels = {await microphone(ada): SPEECH}
        await pat.event("speaker:active")
        await pat.ask("peer:mute", {"peerId": ada.peer_id})
        await eventually(lambda: speakers(pat)[-1] == [], what="nobody speaks")
        await asyncio.sleep(0.3)
        assert speakers(pat) == [[ada.peer_id], []]


async def test_client_that_resumes_is_told_again_who_speaks(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with three(gateway) as (ada, _, pat):
        of_ada = await microphone(ada)
        worker.media.levels = {of_ada: SPEECH}
        await pat.event("speaker:active")
        await pat.cut()
        async with resumed(gateway.url, pat) as again:
            told = await again.event("speaker:active")
            assert [one["producerId"] for one in told.payload["speakers"]] == [of_ada]
