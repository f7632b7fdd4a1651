"""What a candidate sees of a moderator's decisions, in a real browser."""

import pytest

from scripts.token import mint
from tests.e2e.conftest import OpenTab
from tests.support.client import joined
from tests.support.cluster import Cluster
from tests.support.console import until_says

pytestmark = pytest.mark.timeout(300)


async def test_candidate_is_told_what_a_moderator_decides(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    secret = cluster.secret
    opening = mint(
        secret=secret, room=room, user="grace", role="proctor", create=True, waiting_room=True
    )
    async with joined(cluster.socket_url, opening, room, "Grace") as grace:
        candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
        await until_says(candidate, "status", "You are in the waiting room.")
        waiting = (await grace.event("participant:waiting")).payload
        ada = {"peerId": waiting["peerId"]}
        await grace.ask("peer:admit", ada)
        await candidate.until_good()

        await grace.ask("peer:mute", ada)
        await until_says(candidate, "send-microphone", "Muted by a proctor")
        assert await candidate.tone() == "warning"
        await grace.ask("peer:unmute", ada)
        await candidate.until_good()

        await grace.ask("peer:kick", {**ada, "reason": "No phones."})
        await until_says(candidate, "end-title", "A proctor has removed you from the room.")
        await until_says(candidate, "end-quote", "No phones.")
        await candidate.reload()
        await until_says(candidate, "end-title", "A proctor has removed you from this room.")
