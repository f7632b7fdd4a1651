"""Every message is logged with its correlation id, and no line holds a secret."""

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from services.common.log import configure_logging
from tests.support.client import connected, resumed
from tests.support.frame import frame
from tests.support.gateway import RunningGateway, joined

PASSWORD = "p4ssw0rd-of-ice"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    before = structlog.get_config()
    stream = io.StringIO()
    configure_logging("gateway", "debug", stream)
    yield stream
    structlog.configure(**before)


async def test_event_is_logged_with_the_trace_of_the_request_that_caused_it(
    lines: io.StringIO, gateway: RunningGateway
) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        traceparent = f"00-{trace_id}-00f067aa0ba902b7-01"
        await ada.ask("produce", {"kind": "audio"}, traceparent=traceparent)
        await pat.event("producer:new")

    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    (event,) = [line for line in logged if line.get("type") == "producer:new"]
    assert (event["peer_id"], event["trace_id"]) == (pat.peer_id, trace_id)


async def test_frames_behind_a_close_are_not_looked_at(
    lines: io.StringIO, gateway: RunningGateway
) -> None:
    async with connected(gateway.url) as client:
        for text in ("{", "{", "{", *[frame("ping")] * 20):
            await client.send_text(text)
        assert await client.close_code() == 4400

    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert len([line for line in logged if line["event"] == "gateway.message.received"]) == 3


async def test_messages_in_and_out_are_logged_with_their_correlation_id(
    lines: io.StringIO, gateway: RunningGateway
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        created = await ada.ask(
            "transport:create", {"direction": "send"}, correlationId="look-for-me"
        )
        await ada.request("ping", {"note": PASSWORD})

    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    named = [line for line in logged if line.get("correlation_id") == "look-for-me"]
    assert {line["event"] for line in named} >= {
        "gateway.message.received",
        "gateway.message.sent",
        # The worker's line of the same call: the id has crossed the wire.
        "rpc.answered",
    }
    assert {line["peer_id"] for line in named if "peer_id" in line} == {ada.peer_id}
    text = lines.getvalue()
    for secret in (
        created["iceParameters"]["password"],
        created["dtlsParameters"]["fingerprints"][0]["value"],
        PASSWORD,
        "eyJ",
    ):
        assert secret not in text
    ping = next(line for line in logged if line.get("type") == "ping")
    assert ping["level"] == "debug"


async def test_resumed_session_is_logged_under_its_own_names_and_without_its_tokens(
    lines: io.StringIO, gateway: RunningGateway
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        await ada.cut()
        async with resumed(gateway.url, ada) as back:
            await back.ask("transport:create", {"direction": "send"}, correlationId="after")

    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    (was_resumed,) = [line for line in logged if line["event"] == "gateway.session.resumed"]
    after = [line for line in logged if line.get("correlation_id") == "after"]
    ended = [line for line in logged if line["event"] == "gateway.connection.closed"]
    assert after
    for line in (was_resumed, *after, *ended):
        # The lines of calls to the worker name the request alone.
        assert line.get("session_id", was_resumed["session_id"]) == was_resumed["session_id"]
        assert line.get("peer_id", ada.peer_id) == ada.peer_id
    assert any("peer_id" in line for line in after)
    for token in (ada.resume_token, back.resume_token):
        assert token.startswith("r1.")
    assert "r1." not in lines.getvalue()
