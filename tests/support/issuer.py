"""An issuer of tokens: keys of its own, and a web server that publishes them, well or badly."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]

# Making one takes a while.
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Signer:
    """A private key with its name and algorithm."""

    def __init__(self, key_id: str | None, algorithm: str = "ES256") -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.private = _private_key(algorithm)

    @property
    def public(self) -> dict[str, Any]:
        """The public key as a JWK."""
        public: Any = self.private.public_key()
        kinds: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        values: dict[str, Any] = kinds[self.algorithm].to_jwk(public, as_dict=True)
        values.pop("key_ops", None)
        return values if self.key_id is None else {**values, "kid": self.key_id}

    def sign(self, **changed: Any) -> str:
        """A token; a claim given as None is left out."""
        claims = {
            "sub": "ada",
            "room": "exam",
            "role": "candidate",
            "create": True,
            "exp": int(time.time()) + 600,
            **changed,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        headers = {} if self.key_id is None else {"kid": self.key_id}
        return jwt.encode(kept, self.private, algorithm=self.algorithm, headers=headers)


def _private_key(algorithm: str) -> PrivateKey:
    match algorithm:
        case "RS256":
            return RSA_KEY
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case _:
            return ed25519.Ed25519PrivateKey.generate()


def key_set(*signers: Signer) -> bytes:
    return json.dumps({"keys": [signer.public for signer in signers]}).encode()


class Issuer:
    """A web server. Set `answer` to what it does with a request."""

    def __init__(self, *signers: Signer) -> None:
        self.requests = 0
        self.answer = self.publishing(*signers)
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys?tenant=secret"

    def publish(self, *signers: Signer) -> None:
        self.answer = self.publishing(*signers)

    @staticmethod
    def publishing(*signers: Signer) -> Answer:
        return saying(key_set(*signers))

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            await self.answer(writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._open.discard(task)


def saying(body: bytes, status: str = "200 OK", *headers: str) -> Answer:
    """An answer with this body and these header lines instead of its length."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = headers or (f"Content-Length: {len(body)}",)
        writer.write("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body)
        await writer.drain()

    return answer


async def hanging(writer: asyncio.StreamWriter) -> None:
    """Drip one byte of a header at a time, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def endless(writer: asyncio.StreamWriter) -> None:
    """A body without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


@contextlib.asynccontextmanager
async def issuing(*signers: Signer) -> AsyncIterator[Issuer]:
    issuer = Issuer(*signers)
    await issuer.start()
    try:
        yield issuer
    finally:
        await issuer.stop()
