"""Scores and stats over gRPC: counts of the media side in, latest-only events out."""

from typing import Any

import grpc
import pytest

from services.common.errors import Code
from services.common.ids import ConsumerId, ProducerId
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.v1 import event_pb2, room_pb2, rtp_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.control import scorer
from services.sfu.control.scorer import Scorer
from services.sfu.core.score import Count
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, Session, Stream
from tests.support.poll import eventually


@pytest.fixture(autouse=True)
def never_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds pass when the test says so."""
    monkeypatch.setattr(scorer, "INTERVAL_S", 3_600.0)


class Scene:
    """A candidate's microphone and a proctor who hears it; `second` lets one pass."""

    def __init__(self, running: RunningWorker) -> None:
        self.running = running
        self.scorer = Scorer(running.worker)

    async def open(self, gateway: Gateway) -> "Scene":
        self.up, self.down = await gateway.watch("g1"), await gateway.watch("g2")
        self.candidate = await gateway.join(self.up, "cam")
        self.proctor = await gateway.join(self.down, "eve", room_pb2.ROLE_PROCTOR)
        self.transport_id = await self.candidate.transport(room_pb2.DIRECTION_SEND)
        await self.proctor.transport(room_pb2.DIRECTION_RECV)
        self.producer_id = ProducerId(await self.candidate.produce(rtp_pb2.MEDIA_KIND_AUDIO))
        reply = await self.proctor.consume(self.producer_id)
        self.consumer_id = ConsumerId(reply.results[0].consumer.consumer_id)
        media = self.running.media
        media.sent[self.producer_id] = [(0, 0, 0, 0)]
        media.received[self.consumer_id] = (0, 0, 0, 0)
        return self

    async def second(self, *, lost_up: int = 0, lost_down: int = 0) -> None:
        """A hundred packets each way, of which so many are lost."""
        media = self.running.media
        media.sent[self.producer_id] = [grown(media.sent[self.producer_id][0], lost_up)]
        media.received[self.consumer_id] = grown(media.received[self.consumer_id], lost_down)
        await self.scorer.poll()


def grown(count: Count, lost: int) -> Count:
    packets, expected, before, repaired = count
    return (packets + 100 - lost, expected + 100, before + lost, repaired)


async def next_score(stream: Stream, kind: str) -> event_pb2.SessionEvent:
    while True:
        message = (await stream.next()).event
        if message.WhichOneof("event") == kind:
            assert message.seq == 0
            return message


async def test_owners_are_told_their_scores_on_change(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await Scene(running).open(gateway)
    for _ in range(5):
        await on.second()
    told = await next_score(on.up, "producer_score")
    assert told.session_id == on.candidate.session_id
    assert told.producer_score == event_pb2.ProducerScore(
        producer_id=on.producer_id, scores=[event_pb2.LayerScore(layer=0, score=10)]
    )
    await on.second(lost_up=30)
    again = (await on.up.next()).event
    assert [one.score for one in again.producer_score.scores] == [6]

    heard = [(await next_score(on.down, "consumer_score")).consumer_score for _ in range(2)]
    assert [(one.score, one.producer_score) for one in heard] == [(10, 10), (10, 6)]
    assert {one.consumer_id for one in heard} == {on.consumer_id}


async def test_scores_are_told_again_to_whoever_comes_back_and_not_while_away(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await Scene(running).open(gateway)
    for _ in range(3):
        await on.second()
    await next_score(on.down, "consumer_score")
    await gateway.stub.DetachSession(
        pb.DetachSessionRequest(call=on.proctor.call()), timeout=DEADLINE_S
    )
    await on.second(lost_down=30)
    back = await gateway.watch("g3")
    await on.proctor.attach(back, "c2")
    score = (await next_score(back, "consumer_score")).consumer_score
    assert (score.score, score.producer_score) == (6, 10)


async def test_first_scores_of_very_many_streams_do_not_fill_the_stream_of_a_gateway(
    running: RunningWorker, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As with 8,192 and twenty thousand consumers.
    monkeypatch.setattr(scorer, "SLICE", 4)
    monkeypatch.setattr(scorer, "PATIENCE_S", 0.001)
    on = await Scene(running).open(gateway)
    (watch,) = [one for one in running.worker.watches.all() if one.gateway_id == "g2"]
    monkeypatch.setattr(watch.mailbox, "_capacity", 16)
    for number in range(40):
        await publish_and_consume(on, gateway, f"cam{number}")
    for _ in range(3):
        counts = running.media
        for producer_id, (count,) in list(counts.sent.items()):
            counts.sent[producer_id] = [grown(count, 0)]
        for consumer_id, count in list(counts.received.items()):
            counts.received[consumer_id] = grown(count, 0)
        await on.scorer.poll()
    expected = {str(consumer_id) for consumer_id in running.media.received}
    assert len(expected) == 41
    told: set[str] = set()
    while told != expected:
        await on.scorer.poll()
        told.add((await next_score(on.down, "consumer_score")).consumer_score.consumer_id)
    assert not watch.mailbox.has_overflown


async def test_gateway_that_reads_nothing_holds_up_its_own_rooms_only(
    running: RunningWorker, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scorer, "PATIENCE_S", 0.001)
    on = await Scene(running).open(gateway)
    other = await gateway.watch("g3")
    alone = await gateway.join(other, "lone", room_id="other")
    await alone.transport(room_pb2.DIRECTION_SEND)
    producer_id = ProducerId(await alone.produce(rtp_pb2.MEDIA_KIND_AUDIO))
    running.media.sent[producer_id] = [(0, 0, 0, 0)]
    (watch,) = [one for one in running.worker.watches.all() if one.gateway_id == "g2"]
    monkeypatch.setattr(watch.mailbox, "_capacity", 0)
    for _ in range(3):
        running.media.sent[producer_id] = [grown(running.media.sent[producer_id][0], 0)]
        await on.second()
    told = (await next_score(other, "producer_score")).producer_score
    assert told.producer_id == producer_id
    monkeypatch.undo()
    # Nothing was counted of those whose gateway was behind; now it is.
    for _ in range(2):
        await on.second()
    assert (await next_score(on.down, "consumer_score")).consumer_score.score == 10


async def publish_and_consume(on: Scene, gateway: Gateway, peer_id: str) -> None:
    session = await gateway.join(on.up, peer_id)
    await session.transport(room_pb2.DIRECTION_SEND)
    producer_id = ProducerId(await session.produce(rtp_pb2.MEDIA_KIND_AUDIO))
    reply = await on.proctor.consume(producer_id)
    consumer_id = ConsumerId(reply.results[0].consumer.consumer_id)
    on.running.media.sent[producer_id] = [(0, 0, 0, 0)]
    on.running.media.received[consumer_id] = (0, 0, 0, 0)
    # That of the peer and of its producer: a gateway reads what it is told.
    for _ in range(2):
        await on.down.next()


async def test_engine_that_does_not_answer_costs_nobody_anything(
    running: RunningWorker, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = await Scene(running).open(gateway)
    polls: list[None] = []

    async def broken() -> Any:
        polls.append(None)
        raise RuntimeError("the engine has stopped")

    monkeypatch.setattr(running.media, "sample", broken)
    monkeypatch.setattr(scorer, "INTERVAL_S", 0.01)
    on.scorer.start()
    try:
        await eventually(lambda: len(polls) >= 3)
    finally:
        on.scorer.close()
    assert await on.candidate.produce(rtp_pb2.MEDIA_KIND_VIDEO)


async def stats_of(session: Session, **named: str) -> Any:
    stub, call = session.gateway.stub, session.call()
    if "producer_id" in named:
        producer = pb.GetProducerStatsRequest(call=call, **named)
        return await stub.GetProducerStats(producer, timeout=DEADLINE_S)
    transport = pb.GetTransportStatsRequest(call=call, **named)
    return await stub.GetTransportStats(transport, timeout=DEADLINE_S)


async def test_stats_of_what_one_may_not_see_are_those_of_what_is_not_there(
    running: RunningWorker, gateway: Gateway
) -> None:
    on = await Scene(running).open(gateway)
    stranger = await gateway.join(on.up, "ben")
    mine = await stats_of(on.candidate, producer_id=on.producer_id)
    theirs = await stats_of(on.proctor, producer_id=on.producer_id)
    assert list(mine.encodings) == list(theirs.encodings)
    assert (await stats_of(on.candidate, transport_id=on.transport_id)).ice_state == "connected"
    for named, asked_by, reason in (
        ({"producer_id": str(on.producer_id)}, stranger, "PRODUCER_NOT_FOUND"),
        ({"producer_id": "cam.9"}, on.candidate, "PRODUCER_NOT_FOUND"),
        ({"transport_id": on.transport_id}, on.proctor, "TRANSPORT_NOT_FOUND"),
        ({"transport_id": "none"}, on.candidate, "TRANSPORT_NOT_FOUND"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stats_of(asked_by, **named)
        refusal = refusal_of(raised.value)
        assert (refusal.code, refusal.reason) == (Code.NOT_FOUND, reason)
