"""Requests that are sent again."""

import gc
import weakref

import grpc
import pytest

from services.common.errors import Code
from services.common.ids import RoomId
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.v1 import room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from tests.support.control import DEADLINE_S, Gateway, RunningWorker


async def test_repeated_request_gets_the_stored_reply_and_is_not_carried_out_again(
    running: RunningWorker, gateway: Gateway
) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    await session.transport(room_pb2.DIRECTION_SEND)
    request = pb.ProduceRequest(call=session.call("ann/7"), kind=2)  # type: ignore[arg-type]
    first = await gateway.stub.Produce(request, timeout=DEADLINE_S)
    second = await gateway.stub.Produce(request, timeout=DEADLINE_S)
    assert first == second
    assert list(running.media.producers) == ["ann.1"]


async def test_request_id_with_another_payload_is_refused(gateway: Gateway) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    request = pb.CreateTransportRequest(
        call=session.call("ann/7"), direction=room_pb2.DIRECTION_SEND
    )
    await gateway.stub.CreateTransport(request, timeout=DEADLINE_S)
    request.direction = room_pb2.DIRECTION_RECV
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await gateway.stub.CreateTransport(request, timeout=DEADLINE_S)
    refusal = refusal_of(error.value)
    assert (refusal.code, refusal.reason) == (Code.INVALID_MESSAGE, "REQUEST_ID_REUSED")


async def test_request_id_of_another_call_is_refused_even_with_the_same_fields(
    gateway: Gateway,
) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    await session.transport(room_pb2.DIRECTION_SEND)
    producer_id = await session.produce()
    call = session.call("ann/7")
    await gateway.stub.PauseProducer(
        pb.PauseProducerRequest(call=call, producer_id=producer_id), timeout=DEADLINE_S
    )
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await gateway.stub.ResumeProducer(
            pb.ResumeProducerRequest(call=call, producer_id=producer_id), timeout=DEADLINE_S
        )
    assert refusal_of(error.value).reason == "REQUEST_ID_REUSED"


async def test_repeated_refusal_stays_refused(gateway: Gateway) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    request = pb.ProduceRequest(call=session.call("ann/7"), kind=2)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await gateway.stub.Produce(request, timeout=DEADLINE_S)
        assert refusal_of(error.value).reason == "TRANSPORT_NOT_FOUND"
        await session.transport(room_pb2.DIRECTION_SEND)


async def test_repeated_join_gets_the_same_key(running: RunningWorker, gateway: Gateway) -> None:
    stream = await gateway.watch()
    request = gateway.join_request(stream, "ann")
    first = await gateway.stub.JoinRoom(request, timeout=DEADLINE_S)
    second = await gateway.stub.JoinRoom(request, timeout=DEADLINE_S)
    assert first == second
    assert len(running.worker.seats) == 1


async def test_gateway_that_had_no_reply_gets_the_seat_under_another_request_id(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    request = gateway.join_request(stream, "ann")
    first = await gateway.stub.JoinRoom(request, timeout=DEADLINE_S)
    await gateway.join(await gateway.watch(), "bo", room_pb2.ROLE_PROCTOR)
    request.request_id = "another"
    request.display_name = "Anna"
    second = await gateway.stub.JoinRoom(request, timeout=DEADLINE_S)
    assert second.session_key == first.session_key
    assert [participant.peer_id for participant in second.participants] == ["bo"]
    # What the watch has told of that is part of the snapshot.
    assert second.position.seq == first.position.seq + 1
    assert len(running.worker.seats) == 2
    assert await gateway.stub.JoinRoom(request, timeout=DEADLINE_S) == second


@pytest.mark.parametrize("request_id", ["s-exam-ann/0", "another"])
async def test_token_that_was_shown_before_the_join_is_asked_for_anew_counts(
    gateway: Gateway, request_id: str
) -> None:
    # The gateway had no reply, and so no seat to tell of the token but by asking to join again.
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    request = gateway.join_request(stream, "ann")
    request.request_id, request.may_publish = request_id, False
    await gateway.stub.JoinRoom(request, timeout=DEADLINE_S)
    await ann.transport(room_pb2.DIRECTION_SEND)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ann.produce()
    assert refusal_of(error.value).reason == "MAY_NOT_PUBLISH"


async def test_join_that_an_earlier_connection_repeats_changes_no_grants(gateway: Gateway) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    await ann.attach(await gateway.watch("g2"), "c2")
    request = gateway.join_request(stream, "ann")
    request.may_publish = False
    await gateway.stub.JoinRoom(request, timeout=DEADLINE_S)
    await ann.transport(room_pb2.DIRECTION_SEND)
    assert await ann.produce()


@pytest.mark.parametrize("stranger", ["watch", "peer", "role", "room"])
async def test_second_join_of_a_session_by_anyone_else_is_refused(
    gateway: Gateway, stranger: str
) -> None:
    request = gateway.join_request(await gateway.watch(), "ann")
    await gateway.stub.JoinRoom(request, timeout=DEADLINE_S)
    request.request_id = "another"
    match stranger:
        case "watch":
            request.watch_id = (await gateway.watch()).watch_id
        case "peer":
            request.peer_id = "bo"
        case "role":
            request.role = room_pb2.ROLE_PROCTOR
        case "room":
            request.room_id = "another"
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await gateway.stub.JoinRoom(request, timeout=DEADLINE_S)
    assert refusal_of(error.value).reason == "ALREADY_JOINED"


async def test_repeated_leave_is_answered_after_the_session_is_gone(gateway: Gateway) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    request = pb.LeaveRoomRequest(call=session.call("ann/9"))
    first = await gateway.stub.LeaveRoom(request, timeout=DEADLINE_S)
    assert await gateway.stub.LeaveRoom(request, timeout=DEADLINE_S) == first
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await session.transport(room_pb2.DIRECTION_SEND)
    assert refusal_of(error.value).reason == "SESSION_NOT_FOUND"


async def test_room_is_freed_though_the_last_reply_to_who_left_it_is_kept(
    running: RunningWorker, gateway: Gateway
) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    gone = weakref.ref(running.worker.rooms[RoomId("exam")])
    request = pb.LeaveRoomRequest(call=session.call("ann/9"))
    first = await gateway.stub.LeaveRoom(request, timeout=DEADLINE_S)
    gc.collect()
    assert gone() is None
    assert await gateway.stub.LeaveRoom(request, timeout=DEADLINE_S) == first


async def test_pauses_and_resumes_keep_their_order(
    running: RunningWorker, gateway: Gateway
) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    await session.transport(room_pb2.DIRECTION_SEND)
    producer_id = await session.produce()
    for _ in range(10):
        await gateway.stub.PauseProducer(
            pb.PauseProducerRequest(call=session.call(), producer_id=producer_id),
            timeout=DEADLINE_S,
        )
        await gateway.stub.ResumeProducer(
            pb.ResumeProducerRequest(call=session.call(), producer_id=producer_id),
            timeout=DEADLINE_S,
        )
    asked = [n for n, _ in running.media.commands if n in ("pause_producer", "resume_producer")]
    assert asked == ["pause_producer", "resume_producer"] * 10
