"""Puts a gateway together: settings, workers, sockets. The only place that does."""

import asyncio
import secrets
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from services.common.ids import GatewayId
from services.common.log import get_logger
from services.gateway.config import GatewaySettings
from services.gateway.core.ice import IceConfig
from services.gateway.core.limit import Limits
from services.gateway.core.quota import QuotaLimits
from services.gateway.core.resume import derive_key
from services.gateway.edge.connection import EdgeConfig
from services.gateway.edge.door import DoorConfig
from services.gateway.edge.fetch import fetch
from services.gateway.edge.heartbeat import HeartbeatTimes
from services.gateway.edge.key_set import KeySet, KeySetTimes
from services.gateway.edge.outbox import OutboxLimits
from services.gateway.edge.server import EdgeServer
from services.gateway.edge.static import StaticFiles
from services.gateway.edge.ticket import TicketOffice
from services.gateway.edge.token import Expected, TokenVerifier
from services.gateway.upstream.fleet import Fleet
from services.gateway.upstream.link import Patience

log = get_logger("gateway")


class App:
    """One gateway. `start` it on the running loop; `stop` frees everything it holds."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Raises OSError or ssl.SSLError for a certificate that cannot be used."""
        self._settings = settings
        self._tls = _tls(settings)
        self.fleet = Fleet(
            settings.worker_addresses,
            GatewayId(f"g-{secrets.token_hex(8)}"),
            Patience(
                silence_s=settings.worker_silence_ms / 1000,
                call_s=settings.call_timeout_ms / 1000,
            ),
        )
        self._verifier = _verifier(settings)
        self._edge = EdgeServer(
            _edge_config(settings),
            self._verifier,
            self.fleet,
            StaticFiles(settings.console_dir),
        )
        self._running: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        """The port of browsers; known once started."""
        return self._edge.port

    @property
    def is_ready(self) -> bool:
        """Whether a client could come in now, and find a worker."""
        return self._edge.readiness().is_ready

    @property
    def turned_away(self) -> Mapping[str, int]:
        """How often what was turned away at the door, since the start."""
        return self._edge.turned_away

    async def start(self) -> None:
        """Listen, and keep a watch on the workers. Raises OSError where the port is taken."""
        await self._edge.start(self._settings.host, self._settings.port, self._tls)
        self._running = [
            asyncio.create_task(self.fleet.run()),
            asyncio.create_task(self._verifier.run()),
        ]
        log.info(
            "gateway.started",
            host=self._settings.host,
            port=self.port,
            tls=self._tls is not None,
            workers=self._settings.worker_addresses,
        )

    async def stop(self) -> None:
        """Send every client away, then let go of the workers."""
        await self._edge.stop(self._settings.drain_spread_ms)
        for task in self._running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.fleet.close()
        log.info("gateway.stopped")


def _verifier(settings: GatewaySettings) -> TokenVerifier:
    keys = None
    if settings.jwks_url is not None:
        parts = urlsplit(settings.jwks_url)
        keys = KeySet(
            # A query may hold a key of its own.
            name=f"{parts.scheme}://{parts.netloc}{parts.path}",
            source=partial(fetch, settings.jwks_url),
            times=KeySetTimes(
                refresh_s=settings.jwks_refresh_ms / 1000,
                fetch_s=settings.jwks_timeout_ms / 1000,
                cooldown_s=settings.jwks_cooldown_ms / 1000,
            ),
        )
    return TokenVerifier(
        settings.jwt_secret.get_secret_value() if settings.jwt_secret else None,
        keys,
        Expected(settings.jwt_issuer, settings.jwt_audience),
    )


def _edge_config(settings: GatewaySettings) -> EdgeConfig:
    return EdgeConfig(
        tickets=TicketOffice(_resume_key(settings), settings.rejoin_within_s),
        limits=Limits(
            auth_timeout_s=settings.auth_timeout_ms / 1000,
            messages_per_s=settings.messages_per_s,
            message_burst=settings.message_burst,
            flood_messages=settings.flood_messages,
            bad_frames=settings.bad_frames,
            waiting_requests=settings.waiting_requests,
            heartbeat_interval_ms=settings.ping_interval_ms,
        ),
        outbox=OutboxLimits(
            messages=settings.send_queue_messages,
            bytes=settings.send_queue_bytes,
            flush_s=settings.flush_timeout_ms / 1000,
        ),
        heartbeat=HeartbeatTimes(
            interval_s=settings.ping_interval_ms / 1000, timeout_s=settings.ping_timeout_ms / 1000
        ),
        ice=IceConfig(
            stun_urls=settings.stun_urls,
            turn_urls=settings.turn_urls,
            turn_secret=settings.turn_secret.get_secret_value() if settings.turn_secret else "",
            turn_ttl_s=settings.turn_ttl_s,
        ),
        max_message_bytes=settings.max_message_bytes,
        door=DoorConfig(
            quota=QuotaLimits(
                connections=settings.connections_per_address,
                connects_per_s=settings.connects_per_address_per_s,
                connect_burst=settings.connect_burst_per_address,
                messages_per_s=settings.messages_per_address_per_s,
                message_burst=settings.message_burst_per_address,
            ),
            max_connections=settings.max_connections,
            max_lobby=settings.max_http_connections,
            trusted_proxies=tuple(settings.trusted_proxies),
        ),
        origins=settings.allowed_origins,
        handshake_timeout_s=settings.handshake_timeout_ms / 1000,
    )


def _resume_key(settings: GatewaySettings) -> bytes:
    secret = settings.resume_secret or settings.jwt_secret
    assert secret is not None
    return derive_key(secret.get_secret_value().encode())


def _tls(settings: GatewaySettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context
