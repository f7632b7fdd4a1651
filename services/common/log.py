"""Logs: one JSON object a line on standard output, with correlation and trace ids."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TextIO, cast

import structlog
from opentelemetry import trace
from structlog.typing import FilteringBoundLogger

Logger = FilteringBoundLogger


def configure_logging(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send the logs of this process, those of libraries included, to `stream` (standard output)."""
    target = stream or sys.stdout
    global _threshold
    threshold = _threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        _bound_fields,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _service_name(service),
        _logger_name,
        _trace_ids,
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    lines = logging.StreamHandler(target)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    # Libraries log addresses and frames at info and below (websockets, aiortc, grpc).
    logging.basicConfig(handlers=[lines], level=max(threshold, logging.WARNING), force=True)


def get_logger(name: str) -> Logger:
    """A logger whose lines carry `logger: name`. Events are dotted: `gateway.session.joined`."""
    return cast(Logger, structlog.get_logger(logger_name=name))


def is_logged(level: str) -> bool:
    """Whether lines of this level are written: what is dropped need not be put together."""
    return logging.getLevelNamesMapping()[level.upper()] >= _threshold


# One variable for all fields: every message of every client enters and leaves some.
_fields: ContextVar[Mapping[str, object]] = ContextVar("log_fields", default=MappingProxyType({}))
# Until logging is configured, everything is written.
_threshold = logging.NOTSET


class bound:
    """Add fields to every line that this task, and the tasks it starts, log meanwhile."""

    __slots__ = ("_added", "_token")

    def __init__(self, **fields: object) -> None:
        self._added = fields

    def __enter__(self) -> None:
        self._token = _fields.set({**_fields.get(), **self._added})

    def __exit__(self, *_: object) -> None:
        # An asynchronous generator that nobody finished is ended in a context of its own, where
        # nothing of it is bound.
        with suppress(ValueError):
            _fields.reset(self._token)


def bound_field(name: str) -> object:
    """The value of a field that is bound here; None if it is not."""
    return _fields.get().get(name)


def _bound_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in _fields.get().items():
        event.setdefault(name, value)
    return event


def _service_name(service: str) -> structlog.typing.Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add


def _logger_name(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # structlog takes no initial value of the name `logger`.
    if "logger_name" in event:
        event["logger"] = event.pop("logger_name")
    return event


def _trace_ids(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
        event["span_id"] = trace.format_span_id(span.span_id)
    return event
