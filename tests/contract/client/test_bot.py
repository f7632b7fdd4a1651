"""Synthetic candidates against real services: they are seen and heard, and come back."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from av import AudioFrame, VideoFrame

from scripts.bot import scene
from scripts.bot.candidate import Candidate, Door, Part, TurnedAwayError
from services.client.python.session import Session
from tests.contract.client.conftest import House, working
from tests.support.cluster import ROOT, Cluster, free_port, running_cluster
from tests.support.gateway import ROOM, mint, ready, running_gateway
from tests.support.poll import PATIENCE_S, eventually, until_now

ADA = "Ada Lovelace"


def door(url: str) -> Door:
    return Door(url, ROOM, lambda name: mint(user=name.split()[0].lower()))


@contextlib.asynccontextmanager
async def attending(part: Part, at: Door, said: list[str]) -> AsyncIterator[None]:
    """A bot in the background, which must not end by itself."""
    task = asyncio.create_task(Candidate(part, at, said.append).attend())
    try:
        yield
    finally:
        has_ended = task.done()
        task.cancel()
        await asyncio.wait({task})
        assert not has_ended, task


async def watch(proctor: Session, name: str, sources: set[str]) -> None:
    """Decode something of each source that `name` publishes: pictures, and sound that is heard."""

    def published() -> bool:
        return {found.source for found in proctor.roster.producers_of(name)} == sources

    await proctor.until(published, within_s=PATIENCE_S)
    for producer in proctor.roster.producers_of(name):
        subscription = await proctor.consume(producer.producer_id)
        async with asyncio.timeout(PATIENCE_S):
            while not is_of_substance(await subscription.track.recv(), producer.source):
                pass
        await subscription.close()


def is_of_substance(frame: object, source: str | None) -> bool:
    """A picture of the right size that is not of one colour, or sound that is not silence."""
    if isinstance(frame, VideoFrame):
        if source == "camera":
            assert (frame.width, frame.height) == (scene.WIDTH, scene.HEIGHT)
        return len(set(bytes(frame.planes[0]))) > 50
    assert isinstance(frame, AudioFrame)
    return any(bytes(frame.planes[0]))


async def test_bot_is_seen_heard_and_shares_its_screen(house: House) -> None:
    said: list[str] = []
    part = Part(ADA, number=0, shares_screen=True)
    async with house.join("Grace", "proctor") as grace, attending(part, door(house.url), said):
        await watch(grace, ADA, {"camera", "microphone", "screen"})
    assert said == []


async def test_bot_that_ends_leaves_at_once(house: House) -> None:
    async with house.join("Grace", "proctor") as grace:
        async with attending(Part(ADA, number=1), door(house.url), []):
            await grace.until(lambda: len(grace.roster.producers_of(ADA)) == 2)
        await grace.until(lambda: not grace.roster.participants)


async def test_bot_comes_back_when_the_server_has_been_away() -> None:
    ports = {"grpc": free_port(socket.SOCK_STREAM), "gateway": free_port(socket.SOCK_STREAM)}
    house = House(f"ws://127.0.0.1:{ports['gateway']}/ws")
    said: list[str] = []

    @contextlib.asynccontextmanager
    async def serving() -> AsyncIterator[None]:
        async with (
            working(ports["grpc"]) as worker,
            running_gateway(worker.grpc_address, port=ports["gateway"]) as gateway,
        ):
            await ready(gateway)
            yield

    async with attending(Part(ADA, number=2), door(house.url), said):
        for _ in range(2):
            async with serving(), house.join("Grace", "proctor") as grace:
                await watch(grace, ADA, {"camera", "microphone"})
            await eventually(lambda: said, what="the bot says that the server is gone")
    gone, back, *_ = said
    assert gone.startswith(f"{ADA} has lost the server")
    assert back == f"{ADA} is back."


async def test_bot_stays_through_a_gateway_that_restarts() -> None:
    port = free_port(socket.SOCK_STREAM)
    house = House(f"ws://127.0.0.1:{port}/ws")
    said: list[str] = []
    async with working() as worker, attending(Part(ADA, number=5), door(house.url), said):
        producers: list[set[str]] = []
        for _ in range(2):
            async with running_gateway(worker.grpc_address, port=port) as gateway:
                await ready(gateway)
                async with house.join("Grace", "proctor") as grace:
                    await watch(grace, ADA, {"camera", "microphone"})
                    producers.append(set(grace.roster.producers))
        assert producers[0] == producers[1]
    assert said == []


async def test_worker_that_dies_alone_is_survived() -> None:
    port = free_port(socket.SOCK_STREAM)
    async with running_gateway(f"127.0.0.1:{port}") as gateway:
        house = House(gateway.url)
        async with attending(Part(ADA, number=3), door(house.url), []):
            for _ in range(2):
                async with working(port):
                    await eventually(lambda: gateway.app.is_ready, within_s=PATIENCE_S)
                    async with house.join("Grace", "proctor") as grace:
                        await watch(grace, ADA, {"camera", "microphone"})
                await eventually(lambda: not gateway.app.is_ready, within_s=PATIENCE_S)


async def test_bot_with_a_bad_token_gives_up(house: House) -> None:
    at = Door(house.url, ROOM, lambda _: "no.such.token")
    said: list[str] = []
    bot = Candidate(Part(ADA, number=4), at, said.append)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(TurnedAwayError):
            await bot.attend()
    assert said == []


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def start(cluster: Cluster, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "scripts.bot", "--url", cluster.socket_url, *words]
    with (folder / "said").open("wb") as said, (folder / "faults").open("wb") as faults:
        return subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=faults)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_of_bots_ends_cleanly_on_a_signal(
    cluster: Cluster, tmp_path: Path, number: signal.Signals
) -> None:
    room = f"bots-{number.name.lower()}"
    words = ["--room", room, "--name", ADA, "--token", cluster.token(room, "candidate", ADA)]
    process = start(cluster, tmp_path, *words)
    try:
        until_now(lambda: cluster.room(room), "the bot is in its room")
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / "said").read_text() == ""
    assert (tmp_path / "faults").read_text() == ""
    # It has left: a lost peer would keep its seat and the room.
    until_now(lambda: cluster.room(room) is None, "the room is gone", within_s=10)


def test_process_says_who_was_turned_away_and_ends_with_1(cluster: Cluster, tmp_path: Path) -> None:
    words = ["--room", "bots", "--name", ADA, "--token", cluster.token("other", "candidate", ADA)]
    process = start(cluster, tmp_path, *words)
    try:
        assert process.wait(PATIENCE_S) == 1
    finally:
        process.kill()
        process.wait()
    assert f"{ADA} was turned away: " in (tmp_path / "said").read_text()
    assert (tmp_path / "faults").read_text() == ""
