"""Settings come from the environment, secrets also from files."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from services.common.setting import Settings


class Sample(Settings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_")

    port: int = 1
    secret: SecretStr = SecretStr("")


def test_default_holds_without_an_environment() -> None:
    assert Sample().port == 1


def test_environment_wins_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_PORT", "2")
    assert Sample().port == 2


def test_secret_is_read_from_the_file_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text("from a file\n")
    monkeypatch.setenv("SAMPLE_SECRET_FILE", str(path))
    assert Sample().secret.get_secret_value() == "from a file"


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from a file")
    monkeypatch.setenv("SAMPLE_SECRET_FILE", str(path))
    monkeypatch.setenv("SAMPLE_SECRET", "from the environment")
    assert Sample().secret.get_secret_value() == "from the environment"
