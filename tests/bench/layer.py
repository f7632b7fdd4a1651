"""How soon the picture follows when a proctor asks for another simulcast layer."""

import asyncio
import itertools
import json
import time

from tests.bench import rig
from tests.bench.report import Table, all_at_most
from tests.bench.rig import Stats
from tests.support.browser import Tile
from tests.support.chromium import ChromiumTab
from tests.support.poll import PATIENCE_S, until

# Each of the six ways from one of three layers to another, in a round. The highest comes so often
# that the publisher is never told to leave it off (services.sfu.core.need.LINGER_MS).
ROUND = (0, 1, 2, 1, 0, 2)
LAYERS = 3
FOLLOW_WITHIN_S = 5.0
GAP_S = 1.0
# In which a browser has switched a layer on or off.
SETTLE_S = 2.0


async def of_a_simulcast_camera(table: Table, switches: int) -> None:
    """Switch again and again; *followed* is the first frame decoded in the width of the layer."""
    followed = table.row(
        "`consumer:set-layers` → first frame decoded in the new width", "ms", all_at_most(1_000)
    )
    freezes = table.row(f"freezes in {switches} switches", goal=all_at_most(0))
    late = table.row("switches that never followed", goal=all_at_most(0))
    async with rig.on_loopback() as stage:
        candidate = await stage.candidate("bench", "Ada")
        proctor = await stage.proctor("bench", script="__bench.followsWidths = true")
        await Tile(proctor, "Ada").until_frames_grow()
        peer_id, consumer_id = await candidate.own_peer_id(), camera_of(proctor)
        await prefer(proctor, consumer_id, ROUND[-1])
        widths = await sent_widths(candidate)
        await _until_width(proctor, peer_id, widths[ROUND[-1]], since_ms=0)
        before = await rig.received(proctor, "video")
        late.append(0)
        for layer in itertools.islice(itertools.cycle(ROUND), switches):
            await asyncio.sleep(GAP_S)
            asked_ms = await prefer(proctor, consumer_id, layer)
            try:
                at_ms = await _until_width(proctor, peer_id, widths[layer], since_ms=asked_ms)
                followed.append(at_ms - asked_ms)
            except AssertionError:
                late[0] += 1
        after = await rig.received(proctor, "video")
        freezes.append(after["freezeCount"] - before["freezeCount"])


async def that_was_off(table: Table, runs: int) -> None:
    """Ask for the highest layer of a publisher that sends only the lowest, as it was told."""
    followed = table.row(
        "`consumer:set-layers` → first frame decoded in the width of a layer that was off", "ms"
    )
    low, all_layers = (
        table.row("sent for a small picture", "Mbit/s"),
        table.row("sent for a large picture", "Mbit/s"),
    )
    async with rig.on_loopback(lifelike=True) as stage:
        candidate = await stage.candidate("bench", "Ada")
        proctor = await stage.proctor("bench", script="__bench.followsWidths = true")
        await Tile(proctor, "Ada").until_frames_grow()
        peer_id, consumer_id = await candidate.own_peer_id(), camera_of(proctor)
        await prefer(proctor, consumer_id, LAYERS - 1)
        width = (await sent_widths(candidate))[-1]
        for _ in range(runs):
            await prefer(proctor, consumer_id, 0)
            await until_needed(candidate, 0)
            await asyncio.sleep(SETTLE_S)
            low.append(await _sent_mbps(candidate))
            asked_ms = await prefer(proctor, consumer_id, LAYERS - 1)
            followed.append(await _until_width(proctor, peer_id, width, asked_ms) - asked_ms)
            await asyncio.sleep(SETTLE_S)
            all_layers.append(await _sent_mbps(candidate))


async def until_needed(candidate: ChromiumTab, layer: int | None) -> None:
    """Until the publisher has been told that this layer is the highest needed one."""

    async def told() -> bool:
        needs = candidate.replies("producer:layers-needed")
        return bool(needs) and needs[-1].get("spatialLayer") == layer

    await until(told, "the publisher is told what is needed")


async def _sent_mbps(candidate: ChromiumTab) -> float:
    """Video that the page sends in a second, all layers together."""

    async def counted() -> tuple[float, float]:
        entries = [e for e in await rig.stats(candidate, "outbound-rtp") if e["kind"] == "video"]
        return max(e["timestamp"] for e in entries), sum(e["bytesSent"] for e in entries)

    before_ms, before = await counted()
    await asyncio.sleep(1)
    after_ms, after = await counted()
    return (after - before) * 8e-3 / (after_ms - before_ms)


def camera_of(proctor: ChromiumTab) -> str:
    """Id of the page's only consumer of video."""
    (consumer_id,) = (
        consumer["consumerId"]
        for reply in proctor.replies("consumer:created")
        for consumer in reply["consumers"]
        if consumer.get("kind") == "video"
    )
    return str(consumer_id)


async def sent_widths(candidate: ChromiumTab) -> list[int]:
    """The width of each layer, lowest first, once the browser sends all of them."""

    async def all_layers() -> list[int]:
        sent = [
            entry
            for entry in await rig.stats(candidate, "outbound-rtp")
            if entry["kind"] == "video" and entry.get("framesPerSecond", 0) > 0
        ]
        return sorted(entry["frameWidth"] for entry in sent) if len(sent) == LAYERS else []

    return await until(all_layers, "the camera is sent in all layers")


async def prefer(proctor: ChromiumTab, consumer_id: str, layer: int) -> float:
    """Ask for a layer. When it was asked for, in ms of the page's clock.

    AssertionError with the gateway's words where it refuses.
    """
    correlation_id = f"bench-{time.monotonic_ns()}"
    payload = {"consumerId": consumer_id, "spatialLayer": layer}
    message: Stats = {
        "type": "consumer:set-layers",
        "timestamp": int(time.time() * 1_000),
        "correlationId": correlation_id,
        "payload": payload,
    }
    asked_ms = float(
        await proctor.page.evaluate(
            "m => { const at = performance.now(); __probe.sockets.at(-1).send(JSON.stringify(m));"
            " return at; }",
            message,
        )
    )

    async def answered() -> Stats | None:
        answers = (m for m in proctor.messages() if m.get("correlationId") == correlation_id)
        return next(answers, None)

    answer = await until(answered, "consumer:set-layers is answered")
    assert answer is not None
    assert answer["type"] == "consumer:layers-set", f"refused: {json.dumps(answer['payload'])}"
    return asked_ms


async def _until_width(proctor: ChromiumTab, peer_id: str, width: int, since_ms: float) -> float:
    """When the picture had this width, the first time after `since_ms`."""

    async def seen() -> float:
        changes = await proctor.page.evaluate("id => __bench.widths[id] ?? []", peer_id)
        if not changes or changes[-1]["width"] != width:
            return 0
        return max(float(changes[-1]["atMs"]), since_ms, 1)

    within_s = PATIENCE_S if since_ms == 0 else FOLLOW_WITHIN_S
    return await until(seen, f"the picture is {width} pixels wide", within_s=within_s)
