"""Settings of a worker, from the environment (SFU_*)."""

import socket

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.common.setting import Settings
from services.sfu.core.limit import MAX_PEERS_PER_ROOM


class SfuSettings(Settings):
    """Every field is an environment variable with the prefix SFU_."""

    model_config = SettingsConfigDict(env_prefix="SFU_", extra="ignore", frozen=True)

    # Gateways are let in by network, not by password: keep this off public interfaces.
    grpc_host: str = "127.0.0.1"
    grpc_port: int = Field(default=50051, ge=0, le=65535)
    # An address literal; empty takes both families, or IPv4 where the machine has no IPv6.
    media_host: str = ""
    media_port: int = Field(default=40000, ge=0, le=65535)
    # Comma-separated addresses or names that clients send media to; empty: this machine's own.
    advertised_address: str = ""
    worker_id: str = Field(default_factory=socket.gethostname, min_length=1, max_length=128)
    # How long the seat of a peer whose connection is gone is kept.
    grace_ms: int = Field(default=60_000, ge=0, le=3_600_000)
    # How long someone waits for a moderator to let them in.
    waiting_ms: int = Field(default=1_800_000, ge=1_000, le=86_400_000)
    # Peers in a room, observers included, where the token says nothing else.
    max_participants: int = Field(default=200, ge=1, le=MAX_PEERS_PER_ROOM)
    log_level: str = Field(default="info", pattern="^(?i:debug|info|warning|error|critical)$")
    # How long running calls may take after SIGTERM.
    stop_grace_ms: int = Field(default=2_000, ge=0, le=60_000)

    @property
    def advertised_addresses(self) -> tuple[str, ...]:
        """The parts of `advertised_address`."""
        parts = (part.strip() for part in self.advertised_address.split(","))
        return tuple(part for part in parts if part)
