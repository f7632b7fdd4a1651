"""A real worker and a real gateway, each a process of its own, on free ports of this machine."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from scripts import probe, token
from services.pb.invigil.sfu.admin.v1 import admin_service_pb2 as admin_pb
from services.pb.invigil.sfu.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from tests.support.poll import until_now

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "services" / "console" / "dist"
# Longer than a service's own drain.
STOP_WITHIN_S = 20.0
CALL_WITHIN_S = 5.0
LOOPBACK = "127.0.0.1"

LogLine = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """A process of the cluster and the file that its log goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def text(self) -> str:
        """Everything that it has written so far."""
        return self.log.read_text(errors="replace")

    def lines(self) -> list[LogLine]:
        """Its log, parsed. AssertionError for a line that is not a JSON object."""
        return [_parse(self.name, line) for line in self.text().splitlines()]

    def faults(self) -> list[LogLine]:
        """Lines that say that something went wrong inside: a client's mistake is none."""
        return [line for line in self.lines() if line.get("level") in ("error", "critical")]

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as an operator would, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"the {self.name} did not end within {STOP_WITHIN_S:.0f} s of SIGTERM\n"
                f"{self.tail()}"
            ) from None

    def tail(self) -> str:
        return "\n".join(self.text().splitlines()[-30:])


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a test needs to know of the running services."""

    worker: Service
    gateway: Service
    gateway_port: int
    grpc_port: int
    media_port: int
    secret: str = field(repr=False)
    # Where the logs are, and what the services were started with.
    folder: Path
    environment: dict[str, str] = field(repr=False)
    host: str = LOOPBACK

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.gateway_port}"

    @property
    def socket_url(self) -> str:
        return f"ws://{self.host}:{self.gateway_port}/ws"

    @property
    def grpc_address(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    def token(
        self, room: str, role: str, name: str, *, ttl_s: int = 3600, waiting_room: bool = False
    ) -> str:
        """A signed token; the user's id is made of the name."""
        return token.mint(
            secret=self.secret,
            room=room,
            user=name.lower().replace(" ", "-"),
            role=role,
            name=name,
            ttl_s=ttl_s,
            create=True,
            waiting_room=waiting_room,
        )

    def link(self, room: str, role: str, name: str, *, waiting_room: bool = False) -> str:
        """The console's page for `role`, as `make run` prints it."""
        page = "candidate" if role == "candidate" else "proctor"
        signed = self.token(room, role, name, waiting_room=waiting_room)
        return f"{self.origin}/{page}#token={signed}&room={room}"

    def describe(self) -> admin_pb.DescribeResponse:
        """Load and packet counters of the worker."""
        with grpc.insecure_channel(self.grpc_address) as channel:
            return AdminServiceStub(channel).Describe(
                admin_pb.DescribeRequest(), timeout=CALL_WITHIN_S
            )

    def counter(self, name: str) -> int:
        """One counter of the packet engine; KeyError if there is none of this name."""
        return self.describe().engine_counters[name]

    def room(self, room_id: str) -> admin_pb.RoomSummary | None:
        """What the worker says of a room; None if there is no such room."""
        with grpc.insecure_channel(self.grpc_address) as channel:
            listed = AdminServiceStub(channel).ListRooms(
                admin_pb.ListRoomsRequest(), timeout=CALL_WITHIN_S
            )
        return next((room for room in listed.rooms if room.room_id == room_id), None)


@contextmanager
def running_cluster(folder: Path, *, host: str = LOOPBACK, **settings: str) -> Iterator[Cluster]:
    """Start worker and gateway with `settings` in their environment; end them on leaving.

    Clients reach both at `host`, an address of this machine.

    Leaving checks that both ended by themselves when told to, with exit code 0, and that neither
    logged a fault. A test that kills one of them must end it before it leaves.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(32)
    grpc_port, gateway_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
    media_port = free_port(socket.SOCK_DGRAM)
    environment = {
        **_inherited(),
        "SFU_GRPC_HOST": "127.0.0.1",
        "SFU_GRPC_PORT": str(grpc_port),
        "SFU_MEDIA_PORT": str(media_port),
        "SFU_ADVERTISED_ADDRESS": host,
        "GATEWAY_HOST": host,
        "GATEWAY_PORT": str(gateway_port),
        "GATEWAY_JWT_SECRET": secret,
        "GATEWAY_WORKERS": f"127.0.0.1:{grpc_port}",
        "GATEWAY_CONSOLE_DIR": str(CONSOLE),
        **settings,
    }
    with ExitStack() as stack:
        worker = _started("worker", "services.sfu", folder, environment)
        stack.callback(_end, worker)
        _wait(worker, lambda: probe.worker_is_ready(f"127.0.0.1:{grpc_port}"))
        gateway = _started("gateway", "services.gateway", folder, environment)
        stack.callback(_end, gateway)
        _wait(gateway, lambda: probe.gateway_is_ready(f"http://{host}:{gateway_port}/readyz"))
        ports = gateway_port, grpc_port, media_port
        yield Cluster(worker, gateway, *ports, secret, folder, environment, host)


@contextmanager
def another_gateway(cluster: Cluster) -> Iterator[Service]:
    """A gateway on the port of one that has been killed."""
    with gateway_again(cluster, "gateway-2", cluster.gateway_port) as gateway:
        yield gateway


@contextmanager
def one_more_gateway(cluster: Cluster, name: str) -> Iterator[str]:
    """Another gateway of the cluster, on a port of its own. Gives the URL of its socket.

    Leaving checks it as `running_cluster` does.
    """
    port = free_port(socket.SOCK_STREAM)
    with gateway_again(cluster, name, port):
        yield f"ws://{cluster.host}:{port}/ws"


@contextmanager
def gateway_again(cluster: Cluster, name: str, port: int) -> Iterator[Service]:
    """A gateway on this port, which must be free. Checked in the end, unless it was killed."""
    environment = cluster.environment | {"GATEWAY_PORT": str(port)}
    gateway = _started(name, "services.gateway", cluster.folder, environment)
    try:
        _wait(gateway, lambda: probe.gateway_is_ready(f"http://{cluster.host}:{port}/readyz"))
        yield gateway
    finally:
        _end(gateway)


@contextmanager
def one_more_worker(cluster: Cluster, name: str) -> Iterator[Service]:
    """A worker in the place of the cluster's own, which must have ended. Checked in the end."""
    worker = _started(name, "services.sfu", cluster.folder, cluster.environment)
    try:
        _wait(worker, lambda: probe.worker_is_ready(cluster.grpc_address))
        yield worker
    finally:
        _end(worker)


def free_port(kind: socket.SocketKind) -> int:
    """A port of the loopback address that nobody holds at the moment."""
    with socket.socket(socket.AF_INET, kind) as probed:
        probed.bind(("127.0.0.1", 0))
        return int(probed.getsockname()[1])


def _inherited() -> dict[str, str]:
    # A developer's own settings must not reach into a test.
    ours = ("SFU_", "GATEWAY_", "OTEL_", "DIRECTORY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _started(name: str, module: str, folder: Path, environment: dict[str, str]) -> Service:
    log = folder / f"{name}.jsonl"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # The terminal's Ctrl-C ends the tests, which then end the services in order.
            start_new_session=True,
        )
    return Service(name, process, log)


def _wait(service: Service, is_ready: Any) -> None:
    def ready_or_dead() -> bool:
        if service.process.poll() is not None:
            raise AssertionError(
                f"the {service.name} ended with {service.process.returncode} before it was ready\n"
                f"{service.tail()}"
            )
        return bool(is_ready())

    until_now(ready_or_dead, f"the {service.name} is ready")


def _end(service: Service) -> None:
    was_running = service.process.poll() is None
    code = service.stop()
    if was_running:
        assert code == 0, f"the {service.name} ended with {code}\n{service.tail()}"
    assert not service.faults(), f"the {service.name} logged faults: {service.faults()[:3]}"


def _parse(name: str, line: str) -> LogLine:
    try:
        parsed = json.loads(line)
    except ValueError:
        parsed = None
    assert isinstance(parsed, dict), f"a line of the {name}'s log is no JSON object: {line!r}"
    return parsed
