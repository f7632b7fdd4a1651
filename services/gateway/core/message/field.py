"""What every message of the browser protocol is made of: the base model and bounded field types."""

import json
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    StringConstraints,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

# An opaque object travels to every other peer of the room, so it is much smaller than a frame.
MAX_OPAQUE_BYTES = 4096
MAX_OPAQUE_DEPTH = 16
# A double holds every integer up to here exactly; beyond, clients would read another number.
MAX_SAFE_INTEGER = 2**53

Bounded = TypeVar("Bounded", bound=JsonValue)


def one_of(*fields: str) -> ConfigDict:
    """For a model that checks by itself that just one of these fields is there."""
    return ConfigDict(json_schema_extra={"oneOf": [{"required": [field]} for field in fields]})


MAX_CORRELATION_ID = 64
MAX_PRODUCERS_AT_ONCE = 64


class WireModel(BaseModel):
    """A JSON object of the protocol: camelCase on the wire, unknown fields ignored, no coercion.

    Attributes that are None are absent on the wire.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        # The services build messages by attribute name; frames are parsed by alias only.
        validate_by_name=True,
        validate_by_alias=True,
        strict=True,
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        # A validation error may be logged, and the input may be a token or an ICE password.
        hide_input_in_errors=True,
    )


# By identity, since a dictionary has no hash.
@dataclass(frozen=True, eq=False, slots=True)
class Says:
    """Adds to the JSON Schema of a type what its validators check."""

    added: dict[str, Any]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | self.added


def _bounded(value: Bounded) -> Bounded:
    _check(value, MAX_OPAQUE_DEPTH)
    if len(to_json(value).encode()) > MAX_OPAQUE_BYTES:
        raise ValueError(f"is larger than {MAX_OPAQUE_BYTES} bytes")
    return value


def _present(value: JsonValue) -> JsonValue:
    if value is None:
        raise ValueError("is null")
    return value


def _check(value: JsonValue, depth: int) -> None:
    # The JSON parser lets NaN, Infinity and 1e999 pass; a browser's JSON.parse would fail on what
    # the server makes of them.
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("holds a number that is not finite")
    if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        raise ValueError("holds an integer beyond 2^53")
    children: list[JsonValue] = []
    if isinstance(value, dict):
        children = list(value.values())
    elif isinstance(value, list):
        children = value
    if children and depth == 0:
        raise ValueError(f"is nested deeper than {MAX_OPAQUE_DEPTH}")
    for child in children:
        _check(child, depth - 1)


BOUNDS = f"At most {MAX_OPAQUE_BYTES} bytes as compact JSON, {MAX_OPAQUE_DEPTH} levels deep."
# A client's own JSON object: opaque, bounded in size and depth.
Opaque = Annotated[dict[str, JsonValue], AfterValidator(_bounded), Says({"description": BOUNDS})]
# Any JSON value but null, in the same bounds.
OpaqueValue = Annotated[
    JsonValue,
    AfterValidator(_present),
    AfterValidator(_bounded),
    Says({"description": BOUNDS, "not": {"type": "null"}}),
]

NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"
# Ids end up in logs and URLs, and in other peers' session descriptions.
VISIBLE_ASCII = r"^[\x21-\x7e]+$"

CorrelationText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CORRELATION_ID)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=VISIBLE_ASCII)]
DisplayName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=NO_CONTROL)]
TokenText = Annotated[str, StringConstraints(max_length=8192)]
# Unix milliseconds. Clients may send fractions; it is logged and never judged.
Timestamp = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)] | Annotated[float, Field(ge=0)]

MediaKind = Literal["audio", "video"]
RoleName = Literal["candidate", "proctor", "observer"]
TransportDirection = Literal["send", "recv"]


def to_opaque_json(value: dict[str, JsonValue] | None) -> str:
    """The text of an opaque object between the services; absent is the empty object."""
    return to_json(value or {})


def to_json(value: JsonValue) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
