"""Plain HTTP on the gateway's port: probes and the console."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from services.common.log import get_logger
from services.gateway.core.origin import is_allowed
from services.gateway.edge.door import Door, Guest
from services.gateway.edge.static import CACHE_NEVER, File, StaticFiles
from services.gateway.edge.tally import Tally

log = get_logger("gateway.edge")

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
        door: Door,
        tally: Tally,
        origins: Collection[str],
        readiness: Callable[[], Readiness],
    ) -> None:
        """`origins`: whose pages may open a socket, beside the gateway's own."""
        self._files = files
        self._door = door
        self._tally = tally
        self._origins = origins
        self._readiness = readiness

    async def answer(self, socket: ServerConnection, request: Request) -> Response | None:
        """The response; None lets the WebSocket handshake go on."""
        guest = cast(Guest, socket)
        turned = self._door.identify(guest, request.headers.get_all("X-Forwarded-For"))
        if turned is not None:
            return _busy(HTTPStatus.TOO_MANY_REQUESTS, "Too many connections from this address.\n")
        path = request.path.partition("?")[0]
        if request.method == "GET" and path == SOCKET_PATH:
            return self._refuse_socket(request.headers)
        response = await self._answer_page(request.method, path)
        self._door.reads(guest, len(response.body))
        return response

    def _refuse_socket(self, headers: Headers) -> Response | None:
        origins, hosts = headers.get_all("Origin"), headers.get_all("Host")
        origin = origins[0] if len(origins) == 1 else None
        host = hosts[0] if len(hosts) == 1 else None
        if len(origins) > 1 or not is_allowed(origin, host, self._origins):
            self._tally.count("origin")
            log.info("gateway.origin.refused", origin=(origin or "")[:256], host=(host or "")[:256])
            return _text(HTTPStatus.FORBIDDEN, "This page's origin may not open a socket here.\n")
        if not self._door.has_room:
            self._tally.count("connections")
            return _busy(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.\n")
        return None

    async def _answer_page(self, method: str, path: str) -> Response:
        if method != "GET":
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is allowed.\n", Allow="GET")
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


def _busy(status: HTTPStatus, text: str) -> Response:
    return _text(status, text, **{"Retry-After": "1"})


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
