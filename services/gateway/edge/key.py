"""The public keys of a JWKS (RFC 7517) that may verify a token."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# The one algorithm of each type of key. A token may only agree with it: one that chose could have
# a public key taken for a shared secret.
ALGORITHM: dict[tuple[object, object], str] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
ALGORITHMS = frozenset(ALGORITHM.values())
MAX_KEYS = 64
# Below, a signature proves too little; above, each costs too much.
RSA_BITS = range(2048, 8192 + 1)


class KeySetError(Exception):
    """The document is no JWKS with a key of use here."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key with the only algorithm that it verifies."""

    key_id: str | None
    algorithm: str
    public: Any


def parse_key_set(document: bytes) -> tuple[Key, ...]:
    """The usable keys of a JWKS; others, as RFC 7517 section 5 wants, are passed over.

    Raises KeySetError where there is none.
    """
    try:
        keys = json.loads(document)["keys"]
        if not isinstance(keys, list):
            raise KeySetError("its keys are not a list")
        candidates = [key for key in keys if isinstance(key, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise KeySetError("it is not JSON with a list of keys") from None
    if len(candidates) > MAX_KEYS:
        raise KeySetError(f"it has more than {MAX_KEYS} keys")
    usable = tuple(key for key in map(_usable, candidates) if key is not None)
    if not usable:
        raise KeySetError("it has no key for RS256, ES256 or EdDSA")
    return usable


def _usable(values: Mapping[str, Any]) -> Key | None:
    curve = values.get("crv")
    kind = (values.get("kty"), curve) if values.get("kty") != "RSA" else ("RSA", None)
    try:
        algorithm = ALGORITHM.get(kind)
        operations = values.get("key_ops") or ["verify"]
        is_meant = (
            algorithm is not None
            and values.get("alg", algorithm) == algorithm
            and values.get("use", "sig") == "sig"
            and "verify" in operations
            # A private key that everybody can fetch proves nothing.
            and "d" not in values
        )
        if not is_meant:
            return None
        key = jwt.PyJWK(dict(values), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size not in RSA_BITS:
        return None
    key_id = values.get("kid")
    return Key(key_id if isinstance(key_id, str) else None, key.algorithm_name, key.key)
