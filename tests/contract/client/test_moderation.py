"""Moderation, messages and hands by the Python client, at a real gateway and worker."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiortc import AudioStreamTrack, VideoStreamTrack

from services.client.python.failure import ClosedError, RefusedError
from services.client.python.session import Session, joined
from tests.contract.client.conftest import House
from tests.support.gateway import ROOM, RunningGateway, mint
from tests.support.poll import PATIENCE_S


async def until(session: Session, condition: Callable[[], object]) -> None:
    await session.until(condition, within_s=PATIENCE_S)


async def refused(attempt: Awaitable[object]) -> RefusedError:
    with pytest.raises(RefusedError) as refusal:
        await attempt
    return refusal.value


async def test_muted_sound_is_told_and_cannot_be_resumed_until_it_is_let_go(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        voice = await ada.publish(AudioStreamTrack(), source="microphone")
        await until(grace, lambda: voice.producer_id in grace.roster.producers)
        await grace.moderation.mute(ada.peer_id)
        await until(ada, lambda: voice.is_muted)
        await until(grace, lambda: grace.roster.participants[ada.peer_id].muted)
        assert grace.roster.producers[voice.producer_id].muted
        assert (await refused(voice.resume())).reason == "MUTED_BY_MODERATOR"
        alone = await refused(grace.moderation.resume_producer(voice.producer_id))
        assert alone.reason == "PEER_MUTED"
        second = await ada.publish(AudioStreamTrack(), source="microphone")
        assert second.is_muted
        await grace.moderation.unmute(ada.peer_id)
        await until(ada, lambda: not voice.is_muted and not second.is_muted)
        await until(grace, lambda: not grace.roster.participants[ada.peer_id].muted)
        await voice.resume()


async def test_single_camera_is_held_and_let_go_and_its_sound_is_not(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        camera = await ada.publish(VideoStreamTrack(), source="camera")
        voice = await ada.publish(AudioStreamTrack(), source="microphone")
        await grace.moderation.pause_producer(camera.producer_id)
        await until(ada, lambda: camera.is_muted)
        assert not voice.is_muted
        await grace.moderation.resume_producer(camera.producer_id)
        await until(ada, lambda: not camera.is_muted)


async def test_removed_candidate_is_told_why_and_is_kept_out(house: House) -> None:
    async with house.join("Grace", "proctor") as grace:
        async with AsyncExitStack() as stack:
            ada = await stack.enter_async_context(house.join("Ada"))
            await grace.moderation.kick(ada.peer_id, "Two people in the picture")
            end = await ada.ended()
            assert isinstance(end, ClosedError)
            assert end.is_final
            assert ada.closing is not None
            said = (ada.closing.reason, ada.closing.message)
            assert said == ("KICKED", "Two people in the picture")
        await until(grace, lambda: not grace.roster.participants)
        assert (await refused(house.join("Ada").__aenter__())).reason == "BANNED"


async def test_rejected_candidate_reads_why_and_an_admitted_one_is_in(
    gateway: RunningGateway,
) -> None:
    async with AsyncExitStack() as stack:

        def joining(name: str, role: str, waiting_room: bool = False) -> asyncio.Task[Session]:
            token = mint(role, name.lower(), waitingRoom=waiting_room)
            place = joined(gateway.url, token=token, room=ROOM, name=name)
            return asyncio.create_task(stack.enter_async_context(place))

        grace = await joining("Grace", "proctor", waiting_room=True)
        ada, alan = joining("Ada", "candidate"), joining("Alan", "candidate")
        await until(grace, lambda: len(grace.room.waiting) == 2)
        # Whoever moderates later finds them in the state of the room.
        edith = await joining("Edith", "proctor")
        assert edith.room.waiting.keys() == grace.room.waiting.keys()
        by_name = {peer.display_name: id_ for id_, peer in grace.room.waiting.items()}
        await grace.moderation.reject(by_name["Ada"], "Not on the list")
        rejection = await refused(ada)
        assert rejection.reason == "REJECTED"
        assert "Not on the list" in str(rejection)
        await grace.moderation.admit(by_name["Alan"])
        assert (await alan).peer_id == by_name["Alan"]
        await until(grace, lambda: not grace.room.waiting)
        await until(edith, lambda: not edith.room.waiting)


async def test_locked_room_is_told_to_all_and_keeps_new_users_out(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        await grace.moderation.lock()
        assert grace.room.locked
        await until(ada, lambda: ada.room.locked)
        assert (await refused(house.join("Alan").__aenter__())).reason == "ROOM_LOCKED"
        await grace.moderation.unlock()
        assert not grace.room.locked
        await until(ada, lambda: not ada.room.locked)
        async with house.join("Alan"):
            pass


async def test_messages_go_both_ways_and_to_one_alone(house: House) -> None:
    async with (
        house.join("Ada") as ada,
        house.join("Alan") as alan,
        house.join("Grace", "proctor") as grace,
    ):
        await ada.send({"text": "May I leave?"})
        await until(grace, lambda: grace.messages)
        question = grace.messages.popleft()
        assert (question.sender, question.to) == (ada.peer_id, None)
        assert question.body == {"text": "May I leave?"}
        await grace.send("Yes.", to=ada.peer_id)
        await grace.send("Ten minutes left.")
        await until(ada, lambda: len(ada.messages) == 2)
        assert [message.body for message in ada.messages] == ["Yes.", "Ten minutes left."]
        await until(alan, lambda: alan.messages)
        assert [message.body for message in alan.messages] == ["Ten minutes left."]


async def test_hand_name_and_data_are_changed_and_what_is_not_named_stays(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        await ada.update(hand_raised=True, app_data={"seat": 14})
        await until(grace, lambda: grace.roster.participants[ada.peer_id].hand_raised)
        await ada.update(hand_raised=False, display_name="Ada L.")
        await until(grace, lambda: not grace.roster.participants[ada.peer_id].hand_raised)
        seen = grace.roster.participants[ada.peer_id]
        assert (seen.display_name, seen.app_data) == ("Ada L.", {"seat": 14})


async def test_candidate_decides_nothing(house: House) -> None:
    async with house.join("Ada") as ada, house.join("Grace", "proctor") as grace:
        for attempt in (
            ada.moderation.mute(grace.peer_id),
            ada.moderation.kick(grace.peer_id),
            ada.moderation.lock(),
        ):
            assert (await refused(attempt)).reason == "NOT_A_MODERATOR"
        assert not ada.room.locked
