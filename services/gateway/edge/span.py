"""A span for every message of a client, from its arrival to its answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind

from services.common.telemetry import context_from_traceparent, tracer
from services.gateway.core.message.connection import ErrorReply, Ping
from services.gateway.core.message.envelope import Outbound
from services.gateway.core.message.request import AnyRequest, Rejection

_tracer = tracer("services.gateway")


class Spans:
    """The spans of one connection's messages under way, by ordinal."""

    def __init__(self) -> None:
        self._open: dict[int, Span] = {}

    def begin(self, ordinal: int, message: AnyRequest | Rejection) -> None:
        """A message has arrived. A client's traceparent, if it is well-formed, is linked to.

        It is no parent: a client could put itself into a trace that is not its own, or have all of
        its messages sampled. A ping is a trace of its own only where the client asks for one: those
        of all clients would bury what an operator looks for.
        """
        traceparent = None if isinstance(message, Rejection) else message.traceparent
        if traceparent is None and isinstance(message, Ping):
            return
        self._open[ordinal] = _tracer.start_span(
            f"signaling {message.type or 'unknown'}",
            context=Context(),
            links=_links(traceparent),
            kind=SpanKind.SERVER,
            attributes={"invigil.correlation_id": message.correlation_id or ""},
        )

    @contextmanager
    def current(self, ordinal: int | None) -> Iterator[None]:
        """Make a message's span the current one."""
        span = self._open.get(ordinal) if ordinal is not None else None
        if span is None:
            yield
            return
        with trace.use_span(span, end_on_exit=False):
            yield

    def end(self, ordinal: int, answer: Outbound) -> None:
        """The message has been answered."""
        span = self._open.pop(ordinal, None)
        if span is None:
            return
        if isinstance(answer.payload, ErrorReply):
            span.set_attribute("error.type", answer.payload.code)
        span.end()

    def end_all(self) -> None:
        """The connection is over; what is not answered never will be."""
        for span in self._open.values():
            span.end()
        self._open.clear()


def _links(traceparent: object) -> list[Link]:
    context = context_from_traceparent(traceparent if isinstance(traceparent, str) else None)
    if context is None:
        return []
    named = trace.get_current_span(context).get_span_context()
    # An id of zeros names nothing (W3C trace context, section 3.2.2.3).
    return [Link(named)] if named.is_valid else []
