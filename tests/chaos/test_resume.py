"""What clients keep when a gateway is killed, a worker falls silent, or a worker is killed."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack

from tests.support import call
from tests.support.client import Client, connected, joined, resumed
from tests.support.cluster import Cluster, one_more_gateway, one_more_worker
from tests.support.poll import eventually, until
from tests.support.rtp_sample import read
from tests.support.webrtc.rtp import Rtp
from tests.support.webrtc.simulcast import Simulcast, sees

ROOM = "exam"
# As many as a session may do at once.
TOGGLES = ["pause", "resume"] * 30
TOLD = [f"producer:{word}d" for word in TOGGLES]


async def client(stack: AsyncExitStack, cluster: Cluster, url: str, role: str, name: str) -> Client:
    token = cluster.token(ROOM, role, name)
    return await stack.enter_async_context(joined(url, token, ROOM, name))


async def test_gateway_that_is_killed_costs_no_packet_and_no_event(cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        other = stack.enter_context(one_more_gateway(cluster, "gateway-2"))
        killed = cluster.socket_url
        pat = await client(stack, cluster, killed, "proctor", "Pat")
        ada = await client(stack, cluster, killed, "candidate", "Ada")
        bo = await client(stack, cluster, other, "candidate", "Bo")
        await bo.ask("transport:create", {"direction": "send"})
        his = await bo.ask("produce", {"kind": "audio"})
        sending = await stack.enter_async_context(call.connected(ada, "send"))
        camera = {"kind": "video", "rtpParameters": read("chromium_video_simulcast")}
        hers = await ada.ask("produce", camera)
        watching = await stack.enter_async_context(call.connected(pat, "recv"))
        await stack.enter_async_context(Simulcast(sending).running())
        await pat.ask("consume", hers)
        await sees(watching, 2)
        handshakes = cluster.counter("transports_connected")
        watching.rtp.clear()
        storm = asyncio.create_task(toggle(bo, his))
        await eventually(lambda: len(toggled(pat, his)) > 10, within_s=30)

        cluster.gateway.kill()
        await until(lambda: _is_over(pat), "the sockets are gone")
        seen_meanwhile = len(watching.rtp)
        back = await stack.enter_async_context(resumed(other, pat))
        ada_back = await stack.enter_async_context(resumed(other, ada))
        await storm

        assert (back.peer_id, ada_back.peer_id) == (pat.peer_id, ada.peer_id)
        await eventually(lambda: toggled(pat, his) + toggled(back, his) == TOLD, within_s=30)
        seqs = [event.seq for event in [*pat.events, *back.events] if event.seq is not None]
        assert seqs == list(range(1, len(seqs) + 1))
        # One stream without a gap or a repeat: before, while and after the gateway was away.
        await eventually(lambda: len(watching.rtp) > seen_meanwhile + 50, within_s=30)
        assert is_whole(watching.rtp)
        assert cluster.counter("transports_connected") == handshakes
        # What it had is its own still.
        await ada_back.ask("producer:pause", hers)
        await back.event("consumer:paused")


async def test_worker_that_falls_silent_shows_in_the_pong_and_its_sessions_go_on_afterwards(
    cluster: Cluster,
) -> None:
    async with AsyncExitStack() as stack:
        ada = await client(stack, cluster, cluster.socket_url, "candidate", "Ada")

        async def age_ms() -> int:
            return int((await ada.ask("ping", {"n": 1}))["workerAgeMs"])

        assert await age_ms() < 3_000
        os.kill(cluster.worker.process.pid, signal.SIGSTOP)
        try:
            # A heartbeat comes every second.
            async def is_old() -> bool:
                return await age_ms() > 1_500

            await until(is_old, "the pong tells of a silent worker")
            closing = await ada.event("session:closing")
            assert closing.payload["reason"] == "WORKER_LOST"
            assert closing.payload["action"] == "resume"
            assert await ada.close_code() == 1012
        finally:
            os.kill(cluster.worker.process.pid, signal.SIGCONT)

        back = await come_back(stack, cluster.socket_url, ada)

        assert (back.peer_id, back.epoch) == (ada.peer_id, ada.epoch)
        assert [event for event in back.events if event.type == "room:state"] == []
        assert (await back.ask("ping"))["workerAgeMs"] < 3_000


async def test_worker_that_is_killed_and_comes_back_has_its_peers_again(cluster: Cluster) -> None:
    async with AsyncExitStack() as stack:
        pat = await client(stack, cluster, cluster.socket_url, "proctor", "Pat")
        ada = await client(stack, cluster, cluster.socket_url, "candidate", "Ada")

        cluster.worker.kill()

        assert await ada.close_code() == 1012
        assert await pat.close_code() == 1012
        stack.enter_context(one_more_worker(cluster, "worker-2"))
        again = [await come_back(stack, cluster.socket_url, one) for one in (pat, ada)]
        states = [(await one.event("room:state")).payload for one in again]
        assert [state["peerId"] for state in states] == [pat.peer_id, ada.peer_id]
        assert states[0]["epoch"] == states[1]["epoch"] != ada.epoch
        joining = await again[0].event("participant:joined")
        assert joining.payload["participant"]["peerId"] == ada.peer_id
        await again[1].ask("transport:create", {"direction": "send"})


async def come_back(stack: AsyncExitStack, url: str, before: Client) -> Client:
    """Resume as soon as the server can: until then it refuses with UNAVAILABLE and closes."""

    async def attempt() -> Client | None:
        own = AsyncExitStack()
        one = await own.enter_async_context(connected(url))
        place = {"epoch": before.epoch, "lastSeq": before.last_seq}
        asked = {"resumeToken": before.resume_token, **place}
        answer = await one.request("auth:request", asked)
        if answer.type == "error":
            assert answer.payload["code"] == "UNAVAILABLE"
            await own.aclose()
            return None
        one.peer_id = answer.payload["peerId"]
        one.epoch = one.epoch or before.epoch
        stack.push_async_exit(own)
        return one

    back = await until(attempt, "the server takes the session back")
    assert back is not None
    return back


async def toggle(one: Client, producer: dict[str, str]) -> None:
    for word in TOGGLES:
        await one.ask(f"producer:{word}", producer)
        await asyncio.sleep(0.03)


def toggled(one: Client, producer: dict[str, str]) -> list[str]:
    """What this connection was told of a producer after it was new."""
    about = [e for e in one.events if e.payload.get("producerId") == producer["producerId"]]
    return [event.type for event in about if event.type != "producer:new"]


def is_whole(packets: list[Rtp]) -> bool:
    """Whether they are of one stream, each once and in order."""
    first = packets[0]
    numbers = [(packet.sequence - first.sequence) % 2**16 for packet in packets]
    return {packet.ssrc for packet in packets} == {first.ssrc} and numbers == list(
        range(len(packets))
    )


async def _is_over(one: Client) -> bool:
    return one.is_over
