"""Hostile clients against running services: each is refused, and nobody else notices."""

import asyncio
import json
import os
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import jwt
import pytest
from aioice import stun
from playwright.async_api import Browser
from websockets.exceptions import ConnectionClosed

from tests.e2e.conftest import OpenTab
from tests.support.browser import Tab, Tile
from tests.support.chromium import new_tab
from tests.support.client import Client, RefusedError, connected, joined
from tests.support.cluster import Cluster
from tests.support.poll import until

pytestmark = pytest.mark.timeout(300)

FINGERPRINT = ":".join(["AB"] * 32)
OTHER_FINGERPRINT = ":".join(["CD"] * 32)
# First bytes that steer a datagram to STUN, DTLS, RTP and RTCP (RFC 7983), and to nothing.
FIRST_BYTES = (0x00, 0x01, 0x14, 0x16, 0x17, 0x3F, 0x80, 0x90, 0xBF, 0xC8, 0x40, 0xFF)


def dtls(fingerprint: str) -> dict[str, Any]:
    return {
        "role": "client",
        "fingerprints": [{"algorithm": "sha-256", "value": fingerprint}],
    }


@asynccontextmanager
async def in_room(cluster: Cluster, room: str, role: str, name: str) -> AsyncIterator[Client]:
    token = cluster.token(room, role, name)
    async with joined(cluster.socket_url, token, room, name) as client:
        yield client


async def refusal_of(client: Client, kind: str, payload: dict[str, Any]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await client.ask(kind, payload)
    return caught.value


async def publish(client: Client) -> str:
    """A microphone that never sends: enough for what only signaling decides."""
    await client.ask("transport:create", {"direction": "send"})
    await client.ask("transport:connect", {"dtlsParameters": dtls(FINGERPRINT)})
    return str((await client.ask("produce", {"kind": "audio"}))["producerId"])


async def test_producer_of_another_candidate_does_not_exist_for_a_candidate(
    cluster: Cluster, room: str
) -> None:
    async with (
        in_room(cluster, room, "candidate", "Ada") as ada,
        in_room(cluster, room, "candidate", "Alan") as alan,
        in_room(cluster, room, "proctor", "Grace") as grace,
    ):
        microphone = await publish(ada)
        for client in (alan, grace):
            await client.ask("transport:create", {"direction": "recv"})
        assert (await grace.ask("consume", {"producerId": microphone}))["peerId"] == ada.peer_id

        hidden = await refusal_of(alan, "consume", {"producerId": microphone})
        unknown = await refusal_of(alan, "consume", {"producerId": f"{alan.peer_id}x.1"})
        assert (hidden.code, hidden.reason) == (unknown.code, unknown.reason)
        assert str(hidden) == str(unknown)
        for kind in ("producer:pause", "producer:resume", "producer:close"):
            foreign = await refusal_of(alan, kind, {"producerId": microphone})
            missing = await refusal_of(alan, kind, {"producerId": f"{alan.peer_id}x.1"})
            assert str(foreign) == str(missing)
        assert ada.peer_id not in "\n".join(alan.frames)


async def test_second_connect_with_another_fingerprint_is_refused(
    cluster: Cluster, room: str
) -> None:
    async with in_room(cluster, room, "candidate", "Ada") as ada:
        transport = (await ada.ask("transport:create", {"direction": "send"}))["transportId"]
        wanted = {"transportId": transport, "dtlsParameters": dtls(FINGERPRINT)}
        await ada.ask("transport:connect", wanted)
        assert await ada.ask("transport:connect", wanted) == {"transportId": transport}
        refused = await refusal_of(
            ada, "transport:connect", {**wanted, "dtlsParameters": dtls(OTHER_FINGERPRINT)}
        )
        assert (refused.code, refused.reason) == ("TRANSPORT_ERROR", "ALREADY_CONNECTED")
        assert await ada.ask("transport:connect", wanted) == {"transportId": transport}


def forged(cluster: Cluster, room: str) -> str:
    claims = {"sub": "mallory", "room": room, "role": "proctor", "exp": int(time.time()) + 600}
    return jwt.encode(claims, os.urandom(32).hex(), algorithm="HS256")


def unsigned(cluster: Cluster, room: str) -> str:
    claims = {"sub": "mallory", "room": room, "role": "proctor", "exp": int(time.time()) + 600}
    return jwt.encode(claims, "", algorithm="none")


def expired(cluster: Cluster, room: str) -> str:
    return cluster.token(room, "proctor", "Mallory", ttl_s=-120)


@pytest.mark.parametrize("make_token", [forged, unsigned, expired])
async def test_token_that_is_not_good_ends_the_socket(
    cluster: Cluster, room: str, make_token: Any
) -> None:
    async with connected(cluster.socket_url) as mallory:
        payload = {"token": make_token(cluster, room), "roomId": room}
        assert (await refusal_of(mallory, "auth:request", payload)).code == "UNAUTHORIZED"
        assert await mallory.close_code() == 4401
    assert cluster.room(room) is None


async def test_garbage_at_the_media_port_does_not_disturb_a_call(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    await proctor.unmute()
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()
    transports = cluster.describe().transports
    dropped, unauthentic = _dropped(cluster), cluster.counter("dropped_stun_integrity")
    ice = candidate.replies("transport:created")[0]["iceParameters"]

    sent = await _send_garbage(cluster.media_port, ice["usernameFragment"])

    async def counted() -> bool:
        # The kernel may drop some of a burst before the engine sees them.
        return _dropped(cluster) - dropped >= sent // 2

    await until(counted, f"half of {sent} hostile datagrams are counted as dropped")
    assert cluster.counter("dropped_stun_integrity") > unauthentic
    await tile.until_frames_grow()
    await tile.until_audio_grows()
    assert cluster.describe().transports == transports
    assert await candidate.tone() == "good"


async def test_certificate_other_than_announced_ends_that_client_alone(
    cluster: Cluster, room: str, browser: Browser, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    await proctor.unmute()
    await open_tab(cluster.link(room, "candidate", "Ada"))
    honest = Tile(proctor, "Ada")
    await honest.until_shown()
    await honest.until_frames_grow()

    mallory = await new_tab(browser)
    await mallory.page.add_init_script(
        """__probe.tamper.push((message) => {
             for (const print of message.payload?.dtlsParameters?.fingerprints ?? [])
               print.value = print.value.replace(/[0-9A-F]/g, (digit) => digit === "0" ? "1" : "0");
             return message;
           })"""
    )
    await mallory.open(cluster.link(room, "candidate", "Mallory"))
    await _until_told(mallory, "transport:closed", "FINGERPRINT_MISMATCH")
    assert await Tile(proctor, "Mallory").frames() == 0
    await mallory.context.close()
    await honest.until_frames_grow()
    await honest.until_audio_grows()


async def test_call_goes_on_while_hostile_clients_try_everything(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    await proctor.unmute()
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()
    heard = len(candidate.received)

    await asyncio.gather(*(_misbehave(cluster, room, seed) for seed in range(8)))
    await tile.until_frames_grow()
    await tile.until_audio_grows()
    # What the server measures of the candidate itself may be told meanwhile.
    own = {"pong", "producer:score", "producer:layers-needed", "speaker:active"}
    news = [m for m in candidate.messages()[heard:] if m["type"] not in own]
    assert news == []


async def _misbehave(cluster: Cluster, room: str, seed: int) -> None:
    """One socket that sends rubbish until it is thrown out."""
    draw = random.Random(seed)
    async with connected(cluster.socket_url) as client:
        frames = [
            "",
            "null",
            "[]",
            '{"type":"auth:request"}',
            '{"type":"auth:request","timestamp":1e999,"payload":{}}',
            "[" * 10_000,
            draw.randbytes(200).hex(),
            json.dumps({"type": "room:join", "timestamp": 0, "payload": {"roomId": room}}),
        ]
        draw.shuffle(frames)
        # Thrown out before the end.
        with suppress(ConnectionClosed):
            for frame in frames:
                await client.send_text(frame)
        assert await client.close_code() in (4400, 4401)


async def _send_garbage(port: int, ufrag: str) -> int:
    """Random, truncated and forged datagrams from one address; returns how many."""
    draw = random.Random(20261124)
    datagrams = [draw.randbytes(draw.randrange(1, 1500)) for _ in range(500)]
    for first in FIRST_BYTES:
        datagrams += [bytes([first]) + draw.randbytes(length) for length in range(0, 60)]
    check = _binding_request(ufrag, password="not the password")
    datagrams += [check] * 50
    datagrams += [check[:length] for length in range(1, len(check))]
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for datagram in datagrams:
            await loop.sock_sendto(sender, datagram, ("127.0.0.1", port))
            await asyncio.sleep(0)
    return len(datagrams)


def _binding_request(ufrag: str, password: str) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{ufrag}:mallory"
    message.attributes["PRIORITY"] = 1
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    return bytes(message)


def _dropped(cluster: Cluster) -> int:
    counters = cluster.describe().engine_counters
    return sum(value for name, value in counters.items() if name.startswith("dropped"))


async def _until_told(tab: Tab, kind: str, reason: str) -> None:
    async def told() -> bool:
        return any(payload.get("reason") == reason for payload in tab.replies(kind))

    await until(told, f"the page is told {kind} {reason}")
