"""What an operator sees: admin service, health, reflection, grpcurl."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.common.errors import Code
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.admin.v1 import admin_service_pb2 as pb
from services.pb.invigil.sfu.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from services.pb.invigil.sfu.v1 import room_pb2
from services.sfu.control.server import ControlServer, PortTaken
from tests.support.control import DEADLINE_S, Gateway, RunningWorker

if TYPE_CHECKING:
    from services.pb.invigil.sfu.admin.v1.admin_service_pb2_grpc import AdminServiceAsyncStub

GRPCURL = shutil.which("grpcurl") or str(Path.home() / "go/bin/grpcurl")
SERVICES = {
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
    "invigil.sfu.admin.v1.AdminService",
    "invigil.sfu.v1.SfuService",
}


@pytest.fixture
async def admin(running: RunningWorker) -> AsyncIterator["AdminServiceAsyncStub"]:
    async with grpc.aio.insecure_channel(running.address) as channel:
        yield AdminServiceStub(channel)


async def health_of(running: RunningWorker, name: str) -> int:
    async with grpc.aio.insecure_channel(running.address) as channel:
        reply = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=name), timeout=DEADLINE_S
        )
        status: int = reply.status
        return status


@pytest.mark.parametrize("name", ["", "invigil.sfu.v1.SfuService", "placement"])
async def test_running_worker_is_healthy(running: RunningWorker, name: str) -> None:
    assert await health_of(running, name) == health_pb2.HealthCheckResponse.SERVING


async def test_draining_changes_placement_and_nothing_else(
    running: RunningWorker, admin: "AdminServiceAsyncStub"
) -> None:
    reply = await admin.Drain(pb.DrainRequest(draining=True), timeout=DEADLINE_S)
    assert reply.draining
    assert await health_of(running, "placement") == health_pb2.HealthCheckResponse.NOT_SERVING
    assert await health_of(running, "") == health_pb2.HealthCheckResponse.SERVING
    await admin.Drain(pb.DrainRequest(draining=False), timeout=DEADLINE_S)
    assert await health_of(running, "placement") == health_pb2.HealthCheckResponse.SERVING
    assert not running.worker.is_draining


async def test_describe_tells_load_and_counters(
    gateway: Gateway, admin: "AdminServiceAsyncStub"
) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    await session.transport(room_pb2.DIRECTION_SEND)
    await session.produce()
    reply = await admin.Describe(pb.DescribeRequest(), timeout=DEADLINE_S)
    assert (reply.rooms, reply.peers, reply.transports, reply.producers) == (1, 1, 1, 1)
    assert reply.engine_counters["rtp_packets_in"] == 120
    assert reply.started_at.seconds > 0


async def test_operator_sees_everyone_in_a_room(
    gateway: Gateway, admin: "AdminServiceAsyncStub"
) -> None:
    stream = await gateway.watch()
    await gateway.join(stream, "ann")
    await gateway.join(stream, "ben")
    (room,) = (await admin.ListRooms(pb.ListRoomsRequest(), timeout=DEADLINE_S)).rooms
    assert room.room_id == "exam"
    assert room.generation == 1
    assert [p.peer_id for p in room.participants] == ["ann", "ben"]


async def test_operator_watches_a_room_from_a_snapshot_to_its_end(
    gateway: Gateway, admin: "AdminServiceAsyncStub"
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    await ann.transport(room_pb2.DIRECTION_SEND)
    call = admin.WatchRoom(pb.WatchRoomRequest(room_id="exam"))

    async def read() -> pb.WatchRoomResponse:
        message = await asyncio.wait_for(call.read(), DEADLINE_S)
        assert isinstance(message, pb.WatchRoomResponse)
        return message

    snapshot = (await read()).snapshot
    assert [p.peer_id for p in snapshot.participants] == ["ann"]
    ben = await gateway.join(stream, "ben")
    await ann.produce()
    await ann.leave()
    await ben.leave()
    kinds = [(await read()).event.WhichOneof("event") for _ in range(5)]
    assert kinds == [
        "participant_joined",
        "producer_new",
        "producer_closed",
        "participant_left",
        "participant_left",
    ]
    assert await asyncio.wait_for(call.read(), DEADLINE_S) is grpc.aio.EOF


async def test_watching_an_unknown_room_is_refused(admin: "AdminServiceAsyncStub") -> None:
    call = admin.WatchRoom(pb.WatchRoomRequest(room_id="none"), timeout=DEADLINE_S)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call.read()
    assert refusal_of(error.value).code is Code.ROOM_NOT_FOUND


async def test_operator_is_told_why_a_consumer_shows_nothing(
    running: RunningWorker, gateway: Gateway, admin: "AdminServiceAsyncStub"
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    await ann.transport(room_pb2.DIRECTION_SEND)
    await eve.transport(room_pb2.DIRECTION_RECV)
    await ann.produce()
    consumer = (await eve.consume("ann.1")).results[0].consumer
    request = pb.ExplainConsumerRequest(room_id="exam", consumer_id=consumer.consumer_id)
    reply = await admin.ExplainConsumer(request, timeout=DEADLINE_S)
    assert reply.verdict == "Not forwarding: the publisher's transport is new."
    assert (reply.send_transport_state, reply.recv_transport_state) == ("new", "new")
    assert reply.packets_sent == 118
    assert reply.round_trip_ms == 17
    request.consumer_id = "nobody.c1"
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await admin.ExplainConsumer(request, timeout=DEADLINE_S)
    assert refusal_of(error.value).code is Code.NOT_FOUND


async def test_reflection_lists_every_service(running: RunningWorker) -> None:
    async with grpc.aio.insecure_channel(running.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(timeout=DEADLINE_S)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        reply = await call.read()
        call.cancel()
        await call.code()
    assert {service.name for service in reply.list_services_response.service} == SERVICES


@pytest.mark.skipif(not Path(GRPCURL).exists(), reason="grpcurl is not installed")
async def test_grpcurl_lists_and_describes(running: RunningWorker) -> None:
    async def grpcurl(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            GRPCURL, "-plaintext", running.address, *arguments, stdout=asyncio.subprocess.PIPE
        )
        stdout, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S * 2)
        assert process.returncode == 0
        return stdout.decode()

    assert set((await grpcurl("list")).split()) == SERVICES
    described = json.loads(await grpcurl("invigil.sfu.v1.SfuService/Describe"))
    # Python's reflection leaves out JSON names, so some builds print the proto's.
    assert {_snake(key): value for key, value in described.items()}["worker_id"] == "w1"
    health = json.loads(await grpcurl("grpc.health.v1.Health/Check"))
    assert health == {"status": "SERVING"}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


async def test_second_worker_on_the_same_port_is_refused(running: RunningWorker) -> None:
    port = int(running.address.rpartition(":")[2])
    second = ControlServer(running.worker, "127.0.0.1", port)
    with pytest.raises(PortTaken, match="SFU_GRPC_PORT"):
        await second.start()
