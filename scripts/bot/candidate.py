"""One synthetic candidate: joins, sends, and comes back whenever the server does."""

import asyncio
import random
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import datetime

from scripts.bot.camera import DrawnTrack
from scripts.bot.look import LOOKS
from scripts.bot.melody import MelodyTrack, compose
from scripts.bot.page import Page
from scripts.bot.scene import Scene
from services.client.python.failure import ClientError, ClosedError, RefusedError
from services.client.python.publication import Publication
from services.client.python.session import Session, joined

CAMERA_FRAMES_PER_S, CAMERA_BITRATE = 10, 300_000
SCREEN_FRAMES_PER_S, SCREEN_BITRATE = 5, 400_000
# A pentatonic scale: whoever is heard together sounds well together.
PITCHES_HZ = (220.0, 247.5, 277.2, 330.0, 371.3, 440.0)
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 8.0
# To ask again with the same token, or with another of the same kind, is of no use.
FINAL_CODES = frozenset({"UNAUTHORIZED", "FORBIDDEN", "ROOM_NOT_FOUND", "INVALID_MESSAGE"})


class TurnedAwayError(Exception):
    """The server does not want this bot, now or later."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where bots join. `token` makes one for a name, anew for each attempt."""

    url: str
    room: str
    token: Callable[[str], str]
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one bot does. `number` chooses its look and pitch."""

    name: str
    number: int
    shares_screen: bool = False
    # Mutes itself now and then.
    is_shy: bool = False


class Candidate:
    """`attend` until cancelled. `say` gets a line for a person, seldom."""

    def __init__(self, part: Part, door: Door, say: Callable[[str], None]) -> None:
        self._part = part
        self._door = door
        self._say = say
        self._random = random.Random(part.number)
        self._look = LOOKS[part.number % len(LOOKS)]
        self._is_missing = False

    async def attend(self) -> None:
        """Raises TurnedAwayError when coming back makes no sense."""
        pitch_hz = PITCHES_HZ[self._part.number % len(PITCHES_HZ)]
        sounds = await asyncio.to_thread(compose, pitch_hz)
        # Each begins elsewhere, so that six take turns.
        begin = self._part.number * 247 % len(sounds)
        sounds = sounds[begin:] + sounds[:begin]
        wait_s = FIRST_WAIT_S
        while True:
            closing_s = 0.0
            try:
                async with self._joined() as session:
                    microphone = await self._publish(session, MelodyTrack(sounds))
                    wait_s = FIRST_WAIT_S
                    self._is_back()
                    end = await self._stay(session, microphone)
                    closing_s = self._closing_s(session)
            except ClientError as error:
                end = error
            self._is_gone(end)
            # Not all at once: a server that comes back has enough to do.
            asked_s = max(closing_s, _asked_wait_s(end))
            await asyncio.sleep(asked_s + self._random.uniform(0.5, 1) * wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _joined(self) -> AbstractAsyncContextManager[Session]:
        name, door = self._part.name, self._door
        return joined(door.url, token=door.token(name), room=door.room, name=name, tls=door.tls)

    async def _publish(self, session: Session, melody: MelodyTrack) -> Publication:
        scene = await asyncio.to_thread(Scene, self._part.name, self._look, self._part.number)
        camera = DrawnTrack(
            lambda at_s: scene.draw(at_s, datetime.now()),
            frames_per_s=CAMERA_FRAMES_PER_S,
            bitrate=CAMERA_BITRATE,
        )
        await session.publish(camera, source="camera")
        microphone = await session.publish(melody, source="microphone")
        if self._part.shares_screen:
            page = await asyncio.to_thread(Page)
            screen = DrawnTrack(page.draw, frames_per_s=SCREEN_FRAMES_PER_S, bitrate=SCREEN_BITRATE)
            await session.publish(screen, source="screen")
        return microphone

    async def _stay(self, session: Session, microphone: Publication) -> ClientError:
        muting = asyncio.create_task(self._mute_now_and_then(microphone))
        try:
            return await session.ended()
        finally:
            muting.cancel()
            with suppress(asyncio.CancelledError, ClientError):
                await muting

    async def _mute_now_and_then(self, microphone: Publication) -> None:
        while self._part.is_shy:
            await asyncio.sleep(self._random.uniform(10, 16))
            await microphone.pause()
            await asyncio.sleep(self._random.uniform(4, 7))
            await microphone.resume()

    def _closing_s(self, session: Session) -> float:
        """How long the server asks to stay away. Raises TurnedAwayError."""
        if session.closing is None:
            return 0.0
        if session.closing.action == "stop":
            raise TurnedAwayError(session.closing.reason)
        return session.closing.after_ms / 1000

    def _is_back(self) -> None:
        if self._is_missing:
            self._say(f"{self._part.name} is back.")
        self._is_missing = False

    def _is_gone(self, end: ClientError) -> None:
        if isinstance(end, RefusedError) and end.code in FINAL_CODES:
            raise TurnedAwayError(str(end))
        if isinstance(end, ClosedError) and end.is_final:
            raise TurnedAwayError(str(end))
        if not self._is_missing:
            self._say(f"{self._part.name} has lost the server and tries again ({end}).")
        self._is_missing = True


def _asked_wait_s(end: ClientError) -> float:
    return (end.retry_after_ms or 0) / 1000 if isinstance(end, RefusedError) else 0.0
