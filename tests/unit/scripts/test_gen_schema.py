"""protos/signaling is JSON Schema, and says of the wire what the models do."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scripts.gen_schema import TARGET, generate
from services.gateway.core.message.catalog import REQUESTS
from services.gateway.core.message.connection import ErrorReply, Pong
from services.gateway.core.message.envelope import Outbound, encode
from services.gateway.core.message.media import ProducerPaused
from services.gateway.core.message.request import Rejection, parse
from tests.support.frame import frame

FILES = {name: json.loads(text) for name, text in generate().items()}
CLIENT = Draft202012Validator(FILES["client.json"])
SERVER = Draft202012Validator(FILES["server.json"])


@pytest.mark.parametrize("name", FILES)
def test_file_is_a_schema_and_as_committed(name: str) -> None:
    Draft202012Validator.check_schema(FILES[name])

    assert json.loads((TARGET / name).read_text()) == FILES[name]


def test_every_request_is_a_choice_of_its_own() -> None:
    assert len(FILES["client.json"]["$defs"]["Request"]["oneOf"]) == len(REQUESTS)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("room:paint", {}),
        ("consume", {}),
        ("consume", {"producerId": "p", "producerIds": ["p"]}),
        ("stats:get", {}),
        ("produce", {"kind": "smell"}),
        ("message:send", {"body": None}),
        ("room:join", {"roomId": "a b", "displayName": "A"}),
        ("room:join", {"roomId": "a", "displayName": "A", "appData": None}),
        ("consumer:set-layers", {"consumerId": "c", "spatialLayer": 8}),
    ],
)
def test_what_the_schema_forbids(kind: str, payload: Any) -> None:
    assert not CLIENT.is_valid(json.loads(frame(kind, payload)))


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("ping", None),
        ("room:leave", None),
        ("consume", {"producerId": "p", "later": "fields are ignored"}),
        ("message:send", {"body": [1, None]}),
        ("auth:request", {"resumeToken": "r1.x.y", "epoch": "e", "lastSeq": 3}),
    ],
)
def test_what_the_schema_allows_is_parsed(kind: str, payload: Any) -> None:
    text = frame(kind, payload)

    CLIENT.validate(json.loads(text))
    assert not isinstance(parse(text), Rejection)


@pytest.mark.parametrize(
    ("message", "is_valid"),
    [
        (Outbound(Pong(echo={"n": 1}, server_time=1), "c1"), True),
        (Outbound(ProducerPaused(producer_id="p"), "c1"), True),
        (Outbound(ProducerPaused(producer_id="p"), epoch="e", seq=1), True),
        (Outbound(ErrorReply(code="INTERNAL", message="m", details={"reason": "R"})), True),
        (Outbound(ErrorReply(code="WRONG_WORKER", message="m")), False),
    ],
)
def test_what_the_server_says_is_in_the_schema(message: Outbound, is_valid: bool) -> None:
    assert SERVER.is_valid(json.loads(encode(message, 1))) is is_valid
