import base64
import json
import time
from typing import Any

import jwt
import pytest

from services.common.errors import Code, Refusal
from services.gateway.edge.token import TokenVerifier

SECRET = "s" * 32
CLAIMS = {"sub": "ada", "room": "exam", "role": "candidate"}


def sign(secret: str = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    claims = {**CLAIMS, "exp": int(time.time()) + 60, **changed}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret, algorithm=algorithm)


async def reason(token: str) -> str:
    with pytest.raises(Refusal) as caught:
        await TokenVerifier(SECRET).verify(token)
    assert caught.value.code is Code.UNAUTHORIZED
    return caught.value.reason


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_good_token_gives_its_claims() -> None:
    assert (await TokenVerifier(SECRET).verify(sign())).sub == "ada"


async def test_token_expires_ten_seconds_after_its_time() -> None:
    await TokenVerifier(SECRET).verify(sign(exp=int(time.time()) - 5))
    assert await reason(sign(exp=int(time.time()) - 60)) == "TOKEN_EXPIRED"


@pytest.mark.parametrize("missing", ["exp", "sub", "room", "role"])
async def test_token_without_a_claim_is_invalid(missing: str) -> None:
    claims: dict[str, Any] = {missing: None}
    assert await reason(sign(**claims)) == "TOKEN_INVALID"


async def test_forged_token_is_invalid() -> None:
    assert await reason(sign(secret="t" * 32)) == "TOKEN_INVALID"


async def test_token_that_names_no_algorithm_or_another_one_is_invalid() -> None:
    claims = part({**CLAIMS, "exp": 4102444800})
    assert await reason(f"{part({'alg': 'none', 'typ': 'JWT'})}.{claims}.") == "TOKEN_INVALID"
    assert await reason(sign(secret="s" * 64, algorithm="HS512")) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "token", ["x", "a.b.c", "ä.ö.ü", "...", "\x00", part([[]]) + ".a.b", "[" * 8000]
)
async def test_garbage_is_invalid(token: str) -> None:
    assert await reason(token) == "TOKEN_INVALID"


async def test_deeply_nested_header_is_invalid() -> None:
    header = base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")
    assert await reason(f"{header}.e30.AA") == "TOKEN_INVALID"


@pytest.mark.parametrize("exp", [float("inf"), float("nan"), [1], {}, "soon", True])
async def test_expiry_that_is_no_time_is_invalid(exp: Any) -> None:
    assert await reason(sign(exp=exp)) in ("TOKEN_INVALID", "TOKEN_EXPIRED")
