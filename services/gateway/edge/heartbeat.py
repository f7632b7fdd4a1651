"""Ping frames, and what else is due as often: a client that does not answer is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed


@dataclass(frozen=True, slots=True)
class HeartbeatTimes:
    """Seconds between ping frames, and for the answer to each."""

    interval_s: float = 30.0
    timeout_s: float = 60.0


async def beat(
    socket: ServerConnection,
    times: HeartbeatTimes,
    on_beat: Callable[[], None],
    on_lost: Callable[[], None],
) -> None:
    """Ping until the socket closes, each time with `on_beat`; neither callable raises.

    `on_lost` is called once when an answer is overdue.
    """
    loop = asyncio.get_running_loop()
    timers: set[asyncio.TimerHandle] = set()

    def check(pong: Awaitable[float]) -> None:
        # The library gives a future.
        if isinstance(pong, asyncio.Future) and not pong.done():
            on_lost()

    try:
        while True:
            await asyncio.sleep(times.interval_s)
            on_beat()
            # Writing may wait for a client that does not read: that counts as no answer.
            async with asyncio.timeout(times.timeout_s):
                pong = await socket.ping()
            timer = loop.call_later(times.timeout_s, check, pong)
            timers = {old for old in timers if old.when() > loop.time()} | {timer}
    except ConnectionClosed:
        return
    except TimeoutError:
        on_lost()
    finally:
        for timer in timers:
            timer.cancel()
