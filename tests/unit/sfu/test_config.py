"""Settings of the worker."""

import pytest

from services.sfu.config import SfuSettings


def test_defaults_listen_for_gateways_on_this_machine_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SFU_GRPC_HOST", "SFU_GRPC_PORT", "SFU_MEDIA_PORT", "SFU_ADVERTISED_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    settings = SfuSettings()
    assert (settings.grpc_host, settings.grpc_port) == ("127.0.0.1", 50051)
    assert settings.media_port == 40000
    assert settings.grace_ms == 60_000
    assert settings.max_participants == 200
    assert settings.advertised_addresses == ()
    assert settings.worker_id != ""


def test_advertised_addresses_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFU_ADVERTISED_ADDRESS", "192.0.2.7, media.example,,")
    assert SfuSettings().advertised_addresses == ("192.0.2.7", "media.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [("SFU_GRPC_PORT", "65536"), ("SFU_GRACE_MS", "-1"), ("SFU_MAX_PARTICIPANTS", "1001")],
)
def test_values_out_of_range_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name.removeprefix("SFU_").lower()):
        SfuSettings()
