"""Moderation over the socket: through a real gateway and a real worker control plane."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.common.ids import RoomId
from tests.support.client import Client, RefusedError, connected, resumed
from tests.support.gateway import (
    ROOM,
    RunningGateway,
    RunningWorker,
    joined,
    mint,
    ready,
    running_gateway,
    running_worker,
)
from tests.support.poll import eventually


async def refused(client: Client, kind: str, payload: Any = None) -> tuple[str, str | None]:
    with pytest.raises(RefusedError) as caught:
        await client.ask(kind, payload)
    return caught.value.code, caught.value.reason


async def cannot_join(gateway: RunningGateway, user: str, role: str = "candidate") -> Any:
    """Why a user's new connection is not let into the room."""
    async with connected(gateway.url) as client:
        await client.authenticate(mint(role, user), ROOM)
        return await refused(client, "room:join", {"roomId": ROOM, "displayName": user})


async def publish(client: Client, kind: str = "audio", **more: Any) -> dict[str, Any]:
    await client.ask("transport:create", {"direction": "send"})
    return await client.ask("produce", {"kind": kind, **more})


async def test_kicked_user_is_told_and_stays_out(gateway: RunningGateway) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada") as ada:
        target = {"peerId": ada.peer_id}

        assert await pat.ask("peer:kick", target | {"reason": "Phone in hand"}) == target

        closing = (await ada.event("session:closing")).payload
        assert closing == {
            "reason": "KICKED",
            "action": "stop",
            "afterMs": 0,
            "message": "Phone in hand",
        }
        assert await ada.close_code() == 4403
        left = await pat.event("participant:left", peerId=ada.peer_id)
        assert left.payload["reason"] == "KICKED"
        assert await cannot_join(gateway, "ada") == ("FORBIDDEN", "BANNED")
        async with connected(gateway.url) as again:
            with pytest.raises(RefusedError) as caught:
                await again.resume(ada)
            assert caught.value.reason == "SESSION_ENDED"


async def test_locked_room_is_closed_to_new_users_only(gateway: RunningGateway) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada") as ada:
        assert await pat.ask("room:lock") == {}

        await ada.event("room:locked")
        assert await cannot_join(gateway, "ben") == ("FORBIDDEN", "ROOM_LOCKED")
        async with connected(gateway.url) as second_tab:
            await second_tab.authenticate(mint("candidate", "ada"), ROOM)
            state = await second_tab.join(ROOM, "Ada")
            assert state["roomConfig"]["locked"] is True
        await ada.cut()
        async with resumed(gateway.url, ada) as back:
            assert await pat.ask("room:unlock") == {}
            await back.event("room:unlocked")
        async with joined(gateway, "candidate", "Ben"):
            pass


async def test_muted_candidate_is_silent_until_a_moderator_says_so(
    gateway: RunningGateway,
) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada") as ada:
        microphone = await publish(ada)
        assert await pat.ask("peer:mute", {"peerId": ada.peer_id}) == {"peerId": ada.peer_id}

        for client in (ada, pat):
            paused = (await client.event("producer:paused")).payload
            assert paused == {**microphone, "muted": True}
        updated = (await pat.event("participant:updated")).payload["participant"]
        assert updated["muted"] is True
        refusal = await refused(ada, "producer:resume", microphone)
        assert refusal == ("FORBIDDEN", "MUTED_BY_MODERATOR")
        # Closing it does not help.
        await ada.ask("producer:close", microphone)
        second = await ada.ask("produce", {"kind": "audio"})
        assert second["muted"] is True
        await pat.ask("peer:unmute", {"peerId": ada.peer_id})
        resumed_one = (await ada.event("producer:resumed")).payload
        assert resumed_one == {"producerId": second["producerId"]}


async def test_moderator_pauses_one_producer(gateway: RunningGateway) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada") as ada:
        camera = await publish(ada, "video")

        assert await pat.ask("producer:pause", camera) == camera

        assert (await ada.event("producer:paused")).payload == {**camera, "muted": True}
        assert (await refused(ada, "producer:resume", camera))[1] == "MUTED_BY_MODERATOR"
        await pat.ask("producer:resume", camera)
        await ada.event("producer:resumed", **camera)


@pytest.mark.parametrize(
    "kind",
    ["room:lock", "room:unlock", *(f"peer:{v}" for v in ("admit", "reject", "kick", "mute"))],
)
async def test_who_may_not_moderate_is_told_so(gateway: RunningGateway, kind: str) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, connected(gateway.url) as guest:
        await guest.authenticate(mint("proctor", "guest", moderate=False), ROOM)
        await guest.join(ROOM, "Guest")
        payload = None if kind.startswith("room") else {"peerId": ada.peer_id}

        for client in (ada, guest):
            assert await refused(client, kind, payload) == ("FORBIDDEN", "NOT_A_MODERATOR")


async def test_messages_go_to_those_they_are_for(gateway: RunningGateway) -> None:
    async with AsyncExitStack() as stack:
        pat, eve = [
            await stack.enter_async_context(joined(gateway, "proctor", name))
            for name in ("Pat", "Eve")
        ]
        ada, ben = [
            await stack.enter_async_context(joined(gateway, "candidate", name))
            for name in ("Ada", "Ben")
        ]

        assert await ada.ask("message:send", {"body": {"text": "May I stand up?"}}) == {}
        for proctor in (pat, eve):
            told = (await proctor.event("message")).payload
            assert told == {"from": ada.peer_id, "body": {"text": "May I stand up?"}}
        await pat.ask("message:send", {"to": ada.peer_id, "body": "Yes"})
        told = (await ada.event("message")).payload
        assert told == {"from": pat.peer_id, "to": ada.peer_id, "body": "Yes"}
        to_another = await refused(ada, "message:send", {"to": ben.peer_id, "body": "?"})
        to_nobody = await refused(ada, "message:send", {"to": "p-0", "body": "?"})
        assert to_another == to_nobody == ("NOT_FOUND", "PEER_NOT_FOUND")
        await eve.ask("message:send", {"body": "Ten minutes"})
        assert (await ben.event("message")).payload["body"] == "Ten minutes"
        heard = [event.payload["body"] for event in ben.events if event.type == "message"]
        assert heard == ["Ten minutes"]
        assert not [frame for frame in ben.frames if ada.peer_id in frame]


async def test_message_to_a_client_that_is_away_comes_when_it_is_back(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada") as ada:
        await ada.cut()
        await pat.event("participant:updated")
        await pat.ask("message:send", {"to": ada.peer_id, "body": "Still there?"})

        async with resumed(gateway.url, ada) as back:
            assert (await back.event("message")).payload["body"] == "Still there?"


async def test_one_who_says_too_much_is_told_to_wait(gateway: RunningGateway) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada") as ada:
        answers = await asyncio.gather(
            *(ada.request("message:send", {"body": 1}, correlationId=f"m{n}") for n in range(60))
        )

        refusals = [answer for answer in answers if answer.type == "error"]
        assert 0 < len(refusals) <= 40
        late = refusals[0]
        assert (late.payload["code"], late.payload["details"]["reason"]) == (
            "RATE_LIMITED",
            "TOO_MUCH_SAID",
        )
        await asyncio.sleep(late.payload["details"]["retryAfterMs"] / 1000)
        # The same request again: a refusal that passes is not kept.
        assert late.correlation_id is not None
        again = await ada.request("message:send", {"body": 1}, correlationId=late.correlation_id)
        assert again.type == "message:sent"
        heard = len(answers) - len(refusals) + 1
        await eventually(lambda: sum(e.type == "message" for e in pat.events) == heard)


async def test_hand_is_raised_and_data_changed(gateway: RunningGateway) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada") as ada:
        update = {"handRaised": True, "displayName": "Ada L.", "appData": {"seat": 7}}

        assert await ada.ask("peer:update", update) == {}

        seen = (await pat.event("participant:updated")).payload["participant"]
        assert {name: seen[name] for name in update} == update
        async with joined(gateway, "proctor", "Eve") as eve:
            await ada.ask("peer:update", {"handRaised": False})
            lowered = (await eve.event("participant:updated")).payload["participant"]
            assert "handRaised" not in lowered
            assert lowered["displayName"] == "Ada L."


async def test_proctor_talks_to_one_candidate(gateway: RunningGateway) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada") as ada:
        async with joined(gateway, "candidate", "Ben") as ben:
            voice = await publish(pat, audience=[ada.peer_id])

            await ada.event("producer:new", **voice)
            await ben.ask("transport:create", {"direction": "recv"})
            assert await refused(ben, "consume", voice) == ("CONSUME_ERROR", "PRODUCER_NOT_FOUND")
            assert not [frame for frame in ben.frames if voice["producerId"] in frame]
            unknown = await refused(pat, "produce", {"kind": "video", "audience": ["p-0"]})
            assert unknown == ("PRODUCE_ERROR", "PEER_NOT_FOUND")
        await ada.ask("transport:create", {"direction": "recv"})
        assert (await ada.ask("consume", voice))["peerId"] == pat.peer_id


# The waiting room.


class Knock:
    """A candidate whose `room:join` waits for its answer."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def begin(self, name: str) -> "Knock":
        await self.client.authenticate(mint("candidate", name.lower()), ROOM)
        self.join = asyncio.create_task(
            self.client.request("room:join", {"roomId": ROOM, "displayName": name})
        )
        assert (await self.client.event("room:waiting")).payload == {"roomId": ROOM}
        return self


async def opened(stack: AsyncExitStack, gateway: RunningGateway) -> Client:
    """A proctor in a room that has a waiting room."""
    pat = await stack.enter_async_context(connected(gateway.url))
    await pat.authenticate(mint("proctor", "pat", waitingRoom=True), ROOM)
    await pat.join(ROOM, "Pat")
    return pat


async def knocked(stack: AsyncExitStack, gateway: RunningGateway, name: str = "Ada") -> Knock:
    client = await stack.enter_async_context(connected(gateway.url))
    return await Knock(client).begin(name)


async def test_candidate_comes_in_when_it_is_admitted(gateway: RunningGateway) -> None:
    async with AsyncExitStack() as stack:
        pat = await opened(stack, gateway)
        ada = await knocked(stack, gateway)
        waiting = (await pat.event("participant:waiting")).payload
        assert waiting == {
            "peerId": ada.client.peer_id,
            "userId": "ada",
            "displayName": "Ada",
            "appData": {},
        }
        await ada.client.ask("ping", {})
        assert (await refused(ada.client, "produce", {"kind": "audio"}))[1] == "WAITING"

        for _ in range(2):
            await pat.ask("peer:admit", {"peerId": ada.client.peer_id})

        state = await ada.join
        assert state.type == "room:state"
        assert [one["displayName"] for one in state.payload["participants"]] == ["Pat"]
        await pat.event("participant:joined")
        await publish(ada.client)
        await pat.event("producer:new", peerId=ada.client.peer_id)
        # The same join again gets the same answer.
        assert state.correlation_id is not None
        again = await ada.client.request(
            "room:join",
            {"roomId": ROOM, "displayName": "Ada"},
            correlationId=state.correlation_id,
        )
        assert again.type == "room:state"
        async with joined(gateway, "candidate", "Ada"):
            # It is known by now.
            pass


async def test_who_waits_before_a_moderator_comes_is_on_the_list(gateway: RunningGateway) -> None:
    async with AsyncExitStack() as stack:
        first = await opened(stack, gateway)
        ada = await knocked(stack, gateway)
        async with connected(gateway.url) as eve:
            await eve.authenticate(mint("proctor", "eve"), ROOM)
            state = await eve.join(ROOM, "Eve")
            assert [one["peerId"] for one in state["waiting"]] == [ada.client.peer_id]
            assert [one["displayName"] for one in state["participants"]] == ["Pat"]
        async with joined(gateway, "observer", "Obs") as observer:
            assert not [frame for frame in observer.frames if ada.client.peer_id in frame]
        assert first.events


async def test_rejected_candidate_is_told_why(gateway: RunningGateway) -> None:
    async with AsyncExitStack() as stack:
        pat = await opened(stack, gateway)
        ada = await knocked(stack, gateway)

        await pat.ask("peer:reject", {"peerId": ada.client.peer_id, "reason": "Wrong room"})

        answer = await ada.join
        assert answer.payload == {
            "code": "FORBIDDEN",
            "message": "Wrong room",
            "details": {"reason": "REJECTED"},
        }
        assert await ada.client.close_code() == 4403
        left = await pat.event("participant:left", peerId=ada.client.peer_id)
        assert left.payload["reason"] == "REJECTED"
        assert (await refused(pat, "peer:admit", {"peerId": ada.client.peer_id}))[0] == "NOT_FOUND"
        await knocked(stack, gateway)


@pytest.mark.parametrize("how", ["cut", "leave"])
async def test_candidate_that_goes_instead_of_waiting_leaves_nothing(
    gateway: RunningGateway, worker: RunningWorker, how: str
) -> None:
    async with AsyncExitStack() as stack:
        pat = await opened(stack, gateway)
        ada = await knocked(stack, gateway)

        if how == "cut":
            await ada.client.cut()
        else:
            assert await ada.client.ask("room:leave") == {"reason": "LEFT"}
            assert await ada.client.close_code() == 1000

        await pat.event("participant:left", peerId=ada.client.peer_id)
        room = worker.worker.rooms[RoomId(ROOM)]
        assert len(room.lobby) == 0
        await eventually(lambda: len(worker.worker.seats) == 1)
        with pytest.raises(ConnectionError):
            await ada.join


async def test_who_waits_for_too_long_is_sent_away() -> None:
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(running_worker(waiting_ms=50))
        gateway = await stack.enter_async_context(running_gateway(worker.address))
        await ready(gateway)
        pat = await opened(stack, gateway)
        ada = await knocked(stack, gateway)

        assert (await ada.join).payload["details"] == {"reason": "WAITED_TOO_LONG"}
        assert await ada.client.close_code() == 4403
        left = await pat.event("participant:left", peerId=ada.client.peer_id)
        assert left.payload["reason"] == "TIMED_OUT"


# What outlives a worker.


async def test_bans_locks_and_mutes_outlive_the_worker() -> None:
    async with AsyncExitStack() as stack:
        async with running_worker("w1") as first:
            gateway = await stack.enter_async_context(running_gateway(first.address))
            await ready(gateway)
            pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
            ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
            ben = await stack.enter_async_context(joined(gateway, "candidate", "Ben"))
            await pat.ask("peer:mute", {"peerId": ada.peer_id})
            await pat.ask("peer:kick", {"peerId": ben.peer_id})
            await pat.ask("room:lock")
        assert await ada.close_code() == 1012
        port = int(first.address.rpartition(":")[2])
        second = await stack.enter_async_context(running_worker("w1", port))
        await ready(gateway)

        # The first to come is somebody new.
        assert await cannot_join(gateway, "cam") == ("FORBIDDEN", "ROOM_LOCKED")
        assert await cannot_join(gateway, "ben") == ("FORBIDDEN", "BANNED")
        back = await stack.enter_async_context(resumed(gateway.url, ada))
        state = (await back.event("room:state")).payload
        assert state["roomConfig"]["locked"] is True
        assert (await publish(back))["muted"] is True
        room = second.worker.rooms[RoomId(ROOM)]
        assert room.settings.banned == {"ben"}
        moderator = await stack.enter_async_context(resumed(gateway.url, pat))
        await moderator.ask("peer:unmute", {"peerId": back.peer_id})
        await back.event("producer:resumed")


async def test_every_gateway_of_the_room_knows_its_settings_until_it_ends(
    worker: RunningWorker,
) -> None:
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(running_gateway(worker.address)) for _ in range(2)
        ]
        for gateway in (one, two):
            await ready(gateway)
        pat = await stack.enter_async_context(joined(one, "proctor", "Pat"))
        ada = await stack.enter_async_context(joined(two, "candidate", "Ada"))
        await pat.ask("peer:mute", {"peerId": ada.peer_id})
        room = worker.worker.rooms[RoomId(ROOM)]

        def known(gateway: RunningGateway) -> int:
            settings = gateway.app.fleet.settings.newest(RoomId(ROOM))
            return settings.version if settings is not None else 0

        assert room.settings.version == 2
        await eventually(lambda: (known(one), known(two)) == (2, 2))
        await ada.ask("room:leave")
        await pat.ask("room:leave")
        # The room is over, and what was decided in it.
        await eventually(lambda: (known(one), known(two)) == (0, 0))
