"""The stream of events that a gateway keeps open."""

import asyncio

import grpc
import pytest

from services.common.errors import Code
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.v1 import event_pb2, room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.control import watch as watch_module
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, Stream, run_worker
from tests.support.poll import eventually


def is_lost(running: RunningWorker, session_id: str) -> bool:
    for room in running.worker.rooms.values():
        for session in room.roster.sessions.values():
            if session.session_id == session_id:
                return session.lost_until_ms is not None
    return False


async def read_to_the_end(stream: Stream) -> None:
    while True:
        await stream.read()


async def test_heartbeats_count_up_and_carry_the_engines_tick(gateway: Gateway) -> None:
    stream = await gateway.watch()
    first, second = await stream.read(), await stream.read()
    assert (first.heartbeat.tick, second.heartbeat.tick) == (1, 2)
    assert second.heartbeat.engine_tick > first.heartbeat.engine_tick


async def test_events_of_a_session_arrive_in_order_without_gaps(gateway: Gateway) -> None:
    stream = await gateway.watch()
    proctor = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    for number in range(20):
        await gateway.join(stream, f"cam{number}")
    seqs: list[int] = []
    while len(seqs) < 20:
        message = await stream.next()
        if message.event.session_id == proctor.session_id:
            seqs.append(message.event.seq)
            assert message.event.epoch == proctor.joined.position.epoch
    assert seqs == list(range(1, 21))


async def test_reply_says_which_events_come_before_it(gateway: Gateway) -> None:
    stream = await gateway.watch()
    proctor = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    assert proctor.joined.position.seq == 0
    await gateway.join(stream, "cam")
    reply = await gateway.stub.CreateTransport(
        pb.CreateTransportRequest(call=proctor.call(), direction=room_pb2.DIRECTION_RECV),
        timeout=DEADLINE_S,
    )
    assert reply.position.seq == 1


async def test_end_of_a_stream_detaches_its_sessions_and_no_others(
    running: RunningWorker, gateway: Gateway
) -> None:
    dying, staying = await gateway.watch("g1"), await gateway.watch("g2")
    lost = await gateway.join(dying, "cam")
    kept = await gateway.join(staying, "eve", room_pb2.ROLE_PROCTOR)
    dying.call.cancel()
    message = await staying.next()
    participant = message.event.participant_updated.participant
    assert participant.peer_id == "cam"
    assert participant.connection == room_pb2.CONNECTION_LOST
    assert is_lost(running, lost.session_id)
    assert not is_lost(running, kept.session_id)


async def test_stream_whose_connection_breaks_ends_as_well(running: RunningWorker) -> None:
    async with Gateway(running.address) as gateway:
        session = await gateway.join(await gateway.watch(), "cam")
    await eventually(lambda: is_lost(running, session.session_id))


async def test_session_that_stays_lost_is_timed_out_for_everyone() -> None:
    async with (
        run_worker(grace_ms=50) as running,
        Gateway(running.address) as gateway,
    ):
        dying, staying = await gateway.watch("g1"), await gateway.watch("g2")
        candidate = await gateway.join(dying, "cam")
        await candidate.transport(room_pb2.DIRECTION_SEND)
        await gateway.join(staying, "eve", room_pb2.ROLE_PROCTOR)
        await candidate.produce()
        dying.call.cancel()
        told: list[event_pb2.SessionEvent] = [(await staying.next()).event for _ in range(4)]
        assert [event.WhichOneof("event") for event in told] == [
            "producer_new",
            "participant_updated",
            "producer_closed",
            "participant_left",
        ]
        assert told[-1].participant_left.reason == "TIMED_OUT"
        # The gateway may know of a later life of the room, in which the session goes on.
        ended = (await staying.next()).ended
        assert (ended.session_id, ended.reason) == (candidate.session_id, "TIMED_OUT")
        assert ended.generation == candidate.generation
        assert running.media.is_empty


async def test_detached_session_keeps_its_media_until_its_grace_is_over(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    candidate = await gateway.join(stream, "cam")
    await candidate.transport(room_pb2.DIRECTION_SEND)
    await candidate.produce()
    await gateway.stub.DetachSession(
        pb.DetachSessionRequest(call=candidate.call()), timeout=DEADLINE_S
    )
    assert is_lost(running, candidate.session_id)
    assert list(running.media.producers) == ["cam.1"]


async def test_join_needs_a_stream_that_is_live(gateway: Gateway) -> None:
    stream = await gateway.watch()
    stream.call.cancel()
    other = await gateway.watch()

    def name_dead(request: pb.JoinRoomRequest) -> None:
        request.watch_id = stream.watch_id

    async def refused() -> bool:
        try:
            await gateway.join(other, "cam", change=name_dead)
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
            return (refusal.code, refusal.reason) == (Code.UNAVAILABLE, "WATCH_NOT_LIVE")
        return False

    assert await refused()
    with pytest.raises(grpc.aio.AioRpcError):
        await gateway.join(other, "cam", change=lambda r: r.ClearField("watch_id"))


async def test_reader_that_lets_the_bound_fill_is_cut_off(
    running: RunningWorker, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = await gateway.watch()
    session = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    (watch,) = running.worker.watches.all()
    for tick in range(watch_module.CAPACITY + 1):
        watch.mailbox.push(watch_module.Beat(tick, tick))
    await gateway.join(await gateway.watch("g2"), "cam")
    await eventually(lambda: is_lost(running, session.session_id))
    with pytest.raises(grpc.aio.AioRpcError) as cut:
        await asyncio.wait_for(read_to_the_end(stream), DEADLINE_S)
    assert cut.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_peer_that_joins_again_ends_its_old_session(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    old = await gateway.join(stream, "cam")

    def another_session(request: pb.JoinRoomRequest) -> None:
        request.session_id = "s-new"
        request.request_id = "s-new/0"

    await gateway.join(stream, "cam", change=another_session)
    ended = (await stream.next()).ended
    assert (ended.session_id, ended.reason) == (old.session_id, "REPLACED")
    assert len(running.worker.seats) == 1


async def test_events_carry_the_trace_of_what_caused_them(gateway: Gateway) -> None:
    stream = await gateway.watch()
    await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    await gateway.stub.JoinRoom(
        gateway.join_request(stream, "cam"),
        timeout=DEADLINE_S,
        metadata=(("traceparent", f"00-{trace_id}-00f067aa0ba902b7-01"),),
    )
    message = await stream.next()
    # Without a tracer provider the remote context itself is the current span's.
    assert trace_id in message.event.traceparent
