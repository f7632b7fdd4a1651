"""A plain client on GStreamer's webrtcbin, in a process of the system's Python."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from scripts.toolchain import SYSTEM_PYTHON
from tests.support.plain.peer import Decoded
from tests.support.poll import PATIENCE_S

SCRIPT = Path(__file__).with_name("webrtcbin.py")
LINE_BYTES = 1024 * 1024


class GstreamerPeer:
    """Made by `gstreamer_peer`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def offer(self) -> str:
        return str(await self._ask("offer"))

    async def take_answer(self, sdp: str) -> None:
        await self._ask("take_answer", sdp)

    async def answer(self, sdp: str) -> str:
        return str(await self._ask("answer", sdp))

    async def decoded(self) -> list[Decoded]:
        return [Decoded(mid, kind, frames) for mid, kind, frames in await self._ask("decoded")]

    async def _ask(self, what: str, sdp: str = "") -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        async with self._turn, asyncio.timeout(PATIENCE_S):
            stdin.write(json.dumps([what, sdp]).encode() + b"\n")
            await stdin.drain()
            line = await stdout.readline()
        assert line, f"GStreamer's process ended with {self._process.returncode}"
        return json.loads(line)


@asynccontextmanager
async def gstreamer_peer() -> AsyncIterator[GstreamerPeer]:
    """A peer with a picture and a sound."""
    process = await asyncio.create_subprocess_exec(
        SYSTEM_PYTHON,
        SCRIPT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        yield GstreamerPeer(process)
    finally:
        process.kill()
        await process.wait()
