"""What a proctor decides in the console: about candidates, about who waits, about the room."""

import time

import jwt
import pytest

from scripts.token import mint
from tests.e2e.conftest import OpenTab
from tests.support.chromium import ChromiumTab
from tests.support.client import Client, RefusedError, joined
from tests.support.cluster import Cluster
from tests.support.console import part, until_data, until_says
from tests.support.poll import until

pytestmark = pytest.mark.timeout(300)


def proctor_link(cluster: Cluster, room: str, *, waiting_room: bool = False) -> str:
    token = mint(
        secret=cluster.secret,
        room=room,
        user="grace",
        role="proctor",
        name="Grace",
        create=True,
        waiting_room=waiting_room,
    )
    return f"{cluster.origin}/proctor#token={token}&room={room}"


def candidate_token(cluster: Cluster, room: str, name: str) -> str:
    return mint(secret=cluster.secret, room=room, user=name.lower(), role="candidate", name=name)


async def opened(
    cluster: Cluster, room: str, open_tab: OpenTab, *, waiting_room: bool = False
) -> ChromiumTab:
    """The page of a proctor who is in the room, which it has opened."""
    tab = await open_tab(proctor_link(cluster, room, waiting_room=waiting_room))
    await tab.until_good()
    return tab


async def open_menu(tab: ChromiumTab) -> None:
    await part(tab, "tile").hover()
    await part(tab, "tile-more").click()


async def until_shown(tab: ChromiumTab, name: str, *, is_shown: bool) -> None:
    async def is_so() -> bool:
        return await part(tab, name).is_visible() == is_shown

    await until(is_so, f"{name} is {'shown' if is_shown else 'hidden'}")


async def reply_of(client: Client, message: str) -> None:
    await client.ask("message:send", {"body": {"text": message}})


async def test_candidate_is_muted_and_paused_and_let_go_again_from_its_tile(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    await candidate.until_good()
    await until_data(proctor, "tile", "picture", "playing")

    await open_menu(proctor)
    await part(proctor, "action-mute").click()
    await until_data(proctor, "tile", "muted", "true")
    await until_says(candidate, "send-microphone", "Muted by a proctor")
    await open_menu(proctor)
    await part(proctor, "action-pause-camera").click()
    await until_says(proctor, "tile-words", "Camera paused by a proctor")
    await until_says(candidate, "status", "A proctor has muted you and paused your camera.")

    # The same menu of the enlarged one, by keys.
    await part(proctor, "tile-open").click()
    await part(proctor, "stage-more").focus()
    await proctor.page.keyboard.press("Enter")
    await proctor.page.keyboard.press("Enter")
    await until_data(proctor, "tile", "muted", "false")
    await proctor.page.keyboard.press("Escape")
    await until_shown(proctor, "actions", is_shown=False)
    await open_menu(proctor)
    await part(proctor, "action-resume-camera").click()
    await candidate.until_good()
    await until_data(proctor, "tile", "tone", "good")


async def test_escape_closes_the_menu_and_not_the_stage_below(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    token = candidate_token(cluster, room, "Ada")
    async with joined(cluster.socket_url, token, room, "Ada"):
        await until_says(proctor, "tile-name", "Ada")
        await part(proctor, "tile-open").click()
        await part(proctor, "stage-more").click()
        await until_shown(proctor, "actions", is_shown=True)
        await proctor.page.keyboard.press("Escape")
        await until_shown(proctor, "actions", is_shown=False)
        assert await part(proctor, "stage").is_visible()
        assert await part(proctor, "stage-more").evaluate("e => e === document.activeElement")
        await proctor.page.keyboard.press("Escape")
        await until_shown(proctor, "stage", is_shown=False)


async def test_candidate_is_removed_with_a_reason_and_does_not_come_back(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    token = candidate_token(cluster, room, "Ada")
    async with joined(cluster.socket_url, token, room, "Ada") as ada:
        await until_says(proctor, "tile-name", "Ada")
        await open_menu(proctor)
        await part(proctor, "action-remove").click()
        await until_says(proctor, "inquiry-title", "Remove Ada from the room?")
        await part(proctor, "inquiry-cancel").click()
        assert not ada.is_over
        await open_menu(proctor)
        await part(proctor, "action-remove").click()
        await part(proctor, "inquiry-reason").fill("Two people in the picture")
        await part(proctor, "inquiry-confirm").click()
        closing = (await ada.event("session:closing")).payload
        assert (closing["reason"], closing["message"]) == ("KICKED", "Two people in the picture")
        await until_says(proctor, "count", "No candidates")
    with pytest.raises(RefusedError) as refused:
        async with joined(cluster.socket_url, token, room, "Ada"):
            pass
    assert refused.value.reason == "BANNED"


async def test_those_who_wait_are_let_in_or_turned_away(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab, waiting_room=True)
    assert not await part(proctor, "lobby").is_visible()
    ada = await open_tab(cluster.link(room, "candidate", "Ada"))
    bob = await open_tab(cluster.link(room, "candidate", "Bob"))
    for candidate in (ada, bob):
        await until_says(candidate, "status", "You are in the waiting room.")
    await until_says(proctor, "lobby", "2 are waiting")
    await part(proctor, "lobby").click()
    rows = {
        name: proctor.page.get_by_test_id("lobby-row").filter(has_text=name)
        for name in ("Ada", "Bob")
    }
    await rows["Bob"].get_by_test_id("reject").click()
    await part(proctor, "inquiry-reason").fill("Come at ten.")
    await part(proctor, "inquiry-confirm").click()
    await until_says(bob, "end-quote", "Come at ten.")
    await until_says(proctor, "lobby", "1 is waiting")
    await until_shown(proctor, "inquiry", is_shown=False)
    if not await part(proctor, "lobby-list").is_visible():
        await part(proctor, "lobby").click()
    await rows["Ada"].get_by_test_id("admit").click()
    await ada.until_good()
    await until_says(proctor, "count", "1 candidate")
    await until_shown(proctor, "lobby", is_shown=False)


async def test_room_is_locked_for_whoever_is_new(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    await part(proctor, "lock").click()
    await until_data(proctor, "lock", "on", "true")
    token = candidate_token(cluster, room, "Ada")
    with pytest.raises(RefusedError) as refused:
        async with joined(cluster.socket_url, token, room, "Ada"):
            pass
    assert refused.value.reason == "ROOM_LOCKED"
    await part(proctor, "lock").click()
    await until_data(proctor, "lock", "on", "false")
    async with joined(cluster.socket_url, token, room, "Ada"):
        await until_says(proctor, "count", "1 candidate")


async def test_hand_that_is_raised_is_seen_on_the_tile_and_counted(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    token = candidate_token(cluster, room, "Ada")
    async with joined(cluster.socket_url, token, room, "Ada") as ada:
        await until_says(proctor, "tile-name", "Ada")
        await ada.ask("peer:update", {"handRaised": True})
        await until_data(proctor, "tile", "hand", "up")
        await until_says(proctor, "hands", "1 hand raised")
        await until_says(proctor, "attention", "Hand raised")
        await ada.ask("peer:update", {"handRaised": False})
        await until_data(proctor, "tile", "hand", "down")
        await until_shown(proctor, "hands", is_shown=False)


async def test_messages_go_to_one_or_to_all_and_what_comes_is_marked_until_read(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    async with (
        joined(cluster.socket_url, candidate_token(cluster, room, "Ada"), room, "Ada") as ada,
        joined(cluster.socket_url, candidate_token(cluster, room, "Bob"), room, "Bob") as bob,
    ):
        await until_says(proctor, "count", "2 candidates")
        await reply_of(ada, "<b>May I</b> leave?")
        await until_says(proctor, "post-unread", "1")
        await part(proctor, "post").click()
        await until_says(proctor, "messages", "<b>May I</b> leave?")
        assert not await part(proctor, "post-unread").is_visible()

        tile = proctor.page.get_by_test_id("tile").filter(has_text="Ada")
        await tile.hover()
        await tile.get_by_test_id("tile-more").click()
        await part(proctor, "action-write").click()
        await proctor.page.keyboard.type("In five minutes.")
        await proctor.page.keyboard.press("Enter")
        told = (await ada.event("message", body={"text": "In five minutes."})).payload
        assert told["to"] == ada.peer_id
        await until_says(proctor, "messages", "You to Ada")

        await part(proctor, "message-to").select_option("Everyone")
        await part(proctor, "message-text").fill("Ten minutes left.")
        await part(proctor, "message-send").click()
        for one in (ada, bob):
            told = (await one.event("message", body={"text": "Ten minutes left."})).payload
            assert "to" not in told
        assert [event.payload["body"] for event in bob.events if event.type == "message"] == [
            {"text": "Ten minutes left."}
        ]


async def test_decision_that_fails_says_why(cluster: Cluster, room: str, open_tab: OpenTab) -> None:
    claims = {"sub": "grace", "room": room, "role": "proctor", "create": True, "moderate": False}
    token = jwt.encode({**claims, "exp": int(time.time()) + 600}, cluster.secret, "HS256")
    proctor = await open_tab(f"{cluster.origin}/proctor#token={token}&room={room}")
    await proctor.until_good()
    await part(proctor, "lock").click()
    await until_says(proctor, "desk-problem", "Your link does not let you moderate.")
    await until_data(proctor, "lock", "on", "false")
