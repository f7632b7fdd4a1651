"""Who speaks, over gRPC: levels from the media side in, events for each session out."""

import asyncio

import grpc
import pytest
from structlog.contextvars import get_contextvars

from services.common.ids import ProducerId
from services.pb.invigil.sfu.admin.v1 import admin_service_pb2
from services.pb.invigil.sfu.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from services.pb.invigil.sfu.v1 import event_pb2, room_pb2, rtp_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, Session, Stream
from tests.support.poll import eventually

SPEECH = 30


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.sfu.control.hearing.INTERVAL_S", 0.02)
    monkeypatch.setattr("services.sfu.core.speaker.HANG_MS", 60)
    monkeypatch.setattr("services.sfu.core.speaker.SMOOTHING_MS", 20)


async def microphone(session: Session) -> ProducerId:
    await session.transport(room_pb2.DIRECTION_SEND)
    return ProducerId(await session.produce(rtp_pb2.MEDIA_KIND_AUDIO))


async def next_speakers(stream: Stream, session: Session) -> event_pb2.SpeakersActive:
    """What a session is told next of who speaks; other events are passed over."""
    while True:
        event = (await stream.next()).event
        if event.HasField("speakers_active"):
            assert (event.session_id, event.seq) == (session.session_id, 0)
            return event.speakers_active


async def test_proctor_is_told_who_speaks_and_that_nobody_does_any_more(
    running: RunningWorker, gateway: Gateway
) -> None:
    ada = await gateway.join(await gateway.watch("g0"), "ada")
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    producer_id = await microphone(ada)
    running.media.levels = {producer_id: SPEECH, ProducerId("zoe.1"): 1}
    (speaker,) = (await next_speakers(stream, eve)).speakers
    assert (speaker.peer_id, speaker.producer_id) == ("ada", producer_id)
    assert SPEECH <= speaker.level <= 50
    running.media.levels = {}
    assert list((await next_speakers(stream, eve)).speakers) == []


async def test_speaker_who_pauses_stops_and_so_does_one_who_leaves(
    running: RunningWorker, gateway: Gateway
) -> None:
    ada = await gateway.join(await gateway.watch("g0"), "ada")
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    producer_id = await microphone(ada)
    running.media.levels = {producer_id: SPEECH}
    assert len((await next_speakers(stream, eve)).speakers) == 1
    pause = pb.PauseProducerRequest(call=ada.call(), producer_id=producer_id)
    await gateway.stub.PauseProducer(pause, timeout=DEADLINE_S)
    assert len((await next_speakers(stream, eve)).speakers) == 0
    resume = pb.ResumeProducerRequest(call=ada.call(), producer_id=producer_id)
    await gateway.stub.ResumeProducer(resume, timeout=DEADLINE_S)
    assert len((await next_speakers(stream, eve)).speakers) == 1
    await ada.leave()
    assert len((await next_speakers(stream, eve)).speakers) == 0


async def test_nobody_listens_where_there_is_no_audio(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    hearing = running.worker.hearing
    ada = await gateway.join(stream, "ada")
    await ada.transport(room_pb2.DIRECTION_SEND)
    await ada.produce(rtp_pb2.MEDIA_KIND_VIDEO)
    assert not hearing.is_running
    for _ in range(2):
        producer_id = await ada.produce(rtp_pb2.MEDIA_KIND_AUDIO)
        assert hearing.is_running
        close = pb.CloseProducerRequest(call=ada.call(), producer_id=producer_id)
        await gateway.stub.CloseProducer(close, timeout=DEADLINE_S)
        await eventually(lambda: not hearing.is_running, what="nobody listens")


async def test_listening_is_on_behalf_of_nobody(
    running: RunningWorker, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting: list[object] = []

    async def audio_levels() -> dict[ProducerId, int]:
        acting.append(get_contextvars())
        return {}

    monkeypatch.setattr(running.media, "audio_levels", audio_levels)
    await microphone(await gateway.join(await gateway.watch(), "ada"))
    await eventually(lambda: acting, what="it listens")
    assert acting[0] == {}


async def test_engine_that_does_not_answer_costs_the_speakers_and_nothing_else(
    running: RunningWorker, gateway: Gateway
) -> None:
    ada = await gateway.join(await gateway.watch("g0"), "ada")
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    producer_id = await microphone(ada)
    running.media.levels = {producer_id: SPEECH}
    assert len((await next_speakers(stream, eve)).speakers) == 1
    running.media.failing.add("audio_levels")
    assert len((await next_speakers(stream, eve)).speakers) == 0
    running.media.failing.clear()
    assert len((await next_speakers(stream, eve)).speakers) == 1


async def test_fault_in_one_room_costs_no_other_room_its_speakers(
    running: RunningWorker, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = await gateway.watch("g0")
    await microphone(await gateway.join(quiet, "zoe", room_id="broken"))
    ada = await gateway.join(quiet, "ada")
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    (broken,) = [room for room in running.worker.rooms.values() if room.room_id == "broken"]

    def hear(*_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(broken.speakers, "hear", hear)
    running.media.levels = {await microphone(ada): SPEECH}
    assert len((await next_speakers(stream, eve)).speakers) == 1


async def test_news_of_very_many_rooms_at_once_do_not_fill_the_stream_of_a_gateway(
    running: RunningWorker, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As with 8,192 and ten rooms of a thousand.
    capacity, rooms = 16, 24
    quiet, stream = await gateway.watch("g0"), await gateway.watch()
    (watch,) = [one for one in running.worker.watches.all() if one.gateway_id == "g1"]
    levels: dict[ProducerId, int] = {}
    for number in range(rooms):
        ada = await gateway.join(quiet, f"ada{number}", room_id=f"room{number}")
        await gateway.join(stream, f"eve{number}", room_pb2.ROLE_PROCTOR, room_id=f"room{number}")
        levels[await microphone(ada)] = SPEECH
        while (await stream.next()).event.WhichOneof("event") != "producer_new":
            pass
    monkeypatch.setattr(watch.mailbox, "_capacity", capacity)
    running.media.levels = levels
    told: set[str] = set()
    while len(told) < rooms:
        event = (await stream.next()).event
        assert len(event.speakers_active.speakers) == 1
        told.add(event.session_id)
    assert not watch.mailbox.has_overflown


async def test_session_on_a_new_connection_is_told_again(
    running: RunningWorker, gateway: Gateway
) -> None:
    ada = await gateway.join(await gateway.watch("g0"), "ada")
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    running.media.levels = {await microphone(ada): SPEECH}
    assert len((await next_speakers(stream, eve)).speakers) == 1
    other = await gateway.watch("g2")
    await eve.attach(other, "c2")
    assert len((await next_speakers(other, eve)).speakers) == 1


async def test_session_that_asks_for_its_room_anew_is_told_again(
    running: RunningWorker, gateway: Gateway
) -> None:
    ada = await gateway.join(await gateway.watch("g0"), "ada")
    stream = await gateway.watch()
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    running.media.levels = {await microphone(ada): SPEECH}
    assert len((await next_speakers(stream, eve)).speakers) == 1
    # The state of a room says nothing of who speaks.
    again = gateway.join_request(stream, "eve", room_pb2.ROLE_PROCTOR)
    await gateway.stub.JoinRoom(again, timeout=DEADLINE_S)
    assert len((await next_speakers(stream, eve)).speakers) == 1


async def test_operator_sees_who_speaks(running: RunningWorker, gateway: Gateway) -> None:
    ada = await gateway.join(await gateway.watch(), "ada")
    producer_id = await microphone(ada)
    async with grpc.aio.insecure_channel(running.address) as channel:
        admin = AdminServiceStub(channel)
        watch = admin.WatchRoom(admin_service_pb2.WatchRoomRequest(room_id="exam"))
        await watch.read()
        running.media.levels = {producer_id: SPEECH}
        message = await asyncio.wait_for(watch.read(), DEADLINE_S)
        assert isinstance(message, admin_service_pb2.WatchRoomResponse)
        (speaker,) = message.event.speakers_active.speakers
        assert speaker.peer_id == "ada"
        watch.cancel()
        await watch.code()
