"""One document from a URL, bounded in size; the caller bounds the time."""

import asyncio
import ssl
from contextlib import suppress
from http.client import HTTPException, HTTPMessage, parse_headers
from io import BytesIO
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

MAX_BYTES = 256 * 1024
MAX_HEAD_BYTES = 32 * 1024


class FetchError(Exception):
    """There is no document to be had; the message says why and holds nothing of it."""


async def fetch(url: str) -> bytes:
    """The document at an http:, https: or file: URL. Raises FetchError.

    Written on the event loop's own sockets, so that a deadline of the caller ends all of it: a
    thread that waits for a server that drips a byte at a time cannot be ended. Redirects are not
    followed: where keys come from is the operator's decision alone.
    """
    parts = urlsplit(url)
    try:
        if parts.scheme == "file":
            return await asyncio.to_thread(_read_file, Path(unquote(parts.path)))
        return await _get(parts)
    except (OSError, ssl.CertificateError) as error:
        raise FetchError(str(error) or type(error).__name__) from None


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise FetchError(f"the file is larger than {MAX_BYTES} bytes")
    return content


async def _get(parts: SplitResult) -> bytes:
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(
        parts.hostname,
        parts.port or (443 if tls else 80),
        ssl=tls,
        limit=MAX_HEAD_BYTES,
    )
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.rpartition("@")[2]
        writer.write(
            f"GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n"
            "Accept-Encoding: identity\r\nUser-Agent: invigil\r\nConnection: close\r\n\r\n".encode()
        )
        return await _read_response(reader)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, HTTPException, ValueError):
        raise FetchError("the answer is not complete HTTP/1.1") from None
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError):
            # Not a polite goodbye of TLS: the server may be one that never answers.
            writer.transport.abort()


async def _read_response(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, _, fields = head.partition(b"\r\n")
    words = status_line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1."):
        raise FetchError("the answer is not HTTP/1.1")
    if words[1] != b"200":
        raise FetchError(f"the answer is {words[1][:3].decode('ascii', 'replace')}, not 200")
    return await _read_body(reader, parse_headers(BytesIO(fields)))


async def _read_body(reader: asyncio.StreamReader, headers: HTTPMessage) -> bytes:
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return await _read_chunks(reader)
    length = headers.get("Content-Length")
    if length is not None:
        _check_size(int(length))
        return await reader.readexactly(int(length))
    body = b""
    while part := await reader.read(MAX_BYTES):
        body += part
        _check_size(len(body))
    return body


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    """A body in chunks (RFC 9112, section 7.1); trailers are not read."""
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        _check_size(len(body) + size)
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return body


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_BYTES:
        raise FetchError(f"the answer is larger than {MAX_BYTES} bytes")
