"""Puts a worker together: settings, media plane, rooms, gRPC server. The only place that does."""

import secrets
import time

from services.common.ids import ConsumerId, ProducerId, TransportId, WorkerId
from services.common.log import get_logger
from services.sfu.config import SfuSettings
from services.sfu.control.server import ControlServer
from services.sfu.control.worker import Worker, WorkerConfig
from services.sfu.core.port import TransportState
from services.sfu.media.plane import MediaConfig, MediaPlane
from services.sfu.media.sdp.text import SdpText

log = get_logger("sfu")


class App:
    """One worker. `start` it on the running loop; `stop` frees everything it holds."""

    def __init__(self, settings: SfuSettings) -> None:
        """Raises ValueError for advertised addresses that no client could use."""
        self._settings = settings
        relay = _Relay()
        self._media = MediaPlane(
            MediaConfig(
                host=settings.media_host,
                port=settings.media_port,
                advertised_addresses=settings.advertised_addresses,
            ),
            relay,
        )
        worker = Worker(
            WorkerConfig(
                worker_id=WorkerId(settings.worker_id),
                worker_epoch=secrets.token_hex(8),
                max_peers=settings.max_participants,
                waiting_ms=settings.waiting_ms,
                grace_ms=settings.grace_ms,
            ),
            self._media,
            SdpText(),
            clock_ms=lambda: time.monotonic_ns() // 1_000_000,
        )
        relay.worker = worker
        self._server = ControlServer(worker, settings.grpc_host, settings.grpc_port)

    @property
    def grpc_address(self) -> str:
        """ "host:port" as gateways call it; the port is known once started."""
        return self._server.address

    async def start(self) -> None:
        """Bind both ports and serve. Raises OSError where one is not to be had."""
        try:
            await self._media.start()
        except OSError as error:
            port = self._settings.media_port
            text = f"cannot receive media on port {port} (SFU_MEDIA_HOST, SFU_MEDIA_PORT): {error}"
            raise OSError(text) from error
        await self._server.start()
        log.info(
            "sfu.started",
            worker_id=self._settings.worker_id,
            grpc_address=self.grpc_address,
            media_address=self._media.media_address,
        )

    async def stop(self) -> None:
        """Refuse new calls, end streams, say goodbye on every transport, join the engine."""
        try:
            await self._server.stop(self._settings.stop_grace_ms / 1000)
        finally:
            await self._media.close()


class _Relay:
    """Lets the media plane, which comes first, tell the worker, which needs it."""

    worker: Worker

    def transport_changed(self, transport_id: TransportId, state: TransportState) -> None:
        self.worker.listener.transport_changed(transport_id, state)

    def transport_failed(self, transport_id: TransportId, reason: str) -> None:
        self.worker.listener.transport_failed(transport_id, reason)

    def encoding_changed(self, producer_id: ProducerId, layer: int, active: bool) -> None:
        self.worker.listener.encoding_changed(producer_id, layer, active)

    def consumer_layer_changed(self, consumer_id: ConsumerId, layer: int) -> None:
        self.worker.listener.consumer_layer_changed(consumer_id, layer)
