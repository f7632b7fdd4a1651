from pathlib import Path

import pytest
from pydantic import ValidationError

from services.gateway.__main__ import main
from services.gateway.config import GatewaySettings

SECRET = "s" * 32


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATEWAY_JWT_SECRET", "GATEWAY_JWT_SECRET_FILE", "GATEWAY_WORKERS"):
        monkeypatch.delenv(name, raising=False)


def settings() -> GatewaySettings:
    return GatewaySettings()  # type: ignore[call-arg]


def test_secret_comes_from_the_environment_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", SECRET)

    assert settings().jwt_secret.get_secret_value() == SECRET
    assert SECRET not in repr(settings())


def test_secret_comes_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    monkeypatch.setenv("GATEWAY_JWT_SECRET_FILE", str(path))

    assert settings().jwt_secret.get_secret_value() == SECRET


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
