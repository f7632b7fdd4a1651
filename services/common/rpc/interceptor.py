"""What every gRPC call between the services gets: a span, its trace, a correlation id, a log line.

The instrumentation package of OpenTelemetry is not used: it breaks some streaming handlers, knows
no correlation id, and leaves an exception of a handler without a status.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

import grpc
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from services.common.errors import Code, Refusal
from services.common.log import bound, bound_field, get_logger
from services.common.rpc.status import UNEXPECTED, abort
from services.common.telemetry import context_from_traceparent, current_traceparent

TRACEPARENT = "traceparent"
CORRELATION_ID = "invigil-correlation-id"

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
else:
    Handler = grpc.RpcMethodHandler

Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any, Context], Awaitable[Any]]
Stream = Callable[[Any, Context], AsyncIterator[Any]]

# Asked by probes and tools all the time.
QUIET = ("/grpc.health.", "/grpc.reflection.")

_log = get_logger("rpc")
_tracer = trace.get_tracer("services.common.rpc")


def client_interceptors() -> list[grpc.aio.ClientInterceptor]:
    """For every channel to a worker."""
    return [ClientSpan()]


def server_interceptors() -> list[grpc.aio.ServerInterceptor]:
    """For every server of a worker. Handlers raise Refusal; streams are async generators."""
    return [ServerSpan()]


class ClientSpan(grpc.aio.UnaryUnaryClientInterceptor):
    """A client span around a unary call; trace and correlation id travel in its metadata."""

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        name = _method_name(client_call_details.method)
        with _tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes={"rpc.system.name": "grpc", "rpc.method": name}
        ) as span:
            call = await continuation(_with_metadata(client_call_details), request)
            code = await call.code()
            _note_status(span, code)
            return call


class ServerSpan(grpc.aio.ServerInterceptor):
    """Continues the caller's trace, binds its correlation id, turns exceptions into statuses."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(QUIET):
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        scope = CallScope(_method_name(method), metadata)
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                _unary(cast(Unary, handler.unary_unary), scope),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                _stream(cast(Stream, handler.unary_stream), scope),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        return handler


class CallScope:
    """What a call brought along."""

    def __init__(self, name: str, metadata: dict[str, Any]) -> None:
        self.name = name
        self.parent = context_from_traceparent(_text(metadata.get(TRACEPARENT)))
        self.fields = {"rpc": name}
        correlation_id = _text(metadata.get(CORRELATION_ID))
        if correlation_id:
            self.fields["correlation_id"] = correlation_id[:64]


def _unary(behavior: Unary, scope: CallScope) -> Unary:
    async def run(request: Any, context: Context) -> Any:
        started = time.perf_counter()
        with (
            bound(**scope.fields),
            _tracer.start_as_current_span(
                scope.name,
                context=scope.parent,
                kind=SpanKind.SERVER,
                attributes={"rpc.system.name": "grpc", "rpc.method": scope.name},
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
        ):
            try:
                response = await behavior(request, context)
            except Refusal as refusal:
                _log_refusal(scope.name, refusal, started)
                span.set_attribute("rpc.response.status_code", refusal.code.value)
                await abort(context, refusal)
            except grpc.aio.AbortError:
                raise
            except Exception:
                await abort(context, _unexpected(scope.name, span))
            else:
                _log.debug("rpc.answered", duration_ms=_since_ms(started))
                return response

    return run


def _stream(behavior: Stream, scope: CallScope) -> Stream:
    # No span around the whole stream: it lives for hours. Its events carry their own trace.
    async def run(request: Any, context: Context) -> AsyncIterator[Any]:
        with bound(**scope.fields):
            _log.info("rpc.stream.opened")
            try:
                async for response in behavior(request, context):
                    yield response
            except Refusal as refusal:
                _log_refusal(scope.name, refusal, None)
                await abort(context, refusal)
            except grpc.aio.AbortError:
                raise
            except Exception:
                await abort(context, _unexpected(scope.name, trace.get_current_span()))
            finally:
                _log.info("rpc.stream.ended")

    return run


def _log_refusal(name: str, refusal: Refusal, started: float | None) -> None:
    duration = {} if started is None else {"duration_ms": _since_ms(started)}
    _log.info("rpc.refused", rpc=name, code=refusal.code.value, reason=refusal.reason, **duration)


def _unexpected(name: str, span: trace.Span) -> Refusal:
    _log.exception("rpc.failed", rpc=name)
    span.set_status(StatusCode.ERROR)
    return Refusal(Code.INTERNAL, UNEXPECTED, "The request failed inside the server.")


def _with_metadata(details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
    metadata = grpc.aio.Metadata(*(details.metadata or ()))
    traceparent = current_traceparent()
    if traceparent:
        metadata.add(TRACEPARENT, traceparent)
    correlation_id = bound_field("correlation_id")
    # Metadata values are ASCII; a client may have chosen any text.
    if (
        isinstance(correlation_id, str)
        and correlation_id.isascii()
        and correlation_id.isprintable()
    ):
        metadata.add(CORRELATION_ID, correlation_id)
    return grpc.aio.ClientCallDetails(
        method=details.method,
        timeout=details.timeout,
        metadata=metadata,
        credentials=details.credentials,
        wait_for_ready=details.wait_for_ready,
    )


def _note_status(span: trace.Span, code: grpc.StatusCode) -> None:
    span.set_attribute("rpc.response.status_code", code.name)
    if code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE):
        span.set_status(StatusCode.ERROR)


def _method_name(method: str | bytes) -> str:
    text = method.decode() if isinstance(method, bytes) else method
    return text.lstrip("/")


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return value if isinstance(value, str) else None


def _since_ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
