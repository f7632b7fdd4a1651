"""Settings of the gateway, from the environment (GATEWAY_*)."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from services.common.setting import Settings

CONSOLE = Path(__file__).resolve().parents[1] / "console" / "dist"
MIN_SECRET_BYTES = 32

HOST_AND_PORT = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?"


def _split(value: object) -> object:
    """The parts of a list in one variable, each once."""
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(filter(None, map(str.strip, value.split(",")))))


def _like(example: str, pattern: str) -> AfterValidator:
    shape = re.compile(pattern)

    def check(value: str) -> str:
        if not shape.fullmatch(value):
            raise ValueError(f"{value!r} is not like {example}")
        return value

    return AfterValidator(check)


# As browsers take them: anything else makes them refuse the whole list (RFC 7064, RFC 7065).
StunUrl = Annotated[str, _like("stun:stun.example.org:3478", rf"stuns?:{HOST_AND_PORT}")]
TurnUrl = Annotated[
    str,
    _like(
        "turn:turn.example.org:3478?transport=udp",
        rf"turns?:{HOST_AND_PORT}(\?transport=(udp|tcp))?",
    ),
]
# As browsers write it: lower case, without the port that the scheme implies (RFC 6454, section
# 6.2); "null" is a page without an origin: a file, a sandboxed frame.
Origin = Annotated[
    str,
    _like(
        "https://exam.example.org, * or null",
        rf"(?!.*[A-Z])[a-z][a-z0-9+.-]*://{HOST_AND_PORT}|\*|null",
    ),
]
List = (NoDecode, BeforeValidator(_split))
Milliseconds = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class GatewaySettings(Settings):
    """Every field is an environment variable with the prefix GATEWAY_; secrets also as *_FILE.

    Lists are separated by commas.
    """

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="ignore", frozen=True)

    host: str = "0.0.0.0"
    port: int = Field(default=8080, ge=0, le=65535)
    # PEM files; both or none.
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # "host:port" of each worker.
    workers: str = "127.0.0.1:50051"
    console_dir: Path = CONSOLE
    log_level: str = Field(default="info", pattern="^(?i:debug|info|warning|error|critical)$")

    # Who signs the tokens of clients: whoever holds the secret (HS256), the issuer whose public
    # keys are at the URL (RS256, ES256, EdDSA; http:, https: or file:), or both.
    jwt_secret: SecretStr | None = None
    jwks_url: str | None = None
    # What `iss` and `aud` of every token must be, where set.
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwks_refresh_ms: Milliseconds = 300_000
    jwks_timeout_ms: Milliseconds = 5_000
    # Least time between two fetches on account of tokens with an unknown key.
    jwks_cooldown_ms: Annotated[int, Field(ge=0)] = 10_000

    # Signs resume tokens; the same on all gateways. Unset, it follows from jwt_secret.
    resume_secret: SecretStr | None = None
    # How old a resume token may be where the worker of its session is gone, the only one to know
    # for sure whether it has ended. A client is given a younger one with each ping frame: this is
    # how long it may be away. Where the worker lives it decides, and a token has no age.
    rejoin_within_s: Annotated[int, Field(ge=60)] = 15 * 60

    # What clients are told as iceServers. The secret is coturn's static-auth-secret.
    stun_urls: Annotated[tuple[StunUrl, ...], *List] = ()
    turn_urls: Annotated[tuple[TurnUrl, ...], *List] = ()
    turn_secret: SecretStr | None = None
    turn_ttl_s: Annotated[int, Field(ge=60, le=7 * 86_400)] = 6 * 3600

    # Whose pages may open a socket, beside the gateway's own; "*": every page.
    allowed_origins: Annotated[tuple[Origin, ...], *List] = ()
    # Networks whose X-Forwarded-For is believed.
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], *List] = ()

    max_connections: Count = 10_000
    # Sockets that are not, or not yet, a client's: half-open, in the handshake, reading a file.
    max_http_connections: Count = 1_000
    # One address may be a school: hundreds of candidates behind one router.
    connections_per_address: Count = 2_000
    connects_per_address_per_s: Rate = 100.0
    connect_burst_per_address: Count = 1_000
    messages_per_address_per_s: Rate = 2_000.0
    message_burst_per_address: Count = 4_000
    max_message_bytes: Annotated[int, Field(ge=1024, le=16 * 1024 * 1024)] = 64 * 1024
    messages_per_s: Rate = 50.0
    message_burst: Count = 100
    flood_messages: Annotated[int, Field(ge=0)] = 200
    bad_frames: Count = 3
    waiting_requests: Count = 64
    handshake_timeout_ms: Milliseconds = 10_000
    auth_timeout_ms: Milliseconds = 5_000
    ping_interval_ms: Milliseconds = 30_000
    ping_timeout_ms: Milliseconds = 60_000
    send_queue_messages: Count = 512
    send_queue_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    # How long a client may take to read what was sent before a close.
    flush_timeout_ms: Milliseconds = 5_000
    worker_silence_ms: Annotated[int, Field(ge=100)] = 3_000
    call_timeout_ms: Milliseconds = 5_000
    # Clients of a gateway that goes down come back spread over this time.
    drain_spread_ms: Annotated[int, Field(ge=0)] = 1_000

    @field_validator("jwt_secret", "jwks_url", "resume_secret", "turn_secret", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("jwks_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not _is_fetchable(value):
            raise ValueError("is not an http:, https: or file: URL")
        return value

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.jwt_secret is not None:
            if len(self.jwt_secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
                raise ValueError(f"GATEWAY_JWT_SECRET needs at least {MIN_SECRET_BYTES} bytes")
        elif self.jwks_url is None:
            raise ValueError(
                "neither GATEWAY_JWT_SECRET (or GATEWAY_JWT_SECRET_FILE), the secret that signs "
                f"tokens, at least {MIN_SECRET_BYTES} bytes, nor GATEWAY_JWKS_URL is set"
            )
        elif self.resume_secret is None:
            raise ValueError(
                "GATEWAY_RESUME_SECRET (or GATEWAY_RESUME_SECRET_FILE) is not set, and there is no "
                "GATEWAY_JWT_SECRET that it could follow from; it is the same on all gateways"
            )
        if (
            self.resume_secret is not None
            and len(self.resume_secret.get_secret_value().encode()) < MIN_SECRET_BYTES
        ):
            raise ValueError(f"GATEWAY_RESUME_SECRET needs at least {MIN_SECRET_BYTES} bytes")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("GATEWAY_TLS_CERT and GATEWAY_TLS_KEY go together")
        if bool(self.turn_urls) != (self.turn_secret is not None):
            raise ValueError("GATEWAY_TURN_URLS and GATEWAY_TURN_SECRET go together")
        if not self.worker_addresses:
            raise ValueError("GATEWAY_WORKERS names no worker")
        return self

    @property
    def worker_addresses(self) -> tuple[str, ...]:
        """The parts of `workers`, each once."""
        parts = (part.strip() for part in self.workers.split(","))
        return tuple(dict.fromkeys(part for part in parts if part))


def _is_fetchable(url: str) -> bool:
    if not url.isascii() or any(character.isspace() for character in url):
        return False
    try:
        parts = urlsplit(url)
        if parts.scheme == "file":
            return bool(parts.path) and not parts.netloc
        # A password in the URL would not be sent.
        is_plain = parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_plain
