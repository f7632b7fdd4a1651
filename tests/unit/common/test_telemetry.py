"""A traceparent from outside is used only where it is well-formed."""

import pytest
from opentelemetry import trace

from services.common.telemetry import context_from_traceparent

GOOD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_well_formed_traceparent_names_its_span() -> None:
    context = context_from_traceparent(GOOD)
    span = trace.get_current_span(context).get_span_context()
    assert f"{span.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    "text", [None, "", "00", GOOD.upper(), GOOD + "0", GOOD + "\n", "x" * 10_000]
)
def test_anything_else_is_ignored(text: str | None) -> None:
    assert context_from_traceparent(text) is None
