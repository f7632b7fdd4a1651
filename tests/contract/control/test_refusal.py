"""What the worker refuses, and with which code."""

from collections.abc import Awaitable

import grpc
import pytest

from services.common.errors import Code, Refusal
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.v1 import room_pb2, rtp_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, run_worker


async def error_of(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value


async def refused(call: Awaitable[object]) -> Refusal:
    return refusal_of(await error_of(call))


async def test_candidate_gets_the_same_error_for_anothers_producer_as_for_none(
    gateway: Gateway,
) -> None:
    stream = await gateway.watch()
    ann, ben = await gateway.join(stream, "ann"), await gateway.join(stream, "ben")
    await ann.transport(room_pb2.DIRECTION_SEND)
    await ben.transport(room_pb2.DIRECTION_RECV)
    hidden = await ann.produce()
    invisible = await error_of(ben.consume(hidden))
    unknown = await error_of(ben.consume("ann.99"))
    assert refusal_of(invisible).reason == "PRODUCER_NOT_FOUND"
    assert refusal_of(invisible).code is Code.CONSUME_ERROR
    assert invisible.code() is unknown.code()
    assert invisible.details() == unknown.details()
    assert invisible.trailing_metadata() == unknown.trailing_metadata()


async def test_each_of_several_producers_has_its_own_result(gateway: Gateway) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    await ann.transport(room_pb2.DIRECTION_SEND)
    await eve.transport(room_pb2.DIRECTION_RECV)
    await ann.produce()
    reply = await eve.consume("ann.1", "ann.2")
    assert [result.WhichOneof("result") for result in reply.results] == ["consumer", "failure"]
    assert reply.results[1].failure.producer_id == "ann.2"
    assert reply.results[1].failure.reason == "PRODUCER_NOT_FOUND"


async def test_unknown_room_is_not_created_without_the_grant(
    running: RunningWorker, gateway: Gateway
) -> None:
    def forbid(request: pb.JoinRoomRequest) -> None:
        request.create = False

    stream = await gateway.watch()
    assert (await refused(gateway.join(stream, "ann", change=forbid))).code is Code.ROOM_NOT_FOUND
    assert running.worker.rooms == {}
    await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    await gateway.join(stream, "ann", change=forbid)


async def test_full_room_is_refused() -> None:
    async with (
        run_worker(max_peers=1) as running,
        Gateway(running.address) as gateway,
    ):
        stream = await gateway.watch()
        await gateway.join(stream, "ann")
        assert (await refused(gateway.join(stream, "ben"))).code is Code.ROOM_FULL


async def test_room_has_the_size_and_visibility_that_it_was_created_with(gateway: Gateway) -> None:
    def configure(request: pb.JoinRoomRequest) -> None:
        request.room_config.visibility = room_pb2.VISIBILITY_OPEN
        request.room_config.max_participants = 2

    stream = await gateway.watch()
    first = await gateway.join(stream, "ann", change=configure)
    assert first.joined.room.visibility == room_pb2.VISIBILITY_OPEN
    second = await gateway.join(stream, "ben")
    assert [p.peer_id for p in second.joined.participants] == ["ann"]
    assert (await refused(gateway.join(stream, "cat"))).code is Code.ROOM_FULL


async def test_wrong_session_key_is_refused(gateway: Gateway) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    assert len(session.key) == 32
    session.key = b"x" * 32
    refusal = await refused(session.transport(room_pb2.DIRECTION_SEND))
    assert (refusal.code, refusal.reason) == (Code.FORBIDDEN, "BAD_SESSION_KEY")


async def test_session_of_another_room_or_none_is_not_found(gateway: Gateway) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    session.room_id = "other"
    refusal = await refused(session.transport(room_pb2.DIRECTION_SEND))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "SESSION_NOT_FOUND")
    session.room_id, session.session_id = "exam", "nobody"
    refusal = await refused(session.transport(room_pb2.DIRECTION_SEND))
    assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, "SESSION_NOT_FOUND")


async def test_older_generation_is_told_that_it_calls_the_wrong_worker(gateway: Gateway) -> None:
    def second(request: pb.JoinRoomRequest) -> None:
        request.generation = 2

    stream = await gateway.watch()
    session = await gateway.join(stream, "ann", change=second)
    session.generation = 1
    error = await error_of(session.transport(room_pb2.DIRECTION_SEND))
    assert refusal_of(error).code is Code.WRONG_WORKER
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert (await refused(gateway.join(stream, "ben"))).code is Code.WRONG_WORKER
    session.generation = 2
    await session.transport(room_pb2.DIRECTION_SEND)


async def test_newer_generation_ends_the_room_here(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    session = await gateway.join(stream, "ann")
    await session.transport(room_pb2.DIRECTION_SEND)
    session.generation = 2
    refusal = await refused(session.transport(room_pb2.DIRECTION_SEND))
    assert refusal.code is Code.WRONG_WORKER
    assert (await stream.next()).ended.reason == "WORKER_FAULT"
    assert running.worker.rooms == {}
    assert running.media.is_empty


async def test_join_of_a_newer_generation_begins_a_new_epoch(gateway: Gateway) -> None:
    def second(request: pb.JoinRoomRequest) -> None:
        request.generation = 2

    stream = await gateway.watch()
    old = await gateway.join(stream, "ann")
    new = await gateway.join(stream, "ben", change=second)
    assert old.joined.position.epoch != new.joined.position.epoch
    assert (await stream.next()).ended.session_id == old.session_id


async def test_peer_sits_in_one_room_only(gateway: Gateway) -> None:
    stream = await gateway.watch()
    await gateway.join(stream, "ann")
    refusal = await refused(gateway.join(stream, "ann", room_id="other"))
    assert (refusal.code, refusal.reason) == (Code.FORBIDDEN, "PEER_ID_TAKEN")


async def test_second_fingerprint_on_a_transport_is_refused(gateway: Gateway) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    await session.transport(room_pb2.DIRECTION_SEND)

    async def connect(byte: str) -> pb.ConnectTransportResponse:
        return await gateway.stub.ConnectTransport(
            pb.ConnectTransportRequest(
                call=session.call(),
                dtls_parameters=pb.DtlsParameters(
                    role=pb.DTLS_ROLE_CLIENT,
                    fingerprints=[
                        pb.DtlsFingerprint(algorithm="sha-256", value=":".join([byte] * 32))
                    ],
                ),
            ),
            timeout=DEADLINE_S,
        )

    assert (await connect("AA")).transport_id == "ann.t1"
    await connect("AA")
    refusal = await refused(connect("BB"))
    assert (refusal.code, refusal.reason) == (Code.TRANSPORT_ERROR, "ALREADY_CONNECTED")


@pytest.mark.parametrize(
    "request_",
    [
        pb.ProduceRequest(kind=rtp_pb2.MEDIA_KIND_UNSPECIFIED),
        pb.ProduceRequest(kind=rtp_pb2.MEDIA_KIND_AUDIO, app_data_json="[]"),
    ],
    ids=["no kind", "bad app data"],
)
async def test_malformed_produce_is_an_invalid_message(
    gateway: Gateway, request_: pb.ProduceRequest
) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    await session.transport(room_pb2.DIRECTION_SEND)
    request_.call.CopyFrom(session.call())
    refusal = await refused(gateway.stub.Produce(request_, timeout=DEADLINE_S))
    assert refusal.code is Code.INVALID_MESSAGE


async def test_join_without_a_role_or_with_bad_texts_is_an_invalid_message(
    gateway: Gateway,
) -> None:
    stream = await gateway.watch()
    for field, value in (
        ("role", 0),
        ("display_name", "x" * 129),
        ("room_id", ""),
        ("peer_id", ""),
    ):

        def change(request: pb.JoinRoomRequest, field: str = field, value: object = value) -> None:
            setattr(request, field, value)

        refusal = await refused(gateway.join(stream, "ann", change=change))
        assert refusal.code is Code.INVALID_MESSAGE


async def test_call_without_a_request_id_is_an_invalid_message(gateway: Gateway) -> None:
    session = await gateway.join(await gateway.watch(), "ann")
    call = session.call()
    call.request_id = ""
    refusal = await refused(
        gateway.stub.LeaveRoom(pb.LeaveRoomRequest(call=call), timeout=DEADLINE_S)
    )
    assert (refusal.code, refusal.reason) == (Code.INVALID_MESSAGE, "BAD_REQUEST_ID")


async def test_stats_are_for_the_session_that_consumes_and_for_its_gateway_alone(
    gateway: Gateway,
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    await ann.transport(room_pb2.DIRECTION_SEND)
    await eve.transport(room_pb2.DIRECTION_RECV)
    consumer_id = (await eve.consume(await ann.produce())).results[0].consumer.consumer_id

    async def stats(call: pb.SessionCall) -> pb.GetConsumerStatsResponse:
        request = pb.GetConsumerStatsRequest(call=call, consumer_id=consumer_id)
        return await gateway.stub.GetConsumerStats(request, timeout=DEADLINE_S)

    reply = await stats(eve.call())
    assert (reply.kind, reply.packets_sent) == (rtp_pb2.MEDIA_KIND_VIDEO, 118)
    assert (await refused(stats(ann.call()))).reason == "CONSUMER_NOT_FOUND"
    eve.key = ann.key
    assert (await refused(stats(eve.call()))).reason == "BAD_SESSION_KEY"
