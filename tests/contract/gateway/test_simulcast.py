"""Layers from the browser's wish to the packets it gets: gateway, worker and engine are real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.call import Call, Peer, open_call, publisher, viewer
from tests.support.client import Client
from tests.support.poll import eventually
from tests.support.webrtc.simulcast import Simulcast, keeps_seeing, sees


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with open_call() as running:
        yield running


async def told(client: Client, consumer_id: str, layer: int | None) -> None:
    """The last word about the consumer is this layer."""

    def last() -> Any:
        words = [
            event.payload
            for event in client.events
            if event.type == "consumer:layers" and event.payload["consumerId"] == consumer_id
        ]
        return words[-1] if words else None

    said = {"consumerId": consumer_id} | ({} if layer is None else {"spatialLayer": layer})
    await eventually(lambda: last() == said, what=f"told {layer}")


@asynccontextmanager
async def obeying(ada: Peer, camera: Simulcast) -> AsyncIterator[None]:
    """The publisher sends what it was last told is needed."""

    async def obey() -> None:
        heard = 0
        while True:
            needs = [e for e in ada.signaling.events if e.type == "producer:layers-needed"]
            for need in needs[heard:]:
                camera.active.clear()
                camera.active.update(range(need.payload.get("spatialLayer", -1) + 1))
            heard = len(needs)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(obey())
    try:
        async with camera.running():
            yield
    finally:
        task.cancel()


async def consume(client: Client, producer_id: str, **more: Any) -> str:
    created = await client.ask("consume", {"producerId": producer_id, **more})
    assert created["type"] == "simulcast"
    consumer_id: str = created["consumerId"]
    return consumer_id


async def test_viewer_gets_the_best_layer_and_then_the_one_it_wishes_for(call: Call) -> None:
    async with publisher(call) as (_, producer_id, camera), viewer(call) as pat:
        consumer_id = await consume(pat.signaling, producer_id)
        async with camera.running():
            await sees(pat.media, 2)
            await told(pat.signaling, consumer_id, 2)
            wish = {"consumerId": consumer_id, "spatialLayer": 0}
            await pat.signaling.ask("consumer:set-layers", wish)
            await sees(pat.media, 0)
            await told(pat.signaling, consumer_id, 0)
            await keeps_seeing(pat.media, 0)


async def test_tile_begins_with_the_layer_it_wishes_for(call: Call) -> None:
    async with publisher(call) as (_, producer_id, camera), viewer(call) as pat, camera.running():
        consumer_id = await consume(
            pat.signaling, producer_id, paused=True, preferredLayers={"spatialLayer": 0}
        )
        await pat.signaling.ask("consumer:resume", {"consumerId": consumer_id})
        await keeps_seeing(pat.media, 0)
        await told(pat.signaling, consumer_id, 0)


async def test_viewer_does_not_wait_for_a_layer_that_is_not_sent(call: Call) -> None:
    async with publisher(call) as (_, producer_id, camera), viewer(call) as pat:
        camera.active = {0, 1}
        async with camera.running():
            consumer_id = await consume(pat.signaling, producer_id)
            await sees(pat.media, 1)
            # What was wished for comes up.
            camera.active.add(2)
            await sees(pat.media, 2)
            await told(pat.signaling, consumer_id, 2)


async def test_layer_that_goes_quiet_is_left_while_it_stays_quiet(call: Call) -> None:
    async with publisher(call) as (_, producer_id, camera), viewer(call) as pat:
        consumer_id = await consume(pat.signaling, producer_id)
        async with camera.running():
            await sees(pat.media, 2)
            camera.active.discard(2)
            await sees(pat.media, 1)
            await told(pat.signaling, consumer_id, 1)
            camera.active.discard(1)
            await sees(pat.media, 0)
            await told(pat.signaling, consumer_id, 0)


async def test_wish_for_a_layer_that_does_not_exist_gets_the_highest(call: Call) -> None:
    async with publisher(call) as (_, producer_id, camera), viewer(call) as pat:
        consumer_id = await consume(pat.signaling, producer_id, preferredLayers={"spatialLayer": 0})
        async with camera.running():
            await sees(pat.media, 0)
            wish = {"consumerId": consumer_id, "spatialLayer": 7}
            counted = await pat.signaling.ask("consumer:set-layers", wish)
            assert counted == {"consumerId": consumer_id, "spatialLayer": 2}
            await sees(pat.media, 2)


async def test_viewer_that_leaves_while_a_move_is_pending_does_not_disturb_the_others(
    call: Call,
) -> None:
    async with publisher(call) as (_, producer_id, camera), viewer(call, "Kim") as kim:
        low = {"preferredLayers": {"spatialLayer": 0}}
        staying = await consume(kim.signaling, producer_id, **low)
        async with camera.running():
            async with viewer(call) as pat:
                leaving = await consume(pat.signaling, producer_id, **low)
                await sees(pat.media, 0)
                await sees(kim.media, 0)
                camera.answers = False
                for client, consumer_id in ((pat, leaving), (kim, staying)):
                    wish = {"consumerId": consumer_id, "spatialLayer": 2}
                    await client.signaling.ask("consumer:set-layers", wish)
                await eventually(lambda: 2 in camera.requests, what="a request for the layer")
                await pat.signaling.ask("room:leave")
            await keeps_seeing(kim.media, 0)
            camera.answers = True
            await sees(kim.media, 2)
            await told(kim.signaling, staying, 2)


async def test_pause_is_told_as_no_layer_and_resuming_goes_on_with_the_wish(call: Call) -> None:
    async with publisher(call) as (ada, producer_id, camera), viewer(call) as pat:
        consumer_id = await consume(pat.signaling, producer_id)
        named = {"consumerId": consumer_id}
        async with camera.running():
            await sees(pat.media, 2)
            await told(pat.signaling, consumer_id, 2)
            await pat.signaling.ask("consumer:pause", named)
            await told(pat.signaling, consumer_id, None)
            await pat.signaling.ask("consumer:set-layers", {**named, "spatialLayer": 1})
            await pat.signaling.ask("consumer:resume", named)
            await sees(pat.media, 1)
            await told(pat.signaling, consumer_id, 1)
            await ada.signaling.ask("producer:pause", {"producerId": producer_id})
            await told(pat.signaling, consumer_id, None)
            await ada.signaling.ask("producer:resume", {"producerId": producer_id})
            await sees(pat.media, 1)
            await told(pat.signaling, consumer_id, 1)


async def test_key_frame_that_a_viewer_asks_for_is_asked_of_the_publisher(call: Call) -> None:
    async with publisher(call) as (_, producer_id, camera), viewer(call) as pat:
        consumer_id = await consume(pat.signaling, producer_id)
        async with camera.running():
            await sees(pat.media, 2)
            before = len(camera.requests)
            reply = await pat.signaling.request(
                "consumer:request-keyframe", {"consumerId": consumer_id}
            )
            assert reply.type == "consumer:keyframe-requested"
            await eventually(lambda: len(camera.requests) > before, what="a request")


async def test_viewer_who_enlarges_gets_a_layer_that_its_publisher_had_left_off(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than a silent layer is waited for, 500 ms, and shorter than 5 s.
    monkeypatch.setattr("services.sfu.core.need.LINGER_MS", 1_000)
    async with (
        publisher(call) as (ada, producer_id, camera),
        viewer(call) as pat,
        obeying(ada, camera),
    ):
        consumer_id = await consume(pat.signaling, producer_id)
        await sees(pat.media, 2)
        named = {"consumerId": consumer_id}
        for _ in range(2):
            await pat.signaling.ask("consumer:set-layers", {**named, "spatialLayer": 0})
            await eventually(lambda: camera.active == {0}, what="the others are left off")
            await keeps_seeing(pat.media, 0, packets=50)
            before = len(camera.requests)
            await pat.signaling.ask("consumer:set-layers", {**named, "spatialLayer": 2})
            await sees(pat.media, 2)
            await told(pat.signaling, consumer_id, 2)
            # Of one of the layers that began: it makes key frames of all.
            assert set(camera.requests[before:]) & {1, 2}


async def test_publisher_who_sends_nothing_starts_for_the_first_viewer(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sfu.core.need.LINGER_MS", 200)
    async with (
        publisher(call) as (ada, producer_id, camera),
        viewer(call) as pat,
        obeying(ada, camera),
    ):
        for layer in (0, 2, 1):
            await eventually(lambda: camera.active == set(), what="nothing is sent")
            low = {"preferredLayers": {"spatialLayer": layer}}
            consumer_id = await consume(pat.signaling, producer_id, **low)
            await sees(pat.media, layer)
            await told(pat.signaling, consumer_id, layer)
            await pat.signaling.ask("consumer:close", {"consumerId": consumer_id})
