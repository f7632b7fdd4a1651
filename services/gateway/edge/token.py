"""Tokens: signature and expiry. What the claims allow is decided in core."""

import jwt

from services.common.errors import Code, Refusal
from services.gateway.core.admission import Claims

# Named here and never taken from the token: a token must not choose how it is checked.
ALGORITHMS = ["HS256"]
LEEWAY_S = 10


class TokenVerifier:
    """Checks tokens that are signed with the shared secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def verify(self, token: str) -> Claims:
        """The claims of a good token. Raises Refusal: UNAUTHORIZED with what is wrong."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=ALGORITHMS,
                leeway=LEEWAY_S,
                options={"require": ["exp", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Refusal(Code.UNAUTHORIZED, "TOKEN_EXPIRED", "The token has expired.") from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise Refusal(Code.UNAUTHORIZED, "TOKEN_INVALID", "The token is not valid.") from None
        return Claims.of(claims)
