"""Traces: OpenTelemetry, exported by OTLP where the environment names a receiver."""

import os
import re
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# W3C trace context, version 00. Anything else from outside is ignored.
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_propagator = TraceContextTextMapPropagator()


def configure_telemetry(service: str) -> Callable[[], None]:
    """Install the tracer provider of this process; the returned function flushes and ends it.

    Without OTEL_EXPORTER_OTLP_ENDPOINT nothing is exported, but spans exist, so that log lines
    carry trace ids.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def tracer(name: str) -> trace.Tracer:
    """The tracer of one part of a service."""
    return trace.get_tracer(name)


def current_traceparent() -> str:
    """The W3C traceparent of the current span; empty without one."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")


def context_from_traceparent(text: str | None) -> Context | None:
    """The context that a peer's traceparent names; None where it is absent or malformed."""
    if text is None or not TRACEPARENT.fullmatch(text):
        return None
    return _propagator.extract({"traceparent": text})
