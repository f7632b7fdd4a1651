"""Whole sessions on a gateway, from a process of its own: `python -m tests.bench.session_load …`.

Prints lines of JSON; the token is for every room and comes from a file.

    join   PORT TOKENFILE SECONDS RATE    joins as fast as they go (RATE 0), or RATE a second: auth,
                                          room, two transports, both connected; DTLS is left out.
                                          Gives the time of each in milliseconds
    resume PORT TOKENFILE COUNT OTHER     COUNT candidates, twenty a room, each with a proctor on
                                          the gateway at OTHER who pauses and resumes a stream. Says
                                          "started"; when standard input has a line, the gateway at
                                          PORT is about to go: gives how long it took from the first
                                          new socket until all were back, and what they were told
"""

import asyncio
import itertools
import json
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

from tests.bench.load import WITHIN_S, Client, dial, masked

PEERS_PER_ROOM = 20
AT_ONCE = 32
TOGGLE_S = 1.0
RETRY_S = 0.2
DTLS = {
    "role": "client",
    "fingerprints": [{"algorithm": "sha-256", "value": ":".join(["AB"] * 32)}],
}


class Session:
    """A client that asks one thing at a time, and checks the numbers of what it is told."""

    def __init__(self, token: str, room: str) -> None:
        self.lost = 0
        self.doubled = 0
        self.last_seq = 0
        self._token, self._room = token, room
        self._resume_token = ""
        self._epoch = ""
        self._numbers = itertools.count(1)
        self._client: Client | None = None
        self._answer: asyncio.Future[dict[str, Any]] | None = None

    async def connect(self, port: int) -> None:
        self._client = await dial(port)
        self._client.on_text = self._take

    async def ask(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        assert self._client is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._client.send(
            masked(
                {
                    "type": kind,
                    "payload": payload,
                    "timestamp": int(time.time() * 1000),
                    "correlationId": f"c{next(self._numbers)}",
                }
            )
        )
        gone = asyncio.ensure_future(self._client.closed.wait())
        try:
            await asyncio.wait(
                (self._answer, gone), timeout=WITHIN_S, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            gone.cancel()
        if not self._answer.done():
            raise ConnectionError(f"no answer to {kind}")
        answer = self._answer.result()
        if answer["type"] == "error":
            raise ConnectionError(str(answer["payload"]))
        payload_: dict[str, Any] = answer["payload"]
        return payload_

    async def enter(self) -> None:
        await self.ask("auth:request", {"token": self._token, "roomId": self._room})
        await self.ask("room:join", {"roomId": self._room, "displayName": "Ada"})

    async def open_transports(self) -> None:
        for direction in ("send", "recv"):
            made = await self.ask("transport:create", {"direction": direction})
            wanted = {"transportId": made["transportId"], "dtlsParameters": DTLS}
            await self.ask("transport:connect", wanted)

    async def resume(self) -> None:
        place = {"epoch": self._epoch, "lastSeq": self.last_seq}
        await self.ask("auth:request", {"resumeToken": self._resume_token, **place})

    async def gone(self) -> None:
        assert self._client is not None
        await self._client.closed.wait()

    def close(self) -> None:
        if self._client is not None and self._client.transport is not None:
            self._client.transport.close()

    def _take(self, text: bytes) -> None:
        message = json.loads(text)
        payload = message["payload"]
        self._resume_token = payload.get("resumeToken", self._resume_token)
        if message["type"] == "room:state":
            self._epoch, self.last_seq = payload["epoch"], payload["seq"]
        seq = message.get("seq")
        if seq is not None:
            self.lost += max(0, seq - self.last_seq - 1)
            self.doubled += seq <= self.last_seq
            self.last_seq = max(seq, self.last_seq)
        if "correlationId" in message and self._answer is not None:
            self._answer.set_result(message)


async def join(port: int, token: str, seconds: float, rate: float) -> object:
    """Times of the joins that were done in time, in milliseconds."""
    loop = asyncio.get_running_loop()
    end, times, numbers = loop.time() + seconds, list[float](), itertools.count()
    sessions: list[Session] = []

    async def one() -> None:
        session = Session(token, f"bench-{next(numbers) // PEERS_PER_ROOM}-{rate}")
        sessions.append(session)
        await session.connect(port)
        started = time.perf_counter()
        await session.enter()
        await session.open_transports()
        if rate or loop.time() <= end:
            times.append((time.perf_counter() - started) * 1000)

    async def one_after_the_other() -> None:
        while loop.time() < end:
            await one()

    if rate:
        running = set()
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, end - seconds + number / rate - loop.time()))
            running.add(asyncio.create_task(one()))
        await asyncio.gather(*running)
    else:
        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    for session in sessions:
        with suppress(ConnectionError):
            await session.ask("room:leave", {})
        session.close()
    return times


async def resume(port: int, token: str, proctors_token: str, count: int, other: int) -> object:
    opening = asyncio.Semaphore(AT_ONCE)
    rooms = [f"resume-{number}" for number in range(-(-count // PEERS_PER_ROOM))]
    candidates = [Session(token, rooms[number // PEERS_PER_ROOM]) for number in range(count)]
    proctors = [Session(proctors_token, room) for room in rooms]

    async def come(session: Session, where: int) -> None:
        async with opening:
            await session.connect(where)
            await session.enter()

    await asyncio.gather(*(come(session, port) for session in candidates))
    await asyncio.gather(*(come(session, other) for session in proctors))
    storm = [asyncio.create_task(toggle(session)) for session in proctors]
    print("started", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    opened: list[float] = []
    attempts = await asyncio.gather(*(come_back(each, port, opened) for each in candidates))
    back_s = time.monotonic() - min(opened)
    # Everyone is told of what goes on.
    await asyncio.sleep(3 * TOGGLE_S)
    for task in storm:
        task.cancel()
    return {
        "back_s": back_s,
        "attempts": sum(attempts),
        "events": sum(session.last_seq for session in candidates),
        "lost": sum(session.lost for session in candidates),
        "doubled": sum(session.doubled for session in candidates),
    }


async def come_back(session: Session, port: int, opened: list[float]) -> int:
    """How many attempts it took."""
    await session.gone()
    for attempt in itertools.count(1):
        try:
            await session.connect(port)
            opened.append(time.monotonic())
            await session.resume()
        except (OSError, TimeoutError):
            await asyncio.sleep(RETRY_S * random.uniform(0.5, 1.5))
        else:
            return attempt
    raise AssertionError


async def toggle(session: Session) -> None:
    await session.ask("transport:create", {"direction": "send"})
    producer = await session.ask("produce", {"kind": "audio"})
    for verb in itertools.cycle(("pause", "resume")):
        await session.ask(f"producer:{verb}", producer)
        await asyncio.sleep(TOGGLE_S * random.uniform(0.5, 1.5))


async def main(what: str, port: int, tokens: list[str], *words: str) -> object:
    if what == "join":
        seconds, rate = words
        return await join(port, tokens[0], float(seconds), float(rate))
    count, other = words
    return await resume(port, tokens[0], tokens[1], int(count), int(other))


if __name__ == "__main__":
    _, what, port, token_file, *words = sys.argv
    tokens = Path(token_file).read_text().split()
    print(json.dumps(uvloop.run(main(what, int(port), tokens, *words))))
