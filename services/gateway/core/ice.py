"""The STUN and TURN servers a client is told of, with credentials that expire."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from services.gateway.core.message.connection import IceServer


@dataclass(frozen=True, slots=True)
class IceConfig:
    stun_urls: tuple[str, ...] = ()
    turn_urls: tuple[str, ...] = ()
    # What the TURN servers share with this one, as coturn's static-auth-secret.
    turn_secret: str = ""
    turn_ttl_s: int = 6 * 3600


def ice_servers(config: IceConfig, user_id: str, now_s: int) -> tuple[IceServer, ...]:
    """For `user_id` at `now_s` (Unix seconds). STUN first: it is asked first."""
    servers: list[IceServer] = []
    if config.stun_urls:
        servers.append(IceServer(urls=list(config.stun_urls)))
    if config.turn_urls:
        username = f"{now_s + config.turn_ttl_s}:{user_id}"
        servers.append(
            IceServer(
                urls=list(config.turn_urls),
                username=username,
                credential=_credential(config.turn_secret, username),
            )
        )
    return tuple(servers)


def _credential(secret: str, username: str) -> str:
    # "A REST API for Access to TURN Services" (draft-uberti-behave-turn-rest-00, section 2.2) fixes
    # SHA-1; in an HMAC its collisions do not matter.
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
