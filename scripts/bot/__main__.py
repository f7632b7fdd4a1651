"""Send synthetic candidates into a room: python -m scripts.bot --name "Ada Lovelace"

Several names are several bots in this one process. They come back when the server does; SIGTERM or
Ctrl-C ends them.
"""

import argparse
import asyncio
import os
import re
import signal
import ssl
import sys
import traceback

import uvloop

from scripts import token
from scripts.bot.candidate import Candidate, Door, Part, TurnedAwayError

# Whoever watches and the services come first where a machine is short of time.
NICENESS = 5


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="ws://localhost:8080/ws", help="the gateway's WebSocket")
    parser.add_argument("--room", default="demo")
    parser.add_argument("--name", action="append", required=True, help="once for each bot")
    parser.add_argument("--token", help="for one name (default: tokens of one's own making)")
    parser.add_argument("--screen", metavar="NAME", help="who shares a screen")
    parser.add_argument("--shy", metavar="NAME", help="who mutes the microphone now and then")
    parser.add_argument(
        "--insecure", action="store_true", help="wss: take any certificate, for development"
    )
    arguments = parser.parse_args()
    if arguments.token and len(arguments.name) > 1:
        parser.error("--token is for one --name")
    return arguments


def door_of(arguments: argparse.Namespace) -> Door:
    """Raises token.SecretError when tokens are to be made and there is no secret."""
    tls = None
    if arguments.insecure and arguments.url.startswith("wss:"):
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    if arguments.token:
        return Door(arguments.url, arguments.room, lambda _: str(arguments.token), tls)
    secret = token.read_secret(os.environ)
    if secret is None:
        raise token.SecretError(f"set {token.SECRET}, give --token, or start `make run` once")

    def mint(name: str) -> str:
        user = "bot-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        room = arguments.room
        return token.mint(
            secret=secret, room=room, user=user, role="candidate", name=name, create=True
        )

    return Door(arguments.url, arguments.room, mint, tls)


def say(text: str) -> None:
    print(f"  {text}", flush=True)


async def play(parts: list[Part], door: Door) -> int:
    """All parts until a signal; 1 when every bot has ended by itself."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    bots = {asyncio.create_task(Candidate(part, door, say).attend()): part.name for part in parts}
    running: set[asyncio.Task[None]] = set(bots)
    while running and not stop.is_set():
        done, _ = await asyncio.wait({stopping, *running}, return_when=asyncio.FIRST_COMPLETED)
        for task in running & done:
            running.discard(task)
            report(bots[task], task.exception())
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    stopping.cancel()
    return 0 if stop.is_set() else 1


def report(name: str, error: BaseException | None) -> None:
    """Say why a bot has ended; a fault of its own also goes to stderr in full."""
    if isinstance(error, TurnedAwayError):
        say(f"{name} was turned away: {error}")
        return
    say(f"{name} has died: {type(error).__name__}: {error}")
    traceback.print_exception(error)


def main() -> int:
    arguments = parse_arguments()
    os.nice(NICENESS)
    parts = [
        Part(
            name=name,
            number=number,
            shares_screen=name == arguments.screen,
            is_shy=name == arguments.shy,
        )
        for number, name in enumerate(arguments.name)
    ]
    try:
        door = door_of(arguments)
    except (token.SecretError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(play(parts, door))


if __name__ == "__main__":
    sys.exit(main())
