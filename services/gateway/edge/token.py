"""Tokens: signature, expiry, issuer, audience. What the claims allow is decided in core."""

from dataclasses import dataclass
from typing import Any

import jwt

from services.common.errors import Code, Refusal
from services.common.log import get_logger
from services.gateway.core.admission import Claims
from services.gateway.edge.key import ALGORITHMS
from services.gateway.edge.key_set import KeySet, KeysUnknownError

log = get_logger("gateway.edge")

# The one algorithm of the shared secret.
SHARED = "HS256"
LEEWAY_S = 10
# What PyJWT raises for tokens that are none, and for claims that are not of their type.
BAD_TOKEN = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token's `iss` must be and its `aud` must hold; None: `iss` is not looked at, and a
    token that is meant for somebody (`aud`) is not meant for this server."""

    issuer: str | None = None
    audience: str | None = None


class TokenVerifier:
    """Checks tokens that are signed with the shared secret, or by the issuer of a key set.

    The token's header only says which of the two, and which key; how a key is used never comes
    from the token, so a public key cannot be passed off as a secret.
    """

    def __init__(
        self, secret: str | None, keys: KeySet | None = None, expected: Expected | None = None
    ) -> None:
        self._secret = secret
        self._keys = keys
        self._expected = expected or Expected()

    @property
    def is_ready(self) -> bool:
        """Whether any token could be found good."""
        return self._secret is not None or (self._keys is not None and self._keys.has_keys)

    @property
    def trouble(self) -> str | None:
        """Why tokens of the issuer may be refused; None while its keys can be fetched."""
        return self._keys.failure if self._keys is not None else None

    async def run(self) -> None:
        """Keep the issuer's keys fresh until cancelled."""
        if self._keys is not None:
            await self._keys.run()

    async def verify(self, token: str) -> Claims:
        """The claims of a good token. Bounded in time.

        Raises Refusal: UNAUTHORIZED with what is wrong, UNAVAILABLE where that cannot be known.
        """
        try:
            key, algorithm = await self._key_of(token)
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                leeway=LEEWAY_S,
                issuer=self._expected.issuer,
                audience=self._expected.audience,
                options={"require": ["exp", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Refusal(Code.UNAUTHORIZED, "TOKEN_EXPIRED", "The token has expired.") from None
        except KeysUnknownError:
            raise Refusal(
                Code.UNAVAILABLE, "KEYS_UNKNOWN", "The keys of the token's issuer are not known."
            ) from None
        except BAD_TOKEN as error:
            # An operator looks for the issuer or audience that differs; a client is told neither.
            log.info("gateway.token.refused", cause=type(error).__name__)
            raise Refusal(Code.UNAUTHORIZED, "TOKEN_INVALID", "The token is not valid.") from None
        return Claims.of(claims)

    async def _key_of(self, token: str) -> tuple[Any, str]:
        header = jwt.get_unverified_header(token)
        # PyJWT has checked that the key's id is a string, if there is one.
        algorithm, key_id = str(header.get("alg")), header.get("kid")
        if algorithm == SHARED and self._secret is not None:
            return self._secret, SHARED
        if self._keys is None or algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        key = await self._keys.find(key_id, algorithm)
        if key is None:
            raise jwt.InvalidKeyError
        return key.public, key.algorithm
