"""Layers of a simulcast as a browser speaks of them, through gateway and worker control plane."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from services.common.ids import ConsumerId, ProducerId
from tests.support.client import Client, RefusedError, resumed
from tests.support.gateway import RunningGateway, RunningWorker, joined
from tests.support.poll import eventually
from tests.support.rtp_sample import read


@dataclass
class Scene:
    worker: RunningWorker
    ada: Client
    pat: Client
    producer: dict[str, Any]

    def encoding(self, layer: int, active: bool = True) -> None:
        producer_id = ProducerId(self.producer["producerId"])
        self.worker.worker.listener.encoding_changed(producer_id, layer, active)

    def starts(self, consumer: dict[str, Any], layer: int) -> None:
        self.worker.worker.listener.consumer_layer_changed(
            ConsumerId(consumer["consumerId"]), layer
        )

    async def consume(self, **more: Any) -> dict[str, Any]:
        return await self.pat.ask("consume", {**self.producer, **more})

    def layer_of(self, consumer: dict[str, Any]) -> int:
        """What the media side is told to forward."""
        return self.worker.media.consumers[ConsumerId(consumer["consumerId"])].layer


@asynccontextmanager
async def scene(gateway: RunningGateway, worker: RunningWorker) -> AsyncIterator[Scene]:
    """Ada's camera in three layers, which she sends, and a proctor."""
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        sent = {"kind": "video", "rtpParameters": read("chromium_video_simulcast")}
        producer = await ada.ask("produce", sent)
        await pat.ask("transport:create", {"direction": "recv"})
        on = Scene(worker, ada, pat, producer)
        for layer in range(3):
            on.encoding(layer)
        yield on


async def test_wish_is_answered_as_it_counts(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with scene(gateway, worker) as on:
        consumer = await on.consume()
        assert consumer["type"] == "simulcast"
        assert consumer["rtpParameters"]["encodings"][0]["scalabilityMode"] == "L3T3"
        assert on.layer_of(consumer) == 2
        named = {"consumerId": consumer["consumerId"]}

        reply = await on.pat.request("consumer:set-layers", {**named, "spatialLayer": 0})
        assert (reply.type, reply.payload) == ("consumer:layers-set", {**named, "spatialLayer": 0})
        assert on.layer_of(consumer) == 0

        highest = {**named, "spatialLayer": 7, "temporalLayer": 1}
        counted = await on.pat.ask("consumer:set-layers", highest)
        assert counted == {**named, "spatialLayer": 2, "temporalLayer": 1}
        assert on.layer_of(consumer) == 2


async def test_wish_at_consume_counts_for_each_of_the_producers(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with scene(gateway, worker) as on:
        payload = {
            "producerIds": [on.producer["producerId"]],
            "paused": True,
            "preferredLayers": {"spatialLayer": 1},
        }
        (consumer,) = (await on.pat.ask("consume", payload))["consumers"]
        assert on.layer_of(consumer) == 1


async def test_client_is_told_which_layer_it_gets_and_when_it_gets_none(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with scene(gateway, worker) as on:
        consumer = await on.consume()
        named = {"consumerId": consumer["consumerId"]}
        on.starts(consumer, 2)
        told = await on.pat.event("consumer:layers", **named, spatialLayer=2)
        assert told.seq is None
        await on.pat.ask("consumer:pause", named)
        await eventually(
            lambda: on.pat.events[-1].payload == named, what="the event without a layer"
        )
        assert on.pat.events[-1].type == "consumer:layers"
        assert "null" not in "".join(on.pat.frames)


async def test_publisher_is_told_what_is_needed_and_again_after_a_resume(
    gateway: RunningGateway, worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sfu.core.need.LINGER_MS", 200)
    async with scene(gateway, worker) as on:
        needed = "producer:layers-needed"
        nothing = await on.ada.event(needed)
        assert (nothing.seq, nothing.payload) == (None, on.producer)
        await on.consume(preferredLayers={"spatialLayer": 1})
        assert (await on.ada.event(needed, spatialLayer=1)).payload["producerId"]
        await on.ada.cut()
        async with resumed(gateway.url, on.ada) as back:
            again = await back.event(needed)
            assert (again.seq, again.payload) == (None, {**on.producer, "spatialLayer": 1})
        assert not [event for event in on.pat.events if event.type == needed]


async def test_key_frame_is_asked_for(gateway: RunningGateway, worker: RunningWorker) -> None:
    async with scene(gateway, worker) as on:
        consumer = await on.consume()
        named = {"consumerId": consumer["consumerId"]}
        reply = await on.pat.request("consumer:request-keyframe", named)
        assert (reply.type, reply.payload) == ("consumer:keyframe-requested", named)
        assert ("request_key_frame", consumer["consumerId"]) in worker.media.commands


async def test_consumer_without_layers_accepts_a_wish_and_has_none(
    gateway: RunningGateway,
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        producer = await ada.ask("produce", {"kind": "audio"})
        await pat.ask("transport:create", {"direction": "recv"})
        consumer = await pat.ask("consume", {**producer, "preferredLayers": {"spatialLayer": 1}})
        named = {"consumerId": consumer["consumerId"]}
        assert await pat.ask("consumer:set-layers", {**named, "spatialLayer": 1}) == named
        await pat.ask("consumer:request-keyframe", named)


@pytest.mark.parametrize("kind", ["consumer:set-layers", "consumer:request-keyframe"])
async def test_consumer_that_does_not_exist_is_a_consume_error(
    gateway: RunningGateway, kind: str
) -> None:
    async with joined(gateway, "proctor", "Pat") as pat:
        with pytest.raises(RefusedError) as refused:
            await pat.ask(kind, {"consumerId": "p-9.c1", "spatialLayer": 0})
        assert (refused.value.code, refused.value.reason) == ("CONSUME_ERROR", "CONSUMER_NOT_FOUND")


@pytest.mark.parametrize("layer", [-1, 8, 1.5, "1", None])
async def test_layer_that_cannot_be_is_an_invalid_message_and_changes_nothing(
    gateway: RunningGateway, worker: RunningWorker, layer: object
) -> None:
    async with scene(gateway, worker) as on:
        consumer = await on.consume()
        with pytest.raises(RefusedError) as refused:
            await on.pat.ask(
                "consumer:set-layers",
                {"consumerId": consumer["consumerId"], "spatialLayer": layer},
            )
        assert (refused.value.code, refused.value.reason) == ("INVALID_MESSAGE", "BAD_FIELD")
        assert on.layer_of(consumer) == 2
