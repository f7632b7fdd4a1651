"""Settings of the gateway, from the environment (GATEWAY_*)."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.common.setting import Settings

CONSOLE = Path(__file__).resolve().parents[1] / "console" / "dist"
MIN_SECRET_BYTES = 32


class GatewaySettings(Settings):
    """Every field is an environment variable with the prefix GATEWAY_; secrets also as *_FILE."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="ignore", frozen=True)

    host: str = "0.0.0.0"
    port: int = Field(default=8080, ge=0, le=65535)
    # PEM files; both or none.
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # Signs the tokens of clients.
    jwt_secret: SecretStr
    # "host:port" of each worker, comma-separated.
    workers: str = "127.0.0.1:50051"
    console_dir: Path = CONSOLE
    log_level: str = Field(default="info", pattern="^(?i:debug|info|warning|error|critical)$")

    max_connections: Annotated[int, Field(ge=1)] = 10_000
    max_message_bytes: Annotated[int, Field(ge=1024, le=16 * 1024 * 1024)] = 64 * 1024
    messages_per_s: Annotated[float, Field(gt=0)] = 50.0
    message_burst: Annotated[int, Field(ge=1)] = 100
    flood_messages: Annotated[int, Field(ge=0)] = 200
    bad_frames: Annotated[int, Field(ge=1)] = 3
    waiting_requests: Annotated[int, Field(ge=1)] = 64
    auth_timeout_ms: Annotated[int, Field(ge=1)] = 5_000
    ping_interval_ms: Annotated[int, Field(ge=1)] = 30_000
    ping_timeout_ms: Annotated[int, Field(ge=1)] = 60_000
    send_queue_messages: Annotated[int, Field(ge=1)] = 512
    send_queue_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    # How long a client may take to read what was sent before a close.
    flush_timeout_ms: Annotated[int, Field(ge=1)] = 5_000
    worker_silence_ms: Annotated[int, Field(ge=100)] = 3_000
    call_timeout_ms: Annotated[int, Field(ge=1)] = 5_000
    # Clients of a gateway that goes down come back spread over this time.
    drain_spread_ms: Annotated[int, Field(ge=0)] = 1_000

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if len(self.jwt_secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"GATEWAY_JWT_SECRET needs at least {MIN_SECRET_BYTES} bytes")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("GATEWAY_TLS_CERT and GATEWAY_TLS_KEY go together")
        if not self.worker_addresses:
            raise ValueError("GATEWAY_WORKERS names no worker")
        return self

    @property
    def worker_addresses(self) -> tuple[str, ...]:
        """The parts of `workers`, each once."""
        parts = (part.strip() for part in self.workers.split(","))
        return tuple(dict.fromkeys(part for part in parts if part))
