"""Start one worker and one gateway on this machine, and print the links that open a room.

Every GATEWAY_*, SFU_* and OTEL_* variable reaches the services as it is. Ctrl-C ends both.
"""

import argparse
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scripts import probe, token

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".make" / "log"
READY_WITHIN_S = 30.0
# Longer than a service's own drain; only a service that hangs meets it.
STOP_WITHIN_S = 10.0
LAST_LINES = 15
ROOM = "demo"


class StartError(Exception):
    """The services did not come up; the message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this script must know of the services' settings."""

    gateway_host: str
    gateway_port: int
    grpc_port: int
    media_port: int
    is_tls: bool

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        host = environment.get("GATEWAY_HOST", "")
        return cls(
            gateway_host="localhost" if host in ("", "0.0.0.0", "::") else host,
            gateway_port=read_port(environment, "GATEWAY_PORT", 8080),
            grpc_port=read_port(environment, "SFU_GRPC_PORT", 50051),
            media_port=read_port(environment, "SFU_MEDIA_PORT", 40000),
            is_tls=bool(environment.get("GATEWAY_TLS_CERT")),
        )

    @property
    def origin(self) -> str:
        host = f"[{self.gateway_host}]" if ":" in self.gateway_host else self.gateway_host
        return f"{'https' if self.is_tls else 'http'}://{host}:{self.gateway_port}"

    @property
    def socket_url(self) -> str:
        return f"{self.origin.replace('http', 'ws', 1)}/ws"


@dataclass(frozen=True, slots=True)
class Service:
    """A child process and the file its log goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def obituary(self) -> str:
        """Why the process ended, with the last it said."""
        code = self.process.returncode
        how = (
            f"was killed by {signal.Signals(-code).name}"
            if code < 0
            else f"ended with exit code {code}"
        )
        return f"The {self.name} {how}.\n{self.last_words}"

    @property
    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        where = os.path.relpath(self.log)
        return "\n".join([f"The end of {where}:", *(f"    {line}" for line in lines)])


def read_port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StartError(f"{name}={text} is not a port")
    return int(text)


def check_ports(settings: Settings) -> None:
    """Name every port that another program holds, with the variable that moves it."""
    taken = [
        f"    {kind} {port} is in use: choose another with {variable}=…"
        for variable, kind, port in (
            ("GATEWAY_PORT", "TCP", settings.gateway_port),
            ("SFU_GRPC_PORT", "TCP", settings.grpc_port),
            ("SFU_MEDIA_PORT", "UDP", settings.media_port),
        )
        if not probe.is_free(kind, port)
    ]
    if taken:
        raise StartError("\n".join(["Another program (an earlier start?) holds a port:", *taken]))


def child_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of both services: as given, completed where a value depends on another."""
    child = dict(environment)
    child.setdefault("GATEWAY_WORKERS", f"127.0.0.1:{settings.grpc_port}")
    if not child.get(token.SECRET) and not child.get(f"{token.SECRET}_FILE"):
        child[token.SECRET] = token.read_secret(child) or token.make_checkout_secret()
    return child


def start(
    name: str,
    module: str,
    environment: dict[str, str],
    *arguments: str,
    says: IO[bytes] | None = None,
) -> Service:
    """A child process that logs to a file, or only its faults where `says` takes its words."""
    log = LOGS / (f"{name}.jsonl" if says is None else f"{name}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output if says is None else says,
            stderr=output,
            # A session of its own: the terminal's Ctrl-C reaches this script alone, which then
            # stops the gateway before the worker.
            start_new_session=True,
        )
    return Service(name, process, log)


def wait_until_ready(services: list[Service], settings: Settings, stop: threading.Event) -> None:
    """Return when both services answer that they are ready, or when `stop` is set."""
    deadline = time.monotonic() + READY_WITHIN_S
    waiting = {
        "worker": lambda: probe.worker_is_ready(f"127.0.0.1:{settings.grpc_port}"),
        "gateway": lambda: probe.gateway_is_ready(f"{settings.origin}/readyz"),
    }
    while waiting and not stop.is_set():
        for service in services:
            if service.process.poll() is not None:
                raise StartError(service.obituary)
            if service.name in waiting and waiting[service.name]():
                del waiting[service.name]
        if waiting and time.monotonic() > deadline:
            late = [service for service in services if service.name in waiting]
            told = [
                f"The {s.name} is not ready after {READY_WITHIN_S:.0f} s.\n{s.last_words}"
                for s in late
            ]
            raise StartError("\n\n".join(told))
        stop.wait(0.05 if waiting else 0)


def stop_all(services: list[Service]) -> None:
    """End the services, the last started first, each within its time."""
    for service in reversed(services):
        if service.process.poll() is None:
            service.process.terminate()
        try:
            service.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            print(f"  The {service.name} did not end in {STOP_WITHIN_S:.0f} s and is killed.")
            service.process.kill()
            service.process.wait()


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link for `role`, and what it is for."""

    role: str
    text: str


INVITATIONS = (
    Invitation("candidate", "who sends camera and microphone:"),
    Invitation("proctor", "who watches, in a second window:"),
)


def welcome(
    running: "Running",
    room: str,
    invitations: Sequence[Invitation] = INVITATIONS,
    *,
    waiting_room: bool = False,
) -> str:
    """The links, and what else one wants to know on the first day."""
    settings = running.settings

    def link(role: str) -> str:
        signed = token.mint(
            secret=running.secret,
            room=room,
            user=f"{role}-{secrets.token_hex(3)}",
            role=role,
            name=role.capitalize(),
            create=True,
            waiting_room=waiting_room,
        )
        return f"{settings.origin}/{role}#token={signed}&room={room}"

    bold, dim, plain = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")
    took = f"{time.monotonic() - running.started:.1f} s"
    links = "\n".join(
        f"  {bold}{each.role.capitalize()}{plain}, {each.text}\n  {link(each.role)}\n"
        for each in invitations
    )
    return f"""
  {bold}Invigil is ready{plain} {dim}({took}){plain}

{links}
  {dim}signaling   {settings.socket_url}
  worker      grpcurl -plaintext localhost:{settings.grpc_port} list
  media       UDP port {settings.media_port}
  logs        tail -f .make/log/gateway.jsonl .make/log/worker.jsonl
  more links  make token ROOM={room} NAME=Ada ROLE=candidate{plain}

  Ctrl-C ends it.
"""


def watch(services: list[Service], stop: threading.Event) -> None:
    """Wait for the signal to end; raise if a service ends by itself before."""
    while not stop.wait(0.2):
        for service in services:
            if service.process.poll() is not None:
                raise StartError(service.obituary)


@dataclass(frozen=True, slots=True)
class Running:
    """Worker and gateway, started and ready unless `stop` came first."""

    settings: Settings
    services: list[Service]
    environment: dict[str, str]
    secret: str = field(repr=False)
    # On the monotonic clock, in seconds.
    started: float


@contextmanager
def running_services(stop: threading.Event) -> Iterator[Running]:
    """Start both services; what is in `services` by then ends on leaving."""
    started = time.monotonic()
    settings = Settings.read(os.environ)
    check_ports(settings)
    LOGS.mkdir(parents=True, exist_ok=True)
    environment = child_environment(settings, os.environ)
    secret = token.read_secret(environment)
    assert secret is not None
    services: list[Service] = []
    try:
        services.append(start("worker", "services.sfu", environment))
        services.append(start("gateway", "services.gateway", environment))
        wait_until_ready(services, settings, stop)
        yield Running(settings, services, environment, secret, started)
    finally:
        stop_all(services)


def serve(room: str, stop: threading.Event, *, waiting_room: bool = False) -> None:
    """Run both services until `stop` is set."""
    with running_services(stop) as running:
        if not stop.is_set():
            print(welcome(running, room, waiting_room=waiting_room), flush=True)
        watch(running.services, stop)


def run(play: Callable[[threading.Event], None]) -> int:
    """`play` until Ctrl-C; the exit code is 1 where something did not start or ended by itself."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        play(stop)
    except (StartError, token.SecretError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("  Invigil has ended.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Start a worker and a gateway on this machine.")
    parser.add_argument("--room", default=ROOM, help="the room of the printed links")
    parser.add_argument(
        "--waiting-room",
        action="store_true",
        help="candidates of the room wait until a proctor lets them in",
    )
    arguments = parser.parse_args()
    return run(
        lambda stop: serve(arguments.room, stop, waiting_room=arguments.waiting_room),
    )


if __name__ == "__main__":
    sys.exit(main())
