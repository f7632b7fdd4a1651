"""Clients that lose their connection and go on: on the same gateway, another, another worker."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from services.common.ids import RoomId
from services.gateway.config import GatewaySettings
from services.gateway.core.resume import derive_key, seal, unseal
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.control.sfu_service import SfuService
from tests.support.client import Client, RefusedError, connected, resumed
from tests.support.gateway import (
    ROOM,
    SECRET,
    RunningGateway,
    RunningWorker,
    joined,
    mint,
    ready,
    running_gateway,
    running_worker,
)
from tests.support.poll import eventually


@pytest.fixture
async def other(worker: RunningWorker) -> AsyncIterator[RunningGateway]:
    """A second gateway in front of the same worker."""
    async with running_gateway(worker.address) as running:
        await ready(running)
        yield running


def lost(worker: RunningWorker) -> list[bool]:
    (room,) = worker.worker.rooms.values()
    return [session.lost_until_ms is not None for session in room.roster.sessions.values()]


async def refusal(url: str, before: Client) -> tuple[str, str | None, int | None]:
    """How an attempt to resume is refused, and the socket closed."""
    async with connected(url) as client:
        with pytest.raises(RefusedError) as refused:
            await client.resume(before)
        return refused.value.code, refused.value.reason, await client.close_code()


USED = ("UNAUTHORIZED", "RESUME_TOKEN_USED", 4401)
INVALID = ("UNAUTHORIZED", "RESUME_TOKEN_INVALID", 4401)
ENDED = ("UNAUTHORIZED", "SESSION_ENDED", 4401)


@pytest.mark.parametrize("where", ["same gateway", "another gateway"])
async def test_client_that_was_cut_off_goes_on_as_the_same_peer_with_what_it_missed(
    gateway: RunningGateway, other: RunningGateway, worker: RunningWorker, where: str
) -> None:
    async with AsyncExitStack() as stack:
        pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        await ada.ask("transport:create", {"direction": "send"})
        first = (await ada.ask("produce", {"kind": "audio"}))["producerId"]
        await pat.event("producer:new", producerId=first)
        asked = list(worker.media.commands)

        await pat.cut()
        await eventually(lambda: lost(worker) == [True, False])
        missed = (await ada.ask("produce", {"kind": "video"}))["producerId"]
        there = other if where == "another gateway" else gateway
        back = await stack.enter_async_context(resumed(there.url, pat))

        assert back.peer_id == pat.peer_id
        assert (await back.event("producer:new")).payload["producerId"] == missed
        await ada.ask("producer:pause", {"producerId": missed})
        await back.event("producer:paused", producerId=missed)
        seqs = [event.seq for event in [*pat.events, *back.events] if event.seq is not None]
        assert seqs == [1, 2, 3, 4]
        assert [event.payload["connection"] for event in updates(ada, pat)] == ["lost", "ok"]
        since = worker.media.commands[len(asked) :]
        assert since == [("add_producer", missed), ("pause_producer", missed)]


def updates(client: Client, about: Client) -> list[Any]:
    told = [event for event in client.events if event.type == "participant:updated"]
    people = [event.payload["participant"] for event in told]
    return [
        type(event)(event.type, person, None, event.seq)
        for event, person in zip(told, people, strict=True)
        if person["peerId"] == about.peer_id
    ]


@pytest.mark.parametrize("where", ["same gateway", "another gateway"])
async def test_newer_connection_takes_the_place_of_one_that_still_lives(
    gateway: RunningGateway, other: RunningGateway, worker: RunningWorker, where: str
) -> None:
    async with AsyncExitStack() as stack:
        pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
        there = other if where == "another gateway" else gateway

        back = await stack.enter_async_context(resumed(there.url, pat))

        closing = await pat.event("session:closing")
        assert (closing.payload["reason"], closing.payload["action"]) == ("REPLACED", "stop")
        assert await pat.close_code() == 4409
        # Neither the old socket's end nor its gateway takes the session down.
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        await back.event("participant:joined")
        assert lost(worker) == [False, False]
        assert [event.type for event in ada.events] == []


async def test_of_connections_that_race_with_one_token_one_is_left(
    gateway: RunningGateway, other: RunningGateway, worker: RunningWorker
) -> None:
    async with AsyncExitStack() as stack:
        pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
        await pat.cut()
        racing = [
            await stack.enter_async_context(connected((gateway, other)[n % 2].url))
            for n in range(6)
        ]
        # One that is overtaken on its way may hear of its end before its answer.
        await asyncio.gather(*(one.resume(pat) for one in racing), return_exceptions=True)

        await eventually(lambda: sum(is_open(one) for one in racing) == 1)

        (winner,) = [one for one in racing if is_open(one)]
        assert [await one.close_code() for one in racing if one is not winner] == [4409] * 5
        await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        await winner.event("participant:joined")
        assert len(worker.worker.seats) == 2
        # Each newer answer made the token before void, but for that which all of them had.
        for loser in racing:
            if loser is not winner and loser.resume_token:
                assert await refusal(gateway.url, loser) == USED


def is_open(client: Client) -> bool:
    return not any(event.type == "session:closing" for event in client.events)


def is_repeatable(worker: RunningWorker) -> bool:
    """Whether the token before the newest is still good, of the only session."""
    (room,) = worker.worker.rooms.values()
    (session_id,) = room.roster.sessions
    seat = worker.worker.seats.get(session_id)
    return seat is not None and seat.repeatable is not None


async def test_token_is_good_again_until_the_client_has_spoken_and_then_never(
    gateway: RunningGateway, other: RunningGateway, worker: RunningWorker
) -> None:
    async with AsyncExitStack() as stack:
        pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
        for _ in range(2):
            # The answer gets lost on the way.
            unheard = await stack.enter_async_context(resumed(gateway.url, pat))
            assert is_repeatable(worker)
            await unheard.cut()
        back = await stack.enter_async_context(resumed(other.url, pat))
        assert (await back.request("ping")).type == "pong"

        # The gateway answers a ping itself.
        await eventually(lambda: not is_repeatable(worker))

        assert await refusal(gateway.url, pat) == USED
        assert await refusal(other.url, pat) == USED
        assert (await back.request("ping")).type == "pong"
        await stack.enter_async_context(resumed(gateway.url, back))


@pytest.mark.parametrize("token", ["", "r1.x.y", "guess", "r1." + "A" * 200 + "." + "B" * 43])
async def test_guessed_token_is_refused_and_costs_nobody_anything(
    gateway: RunningGateway, token: str
) -> None:
    async with joined(gateway, "proctor", "Pat") as pat:
        good, pat.resume_token = pat.resume_token, token
        assert await refusal(gateway.url, pat) == INVALID
        pat.resume_token = good[:-1] + ("A" if good[-1] != "A" else "B")
        assert await refusal(gateway.url, pat) == INVALID
        assert (await pat.request("ping")).type == "pong"


async def test_token_of_a_gateway_with_another_secret_is_refused(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with running_gateway(worker.address, resume_secret="r" * 32) as stranger:
        await ready(stranger)
        async with joined(gateway, "proctor", "Pat") as pat:
            assert await refusal(stranger.url, pat) == INVALID


async def test_session_that_left_cannot_be_resumed(gateway: RunningGateway) -> None:
    async with joined(gateway, "proctor", "Pat") as pat, joined(gateway, "candidate", "Ada"):
        await pat.ask("room:leave")
        assert await refusal(gateway.url, pat) == ENDED


async def test_request_without_an_answer_is_sent_again_and_carried_out_once(
    gateway: RunningGateway, other: RunningGateway, worker: RunningWorker
) -> None:
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        create = {"direction": "send"}
        made = await ada.ask("transport:create", create, correlationId="t")
        await ada.cut()

        back = await stack.enter_async_context(resumed(other.url, ada))
        again = await back.ask("transport:create", create, correlationId="t")

        assert again == made
        assert len(worker.media.transports) == 1
        changed = {"direction": "recv"}
        reused = await back.request("transport:create", changed, correlationId="t")
        assert reused.payload["details"]["reason"] == "REQUEST_ID_REUSED"


@pytest.mark.parametrize("stand", ["the future", "another epoch", "nowhere", "no epoch"])
async def test_client_whose_place_the_log_does_not_have_gets_the_state_with_its_own(
    gateway: RunningGateway, stand: str
) -> None:
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
        made = await pat.ask("transport:create", {"direction": "send"})
        sent = await pat.ask("produce", {"kind": "audio"})
        token, epoch = pat.resume_token, pat.epoch
        await pat.cut()
        places: dict[str, dict[str, Any]] = {
            "the future": {"epoch": epoch, "lastSeq": 99},
            "another epoch": {"epoch": "e-other", "lastSeq": 0},
            "nowhere": {},
            "no epoch": {"lastSeq": pat.last_seq},
        }

        back = await stack.enter_async_context(connected(gateway.url))
        answer = await back.ask("auth:request", {"resumeToken": token, **places[stand]})

        assert answer["resumed"] is True
        state = await back.event("room:state")
        assert state.correlation_id is None
        assert (state.payload["epoch"], state.payload["peerId"]) == (epoch, pat.peer_id)
        assert [who["peerId"] for who in state.payload["participants"]] == [ada.peer_id]
        own = state.payload["own"]
        assert own["transports"] == [{"transportId": made["transportId"], "direction": "send"}]
        assert [one["producerId"] for one in own["producers"]] == [sent["producerId"]]
        assert state.payload["resumeToken"] == answer["resumeToken"]


async def test_more_missed_events_than_may_wait_for_a_slow_reader_are_told_all_the_same(
    worker: RunningWorker,
) -> None:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(
            running_gateway(worker.address, send_queue_messages=8, messages_per_s=10_000.0)
        )
        await ready(gateway)
        pat = await stack.enter_async_context(joined(gateway, "proctor", "Pat"))
        candidates = [
            await stack.enter_async_context(joined(gateway, "candidate", name))
            for name in ("Ada", "Bo")
        ]
        for candidate in candidates:
            await candidate.ask("transport:create", {"direction": "send"})
            sent = await candidate.ask("produce", {"kind": "audio"})
            await pat.event("producer:new", **sent)
        await pat.cut()
        for candidate in candidates:
            sent = {"producerId": f"{candidate.peer_id}.1"}
            for n in range(50):
                await candidate.ask(("producer:pause", "producer:resume")[n % 2], sent)

        back = await stack.enter_async_context(resumed(gateway.url, pat))

        await eventually(lambda: back.last_seq == pat.last_seq + 100)
        assert [e.seq for e in back.events] == list(range(pat.last_seq + 1, pat.last_seq + 101))


async def test_gateway_that_starts_anew_takes_its_clients_back_at_once(
    worker: RunningWorker,
) -> None:
    async with AsyncExitStack() as stack:
        async with running_gateway(worker.address) as gateway:
            await ready(gateway)
            ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
            token = ada.resume_token
        assert (await ada.event("session:closing")).payload["action"] == "resume"
        assert await ada.close_code() == 1012

        # Not ready yet: it has no watch on the worker.
        gateway = await stack.enter_async_context(running_gateway(worker.address))
        back = await stack.enter_async_context(resumed(gateway.url, ada))

        assert back.peer_id == ada.peer_id
        assert back.resume_token not in ("", token)


async def test_gateway_that_loses_sight_of_a_worker_sends_its_clients_to_resume(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        for watch in worker.worker.watches.all():
            worker.worker.close_watch(watch)
        closing = await ada.event("session:closing")
        assert (closing.payload["reason"], closing.payload["action"]) == ("WORKER_LOST", "resume")
        assert await ada.close_code() == 1012

        back = await stack.enter_async_context(resumed(gateway.url, ada))

        assert (back.peer_id, back.epoch) == (ada.peer_id, ada.epoch)


async def test_room_that_has_another_generation_than_the_token_is_found(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        worker.worker.rooms[RoomId(ROOM)].generation = 7
        await ada.cut()

        back = await stack.enter_async_context(resumed(gateway.url, ada))
        await back.ask("transport:create", {"direction": "send"})


async def test_session_whose_worker_died_joins_anew_as_the_same_peer_without_a_token() -> None:
    async with AsyncExitStack() as stack:
        async with running_worker("w1") as first:
            gateway = await stack.enter_async_context(running_gateway(first.address))
            await ready(gateway)
            pat = await stack.enter_async_context(connected(gateway.url))
            opening = mint("proctor", "pat", visibility="open", maxParticipants=7)
            await pat.authenticate(opening, ROOM)
            await pat.join(ROOM, "Pat")
            ada = await stack.enter_async_context(connected(gateway.url))
            # She may not create the room, but it is she who comes back first.
            await ada.authenticate(mint(create=False), ROOM)
            join = {"roomId": ROOM, "displayName": "Ada", "appData": {"seat": 7}}
            await ada.ask("room:join", join)
        assert await ada.close_code() == 1012
        unavailable = await refusal(gateway.url, ada)
        assert (unavailable[0], unavailable[2]) == ("UNAVAILABLE", 1013)

        port = int(first.address.rpartition(":")[2])
        second = await stack.enter_async_context(running_worker("w1", port))
        await ready(gateway)
        again = [
            await stack.enter_async_context(resumed(gateway.url, before)) for before in (ada, pat)
        ]

        states = [(await one.event("room:state")).payload for one in again]
        assert [state["peerId"] for state in states] == [ada.peer_id, pat.peer_id]
        room = second.worker.rooms[RoomId(ROOM)]
        assert {state["epoch"] for state in states} == {room.epoch}
        for one in again:
            moved, state = one.events[:2]
            assert (moved.type, moved.payload, moved.seq) == (
                *("room:moved", {"epoch": room.epoch}, None),
            )
            assert state.type == "room:state"
        assert room.generation == 2
        assert states[0]["roomConfig"]["visibility"] == "open"
        assert states[0]["roomConfig"]["maxParticipants"] == 7
        assert states[0]["own"] == {"transports": [], "producers": [], "consumers": []}
        (there,) = states[1]["participants"]
        assert (there["displayName"], there["appData"]) == ("Ada", {"seat": 7})
        # It is used up as soon as she has spoken.
        await again[0].ask("transport:create", {"direction": "send"})
        assert await refusal(gateway.url, ada) == USED
        await again[1].cut()
        await stack.enter_async_context(resumed(gateway.url, again[1]))


async def test_token_that_is_too_old_joins_no_room_anew() -> None:
    async with AsyncExitStack() as stack:
        async with running_worker("w1") as first:
            gateway = await stack.enter_async_context(running_gateway(first.address))
            await ready(gateway)
            ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        assert await ada.close_code() == 1012
        port = int(first.address.rpartition(":")[2])
        await stack.enter_async_context(running_worker("w1", port))
        await ready(gateway)

        key = derive_key(SECRET.encode())
        ticket = unseal(ada.resume_token, key)
        assert time.time() - ticket.issued_at_s < 60
        lifetime_s = GatewaySettings.model_fields["rejoin_within_s"].default
        old = replace(ticket, issued_at_s=ticket.issued_at_s - lifetime_s)
        ada.resume_token = seal(old, key)

        assert await refusal(gateway.url, ada) == (
            "UNAUTHORIZED",
            "RESUME_TOKEN_EXPIRED",
            4401,
        )


async def test_token_is_renewed_with_each_heartbeat_and_as_good_as_the_one_before(
    worker: RunningWorker,
) -> None:
    key = derive_key(SECRET.encode())
    async with running_gateway(worker.address, ping_interval_ms=100) as gateway:
        await ready(gateway)
        async with joined(gateway, "candidate", "Ada") as ada:
            first = unseal(ada.resume_token, key)
            # Dated in seconds.
            await eventually(lambda: unseal(ada.resume_token, key).issued_at_s > first.issued_at_s)
            newest = unseal(ada.resume_token, key)
            assert replace(newest, issued_at_s=first.issued_at_s) == first

            await ada.cut()
            async with resumed(gateway.url, ada) as back:
                assert back.peer_id == ada.peer_id
                await back.event("session:renewed")
                assert unseal(back.resume_token, key).place.counter == first.place.counter + 1


async def test_session_of_a_lost_worker_goes_on_at_another_one() -> None:
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(running_worker("w2"))
        async with running_worker("w1") as first:
            gateway = await stack.enter_async_context(running_gateway(first.address))
            await ready(gateway)
            ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        await ada.close_code()
        gateways = [
            await stack.enter_async_context(running_gateway(first.address, second.address))
            for _ in range(2)
        ]
        for one in gateways:
            await ready(one)

        back = await stack.enter_async_context(resumed(gateways[0].url, ada))
        # The answer is lost, and the other gateway is asked.
        again = await stack.enter_async_context(resumed(gateways[1].url, ada))

        assert await back.close_code() == 4409
        assert (await again.event("room:state")).payload["peerId"] == ada.peer_id
        assert second.worker.rooms[RoomId(ROOM)].generation == 2
        assert len(second.worker.seats) == 1


@pytest.mark.parametrize("replies_lost", [1, 2])
async def test_attach_whose_reply_is_lost_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, replies_lost: int
) -> None:
    attach, left = SfuService.AttachSession, [replies_lost]

    async def late(self: SfuService, request: pb.AttachSessionRequest, context: Any) -> Any:
        reply = await attach(self, request, context)
        if left[0]:
            left[0] -= 1
            # Until the caller gives up.
            await asyncio.Event().wait()
        return reply

    monkeypatch.setattr(SfuService, "AttachSession", late)
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(running_worker())
        gateway = await stack.enter_async_context(
            running_gateway(worker.address, call_timeout_ms=300)
        )
        await ready(gateway)
        ada = await stack.enter_async_context(joined(gateway, "candidate", "Ada"))
        await ada.cut()
        await eventually(lambda: lost(worker) == [True])

        if replies_lost == 2:
            assert await refusal(gateway.url, ada) == ("UNAVAILABLE", "WORKER_UNREACHABLE", 1013)
            # The seat does not stay with a connection that is gone.
            await eventually(lambda: lost(worker) == [True])
        back = await stack.enter_async_context(resumed(gateway.url, ada))

        await back.ask("transport:create", {"direction": "send"})
        assert lost(worker) == [False]
