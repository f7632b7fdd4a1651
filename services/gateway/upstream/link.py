"""One worker as this gateway reaches it: its calls, and its Watch stream while it lives."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.trace import Span, SpanKind

from services.common.errors import Code, Refusal
from services.common.ids import ConnectionId, GatewayId, SessionId, WatchId
from services.common.log import get_logger
from services.common.rpc.interceptor import client_interceptors
from services.common.rpc.size import MAX_REPLY_BYTES, MAX_REQUEST_BYTES
from services.common.rpc.status import refusal_of
from services.common.telemetry import context_from_traceparent, tracer
from services.gateway.core.effect import Admitted, EventArrived, SessionEnded, WorkerLost
from services.gateway.core.port import News
from services.gateway.upstream.ended import EndedSessions
from services.gateway.upstream.event import event_from_pb, unknown_fields
from services.gateway.upstream.settings import SettingsBook
from services.pb.invigil.sfu.v1 import event_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.pb.invigil.sfu.v1.sfu_service_pb2_grpc import SfuServiceStub

# The worker allows pings this often; half-open connections show within 25 s, silent ones earlier by
# the missing heartbeat.
CHANNEL_OPTIONS = [
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # By default gRPC waits up to two minutes before it tries a worker again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", MAX_REPLY_BYTES),
    ("grpc.max_send_message_length", MAX_REQUEST_BYTES),
    # A proxy of the environment is for the outside world.
    ("grpc.enable_http_proxy", 0),
]

FIRST_RETRY_S = 0.1
LAST_RETRY_S = 2.0

# Clients of a lost worker come back one a millisecond, within this time.
MAX_SPREAD_MS = 1000

MAX_UNKNOWN_KINDS = 64

_log = get_logger("gateway.upstream")
_tracer = tracer("services.gateway")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long this gateway waits for a worker, in seconds."""

    # The worker's heartbeat comes once a second.
    silence_s: float = 3.0
    call_s: float = 5.0
    describe_s: float = 1.0
    # The watch of a worker that is there; a gateway that has just started has none yet.
    reconnect_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Watch:
    """One life of the stream. `worker_epoch` names the run of the worker's process."""

    watch_id: WatchId
    worker_id: str
    worker_epoch: str


class Link:
    """
    A worker, reached at `address` for the life of the gateway.

    The owner runs `run` as a task and closes the link after it. Connections are told the worker's
    news of their sessions through `tell`, synchronously and in order, until they are forgotten or
    the watch ends.
    """

    def __init__(
        self,
        address: str,
        gateway_id: GatewayId,
        patience: Patience,
        on_described: Callable[["Link", pb.DescribeResponse], None],
        settings: SettingsBook["Link"],
        ended: EndedSessions,
    ) -> None:
        self.address = address
        self.patience = patience
        self._gateway_id = gateway_id
        self._on_described = on_described
        self._settings = settings
        self._ended = ended
        self._channel = grpc.aio.insecure_channel(
            address, options=CHANNEL_OPTIONS, interceptors=client_interceptors()
        )
        self._stub = SfuServiceStub(self._channel)
        self._watch: Watch | None = None
        self._is_draining = False
        self._is_live = asyncio.Event()
        # The question which run of the worker's process it is, while it is under way.
        self._asking: asyncio.Task[str | None] | None = None
        self._tell: dict[ConnectionId, Callable[[News], None]] = {}
        self._heard_at = 0.0
        # Fields of events that only a newer worker knows.
        self._unknown: set[tuple[int, ...]] = set()

    @property
    def watch(self) -> Watch | None:
        """The live stream; None while the worker cannot be trusted."""
        return self._watch

    @property
    def takes_rooms(self) -> bool:
        """Whether a new room may go to this worker."""
        return self._watch is not None and not self._is_draining

    def heard_ms_ago(self) -> int:
        """Milliseconds since the worker's last message."""
        return max(0, round((asyncio.get_running_loop().time() - self._heard_at) * 1000))

    def attach(self, connection_id: ConnectionId, tell: Callable[[News], None]) -> None:
        """Tell this connection's news from now on."""
        self._tell[connection_id] = tell

    def forget(self, connection_id: ConnectionId) -> None:
        """Tell nothing more to this connection."""
        self._tell.pop(connection_id, None)

    async def call(self, method: str, message: Any, timeout_s: float | None = None) -> Any:
        """A unary call of the worker's service. Raises Refusal; bounded in time."""
        try:
            return await getattr(self._stub, method)(
                message, timeout=timeout_s or self.patience.call_s
            )
        except grpc.aio.AioRpcError as error:
            raise refusal_of(error) from error

    async def describe(self) -> pb.DescribeResponse:
        """What the worker holds. Raises Refusal where it cannot be reached in a second."""
        response: pb.DescribeResponse = await self.call(
            "Describe", pb.DescribeRequest(), self.patience.describe_s
        )
        self._is_draining = response.draining
        self._on_described(self, response)
        return response

    async def current_run(self) -> str | None:
        """Names the run of the worker's process, be its watch live or not; None: out of reach.

        Bounded in time. Any number may ask at once: the worker is asked once.
        """
        if self._watch is not None:
            return self._watch.worker_epoch
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_run())
        return await asyncio.shield(self._asking)

    async def _ask_run(self) -> str | None:
        try:
            return (await self.describe()).worker_epoch
        except Refusal:
            return None

    async def comes_alive(self) -> bool:
        """Whether the watch is live, or is within the time that a reconnection takes."""
        try:
            async with asyncio.timeout(self.patience.reconnect_s):
                await self._is_live.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Keep a watch on the worker, for ever."""
        retry_s = FIRST_RETRY_S
        while True:
            if await self._watch_once():
                retry_s = FIRST_RETRY_S
            await asyncio.sleep(retry_s * random.uniform(0.5, 1.5))
            retry_s = min(LAST_RETRY_S, retry_s * 2)

    async def close(self) -> None:
        """Free the channel."""
        await self._channel.close()

    async def _watch_once(self) -> bool:
        """One life of the stream; whether it was live."""
        was_live = False
        stream = self._stub.Watch(pb.WatchRequest(gateway_id=self._gateway_id))
        try:
            started = await self._read(stream)
            if started.WhichOneof("message") != "started":
                raise Refusal(Code.INTERNAL, "BAD_STREAM", "The watch did not begin as it should.")
            await self._begin(started.started)
            was_live = True
            while True:
                self._take(await self._read(stream))
        except (grpc.aio.AioRpcError, Refusal, TimeoutError, EndOfStream) as error:
            _log.warning(
                "gateway.watch.lost" if was_live else "gateway.watch.failed",
                worker=self.address,
                problem=_problem(error),
            )
        except Exception:
            _log.exception("gateway.watch.broken", worker=self.address)
        finally:
            stream.cancel()
            self._end()
        return was_live

    async def _read(self, stream: Any) -> pb.WatchResponse:
        async with asyncio.timeout(self.patience.silence_s):
            message = await stream.read()
        if not isinstance(message, pb.WatchResponse):
            raise EndOfStream
        self._heard_at = asyncio.get_running_loop().time()
        return message

    async def _begin(self, started: pb.WatchStarted) -> None:
        # The rooms that the worker has must be known before anyone is sent elsewhere with them.
        await self.describe()
        self._watch = Watch(WatchId(started.watch_id), started.worker_id, started.worker_epoch)
        self._is_live.set()
        _log.info("gateway.watch.live", worker=self.address, worker_id=started.worker_id)

    def _take(self, message: pb.WatchResponse) -> None:
        match message.WhichOneof("message"):
            case "event":
                self._take_event(message.event)
            case "admitted":
                self._news(_connection_of(message.admitted), Admitted())
            case "room_settings":
                self._settings.keep(message.room_settings, self)
            case "ended":
                ended = message.ended
                self._ended.note(SessionId(ended.session_id), ended.reason, ended.generation)
                connection_id = _connection_of(ended)
                self._news(connection_id, SessionEnded(ended.reason, ended.message))
                self.forget(connection_id)
            case _:
                pass

    def _take_event(self, message: event_pb2.SessionEvent) -> None:
        try:
            event = event_from_pb(message)
        except (KeyError, ValueError):
            # The session notices the gap at its next event.
            _log.exception("gateway.event.not_understood", session_id=message.session_id)
            return
        if event is None or event.payload is None:
            self._note_unknown(unknown_fields(message))
        if event is None:
            return
        what = event.payload.type if event.payload is not None else "unknown"
        with _caused_by(message.traceparent, what):
            self._news(_connection_of(message), EventArrived(event))

    def _note_unknown(self, fields: tuple[int, ...]) -> None:
        # Once a kind: while workers are newer than gateways, every session may be told of it.
        if fields not in self._unknown and len(self._unknown) < MAX_UNKNOWN_KINDS:
            self._unknown.add(fields)
            _log.warning("gateway.event.unknown", worker=self.address, fields=fields)

    def _news(self, connection_id: ConnectionId, news: News) -> None:
        tell = self._tell.get(connection_id)
        if tell is None:
            return
        try:
            tell(news)
        except Exception:
            # One session's fault must not cost the others their stream.
            _log.exception("gateway.session.failed", connection_id=connection_id)
            self.forget(connection_id)

    def _end(self) -> None:
        self._watch = None
        self._settings.lost(self)
        self._is_live.clear()
        spread_ms = min(len(self._tell), MAX_SPREAD_MS)
        for connection_id in list(self._tell):
            self._news(connection_id, WorkerLost(after_ms=random.randint(0, spread_ms)))
        self._tell.clear()


def _connection_of(
    message: event_pb2.SessionEvent | pb.SessionEnded | pb.SessionAdmitted,
) -> ConnectionId:
    """A session's first connection has its name."""
    return ConnectionId(message.connection_id or message.session_id)


def _caused_by(traceparent: str, event_type: str) -> AbstractContextManager[Span | None]:
    """A span for telling an event, in the trace of the request that caused it, if one did."""
    cause = context_from_traceparent(traceparent)
    if cause is None:
        return nullcontext()
    return _tracer.start_as_current_span(
        f"event {event_type}", context=cause, kind=SpanKind.CONSUMER
    )


class EndOfStream(Exception):
    """The worker ended the watch."""


def _problem(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code().name
    if isinstance(error, Refusal):
        return error.reason
    return type(error).__name__
