"""Tokens whose keys come from an issuer's web server, which may do anything."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.common.errors import Code, Refusal
from services.gateway.edge.fetch import MAX_BYTES, FetchError, fetch
from services.gateway.edge.key_set import KeySet, KeySetTimes
from services.gateway.edge.token import Expected, TokenVerifier
from tests.support.client import connected
from tests.support.gateway import ROOM, RunningWorker, mint, running_gateway
from tests.support.issuer import (
    Answer,
    Issuer,
    Signer,
    endless,
    hanging,
    issuing,
    key_set,
    saying,
)
from tests.support.poll import eventually

# No refresh but those that tokens cause.
QUIET = KeySetTimes(refresh_s=3600, fetch_s=10, cooldown_s=0)
# A gateway without a secret of its own to check tokens with.
ISSUER_ONLY: dict[str, Any] = {"jwt_secret": None, "resume_secret": "r" * 32}


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing(Signer("k1")) as running:
        yield running


@contextlib.asynccontextmanager
async def verifying(
    issuer: Issuer,
    times: KeySetTimes = QUIET,
    secret: str | None = None,
    expected: Expected | None = None,
) -> AsyncIterator[TokenVerifier]:
    keys = KeySet("issuer", lambda: fetch(issuer.url), times)
    verifier = TokenVerifier(secret, keys, expected)
    running = asyncio.create_task(verifier.run())
    try:
        yield verifier
    finally:
        running.cancel()
        await asyncio.wait([running])


async def refusal(verifier: TokenVerifier, token: str) -> tuple[Code, str]:
    with pytest.raises(Refusal) as caught:
        await verifier.verify(token)
    return caught.value.code, caught.value.reason


INVALID = (Code.UNAUTHORIZED, "TOKEN_INVALID")
UNKNOWN = (Code.UNAVAILABLE, "KEYS_UNKNOWN")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("key_id", ["k1", None])
async def test_token_of_the_issuer_is_good(algorithm: str, key_id: str | None) -> None:
    signer = Signer(key_id, algorithm)
    async with issuing(signer) as issuer, verifying(issuer) as verifier:
        assert (await verifier.verify(signer.sign())).sub == "ada"
        assert await refusal(verifier, Signer("k1", "ES256").sign()) == INVALID
        assert await refusal(verifier, signer.sign(exp=1)) == (Code.UNAUTHORIZED, "TOKEN_EXPIRED")


async def test_keys_are_fetched_once_and_not_for_each_token() -> None:
    signers = [Signer("a"), Signer("b", "EdDSA")]
    async with issuing(*signers) as issuer, verifying(issuer) as verifier:
        tokens = [signers[n % 2].sign() for n in range(50)]
        await asyncio.gather(*map(verifier.verify, tokens))

        assert issuer.requests == 1


async def test_new_key_is_fetched_when_a_token_names_it() -> None:
    old, new = Signer("old"), Signer("new")
    async with issuing(old) as issuer, verifying(issuer) as verifier:
        await verifier.verify(old.sign())
        issuer.publish(old, new)
        await asyncio.gather(*(verifier.verify(new.sign()) for _ in range(20)))
        assert issuer.requests == 2

        issuer.publish(new)
        assert await refusal(verifier, Signer("other").sign()) == INVALID
        assert await refusal(verifier, old.sign()) == INVALID


async def test_unknown_keys_cause_one_fetch_a_cooldown() -> None:
    times = KeySetTimes(refresh_s=3600, fetch_s=10, cooldown_s=3600)
    signer = Signer("k1")
    async with issuing(signer) as issuer, verifying(issuer, times) as verifier:
        await verifier.verify(signer.sign())
        for n in range(50):
            assert await refusal(verifier, Signer(f"guess-{n}").sign()) == INVALID

        assert issuer.requests == 1


async def test_keys_are_refreshed_in_the_background() -> None:
    times = KeySetTimes(refresh_s=0.05, fetch_s=10, cooldown_s=3600)
    old, new = Signer("old"), Signer("new")
    async with issuing(old) as issuer, verifying(issuer, times) as verifier:
        await verifier.verify(old.sign())
        issuer.publish(new)
        seen = issuer.requests
        await eventually(lambda: issuer.requests > seen + 1, what="a refresh begun afterwards")

        await verifier.verify(new.sign())
        assert await refusal(verifier, old.sign()) == INVALID


BAD_ANSWERS: dict[str, Answer] = {
    "not found": saying(b"", "404 Not Found"),
    "redirect": saying(b"", "302 Found", "Location: http://127.0.0.1:1/", "Content-Length: 0"),
    "not HTTP": saying(b"hello", "\r\n"),
    "page": saying(b"<html>"),
    "list": saying(b"[]"),
    "no list": saying(b'{"keys": {"a": 1}}'),
    "no keys": saying(b'{"keys": []}'),
    "no usable key": saying(json.dumps({"keys": [{"kty": "oct", "k": "AAAA"}, 7]}).encode()),
    "nested": saying(b"[" * 100_000),
    "many keys": saying(json.dumps({"keys": [{}] * 65}).encode()),
    "huge, and says so": saying(b"", "200 OK", f"Content-Length: {MAX_BYTES + 1}"),
    "negative length": saying(b"", "200 OK", "Content-Length: -1"),
    "no number": saying(b"", "200 OK", "Content-Length: many"),
    "cut off": saying(b"{", "200 OK", "Content-Length: 100"),
    "huge chunk": saying(b"fffffff\r\n", "200 OK", "Transfer-Encoding: chunked"),
    "no chunk": saying(b"xyz\r\n", "200 OK", "Transfer-Encoding: chunked"),
    "large head": saying(b"", "200 OK", *(f"X-{n}: {'x' * 1000}" for n in range(100))),
    "many headers": saying(
        b"{}", "200 OK", "Content-Length: 2", *(f"X-{n}: 1" for n in range(120))
    ),
    "endless": endless,
    "hanging": hanging,
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_failed_refresh_keeps_the_keys_and_says_so(answer: Answer) -> None:
    signer = Signer("k1")
    times = KeySetTimes(refresh_s=3600, fetch_s=1, cooldown_s=0)
    async with issuing(signer) as issuer, verifying(issuer, times) as verifier:
        await verifier.verify(signer.sign())
        issuer.answer = answer

        assert await refusal(verifier, Signer("k2").sign()) == UNKNOWN
        assert verifier.trouble is not None
        await verifier.verify(signer.sign())
        assert verifier.is_ready

        issuer.publish(signer)
        assert await refusal(verifier, Signer("k2").sign()) == INVALID
        assert verifier.trouble is None


async def test_issuer_that_died_keeps_its_keys_good() -> None:
    signer = Signer("k1")
    async with issuing(signer) as issuer, verifying(issuer) as verifier:
        await verifier.verify(signer.sign())
        await issuer.stop()

        assert await refusal(verifier, Signer("k2").sign()) == UNKNOWN
        await verifier.verify(signer.sign())


async def test_token_waits_for_keys_no_longer_than_a_fetch_may_take() -> None:
    times = KeySetTimes(refresh_s=3600, fetch_s=0.2, cooldown_s=0)
    signer = Signer("k1")
    async with issuing(signer) as issuer:
        issuer.answer = hanging
        async with verifying(issuer, times) as verifier:
            assert not verifier.is_ready
            tokens = [signer.sign() for _ in range(20)]
            refused = await asyncio.gather(*(refusal(verifier, token) for token in tokens))

            assert set(refused) == {UNKNOWN}
            assert issuer.requests <= 2


async def test_first_token_waits_for_keys_that_are_on_their_way() -> None:
    signer = Signer("k1")
    async with issuing(signer) as issuer:
        good, gate = issuer.answer, asyncio.Event()

        async def late(writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            await good(writer)

        issuer.answer = late
        async with verifying(issuer) as verifier:
            waiting = asyncio.create_task(verifier.verify(signer.sign()))
            await eventually(lambda: issuer.requests == 1)
            gate.set()

            assert (await waiting).sub == "ada"


async def test_failed_first_fetch_is_repeated_without_a_token() -> None:
    signer = Signer("k1")
    async with issuing(signer) as issuer:
        good = issuer.answer
        issuer.answer = saying(b"", "503 Service Unavailable")
        async with verifying(issuer) as verifier:
            await eventually(lambda: verifier.trouble is not None)
            issuer.answer = good
            await eventually(lambda: verifier.is_ready, what="the keys are there")


async def test_body_in_chunks_and_body_up_to_the_end_are_read(issuer: Issuer) -> None:
    body = key_set(Signer("k1"))
    chunks = b"".join(b"%x;x=y\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:]))
    issuer.answer = saying(chunks + b"0\r\n\r\n", "200 OK", "Transfer-Encoding: chunked")
    assert await fetch(issuer.url) == body
    issuer.answer = saying(body, "200 OK", "Connection: close")
    assert await fetch(issuer.url) == body


async def test_keys_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a key set.json"
    with pytest.raises(FetchError):
        await fetch(path.as_uri())
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(FetchError):
        await fetch(path.as_uri())
    path.write_bytes(b"{}")
    assert await fetch(path.as_uri()) == b"{}"


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_public_key_is_not_taken_for_a_secret(algorithm: str) -> None:
    signer = Signer("k1", "RS256")
    public: Any = signer.private.public_key()
    async with issuing(signer) as issuer:
        for secret in (None, "s" * 64):
            async with verifying(issuer, secret=secret) as verifier:
                for key in (
                    public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
                    public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
                    json.dumps(signer.public).encode(),
                ):
                    # By hand, because PyJWT refuses to.
                    head = part(json.dumps({"alg": algorithm, "kid": "k1"}).encode())
                    text = f"{head}.{signer.sign().split('.')[1]}"
                    digest = getattr(hashlib, "sha" + algorithm[2:])
                    proof = hmac.new(key, text.encode(), digest).digest()

                    assert await refusal(verifier, f"{text}.{part(proof)}") == INVALID


async def test_token_does_not_choose_its_algorithm() -> None:
    signer = Signer("k1", "RS256")
    async with issuing(signer) as issuer, verifying(issuer) as verifier:
        _, claims, proof = signer.sign().split(".")
        for algorithm in (
            "none",
            "None",
            "",
            "ES256",
            "RS384",
            "PS256",
            "EdDSA",
            None,
            7,
            ["RS256"],
        ):
            head = part(json.dumps({"alg": algorithm, "kid": "k1"}).encode())
            assert await refusal(verifier, f"{head}.{claims}.") == INVALID
            assert await refusal(verifier, f"{head}.{claims}.{proof}") == INVALID
        head = part(json.dumps({"alg": "RS256", "kid": ["k1"]}).encode())
        assert await refusal(verifier, f"{head}.{claims}.{proof}") == INVALID


async def test_secret_and_issuer_sign_side_by_side() -> None:
    signer = Signer("k1")
    async with issuing(signer) as issuer:
        async with verifying(issuer, secret="a secret of at least thirty-two bytes") as verifier:
            await verifier.verify(mint())
            await verifier.verify(signer.sign())
        async with verifying(issuer) as verifier:
            assert await refusal(verifier, mint()) == INVALID


@pytest.mark.parametrize(
    "claims", [{}, {"iss": "x"}, {"aud": "x"}, {"iss": "https://i", "aud": "other"}, {"aud": 7}]
)
async def test_token_of_another_issuer_or_for_another_audience_is_invalid(
    claims: dict[str, Any],
) -> None:
    signer = Signer("k1")
    async with (
        issuing(signer) as issuer,
        verifying(issuer, expected=Expected("https://i", "invigil")) as verifier,
    ):
        await verifier.verify(signer.sign(iss="https://i", aud=["x", "invigil"]))
        assert await refusal(verifier, signer.sign(**claims)) == INVALID


async def test_token_for_some_audience_is_not_for_a_server_without_a_name() -> None:
    signer = Signer("k1")
    async with issuing(signer) as issuer, verifying(issuer) as verifier:
        assert await refusal(verifier, signer.sign(aud="x")) == INVALID


async def test_clients_come_in_with_the_issuers_tokens(worker: RunningWorker) -> None:
    signer = Signer("k1", "RS256")
    async with (
        issuing(signer) as issuer,
        running_gateway(worker.address, **ISSUER_ONLY, jwks_url=issuer.url) as gateway,
    ):
        await eventually(lambda: gateway.app.is_ready, what="the gateway is ready")
        async with connected(gateway.url) as client:
            # All at once: the second must not overtake the first, whose key is looked for.
            auth, join = await asyncio.gather(
                client.authenticate(signer.sign(), ROOM), client.join(ROOM, "Ada")
            )
            assert auth["userId"] == "ada"
            assert join["peerId"] == client.peer_id


async def test_gateway_without_its_issuers_keys_says_so(worker: RunningWorker) -> None:
    async with issuing(Signer("k1")) as issuer:
        issuer.answer = saying(b"", "500 Internal Server Error")
        async with running_gateway(
            worker.address, **ISSUER_ONLY, jwks_url=issuer.url, jwks_cooldown_ms=0
        ) as gateway:
            await eventually(lambda: issuer.requests > 0)
            async with connected(gateway.url) as client:
                refused = await client.request(
                    "auth:request", {"token": Signer("k1").sign(), "roomId": ROOM}
                )
                assert refused.payload["code"] == "UNAVAILABLE"
                assert refused.payload["details"] == {
                    "reason": "KEYS_UNKNOWN",
                    "retryAfterMs": 1000,
                }
                assert await client.close_code() == 1013
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.app.port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 503")
            assert answer.endswith(b"no keys: the answer is 500, not 200\n")


async def test_refresh_goes_on_after_a_fault_that_nobody_thought_of() -> None:
    signer = Signer("k1")
    fetches = 0

    async def source() -> bytes:
        nonlocal fetches
        fetches += 1
        if fetches == 1:
            raise ZeroDivisionError
        return key_set(signer)

    keys = KeySet("issuer", source, KeySetTimes(refresh_s=0.01, fetch_s=10, cooldown_s=3600))
    running = asyncio.create_task(keys.run())
    await eventually(lambda: keys.has_keys)
    assert keys.failure is None
    running.cancel()
    await asyncio.wait([running])
