import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from services.gateway.edge.key import KeySetError, parse_key_set
from tests.support.issuer import Signer

GOOD = Signer("k1").public


def document(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_key_verifies_with_the_algorithm_of_its_type_only(algorithm: str) -> None:
    public = Signer("k1", algorithm).public
    for more in ({}, {"alg": algorithm}, {"use": "sig"}, {"key_ops": ["verify"]}):
        (key,) = parse_key_set(document({**public, **more}))
        assert (key.key_id, key.algorithm) == ("k1", algorithm)


@pytest.mark.parametrize(
    "changed",
    [
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"alg": None},
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": 7},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["EC"]},
        {"crv": "P-384"},
        {"crv": ["P-256"]},
        {"crv": None},
        {"x": "AA"},
        {"x": 7},
        {"x": None},
        {"d": "AA"},
    ],
    ids=str,
)
def test_unusable_key_is_passed_over(changed: dict[str, Any]) -> None:
    with pytest.raises(KeySetError):
        parse_key_set(document({**GOOD, **changed}))
    assert len(parse_key_set(document({**GOOD, **changed}, 7, None, GOOD))) == 1


def test_point_that_is_not_on_the_curve_is_passed_over() -> None:
    with pytest.raises(KeySetError):
        parse_key_set(document({**GOOD, "x": base64.urlsafe_b64encode(b"x" * 32).decode()}))


@pytest.mark.parametrize("bits", [1024, 9216])
def test_rsa_key_that_is_too_weak_or_too_dear_is_passed_over(bits: int) -> None:
    numbers = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) | 1)
    public = RSAAlgorithm.to_jwk(numbers.public_key(), as_dict=True)
    with pytest.raises(KeySetError):
        parse_key_set(document({**public, "key_ops": ["verify"]}))


def test_other_curve_is_passed_over() -> None:
    public = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    with pytest.raises(KeySetError):
        parse_key_set(document(public))
