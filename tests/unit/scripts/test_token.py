"""Development tokens: what they say, and that the script runs in every way it is started."""

import os
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from scripts import token

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a secret of the length that HS256 asks for"


def claims(text: str) -> dict[str, object]:
    decoded: dict[str, object] = jwt.decode(text, SECRET, algorithms=["HS256"])
    return decoded


def run_script(*command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_token_says_who_where_and_as_what() -> None:
    text = token.mint(secret=SECRET, room="demo", user="u1", role="proctor", name="Ada", ttl_s=60)
    found = claims(text)
    assert (found["sub"], found["room"], found["role"]) == ("u1", "demo", "proctor")
    assert found["name"] == "Ada"
    assert int(str(found["exp"])) - int(str(found["iat"])) == 60
    assert "create" not in found


def test_token_may_create_the_room_only_when_asked_to() -> None:
    text = token.mint(secret=SECRET, room="demo", user="u1", role="candidate", create=True)
    assert claims(text)["create"] is True


def test_token_may_open_a_room_with_a_waiting_room() -> None:
    text = token.mint(secret=SECRET, room="demo", user="u1", role="proctor", waiting_room=True)
    assert claims(text)["waitingRoom"] is True


def test_secret_too_short_for_hs256_is_refused() -> None:
    with pytest.raises(token.SecretError, match="32 bytes"):
        token.mint(secret="short", room="demo", user="u1", role="candidate")


@pytest.mark.parametrize("command", [["scripts/token.py"], ["-m", "scripts.token"]])
def test_script_prints_a_valid_token_however_it_is_started(command: list[str]) -> None:
    words = ["--room", "demo", "--user", "u1", "--role", "observer", "--ttl", "60"]
    result = run_script(*command, *words, environment={"GATEWAY_JWT_SECRET": SECRET})
    assert result.returncode == 0, result.stderr
    assert claims(result.stdout.strip())["role"] == "observer"


def test_secret_is_also_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    assert token.read_secret({"GATEWAY_JWT_SECRET_FILE": str(file)}) == SECRET


def test_secret_made_for_a_checkout_is_kept_and_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token, "CHECKOUT_SECRET", tmp_path / "make" / "jwt-secret")
    assert token.read_secret({}) is None
    made = token.make_checkout_secret()
    assert token.read_secret({}) == made
    assert token.CHECKOUT_SECRET.stat().st_mode & 0o077 == 0


def test_unknown_role_is_refused_with_the_known_ones() -> None:
    words = ["--room", "demo", "--user", "u1", "--role", "king"]
    result = run_script("scripts/token.py", *words, environment={"GATEWAY_JWT_SECRET": SECRET})
    assert result.returncode == 2
    assert "candidate" in result.stderr


def test_script_is_a_command_of_its_own() -> None:
    result = subprocess.run(
        ["scripts/token.py", "--room", "demo", "--user", "u1", "--role", "proctor"],
        cwd=ROOT,
        # A machine whose own Python has none of the packages.
        env={"PATH": "/usr/bin:/bin", "GATEWAY_JWT_SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert claims(result.stdout.strip())["role"] == "proctor"
