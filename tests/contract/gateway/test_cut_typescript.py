"""The browser's client, whose connections break in the middle of everything, at a real gateway."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client, Payload
from tests.support.gateway import ROOM, RunningWorker, joined, mint, ready, running_gateway
from tests.support.poll import eventually
from tests.support.proxy import proxied
from tests.support.storm import TOGGLES, TOLD, budgets, produce, toggle, toggled

SERVICES = Path(__file__).parents[3] / "services"
LIBRARY = SERVICES / "client" / "typescript"
WITHIN_S = 60.0


def node() -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("node", path=path)
    assert found is not None, "node, as scripts/setup.sh installs it"
    return found


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library with the program around it, compiled: test/program/stubborn.ts there."""
    target = tmp_path_factory.mktemp("stubborn")
    (target / "package.json").write_text('{"type": "module"}')
    compiler = SERVICES / "node_modules" / "typescript" / "bin" / "tsc"
    subprocess.run(
        [node(), compiler, "--project", LIBRARY / "tsconfig.program.json", "--outDir", target],
        check=True,
    )
    return target / "test" / "program" / "stubborn.js"


@dataclass(frozen=True, slots=True)
class Stubborn:
    """The program, as the test talks with it."""

    _process: asyncio.subprocess.Process

    def say(self, words: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")

    async def hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(await asyncio.wait_for(self._process.stdout.readline(), WITHIN_S))


@asynccontextmanager
async def stubborn(program: Path, port: int) -> AsyncIterator[Stubborn]:
    """In the room as Ada, over this port."""
    options = {
        "url": f"ws://127.0.0.1:{port}/ws",
        "token": mint(),
        "roomId": ROOM,
        "displayName": "Ada",
    }
    process = await asyncio.create_subprocess_exec(
        # The WebSocket of browsers, which this Node has behind a flag.
        *(node(), "--experimental-websocket", "--no-warnings", program, json.dumps(options)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # A report is a line.
        limit=2**20,
    )
    try:
        ada = Stubborn(process)
        assert await ada.hear() == "joined"
        yield ada
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), WITHIN_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("seed", range(4))
async def test_each_request_is_carried_out_once_and_each_event_told_once(
    worker: RunningWorker, program: Path, seed: int
) -> None:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(
            running_gateway(worker.address, messages_per_s=1e6, message_burst=10_000)
        )
        await ready(gateway)
        proxy = await stack.enter_async_context(proxied(gateway.app.port))
        pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
        his = await produce(pat)
        ada = await stack.enter_async_context(stubborn(program, proxy.port))
        ada.say([["transport:create", {"direction": "send"}], ["produce", {"kind": "audio"}]])
        hers = {"producerId": (await pat.event("producer:new")).payload["producerId"]}
        proxy.budgets = budgets(seed)
        proxy.cut()

        ada.say([["transport:create", {"direction": "recv"}]] * 7)
        ada.say([[f"producer:{word}", hers] for word in TOGGLES])
        storm = asyncio.create_task(toggle(pat, his))
        ada.say(len(TOGGLES))
        report = await ada.hear()
        await storm

        print(f"seed {seed}: {proxy.cuts} cuts, {len(report['connections'])} changes")
        assert proxy.cuts > 2
        assert report["endings"] == []
        # It was told events, and never the state in their place.
        assert report["states"] == [0]
        assert [event["seq"] for event in report["events"]] == list(range(1, len(TOGGLES) + 1))
        told = [(event["type"], event["payload"]) for event in report["events"]]
        assert toggled(told, his) == TOLD
        assert answers(report, hers) == [{"producerId": hers["producerId"]}] * len(TOGGLES)
        assert len(worker.media.transports) == 2 + 7
        await eventually(lambda: len(toggled(said(pat), hers)) == len(TOLD))
        assert toggled(said(pat), hers) == TOLD
        commands = [name for name, about in worker.media.commands if about == hers["producerId"]]
        assert commands == ["add_producer", *(f"{word}_producer" for word in TOGGLES)]


def said(client: Client) -> list[tuple[str, Payload]]:
    return [(event.type, event.payload) for event in client.events]


def answers(report: Payload, hers: Payload) -> list[Payload]:
    """What the toggles were answered, once the rest was answered as it should be."""
    given: list[Payload] = report["answers"]
    sent, produced, *received = given[:9]
    assert produced == hers
    peer_id = hers["producerId"].rpartition(".")[0]
    transports = [each["transportId"] for each in (sent, *received)]
    assert transports == [f"{peer_id}.t{number}" for number in range(1, 9)]
    return given[9:]
