"""Moderation between gateway and worker: waiting sessions, and settings that outlive the worker."""

from collections.abc import Callable

import grpc
import pytest

from services.common.errors import Code
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.admin.v1 import admin_service_pb2 as admin_pb
from services.pb.invigil.sfu.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from services.pb.invigil.sfu.v1 import room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, Session, Stream
from tests.support.poll import eventually

PROCTOR = room_pb2.ROLE_PROCTOR
CANDIDATE = room_pb2.ROLE_CANDIDATE


async def refused(call: object) -> tuple[Code, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call  # type: ignore[misc]
    refusal = refusal_of(error.value)
    return refusal.code, refusal.reason


def moderator(request: pb.JoinRoomRequest) -> None:
    request.may_moderate = True
    request.room_config.waiting_room = True


def presenting(**settings: object) -> Callable[[pb.JoinRoomRequest], None]:
    """A gateway that has these settings of the room."""

    def change(request: pb.JoinRoomRequest) -> None:
        kept = room_pb2.RoomSettings(
            room_id=request.room_id,
            visibility=room_pb2.VISIBILITY_PROCTORED,
            max_participants=200,
            **settings,  # type: ignore[arg-type]
        )
        request.room_settings.CopyFrom(kept)

    return change


async def admit(eve: Session, peer_id: str) -> None:
    await eve.gateway.stub.AdmitPeer(
        pb.AdmitPeerRequest(call=eve.call(), peer_id=peer_id), timeout=DEADLINE_S
    )


async def next_kind(stream: Stream) -> str | None:
    return (await stream.next()).WhichOneof("message")


async def test_admitted_session_is_announced_before_its_events_and_asked_for_again(
    gateway: Gateway,
) -> None:
    here, there = await gateway.watch("g1"), await gateway.watch("g2")
    eve = await gateway.join(here, "eve", PROCTOR, change=moderator)
    ann = await gateway.join(there, "ann")
    assert ann.joined.waiting
    assert not ann.joined.participants
    assert not ann.joined.HasField("room")

    await admit(eve, "ann")
    await gateway.join(here, "pat", PROCTOR)

    told = await there.next()
    assert told.admitted.session_id == ann.session_id
    assert (await there.next()).event.seq == 1
    again = await gateway.stub.JoinRoom(gateway.join_request(there, "ann"), timeout=DEADLINE_S)
    assert not again.waiting
    assert again.session_key == ann.key
    assert [one.peer_id for one in again.participants] == ["eve", "pat"]
    await ann.transport(room_pb2.DIRECTION_SEND)


async def test_session_that_waits_may_only_go(gateway: Gateway) -> None:
    stream = await gateway.watch()
    await gateway.join(stream, "eve", PROCTOR, change=moderator)
    ann = await gateway.join(stream, "ann")

    assert await refused(ann.transport(room_pb2.DIRECTION_SEND)) == (
        Code.INVALID_MESSAGE,
        "NOT_JOINED",
    )
    assert (await ann.leave()).reason == "LEFT"


@pytest.mark.parametrize("how", ["watch", "forsaken"])
async def test_waiting_ends_with_the_gateway_that_waits(
    running: RunningWorker, gateway: Gateway, how: str
) -> None:
    here, there = await gateway.watch("g1"), await gateway.watch("g2")
    await gateway.join(here, "eve", PROCTOR, change=moderator)
    ann = await gateway.join(there, "ann")

    if how == "watch":
        there.call.cancel()
    else:
        forsake = pb.ForsakeSessionRequest(
            watch_id=there.watch_id,
            session_id=ann.session_id,
            connection_id=ann.session_id,
            leave=True,
        )
        await gateway.stub.ForsakeSession(forsake, timeout=DEADLINE_S)

    left = (await here.next()).event
    assert left.participant_waiting.peer.peer_id == "ann"
    assert (await here.next()).event.participant_left.peer_id == "ann"
    await eventually(lambda: len(running.worker.seats) == 1)


async def test_peer_that_waits_holds_its_id(gateway: Gateway) -> None:
    stream = await gateway.watch()
    await gateway.join(stream, "eve", PROCTOR, change=moderator)
    await gateway.join(stream, "ann")

    taken = await refused(gateway.join(stream, "ann", room_id="other"))

    assert taken == (Code.FORBIDDEN, "PEER_ID_TAKEN")


async def test_every_decision_is_told_to_the_gateways_of_the_room(gateway: Gateway) -> None:
    here, there = await gateway.watch("g1"), await gateway.watch("g2")
    elsewhere = await gateway.watch("g3")
    eve = await gateway.join(here, "eve", PROCTOR, change=moderator)
    await gateway.join(there, "pat", PROCTOR)
    await gateway.join(elsewhere, "zoe", room_id="other")
    assert (await there.next_settings()).version == 1

    await gateway.stub.LockRoom(pb.LockRoomRequest(call=eve.call()), timeout=DEADLINE_S)

    settings = await there.next_settings()
    assert (settings.room_id, settings.version, settings.locked) == ("exam", 2, True)
    assert settings.waiting_room
    assert list(settings.member_user_ids) == ["user-eve", "user-pat"]
    assert (await elsewhere.next_settings()).room_id == "other"


async def test_room_that_ends_takes_its_settings_along(gateway: Gateway) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(stream, "ann")
    await stream.next_settings()

    await ann.leave()

    ended = await stream.next_settings()
    assert (ended.room_id, ended.ended) == ("exam", True)


async def test_room_that_moves_leaves_its_settings_behind(gateway: Gateway) -> None:
    stream = await gateway.watch()
    await gateway.join(stream, "ann")
    await stream.next_settings()

    def claim(request: pb.JoinRoomRequest) -> None:
        request.generation = 2

    await gateway.join(stream, "ben", change=claim)

    # Those of its new life.
    assert not (await stream.next_settings()).ended


async def test_room_that_is_made_anew_is_as_its_gateway_says(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    change = presenting(
        version=7, banned_user_ids=["user-ben"], locked=True, member_user_ids=["user-cat"]
    )

    assert await refused(gateway.join(stream, "ben", change=change)) == (Code.FORBIDDEN, "BANNED")
    assert await refused(gateway.join(stream, "ann", change=change)) == (
        Code.FORBIDDEN,
        "ROOM_LOCKED",
    )
    assert not running.worker.rooms

    joined = await gateway.join(stream, "cat", change=change)
    assert joined.joined.room.locked
    assert (await stream.next_settings()).version == 7


async def test_settings_that_come_late_still_hold(gateway: Gateway) -> None:
    stream = await gateway.watch()
    ben = await gateway.join(stream, "ben")
    late = presenting(version=7, banned_user_ids=["user-ben"])

    # Even if the one that they come with is not let in.
    both = presenting(version=7, banned_user_ids=["user-ben", "user-ann"])
    assert (await refused(gateway.join(stream, "ann", change=both)))[1] == "BANNED"

    ended = await stream.next()
    assert (ended.ended.session_id, ended.ended.reason) == (ben.session_id, "KICKED")
    await gateway.join(stream, "eve", PROCTOR, change=late)
    assert (await refused(gateway.join(stream, "ben")))[1] == "BANNED"


async def test_repeated_join_is_one_whatever_its_gateway_has_learned(gateway: Gateway) -> None:
    stream = await gateway.watch()
    first = await gateway.join(stream, "ann")

    again = await gateway.join(stream, "ann", change=presenting(version=1))

    assert again.key == first.key


async def test_muted_producer_is_added_to_the_media_side_paused(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    ann = await gateway.join(
        stream, "ann", change=presenting(version=2, muted_user_ids=["user-ann"])
    )
    await ann.transport(room_pb2.DIRECTION_SEND)

    audio = await ann.produce(kind=1)

    assert running.media.producers[audio].paused  # type: ignore[index]


async def test_operator_sees_who_waits_and_what_was_decided(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", PROCTOR, change=moderator)
    await gateway.join(stream, "ann")
    await gateway.stub.LockRoom(pb.LockRoomRequest(call=eve.call()), timeout=DEADLINE_S)

    async with grpc.aio.insecure_channel(running.address) as channel:
        listed = await AdminServiceStub(channel).ListRooms(
            admin_pb.ListRoomsRequest(), timeout=DEADLINE_S
        )

    (room,) = listed.rooms
    assert [peer.peer_id for peer in room.waiting_peers] == ["ann"]
    assert room.settings.locked
