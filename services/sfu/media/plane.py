"""The media side of a worker: implements `core.port.Media` on the engine and aiortc."""

import errno
import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from invigil_engine import Engine

from services.common.ids import ConsumerId, ProducerId, TransportId
from services.common.log import get_logger
from services.sfu.core.port import (
    ConsumerSpec,
    ConsumerStats,
    DtlsParameters,
    DtlsRole,
    EncodingStats,
    IceParameters,
    MediaListener,
    ProducerSpec,
    TransportOffer,
    TransportState,
    TransportStats,
)
from services.sfu.core.score import Sample
from services.sfu.media.address import advertised_addresses, authority, ice_candidates
from services.sfu.media.driver import Driver
from services.sfu.media.dtls import WorkerCertificate
from services.sfu.media.transport import Transport

log = get_logger("sfu.media")

# RFC 8445, section 5.3 wants 24 and 128 bits; the fragment also names the transport among all of
# the worker's, so it gets 64. Hexadecimal, because ice-char has neither "-" nor "_".
_UFRAG_BYTES = 8
_PASSWORD_BYTES = 16
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
# Beside those of the engine; the failures are the reasons of MediaListener.transport_failed.
_COUNTERS = (
    "dtls_datagrams_dropped",
    "transports_connected",
    "transports_failed_dtls_closed",
    "transports_failed_dtls_failed",
    "transports_failed_dtls_timeout",
    "transports_failed_engine_fault",
    "transports_failed_fingerprint_mismatch",
)


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """Where media is received and how long things may take."""

    # An address literal; "" takes both families, or IPv4 alone where the machine has no IPv6.
    host: str = ""
    # 0 takes a free one.
    port: int = 40_000
    # Addresses or host names put into candidates; none: the one of the default route.
    advertised_addresses: tuple[str, ...] = ()
    # From the moment that ICE is connected and the client's fingerprints are known.
    dtls_timeout_ms: int = 10_000
    # Without a valid STUN check for this long a transport is disconnected (RFC 7675).
    consent_timeout_ms: int = 30_000
    stats_timeout_ms: int = 1_000


class MediaPlane:
    """`start` it on the event loop that all calls come from; `close` frees everything."""

    def __init__(self, config: MediaConfig, listener: MediaListener) -> None:
        """Raises ValueError for advertised addresses that no client could use."""
        self._config = config
        self._listener = listener
        self._addresses = advertised_addresses(config.advertised_addresses)
        self._certificate = WorkerCertificate.generateCertificate()
        self._transports: dict[TransportId, Transport] = {}
        self._counts = Counter(dict.fromkeys(_COUNTERS, 0))
        self._started: Driver | None = None

    async def start(self) -> None:
        """Bind the port and start the engine. Raises OSError when the port is not to be had."""
        engine = _open_engine(self._config)
        self._started = Driver(engine, self, self._config.stats_timeout_ms)
        log.info("sfu.media.listening", port=engine.port, advertised=list(self._addresses))

    async def close(self) -> None:
        """Say goodbye on every transport and end the engine. Twice is fine."""
        for transport_id in tuple(self._transports):
            # An engine that has stopped takes no commands.
            with suppress(RuntimeError):
                self.close_transport(transport_id)
        if self._started is not None:
            driver, self._started = self._started, None
            await driver.close()

    @property
    def _driver(self) -> Driver:
        if self._started is None:
            raise RuntimeError("the media plane is not running")
        return self._started

    # Media: what core and control ask.

    def create_transport(self, transport_id: TransportId) -> TransportOffer:
        ice = _credentials()
        driver = self._driver
        driver.add_transport(transport_id, ice)
        self._transports[transport_id] = Transport(
            self._certificate,
            send=partial(driver.send_dtls, transport_id),
            set_keys=partial(driver.set_keys, transport_id),
            changed=partial(self._changed, transport_id),
            failed=partial(self._fail, transport_id),
            dtls_timeout_ms=self._config.dtls_timeout_ms,
        )
        return TransportOffer(
            ice_parameters=ice,
            ice_candidates=ice_candidates(self._addresses, driver.port),
            dtls_parameters=DtlsParameters(DtlsRole.AUTO, (self._certificate.sha256(),)),
        )

    def connect_transport(self, transport_id: TransportId, remote: DtlsParameters) -> None:
        self._transports[transport_id].connect(remote)

    def restart_ice(self, transport_id: TransportId) -> IceParameters:
        ice = _credentials()
        self._driver.restart_ice(transport_id, ice)
        return ice

    def close_transport(self, transport_id: TransportId) -> None:
        transport = self._transports.pop(transport_id, None)
        if transport is None:
            return
        self._counts["dtls_datagrams_dropped"] += transport.dtls_datagrams_dropped
        try:
            transport.close()
        except Exception:
            # The goodbye is a courtesy; freeing is not.
            log.exception("sfu.media.goodbye_failed", transport_id=transport_id)
        self._driver.remove_transport(transport_id)

    def add_producer(self, spec: ProducerSpec) -> None:
        self._driver.add_producer(spec)

    def pause_producer(self, producer_id: ProducerId) -> None:
        self._driver.pause_producer(producer_id)

    def resume_producer(self, producer_id: ProducerId) -> None:
        self._driver.resume_producer(producer_id)

    def remove_producer(self, producer_id: ProducerId) -> None:
        self._driver.remove_producer(producer_id)

    def add_consumer(self, spec: ConsumerSpec) -> None:
        self._driver.add_consumer(spec)

    def pause_consumer(self, consumer_id: ConsumerId) -> None:
        self._driver.pause_consumer(consumer_id)

    def resume_consumer(self, consumer_id: ConsumerId) -> None:
        self._driver.resume_consumer(consumer_id)

    def remove_consumer(self, consumer_id: ConsumerId) -> None:
        self._driver.remove_consumer(consumer_id)

    def set_consumer_layer(self, consumer_id: ConsumerId, layer: int) -> None:
        self._driver.set_consumer_layer(consumer_id, layer)

    def request_key_frame(self, consumer_id: ConsumerId) -> None:
        self._driver.request_key_frame(consumer_id)

    async def consumer_stats(self, consumer_id: ConsumerId) -> ConsumerStats:
        return await self._driver.consumer_stats(consumer_id)

    async def audio_levels(self) -> Mapping[ProducerId, int]:
        return await self._driver.audio_levels()

    async def producer_stats(self, producer_id: ProducerId) -> tuple[EncodingStats, ...]:
        return await self._driver.producer_stats(producer_id)

    async def transport_stats(self, transport_id: TransportId) -> TransportStats:
        transport = self._transports[transport_id]
        counts = await self._driver.transport_stats(transport_id)
        return TransportStats(
            packets_received=counts["packets_received"],
            bytes_received=counts["bytes_received"],
            packets_sent=counts["packets_sent"],
            bytes_sent=counts["bytes_sent"],
            ice_state=transport.ice_state,
            dtls_state=transport.dtls_state,
        )

    async def sample(self) -> Sample:
        return await self._driver.sample()

    def transport_state(self, transport_id: TransportId) -> TransportState:
        return self._transports[transport_id].state

    def counters(self) -> Mapping[str, int]:
        """The engine's counters, and those of `_COUNTERS`."""
        counts = self._driver.counters() | self._counts
        for transport in self._transports.values():
            counts["dtls_datagrams_dropped"] += transport.dtls_datagrams_dropped
        return counts

    def engine_tick(self) -> int:
        return self._driver.tick()

    @property
    def media_address(self) -> str:
        return authority(self._addresses[0], self._driver.port)

    # EventSink: what the engine tells.

    def dtls_received(self, transport_id: TransportId, datagram: bytes) -> None:
        self._transports[transport_id].dtls_received(datagram)

    def ice_connected(self, transport_id: TransportId, remote: str) -> None:
        log.debug("sfu.media.ice_connected", transport_id=transport_id, remote=remote)
        self._transports[transport_id].ice_connected()

    def ice_disconnected(self, transport_id: TransportId) -> None:
        self._transports[transport_id].ice_disconnected()

    def engine_failed(self, transport_id: TransportId) -> None:
        self._fail(transport_id, "ENGINE_FAULT")

    def encoding_changed(self, producer_id: ProducerId, layer: int, active: bool) -> None:
        self._listener.encoding_changed(producer_id, layer, active)

    def consumer_layer_changed(self, consumer_id: ConsumerId, layer: int) -> None:
        self._listener.consumer_layer_changed(consumer_id, layer)

    def _changed(self, transport_id: TransportId, state: TransportState) -> None:
        log.info("sfu.media.transport_changed", transport_id=transport_id, state=state.value)
        if state is TransportState.CONNECTED:
            self._counts["transports_connected"] += 1
        self._listener.transport_changed(transport_id, state)

    def _fail(self, transport_id: TransportId, reason: str) -> None:
        if transport_id not in self._transports:
            return
        log.warning("sfu.media.transport_failed", transport_id=transport_id, reason=reason)
        self._counts[f"transports_failed_{reason.lower()}"] += 1
        self.close_transport(transport_id)
        try:
            self._listener.transport_failed(transport_id, reason)
        except Exception:
            log.exception("sfu.media.listener_fault", transport_id=transport_id)


def _credentials() -> IceParameters:
    return IceParameters(secrets.token_hex(_UFRAG_BYTES), secrets.token_hex(_PASSWORD_BYTES))


def _open_engine(config: MediaConfig) -> Engine:
    if config.host:
        return _engine(config, config.host)
    try:
        return _engine(config, "::")
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
        log.info("sfu.media.no_ipv6", error=str(error))
        return _engine(config, "0.0.0.0")


def _engine(config: MediaConfig, address: str) -> Engine:
    return Engine(address=address, port=config.port, consent_timeout_ms=config.consent_timeout_ms)
