"""The engine's driver: ids in place of handles, events as calls."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from invigil_engine import Engine

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId, ProducerId, TransportId
from services.common.log import get_logger
from services.sfu.core.port import (
    ConsumerSpec,
    ConsumerStats,
    EncodingStats,
    Extension,
    IceParameters,
    Kind,
    ProducerSpec,
)
from services.sfu.core.score import Sample
from services.sfu.media.dtls import SrtpKeys
from services.sfu.media.ledger import Ledger
from services.sfu.media.sample import read_sample

if TYPE_CHECKING:
    # Names of the stub, which the native module does not have.
    from invigil_engine import Event, ExtensionName

log = get_logger("sfu.media")

_TOKENS = 2**32
# Handles are given from 0 upwards.
_NO_CONSUMER = 2**32 - 1
# Events that answer a question, by its token.
_ANSWERS = ("audio_levels", "consumer_stats", "producer_stats", "transport_stats", "sample")
# Events whose number is no transport's handle.
_NOT_OF_TRANSPORTS = (*_ANSWERS, "encoding", "consumer_layer")
# For how many producers the engine can be given room.
_MOST_PRODUCERS = 2**16 - 1


class EventSink(Protocol):
    """Whom the driver tells. An exception in one of these costs the transport that it was about,
    if it was about one."""

    def dtls_received(self, transport_id: TransportId, datagram: bytes) -> None: ...
    def ice_connected(self, transport_id: TransportId, remote: str) -> None: ...
    def ice_disconnected(self, transport_id: TransportId) -> None: ...
    def engine_failed(self, transport_id: TransportId) -> None: ...
    def encoding_changed(self, producer_id: ProducerId, layer: int, active: bool) -> None: ...
    def consumer_layer_changed(self, consumer_id: ConsumerId, layer: int) -> None: ...


class Driver:
    """Programs one engine and reads its events on the event loop."""

    def __init__(self, engine: Engine, sink: EventSink, stats_timeout_ms: int) -> None:
        self._engine = engine
        self._sink = sink
        self._stats_timeout_ms = stats_timeout_ms
        self._ledger = Ledger()
        # By token, with the answer as the engine gives it.
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._next_token = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(engine.fileno(), self._read_events)

    @property
    def port(self) -> int:
        return self._engine.port

    def tick(self) -> int:
        return self._engine.tick()

    def counters(self) -> dict[str, int]:
        return self._engine.counters()

    async def close(self) -> None:
        """Let the engine carry out what was asked of it, then end its thread."""
        try:
            # Commands take effect in order: an answer shows that those before it (close_notify, for
            # one) have. That no consumer has this handle does not matter.
            await self._answer_to(partial(self._engine.request_consumer_stats, _NO_CONSUMER))
        except (TimeoutError, RuntimeError):
            log.warning("sfu.media.engine_silent_at_the_end")
        self._loop.remove_reader(self._engine.fileno())
        for future in self._pending.values():
            if not future.done():
                future.set_exception(TimeoutError())
        # It joins a thread, which must not stop the event loop.
        await asyncio.to_thread(self._engine.stop)

    def add_transport(self, transport_id: TransportId, ice: IceParameters) -> None:
        handle = self._ledger.add_transport(transport_id)
        try:
            self._engine.add_transport(handle, ufrag=ice.username_fragment, password=ice.password)
        except Exception:
            self._ledger.remove_transport(transport_id)
            raise

    def restart_ice(self, transport_id: TransportId, ice: IceParameters) -> None:
        self._engine.restart_ice(
            self._ledger.transports.handle(transport_id),
            ufrag=ice.username_fragment,
            password=ice.password,
        )

    def set_keys(self, transport_id: TransportId, keys: SrtpKeys) -> None:
        self._engine.set_keys(
            self._ledger.transports.handle(transport_id),
            profile=keys.profile,
            receive_key=keys.receive_key,
            receive_salt=keys.receive_salt,
            send_key=keys.send_key,
            send_salt=keys.send_salt,
        )

    def send_dtls(self, transport_id: TransportId, datagram: bytes) -> None:
        self._engine.send_dtls(self._ledger.transports.handle(transport_id), datagram)

    def remove_transport(self, transport_id: TransportId) -> None:
        handle = self._ledger.remove_transport(transport_id)
        if handle is not None:
            self._engine.remove_transport(handle)

    def add_producer(self, spec: ProducerSpec) -> None:
        handle = self._ledger.add_producer(spec.producer_id, spec.transport_id)
        try:
            self._engine.add_producer(
                handle,
                self._ledger.transports.handle(spec.transport_id),
                video=spec.kind is Kind.VIDEO,
                mid=spec.mid,
                codecs=[
                    (codec.name, codec.payload_type, codec.clock_rate, codec.rtx_payload_type)
                    for codec in spec.codecs
                ],
                encodings=[(one.ssrc, one.rtx_ssrc, one.rid) for one in spec.encodings],
                extensions=_extension_names(spec.extension_ids),
                nack=spec.nack,
                transport_cc=spec.transport_cc,
                paused=spec.paused,
            )
        except Exception:
            self._ledger.remove_producer(spec.producer_id)
            raise

    def pause_producer(self, producer_id: ProducerId) -> None:
        self._engine.pause_producer(self._ledger.producers.handle(producer_id))

    def resume_producer(self, producer_id: ProducerId) -> None:
        self._engine.resume_producer(self._ledger.producers.handle(producer_id))

    def remove_producer(self, producer_id: ProducerId) -> None:
        handle = self._ledger.remove_producer(producer_id)
        if handle is not None:
            self._engine.remove_producer(handle)

    def add_consumer(self, spec: ConsumerSpec) -> None:
        handle = self._ledger.add_consumer(spec.consumer_id, spec.producer_id, spec.transport_id)
        try:
            self._engine.add_consumer(
                handle,
                self._ledger.producers.handle(spec.producer_id),
                self._ledger.transports.handle(spec.transport_id),
                mid=spec.mid,
                ssrc=spec.ssrc,
                rtx_ssrc=spec.rtx_ssrc,
                codecs=[
                    (codec.producer_payload_type, codec.payload_type, codec.rtx_payload_type)
                    for codec in spec.codecs
                ],
                extensions=_extension_names(spec.extension_ids),
                cname=spec.cname,
                layer=spec.layer,
                paused=spec.paused,
            )
        except Exception:
            self._ledger.remove_consumer(spec.consumer_id)
            raise

    def pause_consumer(self, consumer_id: ConsumerId) -> None:
        self._engine.pause_consumer(self._ledger.consumers.handle(consumer_id))

    def resume_consumer(self, consumer_id: ConsumerId) -> None:
        self._engine.resume_consumer(self._ledger.consumers.handle(consumer_id))

    def remove_consumer(self, consumer_id: ConsumerId) -> None:
        handle = self._ledger.remove_consumer(consumer_id)
        if handle is not None:
            self._engine.remove_consumer(handle)

    def set_consumer_layer(self, consumer_id: ConsumerId, layer: int) -> None:
        self._engine.set_consumer_layer(self._ledger.consumers.handle(consumer_id), layer)

    def request_key_frame(self, consumer_id: ConsumerId) -> None:
        self._engine.request_key_frame(self._ledger.consumers.handle(consumer_id))

    async def consumer_stats(self, consumer_id: ConsumerId) -> ConsumerStats:
        """Raises KeyError for an unknown id, Refusal NOT_FOUND when it ends meanwhile, and
        Refusal UNAVAILABLE when the engine does not answer in time; so do the next two."""
        handle = self._ledger.consumers.handle(consumer_id)
        stats = await self._ask(partial(self._engine.request_consumer_stats, handle))
        if stats is None:
            raise Refusal(Code.NOT_FOUND, "CONSUMER_NOT_FOUND", "The consumer has ended.")
        return _consumer_stats(stats)

    async def audio_levels(self) -> dict[ProducerId, int]:
        """Raises Refusal UNAVAILABLE when the engine does not answer in time."""
        producers = min(len(self._ledger.producers), _MOST_PRODUCERS)

        def request(token: int) -> None:
            self._engine.request_audio_levels(token, producers)

        levels: list[tuple[int, int]] = await self._ask(request)
        found = self._ledger.producers.key
        # The answer may cross the removal of a producer.
        return {id_: level for handle, level in levels if (id_ := found(handle)) is not None}

    async def producer_stats(self, producer_id: ProducerId) -> tuple[EncodingStats, ...]:
        handle = self._ledger.producers.handle(producer_id)
        stats = await self._ask(partial(self._engine.request_producer_stats, handle))
        if stats is None:
            raise Refusal(Code.NOT_FOUND, "PRODUCER_NOT_FOUND", "The producer has ended.")
        return tuple(map(_encoding_stats, stats))

    async def transport_stats(self, transport_id: TransportId) -> Mapping[str, int]:
        """packets_received, bytes_received, packets_sent, bytes_sent."""
        handle = self._ledger.transports.handle(transport_id)
        stats: Mapping[str, int] | None = await self._ask(
            partial(self._engine.request_transport_stats, handle)
        )
        if stats is None:
            raise Refusal(Code.NOT_FOUND, "TRANSPORT_NOT_FOUND", "The transport is closed.")
        return stats

    async def sample(self) -> Sample:
        """Raises Refusal UNAVAILABLE when the engine does not answer in time."""
        producers = min(len(self._ledger.producers), _MOST_PRODUCERS)
        count = len(self._ledger.consumers)
        encodings, consumers = await self._ask(
            lambda token: self._engine.request_sample(token, producers, count)
        )
        return await read_sample(encodings, consumers, self._ledger)

    async def _ask(self, request: Callable[[int], None]) -> Any:
        try:
            return await self._answer_to(request)
        except TimeoutError:
            raise _silent() from None

    async def _answer_to(self, request: Callable[[int], None]) -> Any:
        """`request` is given the token of the answer. Raises TimeoutError."""
        token = self._next_token
        self._next_token = (token + 1) % _TOKENS
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._pending[token] = answer
        try:
            request(token)
            async with asyncio.timeout(self._stats_timeout_ms / 1000):
                return await answer
        finally:
            del self._pending[token]

    def _read_events(self) -> None:
        for event in self._engine.drain():
            try:
                self._dispatch(event)
            except Exception:
                log.exception("sfu.media.event_failed", event_name=event[0])
                self._fail(event)

    def _dispatch(self, event: "Event") -> None:
        if event[0] in _NOT_OF_TRANSPORTS:
            self._dispatch_other(event)
            return
        transport_id = self._ledger.transports.key(event[1])
        if transport_id is None:
            # The event crossed the removal of its transport.
            return
        match event:
            case ("dtls", _, bytes(datagram)):
                self._sink.dtls_received(transport_id, datagram)
            case ("ice", _, "connected", str(remote)):
                self._sink.ice_connected(transport_id, remote)
            case ("ice", _, "disconnected", *_):
                self._sink.ice_disconnected(transport_id)
            case ("transport_failed", _, _):
                self._sink.engine_failed(transport_id)
            case _:
                log.error("sfu.media.event_unknown", event_name=event[0])

    def _dispatch_other(self, event: "Event") -> None:
        match event:
            case (name, token, answer) if name in _ANSWERS:
                future = self._pending.get(token)
                if future is not None and not future.done():
                    future.set_result(answer)
            # Events may cross the removal of what they are about.
            case ("encoding", handle, int(layer), str(state)):
                producer_id = self._ledger.producers.key(handle)
                if producer_id is not None:
                    self._sink.encoding_changed(producer_id, layer, state == "active")
            case ("consumer_layer", handle, int(layer)):
                consumer_id = self._ledger.consumers.key(handle)
                if consumer_id is not None:
                    self._sink.consumer_layer_changed(consumer_id, layer)

    def _fail(self, event: "Event") -> None:
        transport_id = None
        if event[0] not in _NOT_OF_TRANSPORTS:
            transport_id = self._ledger.transports.key(event[1])
        if transport_id is not None:
            self._sink.engine_failed(transport_id)


def _silent() -> Refusal:
    return Refusal(Code.UNAVAILABLE, "ENGINE_SILENT", "The media engine does not answer.")


def _extension_names(ids: Mapping[Extension, int]) -> "dict[ExtensionName, int]":
    return {extension.value: number for extension, number in ids.items()}


def _consumer_stats(stats: Mapping[str, int]) -> ConsumerStats:
    return ConsumerStats(
        packets_received=stats["packets_received"],
        packets_sent=stats["packets_sent"],
        packets_retransmitted=stats["packets_retransmitted"],
        nacks_received=stats["nacks_received"],
        key_frame_requests_sent=stats["key_frame_requests_sent"],
        waiting_for_key_frame=bool(stats["waiting_for_key_frame"]),
        round_trip_ms=stats.get("round_trip_ms"),
        layer=stats.get("layer", stats["target_layer"]),
    )


def _encoding_stats(stats: Mapping[str, int]) -> EncodingStats:
    return EncodingStats(
        ssrc=stats.get("ssrc"),
        packets_received=stats["packets_received"],
        bytes_received=stats["bytes_received"],
        packets_lost=stats["packets_lost"],
        packets_repaired=stats.get("packets_repaired"),
        jitter_us=stats.get("jitter_micros"),
        nacks_sent=stats["nacks_sent"],
        key_frame_requests_sent=stats["key_frame_requests_sent"],
    )
