"""Plain HTTP on the gateway's port: probes and the console."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from services.gateway.edge.static import CACHE_NEVER, File, StaticFiles

SOCKET_PATH = "/ws"
TEXT = "text/plain; charset=utf-8"

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    # A link carries its token in the fragment, which no referrer holds; the room name is enough.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether new clients should come here, and a line for whoever asks why not."""

    is_ready: bool
    words: str


class HttpFront:
    """Answers what is not a WebSocket."""

    def __init__(
        self,
        files: StaticFiles,
        readiness: Callable[[], Readiness],
        has_room: Callable[[], bool],
    ) -> None:
        """`has_room`: one more socket is allowed."""
        self._files = files
        self._readiness = readiness
        self._has_room = has_room

    async def answer(self, _: ServerConnection, request: Request) -> Response | None:
        """The response; None lets the WebSocket handshake go on."""
        path = request.path.partition("?")[0]
        if request.method != "GET":
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is allowed.\n", Allow="GET")
        if path == SOCKET_PATH:
            if self._has_room():
                return None
            return _text(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.\n")
        if path == "/healthz":
            return _text(HTTPStatus.OK, "ok\n")
        if path == "/readyz":
            readiness = self._readiness()
            status = HTTPStatus.OK if readiness.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
            return _text(status, readiness.words + "\n")
        found = await asyncio.to_thread(self._files.find, path)
        if found is None:
            return _text(HTTPStatus.NOT_FOUND, "Not found.\n")
        return _response(found)


def _text(status: HTTPStatus, text: str, **headers: str) -> Response:
    return _response(File(text.encode(), TEXT, CACHE_NEVER, status=status), **headers)


def _response(file: File, **headers: str) -> Response:
    status = HTTPStatus(file.status)
    return Response(
        status.value,
        status.phrase,
        Headers(
            {
                "Content-Type": file.content_type,
                "Content-Length": str(len(file.content)),
                "Cache-Control": file.cache_control,
                "Connection": "close",
                **SECURITY_HEADERS,
                **headers,
            }
        ),
        file.content,
    )
