"""protos/signaling as a judge of messages."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

SIGNALING = Path(__file__).resolve().parents[2] / "protos" / "signaling"
Json = Any


def _pattern(_: Any, pattern: str, instance: Json, __: Any) -> Iterator[ValidationError]:
    # ECMA-262, as JSON Schema says: "$" is the end, and not also before a line break at the end.
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _is_integer(_: Any, instance: Json) -> bool:
    # JSON Schema takes 1.0 for an integer; the gateway tells them apart.
    return isinstance(instance, int) and not isinstance(instance, bool)


_Validator = extend(
    Draft202012Validator,
    {"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


class Side:
    """The messages of one side, by type: faster than to try them all."""

    def __init__(self, file: str, groups: tuple[str, ...]) -> None:
        self.schema: dict[str, Any] = json.loads((SIGNALING / file).read_text())
        definitions = self.schema["$defs"]
        self._by_type: dict[str, list[Any]] = {}
        for group in groups:
            for choice in definitions[group]["oneOf"]:
                named = definitions[choice["$ref"].removeprefix("#/$defs/")]["properties"]["type"]
                for name in named.get("enum", [named.get("const")]):
                    validator = _Validator({**choice, "$defs": definitions})
                    self._by_type.setdefault(name, []).append(validator)

    @property
    def types(self) -> list[str]:
        return sorted(self._by_type)

    def knows(self, message: Json) -> bool:
        """Whether it is an object of a type that this side says."""
        kind = message.get("type") if isinstance(message, dict) else None
        return isinstance(kind, str) and kind in self._by_type

    def allows(self, message: Json) -> bool:
        """Whether the schema does."""
        return self.knows(message) and any(
            validator.is_valid(message) for validator in self._by_type[message["type"]]
        )


CLIENT = Side("client.json", ("Request",))
SERVER = Side("server.json", ("Reply", "Error", "StateEvent", "OtherEvent"))


def without_nulls(node: Json) -> Json:
    """The value as the gateway takes it: what is null is absent."""
    if isinstance(node, dict):
        return {key: without_nulls(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [without_nulls(value) for value in node]
    return node
