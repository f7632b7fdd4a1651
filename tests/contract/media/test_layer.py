"""Layers of a simulcast on the real engine: what it says of them, and what it is told."""

import select
from dataclasses import replace

import pytest

from services.common.ids import ConsumerId
from tests.support.poll import eventually, until_now
from tests.support.webrtc.simulcast import RIDS, Simulcast, keeps_seeing, sees
from tests.support.webrtc.stage import (
    CAMERA,
    HEARING,
    MICROPHONE,
    SEEING,
    SIMULCAST_CAMERA,
    Stage,
)
from tests.support.webrtc.track import Camera, Microphone


async def settled(stage: Stage, consumer_id: ConsumerId) -> None:
    """The engine has done what it was asked before, and its events before that are heard."""
    await stage.plane.consumer_stats(consumer_id)


async def test_layers_are_told_as_they_begin_and_when_one_goes_quiet(stage: Stage) -> None:
    publisher = await stage.join()
    producer_id = stage.produce(publisher, SIMULCAST_CAMERA)
    camera = Simulcast(publisher.client)
    async with camera.running():
        told = stage.ear.encodings
        await eventually(lambda: len(told) == 3, what="three layers")
        assert set(told) == {(producer_id, layer, True) for layer in range(3)}
        camera.active.discard(2)
        await eventually(lambda: len(told) == 4, what="the quiet layer")
        camera.active.add(2)
        await eventually(lambda: len(told) == 5, what="the layer that is back")
    assert told[3:] == [(producer_id, 2, False), (producer_id, 2, True)]


async def test_viewer_is_moved_at_a_key_frame_and_the_move_is_told(stage: Stage) -> None:
    publisher, viewer = await stage.join(), await stage.join()
    consumer_id = stage.consume(
        viewer, stage.produce(publisher, SIMULCAST_CAMERA), replace(SEEING, layer=2)
    )
    async with Simulcast(publisher.client).running():
        await sees(viewer.client, 2)
        stage.plane.set_consumer_layer(consumer_id, 0)
        await sees(viewer.client, 0)
        await keeps_seeing(viewer.client, 0)
    assert stage.ear.layers == [(consumer_id, 2), (consumer_id, 0)]
    stats = await stage.plane.consumer_stats(consumer_id)
    assert stats.layer == 0


async def test_move_to_a_layer_that_sends_no_key_frame_leaves_the_viewer_where_it_is(
    stage: Stage,
) -> None:
    publisher, viewer = await stage.join(), await stage.join()
    consumer_id = stage.consume(viewer, stage.produce(publisher, SIMULCAST_CAMERA), SEEING)
    camera = Simulcast(publisher.client)
    async with camera.running():
        # Until no key frame is so young that the viewer could begin with it.
        await keeps_seeing(viewer.client, 0)
        camera.answers = False
        stage.plane.set_consumer_layer(consumer_id, 1)
        await eventually(lambda: 1 in camera.requests, what="a request for the layer")
        await keeps_seeing(viewer.client, 0)
        stats = await stage.plane.consumer_stats(consumer_id)
        assert stats.layer == 0
        camera.answers = True
        await sees(viewer.client, 1)


async def test_viewer_that_leaves_while_a_move_is_pending_costs_nobody_anything(
    stage: Stage,
) -> None:
    publisher, viewer, other = await stage.join(), await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, SIMULCAST_CAMERA)
    leaving = stage.consume(viewer, producer_id, SEEING)
    staying = stage.consume(other, producer_id, SEEING)
    camera = Simulcast(publisher.client)
    async with camera.running():
        await sees(viewer.client, 0)
        # Until no key frame is so young that they could begin with it.
        await keeps_seeing(other.client, 0)
        camera.answers = False
        for consumer_id in (leaving, staying):
            stage.plane.set_consumer_layer(consumer_id, 1)
        await eventually(lambda: 1 in camera.requests, what="a request for the layer")
        stage.plane.remove_consumer(leaving)
        camera.answers = True
        await sees(other.client, 1)
    assert (leaving, 1) not in stage.ear.layers


async def test_layer_that_the_producer_does_not_have_changes_nothing(stage: Stage) -> None:
    publisher, viewer = await stage.join(), await stage.join()
    consumer_id = stage.consume(viewer, stage.produce(publisher, SIMULCAST_CAMERA), SEEING)
    async with Simulcast(publisher.client).running():
        await sees(viewer.client, 0)
        stage.plane.set_consumer_layer(consumer_id, 3)
        await stage.counted("layers_unknown")
        await keeps_seeing(viewer.client, 0)


async def test_rid_that_was_never_announced_is_no_layer(stage: Stage) -> None:
    publisher, viewer = await stage.join(), await stage.join()
    producer_id = stage.produce(publisher, SIMULCAST_CAMERA)
    stage.consume(viewer, producer_id, SEEING)
    async with Simulcast(publisher.client, rids=(*RIDS, "r9")).running():
        await sees(viewer.client, 0)
        await keeps_seeing(viewer.client, 0)
    assert {layer for _, layer, _ in stage.ear.encodings} == {0, 1, 2}


async def test_producer_that_is_gone_is_not_heard_of_any_more(stage: Stage) -> None:
    publisher, viewer = await stage.join(), await stage.join()
    hearing = stage.consume(viewer, stage.produce(publisher, MICROPHONE), HEARING)
    producer_id = stage.produce(publisher, SIMULCAST_CAMERA)
    Simulcast(publisher.client).send()
    # The event loop stands still meanwhile, so the engine's events wait.
    events = stage.plane._driver._engine.fileno()
    until_now(lambda: select.select([events], [], [], 0)[0], "the engine's events wait")
    stage.plane.remove_producer(producer_id)
    await settled(stage, hearing)
    assert stage.ear.encodings == []


@pytest.mark.parametrize("is_paused", [False, True])
async def test_key_frame_is_asked_for_unless_the_consumer_is_paused(
    stage: Stage, is_paused: bool
) -> None:
    publisher, viewer = await stage.join(), await stage.join()
    consumer_id = stage.consume(viewer, stage.produce(publisher, CAMERA), SEEING)
    camera = Camera(publisher.client)
    camera.send(key_frame=True)
    await eventually(lambda: viewer.client.rtp, what="the stream runs")
    before = stage.plane.counters()["plis_out"]
    if is_paused:
        stage.plane.pause_consumer(consumer_id)
    stage.plane.request_key_frame(consumer_id)
    if is_paused:
        await settled(stage, consumer_id)
        assert stage.plane.counters()["plis_out"] == before
    else:
        await stage.counted("plis_out", above=before)


async def test_key_frame_of_sound_is_not_asked_for(stage: Stage) -> None:
    publisher, viewer = await stage.join(), await stage.join()
    consumer_id = stage.consume(viewer, stage.produce(publisher, MICROPHONE), HEARING)
    Microphone(publisher.client).send()
    await eventually(lambda: viewer.client.rtp, what="the stream runs")
    stage.plane.request_key_frame(consumer_id)
    await settled(stage, consumer_id)
    assert stage.plane.counters()["plis_out"] == 0


async def test_commands_for_a_consumer_that_never_was_are_the_callers_error(stage: Stage) -> None:
    for command in (
        lambda id_: stage.plane.set_consumer_layer(id_, 0),
        stage.plane.request_key_frame,
    ):
        with pytest.raises(KeyError):
            command(ConsumerId("nobody"))
