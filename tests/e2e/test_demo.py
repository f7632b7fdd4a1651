"""`make demo`: a proctor's browser sees the bots, and Ctrl-C leaves nothing behind."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import demo
from tests.e2e.conftest import OpenTab
from tests.support.browser import Tile
from tests.support.cluster import ROOT, STOP_WITHIN_S, free_port
from tests.support.poll import until_now

pytestmark = pytest.mark.timeout(300)

# Two cost half the CPU time of six, and show as much.
BOTS = 2
SHARING, SHY = demo.NAMES[:BOTS]
PROCTOR = re.compile(r"http://\S+/proctor#token=\S+")


class Demo:
    """The process, and what it has said to its terminal."""

    def __init__(self, said: Path) -> None:
        self._said = said
        ports = {
            "GATEWAY_PORT": socket.SOCK_STREAM,
            "SFU_GRPC_PORT": socket.SOCK_STREAM,
            "SFU_MEDIA_PORT": socket.SOCK_DGRAM,
        }
        ours = ("SFU_", "GATEWAY_", "OTEL_")
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
        settings = {name: str(free_port(kind)) for name, kind in ports.items()}
        with said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scripts.demo", "--bots", str(BOTS)],
                cwd=ROOT,
                env=inherited | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def link(self) -> str:
        def found() -> str:
            assert self.process.poll() is None, self.said
            match = PROCTOR.search(self.said)
            return match.group(0) if match else ""

        return until_now(found, "the demo prints a proctor's link")

    def children(self) -> list[int]:
        """Ids of the processes that it has started and that still run."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in path.read_text().split()]

    def end(self) -> int:
        """Ctrl-C, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(3 * STOP_WITHIN_S)
        finally:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Demo]:
    started = Demo(tmp_path / "said")
    yield started
    started.end()
    print(started.said)


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


async def test_proctor_sees_and_hears_the_bots_and_ctrl_c_ends_all(
    running: Demo, open_tab: OpenTab
) -> None:
    proctor = await open_tab(running.link())
    for name in (SHARING, SHY):
        tile = Tile(proctor, name)
        await tile.until_shown()
        await tile.until_attribute("picture", "playing")
        first = await tile.until_frames_grow(by=5)
        assert await tile.until_frames_grow(by=5) > first
    await proctor.unmute()
    await Tile(proctor, SHARING).until_audio_grows()
    await Tile(proctor, SHY).until_attribute("microphone", "muted")
    await Tile(proctor, SHY).until_attribute("microphone", "on")
    # A page whose server is gone logs that it cannot reach it.
    await proctor.page.close()

    children = running.children()
    assert len(children) == 3
    assert await asyncio.to_thread(running.end) == 0
    assert not [child for child in children if is_running(child)]
    assert running.said.endswith("Invigil has ended.\n")


async def test_bots_that_die_are_said(running: Demo) -> None:
    running.link()
    *services, bots = running.children()
    os.kill(bots, signal.SIGKILL)
    code = await asyncio.to_thread(running.process.wait, STOP_WITHIN_S)
    assert code == 1
    assert "The bot was killed by SIGKILL" in running.said
    assert not [child for child in services if is_running(child)]
