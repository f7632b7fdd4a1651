"""WebDriver BiDi: commands to a browser, each with a deadline, and the events that it sends."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.poll import PATIENCE_S

Json = dict[str, Any]
Listener = Callable[[Json], None]

# A test may run far behind its browser's events, and one of them may hold a whole room's state.
MESSAGE_BYTES = 64 * 1024 * 1024


class BidiError(Exception):
    """The browser refused a command, did not answer in time, or has gone."""


class Bidi:
    """One session. Made by `connected`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._listeners: list[tuple[str, Listener]] = []
        self._is_over = False

    async def command(
        self, method: str, parameters: Json | None = None, *, within_s: float = PATIENCE_S
    ) -> Json:
        """The result of a command. Raises BidiError."""
        if self._is_over:
            raise BidiError(f"{method}: the browser has gone")
        number = next(self._ids)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        message = {"id": number, "method": method, "params": parameters or {}}
        try:
            async with asyncio.timeout(within_s):
                await self._socket.send(json.dumps(message))
                return await answer
        except TimeoutError:
            raise BidiError(f"{method}: no answer within {within_s:.0f} s") from None
        except BidiError as error:
            raise BidiError(f"{method}: {error}") from None
        finally:
            del self._answers[number]

    def listen(self, event: str, listener: Listener) -> None:
        """Call `listener` with the parameters of each event of this name."""
        self._listeners.append((event, listener))

    async def read(self) -> None:
        """Give out what the browser says, until it says no more."""
        try:
            async for text in self._socket:
                self._take(json.loads(text))
        finally:
            self._is_over = True
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(BidiError("the browser has gone"))

    def _take(self, message: Json) -> None:
        if message["type"] == "event":
            for event, listener in self._listeners:
                if event == message["method"]:
                    listener(message["params"])
            return
        # None: nobody waits for it any more.
        answer = self._answers.get(message["id"])
        if answer is None or answer.done():
            return
        if message["type"] == "success":
            answer.set_result(message["result"])
        else:
            answer.set_exception(BidiError(f"{message['error']}: {message['message']}"))


@asynccontextmanager
async def connected(url: str, events: list[str]) -> AsyncIterator[Bidi]:
    """A session with the browser at `url`, which sends `events`."""
    async with connect(
        url, max_size=MESSAGE_BYTES, open_timeout=PATIENCE_S, compression=None, ping_interval=None
    ) as socket:
        bidi = Bidi(socket)
        reading = asyncio.create_task(bidi.read())
        try:
            await bidi.command("session.new", {"capabilities": {}})
            await bidi.command("session.subscribe", {"events": events})
            yield bidi
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
