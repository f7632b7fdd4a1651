"""Hypothesis strategies for messages of protos/signaling/client.json, and for what is nearly one.

The package hypothesis-jsonschema knows drafts up to 7 only; these schemas use few keywords.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Schema = Mapping[str, Any]
Json = Any
Draw = Callable[[SearchStrategy[Any]], Any]

# Longer texts and lists only take longer.
MAX_SIZE = 24
# Says nothing about what is valid.
IGNORED = {"default", "description", "not"}
KNOWN = {
    *("$ref", "additionalProperties", "anyOf", "const", "enum", "exclusiveMinimum", "items"),
    *("maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength", "minimum"),
    *("oneOf", "pattern", "properties", "propertyNames", "required", "type"),
}
# What a pattern of the schema allows, character by character.
ALPHABETS = {
    r"^[\x21-\x7e]+$": st.characters(min_codepoint=0x21, max_codepoint=0x7E),
    r"^[^\x00-\x1f\x7f]*$": st.characters(
        codec="utf-8", min_codepoint=0x20, exclude_characters="\x7f"
    ),
    r"^[A-Za-z0-9_-]+$": st.sampled_from("abzAZ09_-"),
}
# Without halves of surrogate pairs, which no text frame can hold.
ANY_CHARACTER = st.characters(codec="utf-8")
ANY_TEXT = st.text(ANY_CHARACTER, max_size=MAX_SIZE)
ANY_JSON: SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
# What breaks readers of JSON.
ODD_JSON: SearchStrategy[Json] = ANY_JSON | st.sampled_from(
    [
        *(
            None,
            True,
            -1,
            0.5,
            1.0,
            1e308,
            2**53 + 1,
            2**63,
            2**64,
            10**400,
            "",
            " ",
            "\x00",
            "null",
        ),
        *([], {}, [[]], "x" * 5000, ["x"] * 300, {"__proto__": {}}, "\u202e", "\ufffe", "a\n"),
        json.loads("[" * 150 + "]" * 150),
        {str(n): n for n in range(200)},
    ]
    # Whoever draws one may change it.
).map(deepcopy)


class Messages:
    """Strategies for one schema. `known` gives likely values of a field, by its name."""

    def __init__(self, schema: Schema, known: Mapping[str, Sequence[str]]) -> None:
        self._definitions: Schema = schema["$defs"]
        self._known = known
        self._made: dict[str, SearchStrategy[Json]] = {}

    def of(self, definition: str) -> SearchStrategy[Json]:
        """Values of a definition."""
        if definition not in self._made:
            # Deferred, so that a definition may name itself.
            self._made[definition] = st.deferred(lambda: self._value(self._definitions[definition]))
        return self._made[definition]

    def _value(self, schema: Schema, name: str = "") -> SearchStrategy[Json]:
        assert set(schema) <= KNOWN | IGNORED, f"unknown keywords: {set(schema) - KNOWN - IGNORED}"
        if "$ref" in schema:
            made = self.of(schema["$ref"].removeprefix("#/$defs/"))
            # The only negation of these schemas.
            return made.filter(lambda value: value is not None) if "not" in schema else made
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "properties" in schema or schema.get("type") == "object":
            return self._object(schema)
        for union in ("oneOf", "anyOf"):
            if union in schema:
                return st.one_of(*(self._value(each, name) for each in schema[union]))
        return self._plain(schema, name)

    def _plain(self, schema: Schema, name: str) -> SearchStrategy[Json]:
        match schema.get("type"):
            case "string":
                return self._text(schema, name)
            case "integer":
                return st.integers(schema.get("minimum"), schema.get("maximum"))
            case "number":
                above = schema.get("exclusiveMinimum")
                return st.floats(
                    schema.get("minimum", above),
                    schema.get("maximum"),
                    exclude_min=above is not None,
                    allow_nan=False,
                    allow_infinity=False,
                )
            case "boolean":
                return st.booleans()
            case "array":
                return st.lists(
                    self._value(schema["items"], name),
                    min_size=schema.get("minItems", 0),
                    max_size=min(schema.get("maxItems", 4), 4),
                )
            case None:
                return ANY_JSON
        raise AssertionError(f"unknown type: {schema}")

    def _text(self, schema: Schema, name: str) -> SearchStrategy[str]:
        made = st.text(
            ALPHABETS[schema["pattern"]] if "pattern" in schema else ANY_CHARACTER,
            min_size=schema.get("minLength", 0),
            max_size=min(schema.get("maxLength", MAX_SIZE), MAX_SIZE),
        )
        likely = self._known.get(name)
        return st.sampled_from(likely) | made if likely else made

    def _object(self, schema: Schema) -> SearchStrategy[Json]:
        fields = {
            name: self._value(field, name) for name, field in schema.get("properties", {}).items()
        }
        if not fields:
            value = schema.get("additionalProperties", {})
            return st.dictionaries(
                self._text(schema.get("propertyNames", {}), ""), self._value(value), max_size=4
            )
        always = set(schema.get("required", ()))
        if "oneOf" in schema:
            # One of these fields, and none of the others.
            choices = [set(choice["required"]) for choice in schema["oneOf"]]
            either = set().union(*choices)
            return st.one_of(
                *(_record(fields, always | chosen, either - chosen) for chosen in choices)
            )
        if "anyOf" in schema:
            return st.one_of(
                *(
                    _record(fields, always | set(some["required"]), set())
                    for some in schema["anyOf"]
                )
            )
        return _record(fields, always, set())


def _record(
    fields: Mapping[str, SearchStrategy[Json]], always: set[str], never: set[str]
) -> SearchStrategy[Json]:
    optional = {k: made for k, made in fields.items() if k not in always | never}
    return st.fixed_dictionaries({k: fields[k] for k in fields if k in always}, optional=optional)


@st.composite
def mutated(draw: Draw, messages: SearchStrategy[Json], types: Sequence[str]) -> Json:
    """A message with one to three things changed in it, somewhere."""
    message = json.loads(json.dumps(draw(messages)))
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(_places(message)))
        match draw(st.sampled_from(["replace", "replace", "remove", "add", "retype"])):
            case "replace":
                holder[key] = draw(ODD_JSON)
            case "remove":
                del holder[key]
            case "add":
                message[draw(ANY_TEXT)] = draw(ODD_JSON)
            case "retype":
                message["type"] = draw(st.sampled_from(types))
        if not message:
            break
    return message


def _places(node: Json) -> list[tuple[Any, Any]]:
    """Every container in a value, with each of its keys or indices."""
    places: list[tuple[Any, Any]] = []
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(items):
        places.append((node, key))
        if isinstance(value, dict | list):
            places += _places(value)
    return places


@st.composite
def garbled(draw: Draw, texts: SearchStrategy[str]) -> str:
    """A text that was cut, or in which a few characters are other ones."""
    text: str = draw(texts)
    if draw(st.booleans()):
        return text[: draw(st.integers(0, len(text)))]
    at: int = draw(st.integers(0, len(text)))
    added: str = draw(ANY_TEXT)
    return text[:at] + added + text[at + draw(st.integers(0, 3)) :]
