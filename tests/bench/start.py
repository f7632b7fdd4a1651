"""How long `make run` takes to print a link, in a fresh clone with empty caches and then again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tests.bench.report import Table, all_at_most
from tests.support.cluster import free_port

ROOT = Path(__file__).resolve().parents[2]
COLD_WITHIN_S = 1200.0
STOP_WITHIN_S = 60.0
LINK = "/proctor#token="


class StartFailedError(Exception):
    """`make run` ended, or took too long, without a link; the message holds what it printed."""


def cold_and_warm(table: Table) -> None:
    """A first and a second start."""
    clean = "`make run`, clean clone, empty pip, npm and cargo caches"
    cold = table.row(clean, "s", all_at_most(360))
    warm = table.row("`make run` again", "s", all_at_most(6))
    with tempfile.TemporaryDirectory(prefix="invigil-cold-") as folder:
        clone = Path(folder) / "invigil"
        subprocess.run(
            ["git", "clone", "--quiet", "--no-local", str(ROOT), str(clone)],
            check=True,
            timeout=120,
        )
        environment = _empty_caches(Path(folder))
        cold.append(_seconds_to_link(clone, environment))
        warm.append(_seconds_to_link(clone, environment))


def _empty_caches(folder: Path) -> dict[str, str]:
    """The environment of a machine that has never built anything, with its own configuration."""
    cargo = folder / "cargo"
    cargo.mkdir()
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    # A machine may reach its registry only as its configuration says.
    for name in ("config", "config.toml", "credentials.toml"):
        if (home / name).exists():
            shutil.copy(home / name, cargo / name)
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return environment | {
        "CARGO_HOME": str(cargo),
        "PIP_CACHE_DIR": str(folder / "pip"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "npm_config_cache": str(folder / "npm"),
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(free_port(socket.SOCK_STREAM)),
        "SFU_GRPC_PORT": str(free_port(socket.SOCK_STREAM)),
        "SFU_MEDIA_PORT": str(free_port(socket.SOCK_DGRAM)),
    }


def _seconds_to_link(clone: Path, environment: dict[str, str]) -> float:
    started = time.monotonic()
    process = subprocess.Popen(
        ["make", "run"],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A process group of its own, to which Ctrl-C can be sent as a terminal does.
        start_new_session=True,
    )
    limit = threading.Timer(COLD_WITHIN_S, _interrupt, [process])
    limit.start()
    try:
        return _read_until_link(process, started)
    finally:
        limit.cancel()
        _interrupt(process)
        _wait(process)


def _read_until_link(process: subprocess.Popen[str], started: float) -> float:
    printed: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        printed.append(line)
        if LINK in line:
            return time.monotonic() - started
    raise StartFailedError(f"make run printed no link:\n{''.join(printed[-40:])}")


def _interrupt(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)


def _wait(process: subprocess.Popen[str]) -> None:
    try:
        process.communicate(timeout=STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise StartFailedError(f"make run did not end {STOP_WITHIN_S:.0f} s after Ctrl-C") from None
