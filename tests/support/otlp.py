"""A receiver of traces (OTLP over gRPC), as a collector would be."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it was exported; ids in hexadecimal, `parent_id` empty for a root."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]
    # Ids of other traces' spans, as "trace id-span id".
    links: tuple[str, ...] = ()


class Receiver(TraceServiceServicer):
    """Keeps every span that any service exports."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spans: list[Span] = []
        self.endpoint = ""

    def Export(
        self, request: pb.ExportTraceServiceRequest, context: Any
    ) -> pb.ExportTraceServiceResponse:
        found = [
            _span(span, _text(resource.resource.attributes).get("service.name", ""))
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans += found
        return pb.ExportTraceServiceResponse()

    @property
    def spans(self) -> list[Span]:
        """What has come so far."""
        with self._lock:
            return list(self._spans)


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """A receiver that listens at its `endpoint` until the end of the block."""
    receiver = Receiver()
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]
    receiver.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield receiver
    finally:
        server.stop(None).wait()


def _span(span: WireSpan, service: str) -> Span:
    return Span(
        service=service,
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_text(span.attributes),
        links=tuple(f"{link.trace_id.hex()}-{link.span_id.hex()}" for link in span.links),
    )


def _text(attributes: Any) -> dict[str, str]:
    return {item.key: item.value.string_value for item in attributes}
