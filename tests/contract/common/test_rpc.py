"""What the interceptors promise, over a real channel."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from services.common.errors import Code, Refusal
from services.common.log import bound
from services.common.rpc.interceptor import client_interceptors, server_interceptors
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.pb.invigil.sfu.v1.sfu_service_pb2_grpc import (
    SfuServiceServicer,
    SfuServiceStub,
    add_SfuServiceServicer_to_server,
)

if TYPE_CHECKING:
    from services.pb.invigil.sfu.v1.sfu_service_pb2_grpc import SfuServiceAsyncStub

DEADLINE_S = 5


class Faulty(SfuServiceServicer):
    """Says what a test told it to."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.trace_id = 0
        self.metadata: dict[str, Any] = {}

    async def Describe(self, request: pb.DescribeRequest, context: Any) -> pb.DescribeResponse:
        self.trace_id = trace.get_current_span().get_span_context().trace_id
        self.metadata = dict(context.invocation_metadata())
        if self.fault is not None:
            raise self.fault
        return pb.DescribeResponse(worker_id="w1")

    async def Watch(
        self, request: pb.WatchRequest, context: Any
    ) -> AsyncIterator[pb.WatchResponse]:
        yield pb.WatchResponse(heartbeat=pb.Heartbeat(tick=1))
        if self.fault is not None:
            raise self.fault


@asynccontextmanager
async def running(faulty: Faulty) -> "AsyncIterator[SfuServiceAsyncStub]":
    server = grpc.aio.server(interceptors=server_interceptors())
    add_SfuServiceServicer_to_server(faulty, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", interceptors=client_interceptors())
    async with channel:
        yield SfuServiceStub(channel)
    await server.stop(None)


@pytest.fixture
async def faulty() -> Faulty:
    # The methods that no test calls answer UNIMPLEMENTED.
    return Faulty()  # type: ignore[abstract]


async def failure_of(stub: "SfuServiceAsyncStub") -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Describe(pb.DescribeRequest(), timeout=DEADLINE_S)
    return refusal_of(caught.value)


async def test_answer_arrives(faulty: Faulty) -> None:
    async with running(faulty) as stub:
        response = await stub.Describe(pb.DescribeRequest(), timeout=DEADLINE_S)
    assert response.worker_id == "w1"


async def test_refusal_arrives_with_code_reason_and_details(faulty: Faulty) -> None:
    faulty.fault = Refusal(Code.ROOM_FULL, "ROOM_FULL", "Full.", details={"limit": "2"})
    async with running(faulty) as stub:
        refusal = await failure_of(stub)
    assert (refusal.code, refusal.reason, refusal.message) == (
        Code.ROOM_FULL,
        "ROOM_FULL",
        "Full.",
    )
    assert refusal.details == {"limit": "2"}


async def test_unexpected_exception_tells_the_caller_nothing(faulty: Faulty) -> None:
    faulty.fault = RuntimeError("secret inside")
    async with running(faulty) as stub:
        refusal = await failure_of(stub)
        faulty.fault = None
        again = await stub.Describe(pb.DescribeRequest(), timeout=DEADLINE_S)
    assert refusal.code is Code.INTERNAL
    assert "secret" not in str(refusal)
    assert again.worker_id == "w1"


async def test_stream_ends_with_the_refusal_of_its_handler(faulty: Faulty) -> None:
    faulty.fault = Refusal(Code.UNAVAILABLE, "DRAINING", "Later.")
    async with running(faulty) as stub:
        stream = stub.Watch(pb.WatchRequest(gateway_id="g"), timeout=DEADLINE_S)
        first = await anext(aiter(stream))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(stream))
    assert first.heartbeat.tick == 1
    assert refusal_of(caught.value).reason == "DRAINING"


async def test_trace_and_correlation_id_cross_the_call(faulty: Faulty) -> None:
    tracer = TracerProvider().get_tracer("test")
    async with running(faulty) as stub:
        with tracer.start_as_current_span("browser message") as span, bound(correlation_id="c-7"):
            await stub.Describe(pb.DescribeRequest(), timeout=DEADLINE_S)
    assert faulty.metadata["invigil-correlation-id"] == "c-7"
    assert f"{span.get_span_context().trace_id:032x}" in faulty.metadata["traceparent"]


async def test_correlation_id_that_metadata_cannot_carry_is_left_out(faulty: Faulty) -> None:
    async with running(faulty) as stub:
        with bound(correlation_id="zeile\nzwei"):
            await stub.Describe(pb.DescribeRequest(), timeout=DEADLINE_S)
    assert "invigil-correlation-id" not in faulty.metadata
