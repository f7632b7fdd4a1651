"""Whatever a client sends, it is answered as the protocol says, and costs nobody else anything.

Messages are made from the schema, changed, garbled, and sent to a real gateway in front of a real
control plane. INVIGIL_EXAMPLES is how many sessions are made up, 200 unless set.
"""

import asyncio
import contextlib
import gc
import itertools
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect

from services.gateway.core.message.catalog import OTHER_EVENTS, REPLIES
from services.gateway.core.message.request import group_of
from services.gateway.core.session import Session
from services.gateway.edge.connection import Connection
from services.sfu.control.seat import Seat
from services.sfu.core.peer import Session as WorkerSession
from tests.support.client import Client, connected
from tests.support.frame import frame
from tests.support.gateway import (
    RunningGateway,
    RunningWorker,
    mint,
    ready,
    running_gateway,
    running_worker,
)
from tests.support.poll import eventually
from tests.support.schema_strategy import ANY_JSON, ANY_TEXT, Messages, garbled, mutated
from tests.support.signaling_schema import CLIENT, SERVER, without_nulls

EXAMPLES = int(os.environ.get("INVIGIL_EXAMPLES", "200"))
ANSWER_WITHIN_S = 10.0

# Replaced by what exists when the message is sent; "@id" by a number of its own.
KNOWN = {
    "correlationId": ("@id",),
    "roomId": ("@room",),
    "token": ("@token",),
    "resumeToken": ("@resume",),
    "epoch": ("@epoch",),
    "peerId": ("@own-peer", "@peer"),
    "to": ("@own-peer", "@peer"),
    "audience": ("@own-peer", "@peer"),
    "transportId": ("@send", "@recv"),
    "producerId": ("@producer", "@other-producer"),
    "producerIds": ("@producer", "@other-producer"),
    "consumerId": ("@consumer",),
}
MESSAGES = Messages(CLIENT.schema, KNOWN)
GROUP_CODE = {
    "transport": "TRANSPORT_ERROR",
    "produce": "PRODUCE_ERROR",
    "consume": "CONSUME_ERROR",
}
BAD_FRAMES = {"BINARY_FRAME", "NOT_JSON", "NOT_AN_OBJECT", "NO_TYPE"}
REPLY_TYPES = {
    kind: {reply.type for reply in replies}
    for request, replies in REPLIES.items()
    for kind in get_args(request.model_fields["type"].annotation)
}
EVENT_TYPES = {event.type for event in OTHER_EVENTS} - {"room:state"}
# Which error closes the socket of one who is not let in.
CLOSING = {"UNAUTHORIZED": 4401, "FORBIDDEN": 4403, "UNAVAILABLE": 1013}

valid = MESSAGES.of("Request").map(lambda message: message | {"correlationId": "@id"})
texts = (
    valid.map(json.dumps)
    | MESSAGES.of("Request").map(json.dumps)
    | mutated(valid, CLIENT.types).map(json.dumps)
    | mutated(valid, CLIENT.types).map(json.dumps)
    | garbled(valid.map(json.dumps))
    | ANY_JSON.map(json.dumps)
    | ANY_TEXT
)
frames = texts | st.binary(max_size=40)


@dataclass
class World:
    """A gateway, its worker, and someone who is in a room all the time."""

    gateway: RunningGateway
    worker: RunningWorker
    runner: asyncio.Runner
    neighbour: Client
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    quiet_tasks: int = 0


@contextlib.asynccontextmanager
async def opened(runner: asyncio.Runner) -> AsyncIterator[World]:
    unlimited = 1e9
    async with (
        running_worker(grace_ms=1) as worker,
        running_gateway(
            worker.address,
            messages_per_s=unlimited,
            messages_per_address_per_s=unlimited,
            connects_per_address_per_s=unlimited,
        ) as gateway,
    ):
        await ready(gateway)
        async with connected(gateway.url) as neighbour:
            await neighbour.authenticate(mint("proctor", "eve", room="next-door"), "next-door")
            await neighbour.join("next-door", "Eve")
            world = World(gateway, worker, runner, neighbour)
            world.quiet_tasks = len(asyncio.all_tasks())
            yield world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with asyncio.Runner() as runner:
        opening = opened(runner)
        yield runner.run(opening.__aenter__())
        runner.run(opening.__aexit__(None, None, None))


class Attacker:
    """One connection, as far as a stage, and the names of what exists for it."""

    def __init__(self, socket: ClientConnection, room: str, token: str) -> None:
        self.socket = socket
        self.names = {"@room": room, "@token": token}
        self.is_authenticated = False
        self.bad_frames = 0
        self._ids = itertools.count(1)

    async def exchange(self, text: str) -> tuple[str, dict[str, Any]]:
        """Send a text with its names filled in; gives what was sent, and the answer."""
        correlation_id = f"a{next(self._ids)}"
        for name, value in {**self.names, "@id": correlation_id}.items():
            text = text.replace(name, value)
        await self.socket.send(text)
        return text, await self.answer()

    async def answer(self) -> dict[str, Any]:
        """The next message that is no event: one is asked for at a time."""
        while True:
            said = await asyncio.wait_for(self.socket.recv(), ANSWER_WITHIN_S)
            message: dict[str, Any] = json.loads(said)
            assert SERVER.allows(message), message
            if "seq" not in message and message["type"] not in EVENT_TYPES:
                return message

    async def ask(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        _, answer = await self.exchange(frame(kind, payload, correlationId="@id"))
        assert answer["type"] != "error", answer
        return dict(answer["payload"])

    async def advance(self, stage: int, pat: Client) -> None:
        """0: connected, 1: authenticated, 2: in the room, 3: with transports and media."""
        if stage >= 1:
            welcome = await self.ask("auth:request", {"token": "@token", "roomId": "@room"})
            self.names["@own-peer"] = welcome["peerId"]
            self.is_authenticated = True
        if stage >= 2:
            state = await self.ask("room:join", {"roomId": "@room", "displayName": "A"})
            self.names |= {"@resume": state["resumeToken"], "@epoch": state["epoch"]}
            self.names["@peer"] = pat.peer_id
        if stage >= 3:
            sending = await self.ask("transport:create", {"direction": "send"})
            receiving = await self.ask("transport:create", {"direction": "recv"})
            produced = await self.ask("produce", {"kind": "video"})
            await pat.ask("transport:create", {"direction": "send"})
            theirs = (await pat.ask("produce", {"kind": "audio"}))["producerId"]
            consumed = await self.ask("consume", {"producerId": theirs})
            self.names |= {
                "@send": sending["transportId"],
                "@recv": receiving["transportId"],
                "@producer": produced["producerId"],
                "@other-producer": theirs,
                "@consumer": consumed["consumerId"],
            }


def judge(sent: str, answer: dict[str, Any], *, is_authenticated: bool) -> None:
    """Whether this is the right answer, by the schema alone."""
    details = answer["payload"].get("details", {})
    error = (answer["payload"]["code"], details["reason"]) if answer["type"] == "error" else None
    assert error is None or error[0] != "INTERNAL", (sent, answer)
    try:
        message = json.loads(sent)
    except (ValueError, RecursionError):
        assert error == ("INVALID_MESSAGE", "NOT_JSON"), (sent, answer)
        return
    if error == ("INVALID_MESSAGE", "NOT_JSON"):
        # What Python takes for JSON and nobody else does, or what is nested too deeply.
        assert not _is_plain(sent), (sent, answer)
        return
    if isinstance(message, dict) and _is_id(message.get("correlationId")):
        assert answer["correlationId"] == message["correlationId"], (sent, answer)
    else:
        assert "correlationId" not in answer, (sent, answer)
    if not isinstance(message, dict):
        assert error == ("INVALID_MESSAGE", "NOT_AN_OBJECT"), (sent, answer)
    elif not isinstance(message.get("type"), str):
        assert error == ("INVALID_MESSAGE", "NO_TYPE"), (sent, answer)
    elif error == ("UNAUTHORIZED", "NOT_AUTHENTICATED"):
        assert not is_authenticated, (sent, answer)
        assert message["type"] != "auth:request", (sent, answer)
    elif not CLIENT.knows(message):
        assert error == ("INVALID_MESSAGE", "UNKNOWN_TYPE"), (sent, answer)
    elif error is None:
        assert CLIENT.allows(without_nulls(message)), (sent, answer)
        assert answer["type"] in REPLY_TYPES[message["type"]], (sent, answer)
    elif not CLIENT.allows(without_nulls(message)) and message["type"] != "auth:request":
        assert error == ("INVALID_MESSAGE", "BAD_FIELD"), (sent, answer)
    else:
        group = GROUP_CODE.get(group_of(message["type"]), "NOT_FOUND")
        assert error[0] not in {*GROUP_CODE.values(), "NOT_FOUND"} - {group}, (sent, answer)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 64


def _is_plain(text: str) -> bool:
    """Whether every reader takes it for JSON, and of moderate depth."""
    odd = ("NaN", "Infinity", "\\ud", "\\uD")
    return not any(word in text for word in odd) and text.count("[") + text.count("{") < 100


def closes_with(attacker: Attacker, sent: str, answer: dict[str, Any]) -> int | None:
    """The close code that must follow this answer, if one must."""
    if answer["type"] == "room:left":
        return 1000
    if answer["type"] != "error":
        return None
    code, reason = answer["payload"]["code"], answer["payload"]["details"]["reason"]
    if reason in BAD_FRAMES:
        attacker.bad_frames += 1
        return 4400 if attacker.bad_frames == 3 else None
    if attacker.is_authenticated or reason == "NOT_AUTHENTICATED":
        return None
    return CLOSING.get(code)


async def attack(world: World, stage: int, role: str, sent: list[str | bytes]) -> set[str]:
    """One session made of these frames, beside someone else in the same room.

    Returns the types of the replies that were no errors.
    """
    room = f"room-{next(world.numbers)}"
    token = mint(role, "mallory", room=room)
    async with connected(world.gateway.url) as pat:
        await pat.authenticate(mint("proctor", "pat", room=room), room)
        await pat.join(room, "Pat")
        async with connect(world.gateway.url, compression=None, proxy=None) as socket:
            attacker = Attacker(socket, room, token)
            await attacker.advance(stage, pat)
            replies = await send_all(attacker, sent)
        # The one beside is as before, and so is the one next door.
        assert (await pat.request("ping")).type == "pong"
        for text in pat.frames:
            assert SERVER.allows(json.loads(text)), text
    assert (await world.neighbour.request("ping")).type == "pong"
    return replies - {"error"}


async def send_all(attacker: Attacker, sent: list[str | bytes]) -> set[str]:
    """Send each, and judge its answer before the next. Returns the types of the answers."""
    replies = set()
    for each in sent:
        if isinstance(each, bytes):
            await attacker.socket.send(each)
            text, answer = "", await attacker.answer()
            assert answer["payload"]["details"]["reason"] == "BINARY_FRAME"
        else:
            text, answer = await attacker.exchange(each)
            judge(text, answer, is_authenticated=attacker.is_authenticated)
        replies.add(answer["type"])
        code = closes_with(attacker, text, answer)
        if code is not None:
            await asyncio.wait_for(attacker.socket.wait_closed(), ANSWER_WITHIN_S)
            assert attacker.socket.close_code == code, (text, answer)
            break
        attacker.is_authenticated |= answer["type"] == "auth:response"
    return replies


async def is_as_before(world: World) -> None:
    """Everything that the sessions had is freed."""
    await eventually(lambda: set(world.worker.worker.rooms) == {"next-door"}, what="rooms are gone")
    await eventually(lambda: world.worker.media.is_empty, what="media is gone")
    await eventually(
        # This coroutine's own task runs in the place of the one that counted first.
        lambda: len(asyncio.all_tasks()) <= world.quiet_tasks,
        what=f"at most {world.quiet_tasks} tasks: {asyncio.all_tasks()}",
    )


def live_objects() -> dict[str, int]:
    gc.collect()
    kinds = (Connection, Session, Seat, WorkerSession, asyncio.Task)
    alive = [type(each) for each in gc.get_objects() if isinstance(each, kinds)]
    return {kind.__name__ + kind.__module__: alive.count(kind) for kind in kinds}


def test_every_message_is_answered_and_nothing_stays_behind(world: World) -> None:
    run = world.runner.run
    run(attack(world, 3, "candidate", []))
    run(is_as_before(world))
    before = live_objects()
    carried_out: set[str] = set()

    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
        # A smaller session that fails is found fast, the smallest may take minutes.
        phases=set(Phase) - ({Phase.shrink} if EXAMPLES > 200 else set()),
    )
    @given(
        stage=st.sampled_from([0, 1, 2, 3, 3, 3]),
        role=st.sampled_from(["candidate", "proctor", "observer"]),
        sent=st.lists(frames, min_size=1, max_size=12),
    )
    def sessions(stage: int, role: str, sent: list[str | bytes]) -> None:
        # An observer may not publish.
        until = min(stage, 2) if role == "observer" else stage
        carried_out.update(run(attack(world, until, role, sent)))

    sessions()
    run(is_as_before(world))
    assert live_objects() == before
    # It was not all refused: then nothing would be proven.
    assert len(carried_out) > 5, carried_out
