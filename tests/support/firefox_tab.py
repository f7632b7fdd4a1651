"""A page of Firefox, in a window and a container of its own."""

import json
from typing import Any

from tests.support.bidi import Bidi, BidiError, Json
from tests.support.browser import PROBE, Tab
from tests.support.poll import until

EVENTS = ["log.entryAdded", "script.message"]

# The page's own scripts see the probe; what it tells goes to the test as it happens.
CHANNEL = "probe"
PRELOAD = f"""(tell) => {{
{PROBE}
__probe.tell = tell;
}}"""


# Scrolled into view, the element is in two pictures at one place, and under its own middle.
AT_REST = """async (id) => {
  const element = __probe.element(id);
  if (!element || element.disabled) return false;
  element.scrollIntoView({ block: "nearest", behavior: "instant" });
  const place = () => Object.values(element.getBoundingClientRect().toJSON());
  const nextPicture = () => new Promise(requestAnimationFrame);
  await nextPicture();
  const [x, y, width, height, ...rest] = place();
  await nextPicture();
  const stands = String(place()) === String([x, y, width, height, ...rest]);
  const found = document.elementFromPoint(x + width / 2, y + height / 2);
  return stands && width > 0 && element.contains(found);
}"""


class FirefoxTab(Tab):
    """Made by `new_tab`."""

    def __init__(self, bidi: Bidi, context: str, container: str) -> None:
        super().__init__()
        self._bidi = bidi
        self._context = context
        self._container = container
        self._is_closed = False
        bidi.listen("log.entryAdded", self._note)
        bidi.listen("script.message", self._hear)

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    async def open(self, link: str) -> None:
        await self._command("browsingContext.navigate", url=link, wait="complete")

    async def reload(self) -> None:
        await self._command("browsingContext.reload", wait="complete")

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await self._command("browsingContext.close")
        await self._bidi.command("browser.removeUserContext", {"userContext": self._container})

    async def evaluate(self, script: str, argument: Any = None) -> Any:
        found = await self._bidi.command(
            "script.callFunction",
            {
                "functionDeclaration": f"""async (argument) => {{
                  const found = ({script});
                  const value = typeof found === "function"
                    ? await found(JSON.parse(argument)) : await found;
                  return JSON.stringify(value) ?? "null";
                }}""",
                "arguments": [{"type": "string", "value": json.dumps(argument)}],
                "target": {"context": self._context},
                "awaitPromise": True,
            },
        )
        if found["type"] == "exception":
            raise BidiError(f"{script}: {found['exceptionDetails']['text']}")
        return json.loads(found["result"]["value"])

    async def click(self, test_id: str) -> None:
        async def is_at_rest() -> bool:
            return bool(await self.evaluate(AT_REST, test_id))

        # The press goes to a point, and WebDriver does not look at what is there by then.
        await until(is_at_rest, f"{test_id} stands still with nothing over it")
        located = await self._command(
            "browsingContext.locateNodes",
            locator={"type": "css", "value": f'[data-testid="{test_id}"]'},
        )
        (node,) = located["nodes"]
        element = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        await self._command(
            "input.performActions",
            actions=[
                {
                    "type": "pointer",
                    "id": "mouse",
                    "actions": [
                        {"type": "pointerMove", "x": 0, "y": 0, "origin": element},
                        {"type": "pointerDown", "button": 0},
                        {"type": "pointerUp", "button": 0},
                    ],
                }
            ],
        )

    async def add_init_script(self, script: str) -> None:
        await self._bidi.command(
            "script.addPreloadScript",
            {"functionDeclaration": f"() => {{ {script} }}", "contexts": [self._context]},
        )

    async def watch(self) -> None:
        """Put the probe into every document that comes."""
        channel = {"type": "channel", "value": {"channel": CHANNEL}}
        await self._bidi.command(
            "script.addPreloadScript",
            {
                "functionDeclaration": PRELOAD,
                "arguments": [channel],
                "contexts": [self._context],
            },
        )

    async def _command(self, method: str, **parameters: Any) -> Json:
        return await self._bidi.command(method, {"context": self._context, **parameters})

    def _note(self, entry: Json) -> None:
        if entry["source"].get("context") != self._context:
            return
        if entry["type"] == "javascript" and entry["level"] == "error":
            self.errors.append(f"uncaught: {entry['text']}")
        elif entry["type"] == "console" and entry["level"] in ("error", "warn"):
            self.errors.append(f"console {entry['level']}: {entry['text']}")

    def _hear(self, message: Json) -> None:
        if message["source"].get("context") != self._context:
            return
        way, text = message["data"]["value"][0], message["data"]["value"][1:]
        (self.sent if way == ">" else self.received).append(text)


async def new_tab(bidi: Bidi) -> FirefoxTab:
    """A page with cookies and storage of its own, in a window that is never behind another."""
    container = (await bidi.command("browser.createUserContext"))["userContext"]
    created = await bidi.command(
        "browsingContext.create", {"type": "window", "userContext": container}
    )
    tab = FirefoxTab(bidi, created["context"], container)
    await tab.watch()
    return tab
