"""The worker's gRPC server: services, health, reflection, and the options that matter."""

import socket

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.common.rpc.interceptor import server_interceptors
from services.common.rpc.size import MAX_REPLY_BYTES, MAX_REQUEST_BYTES
from services.pb.invigil.sfu.admin.v1 import admin_service_pb2, admin_service_pb2_grpc
from services.pb.invigil.sfu.v1 import sfu_service_pb2, sfu_service_pb2_grpc
from services.sfu.control.admin_service import AdminService
from services.sfu.control.scorer import Scorer
from services.sfu.control.sfu_service import SfuService
from services.sfu.control.worker import Worker

OPTIONS = (
    # Otherwise a second process shares the port silently.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", MAX_REPLY_BYTES),
    # Gateways ping every 20 s; by gRPC's default anything below 300 s ends the connection.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Finds gateways whose host is gone, so that their sessions' grace timers start.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)

SFU = sfu_service_pb2.DESCRIPTOR.services_by_name["SfuService"].full_name
ADMIN = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name
# Whether new rooms may be placed here: NOT_SERVING while draining.
PLACEMENT = "placement"

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class PortTaken(OSError):
    """The address for gRPC cannot be bound."""


class ControlServer:
    """Serves one worker. `start` it, `stop` it at the end."""

    def __init__(self, worker: Worker, host: str, port: int) -> None:
        """Port 0 takes a free one."""
        self._worker = worker
        self._scorer = Scorer(worker)
        self._host = host
        self._port = port
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(interceptors=server_interceptors(), options=OPTIONS)
        sfu_service_pb2_grpc.add_SfuServiceServicer_to_server(SfuService(worker), self._server)
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(
            AdminService(worker, self._set_placement), self._server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (SFU, ADMIN, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )

    @property
    def address(self) -> str:
        """ "host:port" as gateways call it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises PortTaken."""
        try:
            _try_port(self._host, self._port)
            self._port = self._server.add_insecure_port(self.address)
        except (OSError, RuntimeError) as error:
            text = f"cannot listen on {self.address} (SFU_GRPC_HOST, SFU_GRPC_PORT): {error}"
            raise PortTaken(text) from error
        await self._server.start()
        self._worker.start()
        self._scorer.start()
        for name in ("", SFU, PLACEMENT):
            await self._health.set(name, SERVING)

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, end streams, give running calls `grace_s` seconds."""
        await self._health.enter_graceful_shutdown()
        self._scorer.close()
        self._worker.close()
        await self._server.stop(grace_s)

    async def _set_placement(self, is_open: bool) -> None:
        await self._health.set(PLACEMENT, SERVING if is_open else NOT_SERVING)


def _try_port(host: str, port: int) -> None:
    """Raise OSError where the address cannot be bound: gRPC itself would not say why."""
    family, type_, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, type_, protocol) as probe:
        # As gRPC binds: connections of an earlier process that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
