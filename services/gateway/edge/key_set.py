"""The keys of the tokens' issuer: fetched in the background, kept, rotated."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from services.common.log import get_logger
from services.gateway.edge.fetch import FetchError
from services.gateway.edge.key import Key, KeySetError, parse_key_set

log = get_logger("gateway.edge")

# After a failed fetch; doubled by each further one, up to the time between refreshes.
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class KeySetTimes:
    refresh_s: float = 300.0
    # What one fetch may take, and so how long a token waits for its key.
    fetch_s: float = 5.0
    # Least time between two fetches on account of tokens with an unknown key.
    cooldown_s: float = 10.0


class KeysUnknownError(Exception):
    """The issuer cannot be asked, so nobody knows whether a key is good."""


class KeySet:
    """Keys from `source`. `run` refreshes them; what was fetched last stays good while that fails.

    A token never causes more than one fetch a cooldown, and any number of tokens wait for the same
    one.
    """

    def __init__(
        self, name: str, source: Callable[[], Awaitable[bytes]], times: KeySetTimes
    ) -> None:
        """`name` is where the keys come from, as it may be logged."""
        self._name = name
        self._source = source
        self._times = times
        self._loop = asyncio.get_running_loop()
        self._keys: tuple[Key, ...] = ()
        self._fetching: asyncio.Task[None] | None = None
        self._asked_at: float | None = None
        # Why the last fetch failed.
        self._failure: str | None = None

    @property
    def has_keys(self) -> bool:
        return bool(self._keys)

    @property
    def failure(self) -> str | None:
        """Why the last fetch failed; None where it did not."""
        return self._failure

    async def run(self) -> None:
        """Keep the keys fresh until cancelled."""
        failures = 0
        try:
            while True:
                await self._fetched()
                failures = failures + 1 if self._failure else 0
                pause = RETRY_S * 2 ** min(failures - 1, 16) if failures else self._times.refresh_s
                await asyncio.sleep(min(pause, self._times.refresh_s))
        finally:
            await self.close()

    async def close(self) -> None:
        """End the fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching

    async def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key that a token names; None if the issuer has no such key.

        Waits for a fetch where that may help. Raises KeysUnknownError where it failed.
        """
        key = self._look_up(key_id, algorithm)
        if key is not None:
            return key
        if self._fetching is not None or self._may_ask():
            await self._fetched()
            key = self._look_up(key_id, algorithm)
        if key is None and self._failure is not None:
            raise KeysUnknownError(self._failure)
        return key

    def _look_up(self, key_id: str | None, algorithm: str) -> Key | None:
        if key_id is None:
            # With several, which is meant would be a guess.
            return self._keys[0] if len(self._keys) == 1 else None
        named = (key for key in self._keys if key.key_id == key_id)
        return next((key for key in named if key.algorithm == algorithm), None)

    def _may_ask(self) -> bool:
        now = self._loop.time()
        return self._asked_at is None or now >= self._asked_at + self._times.cooldown_s

    async def _fetched(self) -> None:
        if self._fetching is None:
            self._fetching = self._loop.create_task(self._fetch())
        # Whoever waits may be cancelled; the others still wait.
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(self._times.fetch_s):
                keys = parse_key_set(await self._source())
        except TimeoutError:
            self._failed(f"no answer within {self._times.fetch_s:g} s")
        except (FetchError, KeySetError) as error:
            self._failed(str(error))
        except Exception as error:
            # The refresh must go on: a key that was withdrawn would stay good for ever.
            log.exception("gateway.keys.fetch_broken", source=self._name)
            self._failed(type(error).__name__)
        else:
            self._succeeded(keys)
        finally:
            self._asked_at = self._loop.time()
            self._fetching = None

    def _failed(self, cause: str) -> None:
        self._failure = cause
        log.warning(
            "gateway.keys.not_fetched", source=self._name, cause=cause, kept=len(self._keys)
        )

    def _succeeded(self, keys: tuple[Key, ...]) -> None:
        names = [key.key_id for key in keys]
        if self._failure is not None or names != [key.key_id for key in self._keys]:
            log.info("gateway.keys.fetched", source=self._name, key_ids=names)
        self._keys, self._failure = keys, None
