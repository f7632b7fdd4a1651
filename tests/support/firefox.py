"""Firefox with a fake camera and microphone: a process of its own, driven by WebDriver BiDi."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from scripts.toolchain import firefox as find_firefox
from tests.support.bidi import Bidi, BidiError, connected
from tests.support.firefox_tab import EVENTS
from tests.support.poll import until

END_WITHIN_S = 10.0

PREFERENCES: dict[str, bool | int] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    # Fake devices do not count as capturing, without which Firefox has no loopback candidate:
    # these and the pref for it are needed together, on a machine with a network as well.
    "permissions.default.camera": 1,
    "permissions.default.microphone": 1,
    "media.peerconnection.ice.loopback": True,
    # 0 allows sound that no gesture has asked for.
    "media.autoplay.default": 0,
    # The tabs of a test are all watched at once, though only one is in front.
    "media.suspend-background-video.enabled": False,
    "media.suspend-bkgnd-video.enabled": False,
    "dom.min_background_timeout_value": 4,
    "dom.timeout.enable_budget_timer_throttling": False,
    # Codecs that are a download, and pages that no test asked for.
    "media.gmp-manager.updateEnabled": False,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}


@asynccontextmanager
async def firefox() -> AsyncIterator[Bidi]:
    """A browser with an empty profile; FIREFOX names another executable."""
    path = find_firefox()
    assert path is not None, "these tests need Firefox: install it or set FIREFOX"
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as folder:
        profile = Path(folder)
        _write_preferences(profile)
        process = _started(path, profile)
        try:
            async with connected(await _url(process, profile), EVENTS) as bidi:
                yield bidi
                # Asked for, so that it ends its own children; what is left is killed.
                with suppress(BidiError):
                    await bidi.command("browser.close", within_s=END_WITHIN_S)
        finally:
            await asyncio.to_thread(_end, process)


def _write_preferences(profile: Path) -> None:
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in PREFERENCES.items()
    ]
    (profile / "user.js").write_text("\n".join(lines) + "\n")


def _started(path: str, profile: Path) -> subprocess.Popen[bytes]:
    # Ends with this process, however that comes; its content processes end with it.
    words = ["setpriv", "--pdeathsig", "KILL"]
    words += [path, "--headless", "--no-remote", "--profile", str(profile)]
    # A port that is free, which it writes into its profile.
    words += ["--remote-debugging-port", "0", "about:blank"]
    with (profile / "said").open("wb") as output:
        return subprocess.Popen(
            words,
            env={**os.environ, "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own, by which its content processes are found.
            start_new_session=True,
        )


async def _url(process: subprocess.Popen[bytes], profile: Path) -> str:
    """Where it listens. AssertionError if it ends or does not say in time."""
    written = profile / "WebDriverBiDiServer.json"

    async def listening() -> str:
        said = (profile / "said").read_text(errors="replace")[-2_000:]
        assert process.poll() is None, f"Firefox ended with {process.returncode}\n{said}"
        # Half written is no JSON yet.
        with suppress(OSError, ValueError):
            found = json.loads(written.read_text())
            return f"ws://{found['ws_host']}:{found['ws_port']}/session"
        return ""

    return await until(listening, "Firefox listens for WebDriver BiDi")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_WITHIN_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
