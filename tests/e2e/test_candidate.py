"""What a candidate sees of proctors, says to them and can do about it, in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Locator, ViewportSize

from scripts.token import mint
from tests.e2e.conftest import OpenTab
from tests.support.chromium import ChromiumTab
from tests.support.client import Client, joined
from tests.support.cluster import Cluster
from tests.support.console import part, until_data, until_says
from tests.support.poll import until
from tests.support.proxy import proxied

pytestmark = pytest.mark.timeout(300)

PHONE: ViewportSize = {"width": 390, "height": 844}
# A phone held sideways, where not everything fits.
SIDEWAYS: ViewportSize = {"width": 844, "height": 390}
# Where `aria_snapshot` has a control's name in quotes.
NAMED = '"'


@asynccontextmanager
async def proctor(
    cluster: Cluster, room: str, *, waiting_room: bool = False
) -> AsyncIterator[Client]:
    """Grace, who has opened the room; her token speaks for her alone."""
    token = mint(
        secret=cluster.secret,
        room=room,
        user="grace",
        role="proctor",
        name="Grace",
        create=True,
        waiting_room=waiting_room,
    )
    async with joined(cluster.socket_url, token, room, "Grace") as client:
        yield client


async def seated(
    cluster: Cluster, room: str, open_tab: OpenTab, grace: Client
) -> tuple[ChromiumTab, dict[str, str]]:
    """Ada's page, live, and what names her in a request."""
    tab = await open_tab(cluster.link(room, "candidate", "Ada"))
    await tab.until_good()
    return tab, {"peerId": await peer_id(grace, "ada")}


async def peer_id(grace: Client, user: str) -> str:
    async def found() -> str | None:
        peers = [event.payload["participant"] for event in arrivals(grace)]
        return next((peer["peerId"] for peer in peers if peer["userId"] == user), None)

    return str(await until(found, f"{user} is in the room"))


def arrivals(grace: Client) -> list[Any]:
    return [event for event in grace.events if event.type == "participant:joined"]


async def producer_id(grace: Client, source: str) -> str:
    """The newest producer of this source that the proctor has been told of."""

    async def found() -> str | None:
        told = [event.payload for event in grace.events if event.type == "producer:new"]
        ids = [p["producerId"] for p in told if p["appData"].get("source") == source]
        return ids[-1] if ids else None

    return str(await until(found, f"a producer of the {source}"))


async def until_enabled(control: Locator, *, is_enabled: bool) -> None:
    async def is_so() -> bool:
        return await control.is_enabled() == is_enabled

    await until(is_so, f"the control is {'enabled' if is_enabled else 'disabled'}")


async def until_in_view(shown: Locator) -> None:
    async def is_so() -> bool:
        return bool(
            await shown.evaluate(
                """part => {
                  const { top, bottom } = part.getBoundingClientRect();
                  return top >= 0 && bottom <= innerHeight;
                }"""
            )
        )

    await until(is_so, "it is in view")


async def until_hand(grace: Client, ada: dict[str, str], *, raised: bool) -> None:
    """Wait until the last that the proctor was told of Ada says so of her hand."""

    async def is_so() -> bool:
        told = [
            event.payload["participant"]
            for event in grace.events
            if event.type in ("participant:joined", "participant:updated")
            and event.payload["participant"]["userId"] == "ada"
        ]
        return bool(told) and told[-1].get("handRaised", False) == raised

    await until(is_so, f"the hand of {ada['peerId']} is {'up' if raised else 'down'}")


async def until_data_of_last(tab: ChromiumTab, state: str) -> None:
    """Wait until the last message that the candidate has written is in this state."""
    own = tab.page.locator('[data-testid=message][data-own="true"]').last

    async def is_so() -> bool:
        return await own.get_attribute("data-state") == state

    await until(is_so, f"the last message is {state}")


async def write(tab: ChromiumTab, text: str) -> None:
    field = part(tab, "message-text")
    await field.fill(text)
    await field.press("Enter")


async def test_hand_is_raised_stays_up_over_a_lost_connection_and_is_lowered(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace, proxied(cluster.gateway_port) as line:
        origin = f"http://127.0.0.1:{line.port}"
        link = cluster.link(room, "candidate", "Ada").replace(cluster.origin, origin)
        tab = await open_tab(link)
        await tab.until_good()
        ada = {"peerId": await peer_id(grace, "ada")}
        switch = part(tab, "hand-switch")
        await switch.click()
        await until_says(tab, "hand-switch", "Lower hand")
        await until_hand(grace, ada, raised=True)

        line.cut()
        await until_says(tab, "status", "Connection lost. Coming back…")
        # Written now, read when the line is back, and once.
        await grace.ask("message:send", {"body": {"text": "Still there?"}})
        await write(tab, "I was away.")
        await until_says(tab, "messages", "Still there?")
        await grace.event("message", body={"text": "I was away."})
        await until_data_of_last(tab, "sent")
        assert await part(tab, "message").count() == 2
        await tab.until_good()
        assert await switch.inner_text() == "Lower hand"
        await until_hand(grace, ada, raised=True)

        await switch.click()
        await until_says(tab, "hand-switch", "Raise hand")
        await until_hand(grace, ada, raised=False)


async def test_hand_of_who_leaves_and_joins_again_is_down(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace:
        tab, ada = await seated(cluster, room, open_tab, grace)
        await part(tab, "hand-switch").click()
        await until_hand(grace, ada, raised=True)
        await part(tab, "leave").click()
        await until_says(tab, "end-title", "You have left.")
        assert await part(tab, "hand-switch").is_hidden()
        await part(tab, "rejoin").click()
        await tab.until_good()
        assert await part(tab, "hand-switch").inner_text() == "Raise hand"
        await until_hand(grace, ada, raised=False)


async def test_muted_microphone_cannot_be_opened_and_comes_back_when_it_is_let_go(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace:
        tab, ada = await seated(cluster, room, open_tab, grace)
        switch = part(tab, "microphone-switch")
        await grace.ask("peer:mute", ada)
        await until_says(tab, "send-microphone", "Muted by a proctor")
        await until_says(tab, "status", "A proctor has muted you.")
        assert await switch.get_attribute("data-on") == "false"
        assert await switch.inner_text() == "Keep muted"

        await grace.ask("peer:unmute", ada)
        await tab.until_good()
        await until_says(tab, "microphone-switch", "Mute")
        await until_data(tab, "send-microphone", "state", "live")


async def test_microphone_that_its_owner_has_closed_stays_closed_when_a_proctor_lets_go(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace:
        tab, ada = await seated(cluster, room, open_tab, grace)
        switch = part(tab, "microphone-switch")
        microphone = await producer_id(grace, "microphone")
        await grace.ask("peer:mute", ada)
        await until_says(tab, "microphone-switch", "Keep muted")
        await switch.click()
        await until_says(tab, "microphone-switch", "Muted by proctor")
        await until_enabled(switch, is_enabled=False)
        assert await switch.get_attribute("title") == (
            "Muted by a proctor. Only a proctor can let go."
        )

        await grace.ask("peer:unmute", ada)
        await until_enabled(switch, is_enabled=True)
        await until_says(tab, "send-microphone-words", "Muted")
        assert await part(tab, "send-microphone-words").inner_text() == "Muted"
        # A message goes the way that a resumption would have gone before it.
        await write(tab, "Am I heard?")
        await grace.event("message", body={"text": "Am I heard?"})
        resumed = [e for e in grace.events if e.type == "producer:resumed"]
        assert microphone not in [event.payload["producerId"] for event in resumed]

        await switch.click()
        await tab.until_good()
        await grace.event("producer:resumed", producerId=microphone)


@pytest.mark.parametrize(
    ("source", "closing", "opening"),
    [("camera", "Keep off", "Stop camera"), ("screen", "Stop sharing", "Stop sharing")],
)
async def test_paused_picture_says_who_paused_it_and_comes_back_when_it_is_let_go(
    cluster: Cluster, room: str, open_tab: OpenTab, source: str, closing: str, opening: str
) -> None:
    async with proctor(cluster, room) as grace:
        tab, _ = await seated(cluster, room, open_tab, grace)
        if source == "screen":
            await part(tab, "screen-switch").click()
        producer = {"producerId": await producer_id(grace, source)}
        await until_data(tab, f"send-{source}", "state", "live")
        await grace.ask("producer:pause", producer)
        await until_says(tab, f"send-{source}", "Paused by a proctor")
        await until_data(tab, f"{source}-switch", "held", "true")
        await until_says(tab, f"{source}-switch", closing)

        await grace.ask("producer:resume", producer)
        await until_data(tab, f"send-{source}", "state", "live")
        await until_data(tab, f"{source}-switch", "held", "false")
        await until_says(tab, f"{source}-switch", opening)
        await tab.until_good()


async def test_camera_switched_off_while_it_is_held_is_off_when_a_proctor_lets_go(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace:
        tab, _ = await seated(cluster, room, open_tab, grace)
        switch = part(tab, "camera-switch")
        camera = {"producerId": await producer_id(grace, "camera")}
        await grace.ask("producer:pause", camera)
        await until_says(tab, "status", "A proctor has paused your camera.")
        await switch.click()
        await until_enabled(switch, is_enabled=False)
        assert await part(tab, "preview").evaluate("video => video.srcObject") is None

        await grace.ask("producer:resume", camera)
        await until_enabled(switch, is_enabled=True)
        await until_says(tab, "send-camera-words", "Off")
        await switch.click()
        await tab.until_good()


async def test_messages_of_proctors_are_shown_as_text_and_answered(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace:
        tab, ada = await seated(cluster, room, open_tab, grace)
        hostile = '<img src=x onerror="document.title=1"><b>bold</b>'
        await grace.ask("message:send", {"body": {"text": "Please turn the camera."}})
        await grace.ask("message:send", {**ada, "to": ada["peerId"], "body": {"text": hostile}})
        await grace.ask("message:send", {"body": [hostile, 7]})
        messages = part(tab, "messages")
        await until_says(tab, "messages", ",7]")
        shown = await part(tab, "message").all_inner_texts()
        assert [text.split("\n")[0].split()[0] for text in shown] == ["Grace"] * 3
        assert "Please turn the camera." in shown[0]
        assert hostile in shown[1]
        assert await messages.locator("img, b").count() == 0
        assert await messages.get_attribute("role") == "log"

        await write(tab, "Like this?\nOr <i>so</i>?")
        told = await grace.event("message")
        assert told.payload == {
            "from": ada["peerId"],
            "body": {"text": "Like this?\nOr <i>so</i>?"},
        }
        await until_data_of_last(tab, "sent")
        assert await part(tab, "message-text").input_value() == ""
        # Grace is the only proctor and is not told of her own; nothing came twice.
        assert len([event for event in grace.events if event.type == "message"]) == 1
        assert await part(tab, "message").count() == 4


async def test_message_that_is_too_long_is_not_sent_and_who_writes_too_fast_sends_again(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace:
        tab, _ = await seated(cluster, room, open_tab, grace)
        # {"text":""} has 11 bytes.
        await write(tab, "é" * 2043)
        await until_says(tab, "message-problem", "Too long to send.")
        assert await part(tab, "message-send").is_disabled()
        assert await part(tab, "message").count() == 0
        await write(tab, "é" * 2042)
        await until_data_of_last(tab, "sent")

        # More than the burst of 20 in less than it takes for one more to be allowed.
        await tab.page.evaluate(
            """() => {
              const field = document.querySelector("[data-testid=message-text]");
              for (let number = 0; number < 30; number += 1) {
                field.value = `Line ${number}`;
                field.form.requestSubmit();
              }
            }"""
        )
        sending, failed = (
            tab.page.locator(f'[data-testid=message][data-state="{state}"]')
            for state in ("sending", "failed")
        )

        async def all_answered() -> bool:
            return await sending.count() == 0

        await until(all_answered, "every line is answered")
        refused = await failed.count()
        words = "Not sent. That was too fast. Wait a moment, then try again."
        assert words in await failed.last.inner_text()
        text = await failed.last.locator(".message-text").inner_text()
        assert not any(e.payload.get("body") == {"text": text} for e in grace.events)
        again = failed.last.get_by_role("button", name="Send again")

        async def gets_through() -> bool:
            if await all_answered() and await failed.count() == refused:
                await again.click()
            return any(e.payload.get("body") == {"text": text} for e in grace.events)

        await until(gets_through, "the line gets through when it is sent again")


async def test_candidate_waits_is_let_in_and_sees_what_is_held_back_until_then(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room, waiting_room=True) as grace:
        tab = await open_tab(cluster.link(room, "candidate", "Ada"))
        await until_says(tab, "status", "A proctor will let you in soon.")
        await until_says(tab, "lobby", "Nobody sees or hears you yet.")
        await until_says(tab, "send-camera", "Sent when you are let in")
        assert await part(tab, "hand-switch").is_hidden()
        assert await part(tab, "conversation").is_hidden()
        # Changed one's mind about being heard, before anybody could.
        await part(tab, "microphone-switch").click()

        waiting = (await grace.event("participant:waiting")).payload
        await grace.ask("peer:admit", {"peerId": waiting["peerId"]})
        await until_says(tab, "status", "You are live without sound.")
        assert await part(tab, "lobby").is_hidden()
        assert await part(tab, "composer").is_visible()
        microphone = await producer_id(grace, "microphone")
        told = await grace.event("producer:new", producerId=microphone)
        assert told.payload["paused"] is True


async def test_candidate_who_is_not_let_in_reads_why_and_asks_again(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room, waiting_room=True) as grace:
        tab = await open_tab(cluster.link(room, "candidate", "Ada"))
        first = (await grace.event("participant:waiting")).payload["peerId"]
        await grace.ask("peer:reject", {"peerId": first, "reason": "Come <b>at ten</b>."})
        await until_says(tab, "end-title", "A proctor did not let you in.")
        await until_says(tab, "end-quote", "Come <b>at ten</b>.")
        assert await part(tab, "preview").evaluate("video => video.srcObject") is None

        assert await part(tab, "rejoin").inner_text() == "Ask again"
        await part(tab, "rejoin").click()
        await until_says(tab, "status", "A proctor will let you in soon.")
        await grace.event("participant:left", peerId=first)
        waiting = [e.payload for e in grace.events if e.type == "participant:waiting"]
        await grace.ask("peer:admit", {"peerId": waiting[-1]["peerId"]})
        await tab.until_good()


async def test_removed_candidate_reads_why_and_is_not_offered_what_would_be_refused(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace:
        tab, ada = await seated(cluster, room, open_tab, grace)
        await grace.ask("message:send", {"body": {"text": "Last warning."}})
        await until_says(tab, "messages", "Last warning.")
        await grace.ask("peer:kick", {**ada, "reason": "No phones."})
        await until_says(tab, "end-title", "A proctor has removed you from the room.")
        await until_says(tab, "end-quote", "No phones.")
        await until_says(tab, "end-words", "You cannot come back into this room.")
        assert await part(tab, "rejoin").is_hidden()
        assert await part(tab, "hand-switch").is_hidden()
        # What was said stays to be read; there is nobody to answer.
        assert "Last warning." in await part(tab, "messages").inner_text()
        assert await part(tab, "composer").is_hidden()

        await tab.reload()
        await until_says(tab, "end-title", "A proctor has removed you from this room.")
        assert await part(tab, "end-said").is_hidden()
        assert await part(tab, "rejoin").is_hidden()


async def test_locked_room_is_explained_and_can_be_tried_again(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace:
        await grace.ask("room:lock")
        tab = await open_tab(cluster.link(room, "candidate", "Ada"))
        await until_says(tab, "end-title", "The room is locked. Ask a proctor to let you in.")
        await grace.ask("room:unlock")
        await part(tab, "rejoin").click()
        await tab.until_good()


async def test_moderated_page_is_used_with_keys_alone_and_fits_a_phone(
    cluster: Cluster, room: str, open_tab: OpenTab
) -> None:
    async with proctor(cluster, room) as grace:
        tab, ada = await seated(cluster, room, open_tab, grace)
        await tab.page.set_viewport_size(PHONE)
        await part(tab, "hand-switch").focus()
        await tab.page.keyboard.press("Space")
        await until_hand(grace, ada, raised=True)
        await grace.ask("message:send", {"body": {"text": "Yes? " + "W" * 300}})
        await until_says(tab, "messages", "Yes?")
        await tab.page.set_viewport_size(SIDEWAYS)
        await part(tab, "speaker-choice").scroll_into_view_if_needed()
        await grace.ask("message:send", {"body": {"text": "Go on."}})
        await until_says(tab, "messages", "Go on.")
        await until_in_view(part(tab, "message").last)
        await tab.page.set_viewport_size(PHONE)

        async def reached() -> bool:
            await tab.page.keyboard.press("Tab")
            focused = "document.activeElement.dataset.testid"
            return bool(await tab.page.evaluate(focused) == "message-text")

        await until(reached, "the tabulator key reaches the field")
        await tab.page.keyboard.type("May I go out?")
        await tab.page.keyboard.press("Shift+Enter")
        await tab.page.keyboard.type("Thank you.")
        await tab.page.keyboard.press("Enter")
        await grace.event("message", body={"text": "May I go out?\nThank you."})

        await grace.ask("peer:mute", ada)
        await until_says(tab, "microphone-switch", "Keep muted")
        controls = tab.page.locator("button:visible, select:visible, textarea:visible")
        for index in range(await controls.count()):
            snapshot = await controls.nth(index).aria_snapshot()
            assert NAMED in snapshot, f"a control without a name: {snapshot}"
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await tab.page.evaluate(overflow) == 0
