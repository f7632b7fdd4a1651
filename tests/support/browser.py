"""A browser's page as tests see it, whichever browser it is, and what the console shows there."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.poll import until

PROBE = Path(__file__).with_name("probe.js").read_text()


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a page has received of one stream so far."""

    kind: str
    packets: int
    lost: int
    frames: int
    width: int
    key_frame_requests: int
    freezes: int
    freeze_s: float
    audio_energy: float


class Tab(ABC):
    """One page that shares no storage with another, and everything that went wrong in it.

    A `script` is an expression, or a function that is called with `argument`; what it gives, or
    the promise that it gives, comes back as JSON does.
    """

    def __init__(self) -> None:
        self.errors: list[str] = []
        # Text frames of every socket of the page, in both directions.
        self.sent: list[str] = []
        self.received: list[str] = []

    @property
    @abstractmethod
    def is_closed(self) -> bool: ...

    @abstractmethod
    async def open(self, link: str) -> None:
        """Load a page, and wait until it is loaded."""

    @abstractmethod
    async def reload(self) -> None: ...

    @abstractmethod
    async def close(self) -> None:
        """Close it as a person does: it may say goodbye."""

    @abstractmethod
    async def evaluate(self, script: str, argument: Any = None) -> Any: ...

    @abstractmethod
    async def click(self, test_id: str) -> None:
        """Press the mouse on the one element with this id."""

    @abstractmethod
    async def add_init_script(self, script: str) -> None:
        """Run `script` in every later document, after the probe and before the page's own."""

    async def text(self, test_id: str) -> str:
        """What the element with this id says; "" if there is none."""
        return str(await self.evaluate("id => __probe.element(id)?.textContent ?? ''", test_id))

    async def attribute(self, test_id: str, name: str) -> str:
        """An attribute of the element with this id; "" if there is none."""
        script = "([id, name]) => __probe.element(id)?.getAttribute(name) ?? ''"
        return str(await self.evaluate(script, [test_id, name]))

    async def status(self) -> str:
        """What the page tells its user about the call."""
        return (await self.text("status")).strip()

    async def tone(self) -> str:
        """The same as one word: quiet, busy, good, warning or bad."""
        return await self.attribute("status-line", "data-tone")

    async def until_good(self) -> None:
        """Wait until all is well: a candidate is live, a proctor is watching."""

        async def is_good() -> bool:
            return await self.tone() == "good"

        await until(is_good, "the page says that all is well")

    def messages(self) -> list[dict[str, Any]]:
        """Everything the server has said to the page."""
        return [json.loads(text) for text in self.received]

    def replies(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of the messages of one type."""
        return [message["payload"] for message in self.messages() if message["type"] == kind]

    def requests(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of what the page has asked the server, of one type."""
        asked = [json.loads(text) for text in self.sent]
        return [message["payload"] for message in asked if message["type"] == kind]

    async def unmute(self) -> None:
        """Turn the sound on, as a proctor does."""
        await self.click("enable-sound")

        async def is_on() -> bool:
            return await self.attribute("enable-sound", "data-on") == "true"

        await until(is_on, "the sound is on")

    async def report(self) -> str:
        """What a person needs who looks for the cause of a failure."""
        if self.is_closed:
            return f"(closed) errors: {self.errors}"
        path = await self.evaluate("location.pathname")
        lines = [f"{path} says {await self.status()!r}"]
        lines += [f"  error: {error}" for error in self.errors]
        lines += [f"  < {text[:200]}" for text in self.received[-12:]]
        lines += [f"  > {text[:200]}" for text in self.sent[-6:]]
        states = "__probe.connections.map((c) => [c.connectionState, c.iceConnectionState])"
        lines += [f"  connections: {await self.evaluate(states)}"]
        lines += [f"  inbound: {await self.evaluate('__probe.inbound()')}"]
        return "\n".join(lines)

    async def own_peer_id(self) -> str:
        async def joined() -> str:
            return next((reply["peerId"] for reply in self.replies("room:state")), "")

        return await until(joined, "the page is in the room")

    async def send(self, message: dict[str, Any]) -> None:
        """Say something over the page's own newest socket."""
        await self.evaluate("m => __probe.sockets.at(-1).send(JSON.stringify(m))", message)


@dataclass(frozen=True, slots=True)
class Tile:
    """What a page shows of one other peer."""

    tab: Tab
    name: str

    async def count(self) -> int:
        """How many tiles bear this name."""
        return int(await self.tab.evaluate("name => __probe.tiles(name).length", self.name))

    async def attribute(self, name: str) -> str:
        """A data attribute: connection, picture, microphone, tone, sound, peer-id. "" if gone."""
        script = """([name, attribute]) => {
          const [tile, ...more] = __probe.tiles(name);
          return (!more.length && tile?.getAttribute(attribute)) || "";
        }"""
        return str(await self.tab.evaluate(script, [self.name, f"data-{name}"]))

    async def inbound(self, kind: str) -> Inbound | None:
        """What this page has received of the peer's stream of this kind; None before it exists."""
        for found in await self.tab.evaluate("name => __probe.inboundOf(name)", self.name):
            if found["kind"] == kind:
                return _inbound(found)
        return None

    async def until_shown(self) -> None:
        async def shown() -> bool:
            return await self.count() == 1

        await until(shown, f"there is one tile of {self.name}")

    async def until_gone(self) -> None:
        async def gone() -> bool:
            return await self.count() == 0

        await until(gone, f"the tile of {self.name} is gone")

    async def until_attribute(self, name: str, value: str) -> None:
        async def has() -> bool:
            return await self.attribute(name) == value

        await until(has, f"the tile of {self.name} has {name}={value}")

    async def frames(self) -> int:
        """Frames of the camera that this page has decoded so far."""
        stream = await self.inbound("video")
        return stream.frames if stream else 0

    async def until_frames_grow(self, by: int = 20) -> int:
        """Wait until this page has decoded `by` more frames, and return how many there are."""
        before = await self.frames()

        async def grown() -> int:
            frames = await self.frames()
            return frames if frames >= before + by else 0

        return await until(grown, f"{by} more frames of {self.name} than {before}")

    async def until_audio_grows(self) -> float:
        """Wait until this page has heard more sound: of a muted one only Firefox counts any."""
        first = await self.inbound("audio")
        before = first.audio_energy if first else 0.0

        async def grown() -> float:
            stream = await self.inbound("audio")
            return stream.audio_energy if stream and stream.audio_energy > before else 0.0

        return await until(grown, f"more sound of {self.name} than {before}")


def _inbound(found: dict[str, Any]) -> Inbound:
    return Inbound(
        kind=found["kind"],
        packets=found["packets"],
        lost=found["lost"],
        frames=found["frames"],
        width=found["width"],
        key_frame_requests=found["keyFrameRequests"],
        freezes=found["freezes"],
        freeze_s=found["freezeS"],
        audio_energy=found["audioEnergy"],
    )
