"""A session that passes to another connection: who may, what it gets, and what is void then."""

import grpc
import pytest

from services.common.errors import Code
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.v1 import room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, Session, run_worker
from tests.support.poll import eventually

SEND = room_pb2.DIRECTION_SEND
PROCTOR = room_pb2.ROLE_PROCTOR


async def refused(call: object) -> tuple[Code, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call  # type: ignore[misc]
    refusal = refusal_of(error.value)
    return refusal.code, refusal.reason


USED = (Code.UNAUTHORIZED, "RESUME_TOKEN_USED")
GONE = (Code.NOT_FOUND, "SESSION_NOT_FOUND")


async def test_missed_events_come_with_the_reply_and_later_ones_over_the_new_watch(
    gateway: Gateway,
) -> None:
    before, after = await gateway.watch("g1"), await gateway.watch("g2")
    eve = await gateway.join(before, "eve", PROCTOR)
    for name in ("cam1", "cam2"):
        await gateway.join(before, name)

    reply = await eve.attach(after, "c-2")

    assert not reply.has_snapshot
    assert [event.seq for event in reply.missed] == [1, 2]
    assert [e.participant_joined.participant.peer_id for e in reply.missed] == ["cam1", "cam2"]
    assert reply.session.position == pb.LogPosition(epoch=eve.joined.position.epoch, seq=2)
    await gateway.join(before, "cam3")
    told = (await after.next()).event
    assert (told.seq, told.connection_id, told.session_id) == (3, "c-2", eve.session_id)


async def test_attach_touches_no_media(running: RunningWorker, gateway: Gateway) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    await ann.transport(SEND)
    producer_id = await ann.produce()
    asked = list(running.media.commands)

    await ann.attach(await gateway.watch("g2"), "c-2")

    assert running.media.commands == asked
    await gateway.stub.PauseProducer(
        pb.PauseProducerRequest(call=ann.call(), producer_id=producer_id), timeout=DEADLINE_S
    )


async def test_connection_that_was_there_is_told_and_its_key_is_void(gateway: Gateway) -> None:
    old, new = await gateway.watch("g1"), await gateway.watch("g2")
    eve = await gateway.join(old, "eve", PROCTOR)
    ann = await gateway.join(old, "ann")
    stale = ann.call()

    await ann.attach(new, "c-2")

    assert (await old.next()).event.participant_joined.participant.peer_id == "ann"
    ended = (await old.next()).ended
    assert (ended.session_id, ended.reason, ended.connection_id) == (
        ann.session_id,
        "REPLACED",
        "",
    )
    for call in (
        gateway.stub.LeaveRoom(pb.LeaveRoomRequest(call=stale), timeout=DEADLINE_S),
        gateway.stub.DetachSession(pb.DetachSessionRequest(call=stale), timeout=DEADLINE_S),
    ):
        assert await refused(call) == (Code.FORBIDDEN, "BAD_SESSION_KEY")
    # Nobody was told that ann is lost: she never was.
    await gateway.join(old, "bo")
    assert (await old.next()).event.participant_joined.participant.peer_id == "bo"
    assert eve.joined.counter == 1


async def test_end_of_the_watch_that_a_session_has_left_costs_it_nothing(
    running: RunningWorker, gateway: Gateway
) -> None:
    old, new = await gateway.watch("g1"), await gateway.watch("g2")
    ann = await gateway.join(old, "ann")
    await ann.attach(new, "c-2")

    old.call.cancel()
    await eventually(lambda: len(running.worker.watches.all()) == 1)

    (room,) = running.worker.rooms.values()
    assert [session.lost_until_ms for session in room.roster.sessions.values()] == [None]


async def test_second_connection_on_the_same_watch_gets_the_events_and_the_first_its_end(
    gateway: Gateway,
) -> None:
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", PROCTOR)
    first = await eve.attach(stream, "c-2")
    assert (await stream.next()).ended.connection_id == ""

    await eve.attach(stream, "c-3", counter=first.session.counter)
    await gateway.join(stream, "cam")

    assert (await stream.next()).ended.connection_id == "c-2"
    assert (await stream.next()).event.connection_id == "c-3"


async def test_repeat_of_an_attach_by_the_same_connection_does_not_end_it(
    gateway: Gateway,
) -> None:
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", PROCTOR)
    await eve.attach(stream, "c-2", counter=1)
    assert (await stream.next()).ended.connection_id == ""

    # Its gateway had no reply.
    await eve.attach(stream, "c-2", counter=1)
    await gateway.join(stream, "cam")

    assert (await stream.next()).event.connection_id == "c-2"


async def test_lost_peer_that_comes_back_is_announced_and_stays_after_its_grace_time() -> None:
    async with run_worker(grace_ms=150) as running, Gateway(running.address) as gateway:
        stream = await gateway.watch()
        await gateway.join(stream, "eve", PROCTOR)
        ann = await gateway.join(stream, "ann")
        await gateway.stub.DetachSession(
            pb.DetachSessionRequest(call=ann.call()), timeout=DEADLINE_S
        )

        await ann.attach(stream, "c-2")

        told = [(await stream.next()).event for _ in range(3)]
        assert [event.WhichOneof("event") for event in told] == [
            "participant_joined",
            "participant_updated",
            "participant_updated",
        ]
        assert [e.participant_updated.participant.connection for e in told[1:]] == [
            room_pb2.CONNECTION_LOST,
            room_pb2.CONNECTION_OK,
        ]
        # A second one that is lost shows that the grace time has gone by.
        bo = await gateway.join(stream, "bo")
        await gateway.stub.DetachSession(
            pb.DetachSessionRequest(call=bo.call()), timeout=DEADLINE_S
        )
        await eventually(lambda: len(running.worker.seats) == 2)
        assert running.worker.seats.get(ann.session_id) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["left", "timed out", "never was", "other room"])
async def test_session_that_is_not_there_is_not_found(how: str) -> None:
    async with run_worker(grace_ms=0) as running, Gateway(running.address) as gateway:
        stream = await gateway.watch()
        await gateway.join(stream, "eve", PROCTOR)
        ann = await gateway.join(stream, "ann")
        match how:
            case "left":
                await ann.leave()
            case "timed out":
                call = pb.DetachSessionRequest(call=ann.call())
                await gateway.stub.DetachSession(call, timeout=DEADLINE_S)
                await eventually(lambda: len(running.worker.seats) == 1)
            case "never was":
                ann.session_id = "s-other"
            case "other room":
                ann.room_id = "other"
        assert await refused(ann.attach(stream, "c-2")) == GONE


@pytest.mark.parametrize("counter", [0, 2, 3, 2**64 - 1])
async def test_counter_that_was_not_given_out_is_refused(gateway: Gateway, counter: int) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    assert await refused(ann.attach(stream, "c-2", counter=counter)) == USED
    # The connection that is there goes on.
    await ann.transport(SEND)


async def test_counter_is_taken_again_until_the_client_has_spoken(gateway: Gateway) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    first = await ann.attach(stream, "c-2", counter=1)
    second = await ann.attach(stream, "c-3", counter=1)
    assert [first.session.counter, second.session.counter] == [2, 3]
    # The reply with this one was overtaken.
    assert await refused(ann.attach(stream, "c-4", counter=2)) == USED
    # That the socket closed says nothing about what the client has.
    detach = pb.DetachSessionRequest(call=ann.call())
    await gateway.stub.DetachSession(detach, timeout=DEADLINE_S)
    third = await ann.attach(stream, "c-5", counter=1)

    confirm = pb.ConfirmSessionRequest(call=ann.call())
    await gateway.stub.ConfirmSession(confirm, timeout=DEADLINE_S)

    assert await refused(ann.attach(stream, "c-6", counter=1)) == USED
    await ann.attach(stream, "c-7", counter=third.session.counter)


async def test_request_that_is_repeated_on_another_connection_gets_the_stored_reply(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    request = pb.CreateTransportRequest(call=ann.call("ann/7"), direction=SEND)
    first = await gateway.stub.CreateTransport(request, timeout=DEADLINE_S)
    await ann.attach(stream, "c-2")

    request.call.CopyFrom(ann.call("ann/7"))
    again = await gateway.stub.CreateTransport(request, timeout=DEADLINE_S)

    assert again == first
    assert len(running.media.transports) == 1
    request.direction = room_pb2.DIRECTION_RECV
    reused = gateway.stub.CreateTransport(request, timeout=DEADLINE_S)
    assert await refused(reused) == (Code.INVALID_MESSAGE, "REQUEST_ID_REUSED")


@pytest.mark.parametrize(
    "last",
    [
        pb.LogPosition(epoch="another", seq=0),
        pb.LogPosition(seq=1),
        # From the future.
        pb.LogPosition(seq=3),
        pb.LogPosition(seq=2**64 - 1),
    ],
)
async def test_place_that_the_log_does_not_have_gets_a_snapshot(
    gateway: Gateway, last: pb.LogPosition
) -> None:
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", PROCTOR)
    await eve.transport(SEND)
    producer_id = await eve.produce()
    for name in ("cam1", "cam2"):
        await gateway.join(stream, name)
    epoch = eve.joined.position.epoch
    place = pb.LogPosition(epoch=last.epoch or (epoch if last.seq > 2 else ""), seq=last.seq)

    reply = await eve.attach(stream, "c-2", last=place)

    assert reply.has_snapshot
    assert not reply.missed
    state = reply.session
    assert state.position == pb.LogPosition(epoch=epoch, seq=2)
    assert [who.peer_id for who in state.participants] == ["cam1", "cam2"]
    assert [own.producer_id for own in state.own_producers] == [producer_id]
    assert len(state.own_transports) == 1


async def test_attach_with_an_older_or_newer_generation_is_for_another_worker(
    gateway: Gateway,
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    stale = (Code.WRONG_WORKER, "STALE_GENERATION")
    assert await refused(ann.attach(stream, "c-2", generation=0)) == stale
    await ann.transport(SEND)
    # Another claim was granted: this life of the room is over.
    assert await refused(ann.attach(stream, "c-2", generation=2)) == stale
    assert await refused(ann.attach(stream, "c-2", generation=2)) == GONE


async def test_attach_over_a_watch_that_is_gone_is_unavailable(gateway: Gateway) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    stream.watch_id = "gone"
    assert await refused(ann.attach(stream, "c-2")) == (Code.UNAVAILABLE, "WATCH_NOT_LIVE")


async def rejoin(
    gateway: Gateway, watch_id: str, connection_id: str, counter: int = 7
) -> pb.JoinRoomResponse:
    """As a gateway that finds the worker of ann's token gone."""
    return await gateway.stub.JoinRoom(
        pb.JoinRoomRequest(
            watch_id=watch_id,
            room_id="exam",
            session_id="s-ann",
            peer_id="ann",
            user_id="user-ann",
            display_name="Ann",
            role=room_pb2.ROLE_CANDIDATE,
            request_id=f"s-ann:{connection_id}",
            generation=2,
            create=True,
            may_publish=True,
            may_subscribe=True,
            connection_id=connection_id,
            resume_counter=counter,
        ),
        timeout=DEADLINE_S,
    )


async def test_session_of_a_worker_that_is_gone_takes_a_seat_once(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    first = await rejoin(gateway, stream.watch_id, "c-2")
    assert first.counter == 8
    # Another connection with the same token, because the first one's reply was lost.
    second = await rejoin(gateway, stream.watch_id, "c-3")
    assert second.counter == 9
    assert (await stream.next()).ended.connection_id == "c-2"
    assert len(running.worker.seats) == 1

    ann = Session(gateway, "exam", "s-ann", second.session_key, second, generation=2)
    confirm = pb.ConfirmSessionRequest(call=ann.call())
    await gateway.stub.ConfirmSession(confirm, timeout=DEADLINE_S)

    assert await refused(rejoin(gateway, stream.watch_id, "c-4")) == USED


async def test_newest_token_of_a_worker_that_is_gone_wins_over_one_that_was_used_up(
    gateway: Gateway,
) -> None:
    stream = await gateway.watch()
    await rejoin(gateway, stream.watch_id, "c-thief", counter=3)

    owner = await rejoin(gateway, stream.watch_id, "c-owner", counter=7)

    assert owner.counter == 8
    assert (await stream.next()).ended.connection_id == "c-thief"
    assert await refused(rejoin(gateway, stream.watch_id, "c-thief-2", counter=3)) == USED
    assert await refused(rejoin(gateway, stream.watch_id, "c-thief-2", counter=4)) == USED


@pytest.mark.parametrize("leave", [True, False])
async def test_connection_without_a_key_is_taken_off_its_session(
    running: RunningWorker, gateway: Gateway, leave: bool
) -> None:
    stream = await gateway.watch()
    await gateway.join(stream, "eve", PROCTOR)
    ann = await gateway.join(stream, "ann")
    await ann.attach(stream, "c-2")

    async def forsake(connection_id: str) -> None:
        request = pb.ForsakeSessionRequest(
            watch_id=stream.watch_id,
            session_id=ann.session_id,
            connection_id=connection_id,
            leave=leave,
        )
        await gateway.stub.ForsakeSession(request, timeout=DEADLINE_S)

    # Neither a connection that was replaced, nor one that never was.
    for connection_id in (ann.session_id, "c-9", ""):
        await forsake(connection_id)
    await ann.transport(SEND)

    await forsake("c-2")

    seats = len(running.worker.seats)
    (room,) = running.worker.rooms.values()
    lost = [session.lost_until_ms is not None for session in room.roster.sessions.values()]
    assert (seats, lost) == ((1, [False]) if leave else (2, [False, True]))
