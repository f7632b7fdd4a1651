#!/usr/bin/env python3
"""Print a development token for the gateway.

It is signed with GATEWAY_JWT_SECRET, with what GATEWAY_JWT_SECRET_FILE names, or else with the
secret that `make run` made for this checkout.
"""

import os
import sys
from importlib.util import find_spec

if __name__ == "token":
    raise ImportError("scripts are modules: start them as `python -m scripts.NAME`")
if __name__ == "__main__":
    ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    VENV_PYTHON = os.path.join(ROOT, ".venv", "bin", "python")
    if sys.path[0] == os.path.join(ROOT, "scripts"):
        # Python put this folder first, where this file would hide the standard library's `token`.
        sys.path[0] = ROOT
    if find_spec("jwt") is None and os.path.exists(VENV_PYTHON):
        # Started with the machine's own Python: `make run` has installed what is needed.
        os.execv(VENV_PYTHON, [VENV_PYTHON, *sys.argv])

import argparse
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

import jwt

SECRET = "GATEWAY_JWT_SECRET"
CHECKOUT_SECRET = Path(__file__).resolve().parent.parent / ".make" / "jwt-secret"
ROLES = ("candidate", "proctor", "observer")
DEFAULT_TTL_S = 12 * 3600
# HS256 wants a key of at least the digest's length (RFC 7518, section 3.2).
MIN_SECRET_BYTES = 32


class SecretError(Exception):
    """There is no usable secret to sign with."""


def read_secret(environment: Mapping[str, str]) -> str | None:
    """The secret in the environment, in the file it names, or of this checkout, if there is one."""
    if environment.get(SECRET):
        return environment[SECRET]
    path = environment.get(f"{SECRET}_FILE")
    if path or CHECKOUT_SECRET.exists():
        return Path(path or CHECKOUT_SECRET).read_text().strip()
    return None


def make_checkout_secret() -> str:
    """A new secret, kept with this checkout, so that links outlive a restart of `make run`."""
    CHECKOUT_SECRET.parent.mkdir(exist_ok=True)
    secret = secrets.token_urlsafe(MIN_SECRET_BYTES)
    descriptor = os.open(CHECKOUT_SECRET, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
    return secret


def mint(
    *,
    secret: str,
    room: str,
    user: str,
    role: str,
    name: str | None = None,
    ttl_s: int = DEFAULT_TTL_S,
    create: bool = False,
    waiting_room: bool = False,
) -> str:
    """A signed token that lets `user` into `room` as `role` for `ttl_s` seconds.

    `create` also lets its bearer open the room; with `waiting_room`, candidates of a room that it
    opens wait for a moderator. Raises SecretError for a secret that is too short.
    """
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise SecretError(f"{SECRET} must have at least {MIN_SECRET_BYTES} bytes")
    issued_at = int(time.time())
    claims: dict[str, str | int | bool] = {
        "sub": user,
        "room": room,
        "role": role,
        "name": name or user,
        "iat": issued_at,
        "exp": issued_at + ttl_s,
    }
    if create:
        claims["create"] = True
    if waiting_room:
        claims["waitingRoom"] = True
    return jwt.encode(claims, secret, algorithm="HS256")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--room", required=True, help="the room's id, or * for every room")
    parser.add_argument("--user", required=True, help="the user's id")
    parser.add_argument("--role", required=True, choices=ROLES)
    parser.add_argument("--name", help="the name that others see (default: the user's id)")
    parser.add_argument("--ttl", type=int, default=DEFAULT_TTL_S, help="seconds until it expires")
    parser.add_argument(
        "--create",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="may also create the room",
    )
    parser.add_argument(
        "--waiting-room",
        action="store_true",
        help="candidates of the room that it creates wait until a moderator lets them in",
    )
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    try:
        secret = read_secret(os.environ)
        if secret is None:
            raise SecretError(f"set {SECRET} (or {SECRET}_FILE), or start `make run` once")
        token = mint(
            secret=secret,
            room=arguments.room,
            user=arguments.user,
            role=arguments.role,
            name=arguments.name,
            ttl_s=arguments.ttl,
            create=arguments.create,
            waiting_room=arguments.waiting_room,
        )
    except (SecretError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(token)
    return 0


if __name__ == "__main__":
    sys.exit(main())
