"""What a proctor decides in the console: about candidates, about who waits, about the room."""

import asyncio
import json
import time
from contextlib import AsyncExitStack

import jwt
import pytest

from scripts.token import mint
from tests.e2e.conftest import OpenTab
from tests.support.chromium import ChromiumTab
from tests.support.client import Client, RefusedError, connected, joined
from tests.support.cluster import Cluster
from tests.support.console import part, until_data, until_says
from tests.support.poll import until

pytestmark = pytest.mark.timeout(300)


def candidate_token(cluster: Cluster, room: str, name: str) -> str:
    return mint(secret=cluster.secret, room=room, user=name.lower(), role="candidate", name=name)


async def opened(
    cluster: Cluster, room: str, open_tab: OpenTab, *, waiting_room: bool = False
) -> ChromiumTab:
    """The page of a proctor who is in the room, which it has opened."""
    tab = await open_tab(cluster.link(room, "proctor", "Grace", waiting_room=waiting_room))
    await tab.until_good()
    return tab


async def open_menu(tab: ChromiumTab) -> None:
    await part(tab, "tile").hover()
    await part(tab, "tile-more").click()


async def until_shown(tab: ChromiumTab, name: str, *, is_shown: bool) -> None:
    async def is_so() -> bool:
        return await part(tab, name).is_visible() == is_shown

    await until(is_so, f"{name} is {'shown' if is_shown else 'hidden'}")


async def say(client: Client, message: str) -> None:
    await client.ask("message:send", {"body": {"text": message}})


async def waiting(cluster: Cluster, room: str, name: str, stack: AsyncExitStack) -> Client:
    """A candidate at the door, until `stack` is left."""
    client = await stack.enter_async_context(connected(cluster.socket_url))
    await client.authenticate(candidate_token(cluster, room, name), room)
    join = {"type": "room:join", "payload": {"roomId": room, "displayName": name}}
    await client.send_text(json.dumps({**join, "timestamp": 1, "correlationId": "join"}))
    await client.event("room:waiting")
    return client


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


async def test_list_of_those_who_wait_is_there_again_after_one_was_turned_away(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab, waiting_room=True)
    async with AsyncExitStack() as stack:
        for name in ("Ada", "Bob", "Cleo"):
            await waiting(cluster, room, name, stack)
        await until_says(proctor, "lobby", "3 are waiting")
        await part(proctor, "lobby").click()
        await proctor.page.get_by_test_id("reject").nth(1).click()
        await part(proctor, "inquiry-cancel").click()
        await until_shown(proctor, "lobby-list", is_shown=True)
        focused = "document.activeElement.textContent"
        assert await proctor.evaluate(focused) == "Turn away… Bob"
        await proctor.page.keyboard.press("Enter")
        await part(proctor, "inquiry-confirm").click()
        await until_says(proctor, "lobby", "2 are waiting")
        await until_shown(proctor, "lobby-list", is_shown=True)

        async def is_at_next() -> bool:
            return bool(await proctor.evaluate(focused) == "Let in Cleo")

        await until(is_at_next, "the focus is on who is next")


async def test_all_who_wait_are_let_in_at_once_however_many(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab, waiting_room=True)
    async with AsyncExitStack() as stack:
        # More than a session may have requests under way, and more than it may send in one go.
        count = 130
        await asyncio.gather(
            *(waiting(cluster, room, f"Candidate{number}", stack) for number in range(count))
        )
        await until_says(proctor, "lobby", f"{count} are waiting")
        await part(proctor, "lobby").click()
        await part(proctor, "admit-all").click()
        await until_says(proctor, "count", f"{count} candidates")
        await until_shown(proctor, "lobby-list", is_shown=False)
        assert not await part(proctor, "desk-problem").is_visible()


async def test_menu_is_closed_by_its_own_button_and_moves_to_that_of_another(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    async with (
        joined(cluster.socket_url, candidate_token(cluster, room, "Ada"), room, "Ada"),
        joined(cluster.socket_url, candidate_token(cluster, room, "Bob"), room, "Bob"),
    ):
        await until_says(proctor, "count", "2 candidates")
        menu = part(proctor, "actions")
        ada, bob = (
            proctor.page.get_by_test_id("tile").filter(has_text=name).get_by_test_id("tile-more")
            for name in ("Ada", "Bob")
        )
        for name, button, other in (("Ada", ada, bob), ("Bob", bob, ada)):
            await button.click()
            assert await menu.get_attribute("aria-label") == f"Actions for {name}"
            assert await menu.is_visible()
            assert await button.get_attribute("aria-expanded") == "true"
            assert await other.get_attribute("aria-expanded") == "false"
        await bob.click()
        assert not await menu.is_visible()
        assert await bob.get_attribute("aria-expanded") == "false"
        await bob.press("Enter")
        assert await menu.is_visible()


async def test_only_a_press_beside_the_question_closes_it(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    async with joined(cluster.socket_url, candidate_token(cluster, room, "Ada"), room, "Ada"):
        await until_says(proctor, "tile-name", "Ada")
        await open_menu(proctor)
        await part(proctor, "action-remove").click()
        dialog = part(proctor, "inquiry")
        box = await dialog.bounding_box()
        assert box is not None
        mouse = proctor.page.mouse
        # In the padding; then from the words to beside the dialog, as when text is marked.
        await mouse.click(box["x"] + 5, box["y"] + 5)
        await part(proctor, "inquiry-reason").hover()
        await mouse.down()
        await mouse.move(box["x"] - 40, box["y"])
        await mouse.up()
        assert await dialog.is_visible()
        await mouse.click(box["x"] - 40, box["y"])
        await until_shown(proctor, "inquiry", is_shown=False)


async def test_message_meant_for_one_who_has_left_goes_to_nobody_else(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    ada_token = candidate_token(cluster, room, "Ada")
    async with joined(
        cluster.socket_url, candidate_token(cluster, room, "Bob"), room, "Bob"
    ) as bob:
        async with joined(cluster.socket_url, ada_token, room, "Ada") as ada:
            await until_says(proctor, "count", "2 candidates")
            await part(proctor, "post").click()
            await part(proctor, "message-to").select_option("Ada")
            await part(proctor, "message-text").fill("Your answer is not saved.")
            await ada.request("room:leave")
            await until_says(proctor, "count", "1 candidate")
        await part(proctor, "message-text").press("Enter")
        await until_says(proctor, "messages", "You to Ada")
        await until_says(proctor, "messages", "Not sent. They have left.")
        async with joined(cluster.socket_url, ada_token, room, "Ada") as ada:
            await until_says(proctor, "count", "2 candidates")
            await proctor.page.get_by_text("Send again").click()
            await ada.event("message", body={"text": "Your answer is not saved."})
        assert not any(event.type == "message" for event in bob.events)


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
        await say(ada, "<b>May I</b> leave?")
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


async def test_long_word_does_not_take_the_walls_room(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    async with joined(
        cluster.socket_url, candidate_token(cluster, room, "Ada"), room, "Ada"
    ) as ada:
        await part(proctor, "post").click()
        panel = part(proctor, "post-panel")
        before = await panel.bounding_box()
        await say(ada, "x" * 3000)
        await until_says(proctor, "messages", "x" * 3000)
        assert await panel.bounding_box() == before


async def test_phones_bar_holds_what_its_buttons_say(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    proctor = await opened(cluster, room, open_tab)
    await proctor.page.set_viewport_size({"width": 390, "height": 844})
    overflowing = """[...document.querySelectorAll(".bar-controls button")]
        .filter((button) => button.scrollWidth > button.clientWidth).map((b) => b.textContent)"""
    assert await proctor.evaluate(overflowing) == []


async def test_decision_that_fails_says_why(cluster: Cluster, room: str, open_tab: OpenTab) -> None:
    claims = {"sub": "grace", "room": room, "role": "proctor", "create": True, "moderate": False}
    token = jwt.encode({**claims, "exp": int(time.time()) + 600}, cluster.secret, "HS256")
    proctor = await open_tab(f"{cluster.origin}/proctor#token={token}&room={room}")
    await proctor.until_good()
    await part(proctor, "lock").click()
    await until_says(proctor, "desk-problem", "Your link does not let you moderate.")
    await until_data(proctor, "lock", "on", "false")
