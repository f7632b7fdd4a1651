"""Log lines are JSON objects with what was bound."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncGenerator

from opentelemetry.sdk.trace import TracerProvider

from services.common.log import bound, configure_logging, get_logger


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_carries_bound_fields_and_the_trace() -> None:
    stream = io.StringIO()
    configure_logging("gateway", "info", stream)
    span = TracerProvider().get_tracer("test").start_as_current_span("work")
    with bound(correlation_id="c-1"), span as current:
        get_logger("edge").info("gateway.session.joined", peer_id="p1")
    (line,) = lines_of(stream)
    assert line["event"] == "gateway.session.joined"
    assert line["service"] == "gateway"
    assert line["logger"] == "edge"
    assert line["correlation_id"] == "c-1"
    assert line["peer_id"] == "p1"
    assert line["trace_id"] == f"{current.get_span_context().trace_id:032x}"


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    configure_logging("gateway", "info", stream)
    get_logger("edge").debug("gateway.pong.sent")
    assert lines_of(stream) == []


def test_warning_of_a_library_is_a_json_line_too() -> None:
    stream = io.StringIO()
    configure_logging("sfu", "info", stream)
    logging.getLogger("some.library").warning("it %s", "rains")
    (line,) = lines_of(stream)
    assert line["event"] == "it rains"
    assert line["logger"] == "some.library"
    assert line["service"] == "sfu"


def test_exception_is_part_of_its_line() -> None:
    stream = io.StringIO()
    configure_logging("sfu", "info", stream)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        get_logger("rpc").exception("rpc.failed")
    (line,) = lines_of(stream)
    assert "RuntimeError: broken" in str(line["exception"])


async def test_fields_of_a_stream_that_nobody_finished_harm_no_other_context() -> None:
    async def stream() -> AsyncGenerator[int, None]:
        with bound(correlation_id="c1"):
            yield 1

    abandoned = stream()

    async def begin() -> int:
        return await anext(abandoned)

    assert await asyncio.create_task(begin()) == 1

    # As the event loop ends what was collected: in a task of its own.
    async def end() -> None:
        await abandoned.aclose()

    await asyncio.create_task(end())
