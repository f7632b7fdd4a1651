import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from services.gateway.__main__ import main
from services.gateway.config import GatewaySettings

SECRET = "s" * 32


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name, raising=False)


def settings() -> GatewaySettings:
    return GatewaySettings()


def test_secret_comes_from_the_environment_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", SECRET)

    assert settings().jwt_secret == SecretStr(SECRET)
    assert SECRET not in repr(settings())


def test_secret_comes_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    monkeypatch.setenv("GATEWAY_JWT_SECRET_FILE", str(path))

    assert settings().jwt_secret == SecretStr(SECRET)


def test_workers_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", SECRET)
    monkeypatch.setenv("GATEWAY_WORKERS", "a:1, b:2,,a:1")

    assert settings().worker_addresses == ("a:1", "b:2")


def test_certificate_needs_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", SECRET)
    monkeypatch.setenv("GATEWAY_TLS_CERT", "cert.pem")

    with pytest.raises(ValidationError, match="go together"):
        settings()


def test_missing_secret_is_one_friendly_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 1

    said = capsys.readouterr().err
    assert "GATEWAY_JWT_SECRET" in said
    assert "32 bytes" in said
    assert said.count("\n") == 1


def test_short_secret_is_one_friendly_line_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", "hunter2")

    assert main() == 1

    said = capsys.readouterr().err
    assert "at least 32 bytes" in said
    assert "hunter2" not in said
    assert said.count("\n") == 1


def test_secret_file_that_is_missing_is_one_friendly_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET_FILE", "/nowhere/secret")

    assert main() == 1
    assert "cannot be read" in capsys.readouterr().err


def test_key_set_stands_in_for_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_JWKS_URL", "https://issuer.example.org/keys")
    monkeypatch.setenv("GATEWAY_JWT_SECRET", "")
    monkeypatch.setenv("GATEWAY_RESUME_SECRET", SECRET)

    assert settings().jwt_secret is None


def test_key_set_alone_leaves_nothing_that_could_sign_resume_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_JWKS_URL", "https://issuer.example.org/keys")

    with pytest.raises(ValidationError, match=r"GATEWAY_RESUME_SECRET .* same on all"):
        settings()


def test_short_resume_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", SECRET)
    monkeypatch.setenv("GATEWAY_RESUME_SECRET", "hunter2")

    with pytest.raises(ValidationError, match="GATEWAY_RESUME_SECRET needs at least 32 bytes"):
        settings()


@pytest.mark.parametrize(
    "url",
    ["issuer.example.org", "ftp://x/y", "https://", "http://u:p@x/", "http://x:y/", "file://x"],
)
def test_key_set_that_cannot_be_fetched_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("GATEWAY_JWKS_URL", url)

    with pytest.raises(ValidationError, match="is not an http:, https: or file: URL"):
        settings()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", SECRET)
    monkeypatch.setenv("GATEWAY_STUN_URLS", "stun:a, stun:b:3478,,stun:a")
    monkeypatch.setenv(
        "GATEWAY_ALLOWED_ORIGINS", "https://exam.example.org, http://[::1]:5173,null"
    )
    monkeypatch.setenv("GATEWAY_TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8,192.0.2.7")

    read = settings()
    assert read.stun_urls == ("stun:a", "stun:b:3478")
    assert read.allowed_origins == ("https://exam.example.org", "http://[::1]:5173", "null")
    assert list(map(str, read.trusted_proxies)) == ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STUN_URLS", "stun:a?transport=udp"),
        ("STUN_URLS", "a:3478"),
        ("ALLOWED_ORIGINS", "exam.example.org"),
        ("ALLOWED_ORIGINS", "https://exam.example.org/"),
        ("ALLOWED_ORIGINS", "https://Exam.example.org"),
        ("TRUSTED_PROXIES", "proxy"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
    ],
)
def test_list_with_a_wrong_part_is_one_friendly_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", SECRET)
    monkeypatch.setenv(f"GATEWAY_{name}", value)

    assert main() == 1
    said = capsys.readouterr().err
    assert f"GATEWAY_{name}" in said
    assert said.count("\n") == 1


def test_turn_servers_need_their_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", SECRET)
    monkeypatch.setenv("GATEWAY_TURN_URLS", "turn:a:3478?transport=tcp,turns:a")

    with pytest.raises(ValidationError, match="go together"):
        settings()
    monkeypatch.setenv("GATEWAY_TURN_SECRET", "t")
    assert settings().turn_urls == ("turn:a:3478?transport=tcp", "turns:a")
