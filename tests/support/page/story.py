"""A candidate and a proctor whose connections break all the time: what became of the call.

Everything comes by argument and goes by the report, which holds facts and judges nothing.
"""

import asyncio
import contextlib
import itertools
import json
import random
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.page.client import Client, JsonObject, RequestError, SessionEndedError
from tests.support.page.media import Publisher, Receiver
from tests.support.page.report import Outage, Refusal, Report
from tests.support.page.tone import ToneTrack, TransportWatch

_DEADLINE_S = 20.0
# When a connection may break: at no message, or at one of a type, of either side.
_CANDIDATE_MOMENTS = (
    "",
    "",
    "",
    "auth:request",
    "auth:response",
    "message:send",
    "message:sent",
    "producer:pause",
    "producer:resumed",
    "peer:update",
    "peer:updated",
    "message",
)
_PROCTOR_MOMENTS = (
    "",
    "",
    "",
    "auth:request",
    "auth:response",
    "message:send",
    "message:sent",
    "message",
    "participant:updated",
    "consumer:paused",
)
# The same for what comes of each `consume`.
_CONSUMING_MOMENTS = ("consume", "consumer:created", "sdp:offer", "sdp:answer", "sdp:answered")


async def story(
    url: str, mint: Callable[[str, str, str], str], seed: int = 1, breaks: int = 30
) -> Report:
    """Plays the story.

    Args:
        url: The server's address.
        mint: Makes a token that may open a room, of a role, a name and a room.
        seed: For the moments at which connections break.
        breaks: How many times each client's does, at least.

    Returns:
        What happened.

    Raises:
        TimeoutError: Something did not happen at all.
    """
    report = Report(seed)
    room = f"story-{seed}-{uuid.uuid4().hex[:8]}"
    candidate = await Client.join(url, mint("candidate", "ada", room), room, "Ada")
    call = _Call(url, room, report, random.Random(seed), candidate)
    try:
        await call.begin(mint("proctor", "grace", room))
        await call.break_all_the_time(breaks)
        call.count()
        await call.try_the_rest()
        await call.talk_back(mint("observer", "olga", room))
        await call.load_anew()
        await call.refuse_strangers(mint("candidate", "eve", f"{room}-other"))
        await call.part()
    finally:
        await call.close()
    return report


def _at_least(enough: int, count: Callable[[], int]) -> Callable[[], bool]:
    return lambda: count() >= enough


class _Call:
    """The people of the story and what they do, one chapter a method."""

    proctor: Client
    receiver: Receiver

    def __init__(
        self, url: str, room: str, report: Report, chance: random.Random, candidate: Client
    ) -> None:
        self._url = url
        self._room = room
        self._report = report
        self._random = chance
        self.candidate = candidate
        self.publisher = Publisher(candidate)
        self._media: dict[str, TransportWatch] = {}
        self._over = asyncio.Event()
        self._closing: list[Callable[[], Coroutine[Any, Any, None]]] = [
            candidate.close,
            self.publisher.connection.close,
        ]
        self._microphone = ""
        self._toggled = ""
        self._toggled_consumer = ""
        self._chaos_began_at = 0.0

    async def close(self) -> None:
        """Ends all that is still there."""
        for close in reversed(self._closing):
            await close()

    async def begin(self, token: str) -> None:
        """The candidate publishes, the proctor comes, finds the microphone and listens."""
        report = self._report
        self._microphone = await self._publish("microphone", 400)
        self.proctor = await Client.join(self._url, token, self._room, "Grace")
        self._closing.append(self.proctor.close)
        self.receiver = Receiver(self.proctor)
        self._closing.append(self.receiver.close)
        report.announced += [
            producer["producerId"]
            for participant in self.proctor.record.states[0]["participants"]
            for producer in participant["producers"]
        ]
        self.proctor.on("producer:new", lambda new: report.announced.append(new["producerId"]))
        await self._consume(report.announced[0])
        await self.receiver.hear(self._microphone, 25, _DEADLINE_S)
        self._toggled = await self._publish("guitar", 600)
        self._toggled_consumer = await self._consume(self._toggled)
        await self.receiver.hear(self._toggled, 25, _DEADLINE_S)
        self._media = {
            "candidate": TransportWatch(self.publisher.connection),
            "proctor": TransportWatch(self.receiver.connection),
        }

    async def break_all_the_time(self, breaks: int) -> None:
        """Everybody talks while the connections break; then all is answered and told."""
        self._chaos_began_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            for work in (
                self._write("candidate", self.candidate, None),
                self._write("proctor", self.proctor, self.candidate.peer_id),
                self._update(),
                self._toggle(),
                self._listen_to_new(),
            ):
                tasks.create_task(work)
            async with asyncio.TaskGroup() as breakers:
                breakers.create_task(self._break(self.candidate, _CANDIDATE_MOMENTS, breaks))
                breakers.create_task(self._break(self.proctor, _PROCTOR_MOMENTS, breaks))
                breakers.create_task(self._publish_more())
            self._over.set()
        # After the last message, whatever was before it has been told, or never will be.
        await self._say(self.candidate, self.proctor, "The end")
        await self._say(self.proctor, self.candidate, "The end")
        for producer in self._report.published:
            before = len(self.receiver.heard[producer])
            await self.receiver.hear(producer, 25, _DEADLINE_S)
            self._report.frames_after[producer] = len(self.receiver.heard[producer]) - before

    async def _write(self, role: str, client: Client, to: str | None) -> None:
        """Sends numbered messages, each when the one before has its answer.

        With several at a time, one that is refused for its rate would come after the next one.
        """
        sent = self._report.messages_sent.setdefault(role, [])
        while not self._over.is_set():
            payload: JsonObject = {"body": {"number": len(sent)}}
            # By turns for everyone and for one peer alone.
            if to is not None and len(sent) % 2:
                payload["to"] = to
            sent.append(len(sent))
            await client.ask("message:send", payload)
            await self._pause(0.6)

    async def _update(self) -> None:
        sent = self._report.updates_sent
        while not self._over.is_set():
            sent.append(len(sent))
            await self.candidate.ask("peer:update", {"appData": {"number": sent[-1]}})
            await self._pause(1.2)

    async def _toggle(self) -> None:
        """Pauses and resumes in one breath, so that both may be without an answer."""
        producer = {"producerId": self._toggled}
        while not self._over.is_set():
            paused = self.candidate.post("producer:pause", producer)
            resumed = self.candidate.post("producer:resume", producer)
            await paused
            await resumed
            self._report.toggles_done += ["producer:paused", "producer:resumed"]
            await self._pause(0.5)

    async def _publish_more(self) -> None:
        for number in range(len(_CONSUMING_MOMENTS)):
            await self._pause(4.0)
            self.candidate.tear_at(
                ("sdp:offer", "sdp:answer")[number % 2], self._random.uniform(0, 0.3)
            )
            await self._publish(f"extra {number}", 800 + 200 * number)

    async def _listen_to_new(self) -> None:
        for number in range(len(_CONSUMING_MOMENTS)):
            await self.proctor.signal.until(
                _at_least(number + 3, lambda: len(self._report.announced)),
                60,
                "producer:new",
            )
            self.proctor.tear_at(_CONSUMING_MOMENTS[number])
            await self._consume(self._report.announced[number + 2])

    async def _break(self, client: Client, moments: Sequence[str], breaks: int) -> None:
        """Breaks a connection at random moments, or at the next message of a random type."""
        while len(client.record.breaks) < breaks:
            # Now and then at once, which may be in the middle of coming back.
            await asyncio.sleep(self._random.uniform(0, self._random.choice((0.01, 0.4, 0.8))))
            moment = self._random.choice(moments)
            away_s = self._random.choice((0.0, self._random.uniform(0.0, 0.6)))
            enough = len(client.record.breaks) + 1
            if moment.startswith("auth:"):
                enough += client.tear()
            if not moment:
                # There may be no connection to break, in the moment of coming back.
                client.tear(away_s)
                continue
            client.tear_at(moment, away_s)
            await client.signal.until(
                _at_least(enough, lambda: len(client.record.breaks)),
                _DEADLINE_S,
                f"a break at {moment}",
            )
        await client.signal.until(lambda: client.connected, _DEADLINE_S, "coming back")

    async def _publish(self, source: str, hertz: int) -> str:
        producer = await self.publisher.publish(ToneTrack(hertz), {"source": source})
        self._report.published.append(producer)
        return producer

    async def _consume(self, producer: str) -> str:
        self._report.consumed += 1
        return await self.receiver.consume(producer)

    async def _say(self, sender: Client, reader: Client, words: str) -> None:
        """Sends a message and waits until it has come."""
        await sender.ask("message:send", {"body": words})
        await reader.signal.until(
            lambda: self._bodies(reader)[-1:] == [words], _DEADLINE_S, f"the message {words!r}"
        )

    async def _pause(self, longest_s: float) -> None:
        await asyncio.sleep(self._random.uniform(0, longest_s))

    def _bodies(self, client: Client) -> list[Any]:
        return [e.payload["body"] for e in client.record.events if e.type == "message"]

    def count(self) -> None:
        """Writes down what the breaks have done."""
        report = self._report
        heard = self.receiver.heard[self._microphone]
        calm = [at for at in heard if at >= self._chaos_began_at]
        report.longest_silence_s = max(b - a for a, b in itertools.pairwise(calm))
        for role, client in (("candidate", self.candidate), ("proctor", self.proctor)):
            record = client.record
            for broken in record.breaks:
                until = broken.ended_at or broken.began_at
                report.outages.append(
                    Outage(
                        role,
                        until - broken.began_at,
                        broken.unanswered,
                        broken.while_resuming,
                        sum(broken.began_at <= at <= until for at in heard),
                    )
                )
            report.resumes[role] = record.resumes
            report.events[role] = len(record.events)
            report.gaps[role] = list(record.gaps)
            report.states[role] = len(record.states)
            report.joins[role] = list(record.asked.values()).count("room:join")
            report.requests += len(record.asked)
            report.not_answered_once += [
                type_ for id_, type_ in record.asked.items() if record.answers[id_] != 1
            ]
            report.same_transports[role] = self._media[role].is_the_same()
            report.dtls_changes[role] = list(self._media[role].dtls_changes)
            report.ice_changes[role] = list(self._media[role].ice_changes)
        report.repeats = dict(+(self.candidate.record.repeats + self.proctor.record.repeats))
        report.put_off = dict(self.candidate.record.put_off + self.proctor.record.put_off)
        for sender, reader in (("candidate", self.proctor), ("proctor", self.candidate)):
            bodies = self._bodies(reader)
            report.messages_told[sender] = [b["number"] for b in bodies if isinstance(b, dict)]
        for event in self.proctor.record.events:
            if event.payload.get("producerId") == self._toggled and event.type != "producer:new":
                report.toggles_told.append(event.type)
            elif event.payload.get("consumerId") == self._toggled_consumer:
                report.consumer_toggles_told.append(event.type)
            elif event.type == "participant:updated":
                number = event.payload["participant"]["appData"].get("number")
                if number is not None and report.updates_told[-1:] != [number]:
                    report.updates_told.append(number)
        report.offers = list(self.receiver.offers.values())
        report.offers_refused = [error.reason for error in self.receiver.refused]

    async def try_the_rest(self) -> None:
        """Asks for the time, says something twice, and asks for what is not to be had."""
        candidate, proctor = self.candidate, self.proctor
        self._report.pong = await proctor.ask("ping", {"sentAt": 3141})
        twice = uuid.uuid4().hex
        for _ in range(2):
            said = await candidate.ask("message:send", {"body": "Twice"}, twice)
            self._report.repeated_replies.append(said)
        await self._say(candidate, proctor, "Once")
        self._report.repeated_told = self._bodies(proctor).count("Twice")
        own = {"producerId": self._microphone}
        await self._refused("an id of another request", candidate, "producer:pause", own, twice)
        await self._refused(
            "an audience", candidate, "produce", {"kind": "audio", "audience": [proctor.peer_id]}
        )
        await self._refused("a kick", candidate, "peer:kick", {"peerId": proctor.peer_id})
        await self._refused(
            "a second join", proctor, "room:join", {"roomId": self._room, "displayName": "x"}
        )
        await self._refused("no candidate", candidate, "ice:candidate", {"candidate": "nonsense"})
        await self._refused("a bad SDP", candidate, "sdp:offer", {"sdp": "v=0\r\nm=audio nine\r\n"})
        await self._refused(
            "a priority",
            proctor,
            "consumer:set-priority",
            {"consumerId": self._toggled_consumer, "priority": 3},
        )
        await self._refused("a type of nobody", candidate, "tea:make", {})

    async def talk_back(self, token: str) -> None:
        """The proctor speaks to the candidate alone; an observer notices nothing."""
        report, candidate = self._report, self.candidate
        talking, listening = Publisher(self.proctor), Receiver(candidate)
        self._closing += [talking.connection.close, listening.close]
        candidate.on("producer:new", report.talk_back_announced.append)
        producer = await talking.publish(
            ToneTrack(1_000), {"source": "talk-back"}, [candidate.peer_id]
        )
        await candidate.signal.until(
            lambda: bool(report.talk_back_announced), _DEADLINE_S, "producer:new of the talk-back"
        )
        await listening.consume(producer)
        await listening.hear(producer, 25, _DEADLINE_S)
        report.talk_back_frames = len(listening.heard[producer])
        observer = await Client.join(self._url, token, self._room, "Olga")
        self._closing.append(observer.close)
        report.talk_back_seen_by_observer = producer in json.dumps(observer.record.states)
        await self._refused("others' talk-back", observer, "consume", {"producerId": producer})
        await self._refused("an observer's word", observer, "message:send", {"body": "Hello"})
        left = await observer.leave()
        report.left["observer"] = (left["reason"], self._close_code(observer))

    async def load_anew(self) -> None:
        """The proctor's page is loaded anew: a state, media from the beginning, the old one out."""
        report, before = self._report, self.proctor
        used = before.record.tokens[-1]
        self.proctor = await Client.load_anew(self._url, used)
        self._closing.append(self.proctor.close)
        report.reload_own = self.proctor.record.states[0]["own"]
        report.gaps["proctor"] = list(before.record.gaps)
        report.reload_without_id = [
            message["type"]
            for message in self.proctor.record.without_id
            if message["type"] != "session:renewed"
        ]
        await before.signal.until(lambda: before.ending is not None, _DEADLINE_S, "the old page")
        if before.ending is not None:
            report.replaced = Refusal("", before.ending.reason, before.ending.close_code)
        await self.receiver.close()
        for transport in report.reload_own["transports"]:
            # The page before has said goodbye over DTLS, so the server may have closed it already.
            with contextlib.suppress(RequestError):
                await self.proctor.ask("transport:close", {"transportId": transport["transportId"]})
        self.receiver = Receiver(self.proctor)
        self._closing.append(self.receiver.close)
        await self.receiver.consume(self._microphone)
        await self.receiver.hear(self._microphone, 25, _DEADLINE_S)
        report.reload_frames = len(self.receiver.heard[self._microphone])
        report.used_token = await self._first_answer("auth:request", {"resumeToken": used})
        # The session that had it goes on as if nothing had been.
        await self.proctor.ask("ping")

    async def refuse_strangers(self, token: str) -> None:
        """Connections that do not get as far as a session."""
        refusals = self._report.refusals
        refusals["nobody"] = await self._first_answer("peer:update", {}, closes=False)
        refusals["another room"] = await self._first_answer(
            "auth:request", {"token": token, "roomId": self._room}
        )
        refusals["a bad token"] = await self._first_answer(
            "auth:request", {"token": token[:-4], "roomId": f"{self._room}-other"}
        )

    async def part(self) -> None:
        """Both leave."""
        report, proctor = self._report, self.proctor
        seen = len(proctor.record.events)
        left = await self.candidate.leave()
        report.left["candidate"] = (left["reason"], self._close_code(self.candidate))
        await proctor.signal.until(
            lambda: any(e.type == "participant:left" for e in proctor.record.events[seen:]),
            _DEADLINE_S,
            "participant:left",
        )
        report.told_of_leaving = [event.type for event in proctor.record.events[seen:]]
        report.gaps["proctor"] += proctor.record.gaps
        report.gaps["candidate"] = list(self.candidate.record.gaps)
        report.resumed_after_leaving = await self._first_answer(
            "auth:request", {"resumeToken": self.candidate.record.tokens[-1]}
        )
        left = await proctor.leave()
        report.left["proctor"] = (left["reason"], self._close_code(proctor))

    def _close_code(self, client: Client) -> int | None:
        return client.ending.close_code if client.ending is not None else None

    async def _refused(
        self,
        what: str,
        client: Client,
        type_: str,
        payload: JsonObject,
        request_id: str | None = None,
    ) -> None:
        try:
            await client.ask(type_, payload, request_id)
        except RequestError as error:
            self._report.refusals[what] = Refusal(error.code, error.reason)
        except SessionEndedError as error:
            self._report.refusals[what] = Refusal("", str(error))

    async def _first_answer(self, type_: str, payload: JsonObject, closes: bool = True) -> Refusal:
        """Says one thing on a new connection, and hears what comes until it is closed."""
        message = {"type": type_, "payload": payload, "timestamp": int(time.time() * 1000)}
        async with asyncio.timeout(_DEADLINE_S), connect(self._url) as socket:
            await socket.send(json.dumps(message | {"correlationId": "c1"}))
            answer = json.loads(await socket.recv())
            try:
                while closes:
                    await socket.recv()
            except ConnectionClosed:
                pass
            code = socket.close_code
        if answer["type"] != "error":
            return Refusal("", answer["type"], code)
        error = RequestError(answer["payload"])
        return Refusal(error.code, error.reason, code)
