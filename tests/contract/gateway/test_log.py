"""Every message is logged with its correlation id, and no line holds a secret."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from services.common.log import configure_logging
from tests.support.client import connected, resumed
from tests.support.frame import frame
from tests.support.gateway import ROOM, RunningGateway, joined, mint
from tests.support.poll import eventually

PASSWORD = "p4ssw0rd-of-ice"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    before = structlog.get_config()
    stream = io.StringIO()
    configure_logging("gateway", "debug", stream)
    yield stream
    structlog.configure(**before)


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


@pytest.fixture(scope="module", autouse=True)
def spans() -> None:
    """Spans have ids only where a process has a provider of them."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())


async def test_event_is_logged_with_the_trace_of_the_request_that_caused_it(
    lines: io.StringIO, gateway: RunningGateway
) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        traceparent = f"00-{trace_id}-00f067aa0ba902b7-01"
        await ada.ask("produce", {"kind": "audio"}, traceparent=traceparent, correlationId="cause")
        await pat.event("producer:new")

    logged = read(lines)
    (event,) = [line for line in logged if line.get("type") == "producer:new"]
    (cause,) = {
        line["trace_id"]
        for line in logged
        if line.get("correlation_id") == "cause" and "trace_id" in line
    }
    assert (event["peer_id"], event["trace_id"]) == (pat.peer_id, cause)
    # The client's own is only linked to.
    assert cause != trace_id


async def test_frames_behind_a_close_are_not_looked_at(
    lines: io.StringIO, gateway: RunningGateway
) -> None:
    async with connected(gateway.url) as client:
        for text in ("{", "{", "{", *[frame("ping")] * 20):
            await client.send_text(text)
        assert await client.close_code() == 4400

    logged = read(lines)
    assert len([line for line in logged if line["event"] == "gateway.message.received"]) == 3


async def test_messages_in_and_out_are_logged_with_their_correlation_id(
    lines: io.StringIO, gateway: RunningGateway
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        created = await ada.ask(
            "transport:create", {"direction": "send"}, correlationId="look-for-me"
        )
        await ada.request("ping", {"note": PASSWORD})

    logged = read(lines)
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
            async with joined(gateway, "proctor", "Pat"):
                await back.event("participant:joined")

    logged = read(lines)
    (was_resumed,) = [line for line in logged if line["event"] == "gateway.session.resumed"]
    after = [line for line in logged if line.get("correlation_id") == "after"]
    ended = [line for line in logged if line["event"] == "gateway.connection.closed"]
    assert after
    for line in (was_resumed, *after, *ended):
        # The lines of calls to the worker name the request alone.
        assert line.get("session_id", was_resumed["session_id"]) == was_resumed["session_id"]
        assert line.get("peer_id", ada.peer_id) == ada.peer_id
    assert any("peer_id" in line for line in after)
    (unasked,) = [line for line in logged if line.get("type") == "participant:joined"]
    assert unasked["session_id"] == was_resumed["session_id"]
    for token in (ada.resume_token, back.resume_token):
        assert token.startswith("r1.")
    assert "r1." not in lines.getvalue()


# In every text that a client may choose, except the correlation id and the ids that exist.
HUSH = "hush-hush"
ADDRESS = "192.0.2.77"
SAID: list[tuple[str, dict[str, Any]]] = [
    ("auth:refresh", {"token": HUSH}),
    ("transport:create", {"direction": "send", "sctp": {HUSH: HUSH}}),
    (
        "transport:connect",
        {"dtlsParameters": {"fingerprints": [{"algorithm": HUSH[:16], "value": HUSH}]}},
    ),
    (
        "produce",
        {
            "kind": "audio",
            "rtpParameters": {
                "mid": HUSH,
                "codecs": [
                    {
                        "mimeType": "audio/opus",
                        "payloadType": 111,
                        "clockRate": 48000,
                        "channels": 2,
                        "parameters": {HUSH: HUSH},
                        "rtcpFeedback": [{"type": HUSH, "parameter": HUSH}],
                    }
                ],
                "headerExtensions": [{"uri": HUSH, "id": 1}],
                "encodings": [{"ssrc": 1, "scalabilityMode": HUSH}],
                "rtcp": {"cname": HUSH},
                "msid": HUSH,
            },
            "appData": {HUSH: HUSH},
        },
    ),
    ("produce", {"kind": HUSH}),
    ("produce", {"kind": "audio", "producerId": HUSH}),
    ("consume", {"producerId": HUSH}),
    ("producer:pause", {"producerId": HUSH}),
    ("consumer:set-layers", {"consumerId": HUSH, "spatialLayer": 1}),
    ("stats:get", {"consumerId": HUSH}),
    ("transport:restart-ice", {"transportId": HUSH}),
    ("sdp:offer", {"sdp": f"v=0\r\na={HUSH} {ADDRESS}\r\n"}),
    ("sdp:answer", {"offerId": HUSH, "sdp": HUSH}),
    ("ice:candidate", {"candidate": f"candidate:1 1 udp 1 {ADDRESS} 9 typ host", "sdpMid": HUSH}),
    ("peer:update", {"appData": {HUSH: HUSH}, "displayName": HUSH}),
    ("message:send", {"body": {HUSH: HUSH}}),
    ("message:send", {"to": HUSH, "body": HUSH}),
    ("peer:kick", {"peerId": HUSH, "reason": HUSH}),
    ("ping", {HUSH: HUSH}),
    (f"{HUSH}:{HUSH}", {HUSH: HUSH}),
    ("room:join", {"roomId": HUSH, "displayName": HUSH}),
]


async def test_nothing_that_a_client_says_is_in_the_log_at_any_level(
    lines: io.StringIO, gateway: RunningGateway
) -> None:
    token = mint("proctor", "pat")
    async with connected(gateway.url) as ada, connected(gateway.url) as pat:
        await pat.authenticate(token, ROOM)
        await pat.join(ROOM, HUSH)
        await ada.authenticate(mint(), ROOM)
        join = {"roomId": ROOM, "displayName": HUSH, "appData": {HUSH: HUSH}}
        await ada.ask("room:join", join)
        for number, (kind, payload) in enumerate(SAID):
            more = {HUSH: HUSH, "traceparent": HUSH}
            await ada.request(kind, payload, correlationId=f"said-{number}", **more)
        await ada.send_text(f"{{ {HUSH}")
        await ada.send_text(f'{{"type": ["{HUSH}"], "timestamp": 1}}')
        await ada.request("ping")
        await pat.ask("peer:kick", {"peerId": ada.peer_id, "reason": HUSH})
        await ada.close_code()
        for credential in ({"token": HUSH, "roomId": ROOM}, {"resumeToken": f"r1.{HUSH}.{HUSH}"}):
            async with connected(gateway.url) as other:
                await other.request("auth:request", credential)
        await pat._socket.close(1000, HUSH)
    await eventually(lambda: lines.getvalue().count('"gateway.connection.closed"') == 4)

    logged, text = read(lines), lines.getvalue()
    for secret in (HUSH, ADDRESS, token, ada.resume_token, pat.resume_token, "eyJ", "r1."):
        assert secret not in text
    for number in range(len(SAID)):
        events = {
            line["event"] for line in logged if line.get("correlation_id") == f"said-{number}"
        }
        assert events >= {"gateway.message.received", "gateway.message.sent"}
