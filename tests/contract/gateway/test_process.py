"""`python -m services.gateway` as an operator meets it."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.support.cluster import free_port

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 30.0


def start(port: int, **settings: str) -> subprocess.Popen[str]:
    ours = ("GATEWAY_", "OTEL_")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return subprocess.Popen(
        [sys.executable, "-m", "services.gateway"],
        cwd=ROOT,
        env={
            **inherited,
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "GATEWAY_JWT_SECRET": "s" * 32,
            "GATEWAY_WORKERS": "127.0.0.1:1",
            **settings,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_starts_with_one_line_and_ends_cleanly_on_sigterm() -> None:
    port = free_port(socket.SOCK_STREAM)
    process = start(port)
    try:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert (line["event"], line["port"]) == ("gateway.started", port)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=WITHIN_S)
    finally:
        process.kill()

    assert process.returncode == 0
    assert err == ""
    assert json.loads(out.splitlines()[-1])["event"] == "gateway.stopped"


def test_port_in_use_is_one_line_and_exit_code_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(taken.getsockname()[1])
        try:
            _, err = process.communicate(timeout=WITHIN_S)
        finally:
            process.kill()

    assert process.returncode == 1
    assert "cannot listen on 127.0.0.1" in err
    assert err.count("\n") == 1


def test_certificate_that_cannot_be_read_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    process = start(0, GATEWAY_TLS_CERT=str(bad), GATEWAY_TLS_KEY=str(bad))
    try:
        _, err = process.communicate(timeout=WITHIN_S)
    finally:
        process.kill()

    assert process.returncode == 1
    assert "TLS certificate" in err
    assert err.count("\n") == 1
