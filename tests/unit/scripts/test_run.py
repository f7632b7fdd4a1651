"""Starting on one machine: settings, ports, and what happens when a service dies."""

import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import jwt
import pytest

from scripts import run, token

SLEEPS = "import time\nprint('up', flush=True)\ntime.sleep(60)\n"
DIES = "print('no such device'); raise SystemExit(7)\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Modules that stand for services, and the environment in which they are found."""
    monkeypatch.setattr(run, "LOGS", tmp_path)
    (tmp_path / "sleeper.py").write_text(SLEEPS)
    (tmp_path / "dying.py").write_text(DIES)
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def test_defaults_are_the_documented_ports() -> None:
    settings = run.Settings.read({})
    assert (settings.gateway_port, settings.grpc_port, settings.media_port) == (8080, 50051, 40000)
    assert settings.origin == "http://localhost:8080"


def test_link_follows_host_port_and_tls() -> None:
    names = {"GATEWAY_HOST": "::1", "GATEWAY_PORT": "9000", "GATEWAY_TLS_CERT": "cert.pem"}
    assert run.Settings.read(names).origin == "https://[::1]:9000"


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "8080.5"])
def test_impossible_port_is_named_with_its_variable(text: str) -> None:
    with pytest.raises(run.StartError, match="GATEWAY_PORT"):
        run.Settings.read({"GATEWAY_PORT": text})


def test_port_in_use_is_named_with_the_variable_that_moves_it() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        port = listener.getsockname()[1]
        with pytest.raises(run.StartError, match=f"TCP {port} is in use.*SFU_GRPC_PORT="):
            run.check_ports(run.Settings("localhost", 0, port, 0, is_tls=False))


def test_media_port_in_use_is_found_too() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as holder:
        holder.bind(("0.0.0.0", 0))
        port = holder.getsockname()[1]
        with pytest.raises(run.StartError, match=f"UDP {port} is in use.*SFU_MEDIA_PORT="):
            run.check_ports(run.Settings("localhost", 0, 0, port, is_tls=False))


def test_gateway_is_told_the_workers_port_unless_it_was_told_others() -> None:
    settings = run.Settings.read({"SFU_GRPC_PORT": "50099"})
    given = {token.SECRET: "x" * 32}
    assert run.child_environment(settings, given)["GATEWAY_WORKERS"] == "127.0.0.1:50099"
    given["GATEWAY_WORKERS"] = "10.0.0.1:1"
    assert run.child_environment(settings, given)["GATEWAY_WORKERS"] == "10.0.0.1:1"


def test_service_that_dies_is_reported_with_its_last_words(programs: dict[str, str]) -> None:
    service = run.start("worker", "dying", programs)
    service.process.wait(30)
    with pytest.raises(run.StartError, match="exit code 7") as caught:
        run.watch([service], threading.Event())
    assert "no such device" in str(caught.value)


def test_service_killed_from_outside_is_reported_with_the_signal(programs: dict[str, str]) -> None:
    service = run.start("worker", "sleeper", programs)
    service.process.kill()
    service.process.wait(30)
    assert "SIGKILL" in service.obituary


def test_all_services_are_ended(programs: dict[str, str]) -> None:
    services = [run.start("worker", "sleeper", programs), run.start("gateway", "sleeper", programs)]
    run.stop_all(services)
    assert [service.process.returncode for service in services] == [-signal.SIGTERM] * 2


def test_service_that_ignores_the_request_to_end_is_killed(
    programs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignores = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    (tmp_path / "stubborn.py").write_text(f"{ignores}open({str(tmp_path / 'up')!r}, 'w')\n{SLEEPS}")
    service = run.start("worker", "stubborn", programs)
    deadline = 30 * 20
    while not (tmp_path / "up").exists() and deadline:
        deadline -= 1
        with pytest.raises(subprocess.TimeoutExpired):
            service.process.wait(0.05)
    monkeypatch.setattr(run, "STOP_WITHIN_S", 0.2)
    run.stop_all([service])
    assert service.process.returncode == -signal.SIGKILL


def test_waiting_ends_at_once_when_a_service_dies(programs: dict[str, str]) -> None:
    service = run.start("worker", "dying", programs)
    try:
        with pytest.raises(run.StartError, match="The worker ended with exit code 7"):
            run.wait_until_ready([service], run.Settings.read({}), threading.Event())
    finally:
        run.stop_all([service])


def test_service_that_is_never_ready_is_reported_after_its_time(
    programs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "READY_WITHIN_S", 0.3)
    monkeypatch.setattr("scripts.probe.worker_is_ready", lambda _: False)
    service = run.start("worker", "sleeper", programs)
    try:
        with pytest.raises(run.StartError, match="The worker is not ready"):
            run.wait_until_ready([service], run.Settings.read({}), threading.Event())
    finally:
        run.stop_all([service])


def test_links_open_a_room_in_which_candidates_wait_where_that_is_asked_for() -> None:
    running = run.Running(run.Settings.read({}), [], {}, "s" * 32, 0.0)
    for waiting_room in (False, True):
        text = run.welcome(running, "exam-7", waiting_room=waiting_room)
        tokens = re.findall(r"#token=([^&]+)&", text)
        claims = [jwt.decode(one, "s" * 32, algorithms=["HS256"]) for one in tokens]
        assert [one["role"] for one in claims] == ["candidate", "proctor"]
        assert [one.get("waitingRoom", False) for one in claims] == [waiting_room] * 2
