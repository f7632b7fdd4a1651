"""docs/protocol.md says what the code does: examples, errors, close codes, limits."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from scripts.gen_schema import client_groups, server_groups
from services.common.errors import Code
from services.gateway.config import GatewaySettings
from services.gateway.core.close_code import CloseCode
from services.gateway.core.message.catalog import (
    NOT_BUILT,
    OTHER_EVENTS,
    REPLIES,
    REQUESTS,
    STATE_EVENTS,
)
from services.gateway.core.message.connection import Ping, Pong
from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.request import Rejection, parse
from services.sfu.config import SfuSettings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text()
SIGNALING = ROOT / "protos" / "signaling"
CLIENT, SERVER = (
    Draft202012Validator(json.loads((SIGNALING / f"{side}.json").read_text()))
    for side in ("client", "server")
)
UPPER_SNAKE = re.compile(r"[A-Z][A-Z0-9_]{2,}[A-Z0-9]")

# Told to gateways and operators, or kept inside.
NOT_OF_CLIENTS = {
    *("BAD_ROLE", "BAD_VISIBILITY", "BAD_DIRECTION", "BAD_KIND", "STALE_GENERATION"),
    *("WATCH_TOO_SLOW", "BAD_STREAM"),
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    *("HS256", "RS256", "ES256"),
    # RFC 9143's word in an SDP.
    "BUNDLE",
    *("AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES128_CM_SHA1_80"),
}

Message = dict[str, Any]


def blocks() -> Iterator[Message]:
    """Every JSON value of the page's examples."""
    decoder = json.JSONDecoder()
    for block in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        text = block.strip()
        while text:
            value, end = decoder.raw_decode(text)
            yield value
            text = text[end:].strip()


def type_names(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["type"].annotation)


REQUEST_TYPES = {name: request for request in REQUESTS for name in type_names(request)}
EXAMPLES = list(blocks())


def is_of_client(message: Message) -> bool:
    # Some types are said by both sides; the server's have no id, or other fields.
    return "correlationId" in message and CLIENT.is_valid(message)


FROM_CLIENT = [message for message in EXAMPLES if is_of_client(message)]
FROM_SERVER = [message for message in EXAMPLES if not is_of_client(message)]


def label(message: Message) -> str:
    return f"{message['type']} {message.get('correlationId', message.get('seq', ''))}"


@pytest.mark.parametrize("message", FROM_CLIENT, ids=label)
def test_example_of_a_request_is_accepted_and_has_no_field_that_nobody_reads(
    message: Message,
) -> None:
    CLIENT.validate(message)
    request = parse(json.dumps(message))

    assert not isinstance(request, Rejection), request
    assert contains(request.model_dump(by_alias=True, exclude_none=True), message)


@pytest.mark.parametrize("message", FROM_SERVER, ids=label)
def test_example_of_what_the_server_says_is_what_it_could_say(message: Message) -> None:
    SERVER.validate(message)
    envelopes = [
        model
        for group in server_groups()
        for model in group.models
        if type_names(model) == (message["type"],)
    ]
    fitting = [model for model in envelopes if said_by(model, message) == message]

    assert fitting or message["type"] == Pong.type


def said_by(model: type[BaseModel], message: Message) -> Message | None:
    """The message as the model would write it; None where it cannot be one of its."""
    try:
        return model.model_validate(message, by_alias=True).model_dump(
            mode="json", by_alias=True, exclude_none=True
        )
    except ValueError:
        return None


def contains(whole: Any, part: Any) -> bool:
    """Whether all of `part` is in `whole`, which may have defaults besides."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and contains(whole[name], value) for name, value in part.items()
        )
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)


@pytest.mark.parametrize("name", sorted(REQUEST_TYPES))
def test_every_request_has_an_example(name: str) -> None:
    assert any(message["type"] == name for message in FROM_CLIENT)


@pytest.mark.parametrize("request_model", REPLIES, ids=lambda model: model.__name__)
def test_every_request_that_is_built_has_an_example_of_each_reply(
    request_model: type[Request],
) -> None:
    for payload in REPLIES[request_model]:
        replies = [m for m in FROM_SERVER if m["type"] == payload.type and "correlationId" in m]
        known = {field.alias or name for name, field in payload.model_fields.items()}
        assert request_model is Ping or any(known >= set(m["payload"]) for m in replies)


@pytest.mark.parametrize("payload", [*STATE_EVENTS, *OTHER_EVENTS], ids=lambda p: p.type)
def test_every_event_has_an_example(payload: type[Payload]) -> None:
    has_seq = payload in STATE_EVENTS
    named = [m for m in FROM_SERVER if m["type"] == payload.type and "correlationId" not in m]

    assert any(("seq" in message) == has_seq for message in named)


def test_what_is_not_built_is_listed() -> None:
    section = PAGE.split("### Not built yet", 1)[1].split("\n## ", 1)[0]

    for request in NOT_BUILT:
        assert all(f'"{name}"' in section for name in type_names(request))


def test_both_sides_of_the_schema_were_looked_at() -> None:
    (requests,) = client_groups()
    assert len(requests.models) == len(REQUESTS)
    assert len(FROM_CLIENT) >= len(REQUEST_TYPES)
    assert len(FROM_SERVER) >= len(STATE_EVENTS) + len(REPLIES)


# Errors and endings.


def first_cells(section: str, column: int = 0) -> set[str]:
    """The backticked words in a column of a section's tables."""
    text = PAGE.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1:] for line in text.splitlines() if line.startswith("|")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row[column])}


def said_in_code() -> set[str]:
    """Every text of the services' code that could be a reason."""
    found = set()
    for path in (ROOT / "services").rglob("*.py"):
        if path.relative_to(ROOT).parts[1] in ("common", "gateway", "sfu"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def test_every_code_is_explained() -> None:
    codes = {code.value for code in Code} - {Code.WRONG_WORKER.value}

    assert codes <= first_cells("Errors")


def test_every_reason_of_the_code_is_explained_and_none_besides() -> None:
    in_code = said_in_code()
    codes = {code.value for code in Code} - {"ROOM_NOT_FOUND", "ROOM_FULL", "WRONG_WORKER"}
    explained = (first_cells("Errors") | first_cells("Endings", 2)) - codes
    # Of transports that have failed.
    elsewhere = set(re.findall(r"`([A-Z_]+)`", PAGE))
    could_be = {text for text in in_code if UPPER_SNAKE.fullmatch(text)} - codes

    assert explained - in_code == set()
    assert could_be - explained - elsewhere - NOT_OF_CLIENTS == set()


def test_every_close_code_is_explained() -> None:
    rows = set(re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE))
    never_sent = {CloseCode.ABNORMAL}

    assert rows == {str(int(code)) for code in CloseCode if code not in never_sent}


LIMIT = re.compile(r"^\| [^|]+ \| ([\d,]+) \| `(GATEWAY|SFU)_([A-Z_]+)` \|$", re.MULTILINE)


@pytest.mark.parametrize(("value", "service", "setting"), LIMIT.findall(PAGE))
def test_limit_is_the_setting_of_that_name(value: str, service: str, setting: str) -> None:
    settings: type[BaseModel] = GatewaySettings if service == "GATEWAY" else SfuSettings

    assert settings.model_fields[setting.lower()].default == int(value.replace(",", ""))


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
