"""The README tells the truth about where things are."""

import re
from pathlib import Path

import pytest

from services.common.errors import Code
from services.gateway.config import GatewaySettings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
HEADING = "## What was asked, where it is"

# A backticked path: has a slash or is a file at the top, and no blank, brace or angle bracket.
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|Makefile|README\.md|pyproject\.toml)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")

MESSAGE_TYPES = [
    "auth:request",
    "auth:response",
    "room:join",
    "room:leave",
    "room:state",
    "sdp:offer",
    "sdp:answer",
    "ice:candidate",
    "transport:create",
    "transport:connect",
    "produce",
    "consume",
    "ping",
    "pong",
    "error",
]
ERROR_CODES = [
    "UNAUTHORIZED",
    "ROOM_NOT_FOUND",
    "ROOM_FULL",
    "INVALID_MESSAGE",
    "TRANSPORT_ERROR",
    "PRODUCE_ERROR",
    "CONSUME_ERROR",
]
PACKAGES = [
    "websockets",
    "grpcio",
    "grpcio-tools",
    "protobuf",
    "aiortc",
    "pydantic",
    "opentelemetry-sdk",
]
FOLDERS = ["services/", "protos/", "deploy/", "tests/", "scripts/", "README.md", "Makefile"]
NOTES = 6


def section() -> str:
    return README.split(HEADING, 1)[1].split("\n## ", 1)[0]


def first_cells() -> list[str]:
    rows = [line for line in section().splitlines() if line.startswith("|")]
    return [row.split("|")[1].strip() for row in rows]


@pytest.mark.parametrize("path", sorted(set(PATH.findall(README))))
def test_path_named_in_the_readme_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("target", sorted(set(LINK.findall(README))))
def test_link_of_the_readme_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("asked", [*MESSAGE_TYPES, *ERROR_CODES, *PACKAGES, *FOLDERS])
def test_everything_that_was_asked_has_a_row(asked: str) -> None:
    assert f"`{asked}`" in first_cells()


@pytest.mark.parametrize("number", range(1, NOTES + 1))
def test_every_implementation_note_has_a_row(number: int) -> None:
    assert any(cell.startswith(f"{number}. ") for cell in first_cells())


def test_every_error_code_asked_for_is_in_the_code() -> None:
    assert set(ERROR_CODES) <= {code.value for code in Code}


def test_every_setting_of_the_gateway_has_a_row() -> None:
    named = set(re.findall(r"`GATEWAY_([A-Z_]+)`", README))

    assert {name.upper() for name in GatewaySettings.model_fields} <= named
