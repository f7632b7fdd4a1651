"""Generate protos/signaling, the browser protocol as JSON Schema; with --check, say what is stale.

Two files, because what may be absent differs by direction: `client.json` is what the gateway
accepts, `server.json` what it says.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import PydanticUndefined, core_schema

from services.common.errors import Code
from services.gateway.core.message.catalog import OTHER_EVENTS, REPLIES, REQUESTS, STATE_EVENTS
from services.gateway.core.message.connection import ErrorReply
from services.gateway.core.message.envelope import Payload
from services.gateway.core.message.field import CorrelationText, WireModel

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "protos" / "signaling"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REF_TEMPLATE = "#/$defs/{model}"

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """Messages that a reader tells apart by `type`."""

    name: str
    description: str
    models: tuple[type[BaseModel], ...]


class WireSchema(GenerateJsonSchema):
    """As pydantic's, for a wire on which an unset field is absent and nothing is null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", PydanticUndefined) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_is_required(self, field: Any, total: bool) -> bool:
        if self.mode == "serialization":
            # What has a value is said, also where it is the default.
            return self._default_of(field["schema"]) is not None
        return super().field_is_required(field, total)

    @staticmethod
    def _default_of(schema: Mapping[str, Any]) -> object:
        return schema.get("default", PydanticUndefined)


class _Reply(WireModel):
    type: str
    timestamp: int
    # Absent where the request had none.
    correlation_id: CorrelationText | None = None


class _StateEvent(WireModel):
    type: str
    timestamp: int
    epoch: str
    seq: int


class _OtherEvent(WireModel):
    type: str
    timestamp: int


def _message(envelope: type[BaseModel], payload: type[Payload], suffix: str) -> type[BaseModel]:
    fields: dict[str, Any] = {"type": (Literal[payload.type], ...), "payload": (payload, ...)}
    return create_model(f"{payload.__name__}{suffix}", __base__=envelope, **fields)


def client_groups() -> tuple[Group, ...]:
    return (Group("Request", "What a client sends.", REQUESTS),)


def server_groups() -> tuple[Group, ...]:
    replies = dict.fromkeys(payload for payloads in REPLIES.values() for payload in payloads)
    return (
        Group(
            "Reply",
            "Answers the request whose correlationId it has.",
            tuple(_message(_Reply, payload, "Reply") for payload in replies),
        ),
        Group(
            "Error",
            "In place of the reply where a request is not carried out.",
            (_message(_Reply, ErrorReply, "Message"),),
        ),
        Group(
            "StateEvent",
            "What has happened. Numbered without gaps, told exactly once.",
            tuple(_message(_StateEvent, payload, "Event") for payload in STATE_EVENTS),
        ),
        Group(
            "OtherEvent",
            "Without a number.",
            tuple(_message(_OtherEvent, payload, "Event") for payload in OTHER_EVENTS),
        ),
    )


def build(
    title: str, groups: Iterable[Group], mode: Literal["validation", "serialization"]
) -> Schema:
    """One schema of all groups; each is a definition of its own."""
    groups = tuple(groups)
    models = [(model, mode) for group in groups for model in group.models]
    references, made = models_json_schema(
        models, by_alias=True, ref_template=REF_TEMPLATE, schema_generator=WireSchema
    )
    definitions = made["$defs"]
    for group in groups:
        definitions[group.name] = {
            "description": group.description,
            "oneOf": [references[model, mode] for model in group.models],
        }
    if "ErrorReply" in definitions:
        codes = [code.value for code in Code if code is not Code.WRONG_WORKER]
        definitions["ErrorReply"]["properties"]["code"] = {"enum": codes}
    return {
        "$schema": DIALECT,
        "title": title,
        "anyOf": [{"$ref": REF_TEMPLATE.format(model=group.name)} for group in groups],
        "$defs": _plain(definitions),
    }


def _plain(node: Any) -> Any:
    """Without what only repeats a name: titles of fields, mappings of a discriminator."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept: Schema = {}
    for key, value in node.items():
        if key == "properties":
            kept[key] = {name: _plain(each) for name, each in value.items()}
        elif key != "discriminator" and not (key == "title" and isinstance(value, str)):
            kept[key] = _plain(value)
    if isinstance(kept.get("description"), str):
        kept["description"] = " ".join(kept["description"].split())
    return kept


def generate() -> dict[str, str]:
    """Name and text of each file."""
    files = {
        "client.json": build("Messages of a client to Invigil", client_groups(), "validation"),
        "server.json": build("Messages of Invigil to a client", server_groups(), "serialization"),
    }
    return {name: _text(schema) for name, schema in files.items()}


def _text(schema: Schema) -> str:
    first = {key: schema.pop(key) for key in ("$schema", "title")}
    ordered = first | {key: _sorted(value) for key, value in sorted(schema.items(), reverse=True)}
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def _sorted(node: Any) -> Any:
    """Names in order, lists as they are: the same text from any version of pydantic."""
    if isinstance(node, list):
        return [_sorted(each) for each in node]
    if isinstance(node, dict):
        return {key: _sorted(node[key]) for key in sorted(node)}
    return node


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 when stale")
    arguments = parser.parse_args()
    files = generate()
    there = {path.name: path.read_text() for path in TARGET.glob("*.json")}
    stale = sorted(name for name in files | there if files.get(name) != there.get(name))
    if arguments.check:
        for name in stale:
            print(f"stale: protos/signaling/{name} (run `make protos`)")
        return 1 if stale else 0
    TARGET.mkdir(exist_ok=True)
    for name in stale:
        if name in files:
            (TARGET / name).write_text(files[name])
        else:
            (TARGET / name).unlink()
    print(f"protos/signaling: {len(stale)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
