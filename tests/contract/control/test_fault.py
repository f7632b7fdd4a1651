"""Exceptions inside: one session is the most that one may cost."""

import grpc
import pytest

from services.common.errors import Code
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.v1 import room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.core.router import Router
from tests.support.control import DEADLINE_S, Gateway, RunningWorker


def moderating(request: pb.JoinRoomRequest) -> None:
    request.may_moderate = True


async def test_exception_of_the_media_side_costs_the_callers_session_only(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    await stream.next()
    await ann.transport(room_pb2.DIRECTION_SEND)
    running.media.failing.add("add_producer")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ann.produce()
    refusal = refusal_of(error.value)
    assert refusal.code is Code.INTERNAL
    assert "add_producer" not in refusal.message, "nothing of the inside is told"
    running.media.failing.clear()
    told = [await stream.next() for _ in range(4)]
    assert told[0].event.producer_new.producer_id == "ann.1"
    assert told[1].event.producer_closed.producer_id == "ann.1"
    assert told[2].event.participant_left.reason == "MEDIA_FAILED"
    assert told[3].ended.session_id == ann.session_id
    assert told[3].ended.reason == "WORKER_FAULT"
    assert running.media.is_empty
    await eve.transport(room_pb2.DIRECTION_RECV)


async def test_exception_in_the_room_costs_the_callers_session_only(
    running: RunningWorker, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    await stream.next()

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    # Ending the session fails as well: the worker then strikes it out of its books.
    with monkeypatch.context() as patch:
        patch.setattr(Router, "create_transport", fail)
        patch.setattr(Router, "drop", fail)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await ann.transport(room_pb2.DIRECTION_SEND)
    assert error.value.code() is grpc.StatusCode.INTERNAL
    ended = (await stream.next()).ended
    assert (ended.session_id, ended.reason) == (ann.session_id, "WORKER_FAULT")
    await eve.transport(room_pb2.DIRECTION_RECV)
    await eve.leave()
    assert running.worker.rooms == {}


async def test_transport_that_fails_is_told_to_its_session(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    transport_id = await ann.transport(room_pb2.DIRECTION_SEND)
    await ann.produce()
    (known,) = running.media.transports
    assert known == transport_id
    running.media.close_transport(known)
    running.worker.listener.transport_failed(known, "DTLS_TIMEOUT")
    told = [(await stream.next()).event for _ in range(2)]
    assert told[0].producer_closed.producer_id == "ann.1"
    assert told[1].transport_closed.transport_id == transport_id
    assert told[1].transport_closed.reason == "DTLS_TIMEOUT"
    assert await ann.transport(room_pb2.DIRECTION_SEND) == "ann.t2"


async def test_draining_worker_keeps_its_rooms_and_takes_no_new_ones(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    await gateway.join(stream, "ann")
    running.worker.is_draining = True
    await gateway.join(stream, "ben")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await gateway.join(stream, "cat", room_id="other")
    refusal = refusal_of(error.value)
    assert (refusal.code, refusal.reason) == (Code.UNAVAILABLE, "DRAINING")
    reply = await gateway.stub.Describe(pb.DescribeRequest(), timeout=DEADLINE_S)
    assert reply.draining


async def test_media_of_one_who_is_kicked_costs_the_moderator_nothing(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR, change=moderating)
    await ann.transport(room_pb2.DIRECTION_SEND)
    running.media.failing.add("close_transport")

    await gateway.stub.KickPeer(
        pb.KickPeerRequest(call=eve.call(), peer_id="ann"), timeout=DEADLINE_S
    )

    running.media.failing.clear()
    (room,) = running.worker.rooms.values()
    assert list(room.roster.sessions) == [eve.session_id]
    await eve.transport(room_pb2.DIRECTION_RECV)
