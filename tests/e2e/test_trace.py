"""One trace and one correlation id cross both services, in spans and in logs."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.client import joined
from tests.support.cluster import Cluster, Service, running_cluster
from tests.support.otlp import Receiver, Span, otlp_receiver
from tests.support.poll import until

CONSUME = "invigil.sfu.v1.SfuService/Consume"
CORRELATION_ID = "watch-ada-1"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with otlp_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def traced(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Services that export their spans to the receiver at once, and log every call."""
    with running_cluster(
        tmp_path_factory.mktemp("traced"),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_INSECURE="true",
        OTEL_BSP_SCHEDULE_DELAY="50",
        SFU_LOG_LEVEL="debug",
        GATEWAY_LOG_LEVEL="debug",
    ) as running:
        yield running


async def consume(cluster: Cluster, room: str, correlation_id: str, **envelope: str) -> None:
    """A candidate publishes and a proctor consumes, all by signaling alone."""
    url = cluster.socket_url
    async with (
        joined(url, cluster.token(room, "candidate", "Ada"), room, "Ada") as ada,
        joined(url, cluster.token(room, "proctor", "Grace"), room, "Grace") as grace,
    ):
        await ada.ask("transport:create", {"direction": "send"})
        microphone = (await ada.ask("produce", {"kind": "audio"}))["producerId"]
        await grace.ask("transport:create", {"direction": "recv"})
        wanted = {"producerId": microphone}
        await grace.ask("consume", wanted, correlationId=correlation_id, **envelope)


async def until_span(receiver: Receiver, what: str, wanted: Callable[[Span], bool]) -> Span:
    async def found() -> Span | None:
        return next(filter(wanted, receiver.spans), None)

    span = await until(found, what)
    assert span is not None
    return span


async def test_one_trace_crosses_gateway_and_worker(
    traced: Cluster, receiver: Receiver, room: str
) -> None:
    await consume(traced, room, CORRELATION_ID)
    server = await until_span(
        receiver,
        "the worker's span of the call",
        lambda span: span.name == CONSUME and span.kind == "SERVER",
    )
    client = await until_span(
        receiver,
        "the gateway's span of the call",
        lambda span: span.span_id == server.parent_id,
    )
    request = await until_span(
        receiver,
        "the gateway's span of the request",
        lambda span: span.span_id == client.parent_id,
    )
    assert (client.name, client.kind) == (CONSUME, "CLIENT")
    assert client.service == request.service
    assert client.service != server.service
    assert "consume" in request.name
    assert server.trace_id == client.trace_id == request.trace_id


async def test_logs_of_both_services_carry_the_correlation_id_and_the_trace(
    traced: Cluster, receiver: Receiver, room: str
) -> None:
    correlation_id = "watch-ada-2"
    await consume(traced, room, correlation_id)

    async def ids_of(service: Service) -> set[str]:
        return {
            line["trace_id"]
            for line in service.lines()
            if line.get("correlation_id") == correlation_id and "trace_id" in line
        }

    at_gateway = await until(lambda: ids_of(traced.gateway), "the gateway has logged the request")
    at_worker = await until(lambda: ids_of(traced.worker), "the worker has logged the call")
    traces = at_gateway & at_worker
    assert len(traces) == 1
    await until_span(
        receiver,
        "the worker's span of that trace",
        lambda span: span.name == CONSUME and span.trace_id in traces,
    )


async def test_client_s_trace_is_linked_to_and_not_joined(
    traced: Cluster, receiver: Receiver, room: str
) -> None:
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    correlation_id = "watch-ada-3"
    await consume(traced, room, correlation_id, traceparent=f"00-{trace_id}-{span_id}-01")
    request = await until_span(
        receiver,
        "the gateway's span of the request",
        lambda span: span.attributes.get("invigil.correlation_id") == correlation_id,
    )
    assert (request.links, request.parent_id) == ((f"{trace_id}-{span_id}",), "")
    await until_span(
        receiver,
        "the worker's span of the call in the gateway's own trace",
        lambda span: (span.name, span.kind, span.trace_id) == (CONSUME, "SERVER", request.trace_id),
    )
    assert trace_id not in {span.trace_id for span in receiver.spans}


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00",
        "00-" + "0" * 32 + "-" + "0" * 16 + "-01",
        "ff-" + "a" * 32 + "-" + "b" * 16 + "-01",
    ],
)
async def test_traceparent_that_names_nothing_is_ignored(
    traced: Cluster, receiver: Receiver, room: str, traceparent: str
) -> None:
    correlation_id = f"odd-{traceparent[:8]}"
    await consume(traced, room, correlation_id, traceparent=traceparent)
    request = await until_span(
        receiver,
        "the gateway's span of the request",
        lambda span: span.attributes.get("invigil.correlation_id") == correlation_id,
    )
    assert (request.links, request.parent_id) == ((), "")
