"""Start worker, gateway and synthetic candidates on this machine, and print a proctor's link."""

import argparse
import sys
import threading

from scripts import run

NAMES = (
    "Amara Okafor",
    "Jonas Weber",
    "Mei Lin Chen",
    "Priya Raman",
    "Mateo Alvarez",
    "Leila Haddad",
)
INVITATIONS = (
    run.Invitation("proctor", "who watches {bots} synthetic candidates:"),
    run.Invitation("candidate", "to join them with a camera of your own:"),
)


def bot_arguments(running: run.Running, room: str, bots: int) -> list[str]:
    """The command line of the process that all bots share."""
    names = [f"{name} {number // len(NAMES) + 1}" for number, name in enumerate(NAMES * 99)]
    cast = [*NAMES, *names[len(NAMES) :]][:bots]
    words = ["--url", running.settings.socket_url, "--room", room, "--insecure"]
    for name in cast:
        words += ["--name", name]
    # One shares a screen and another is shy, where there are several.
    return [*words, "--screen", cast[0], "--shy", cast[min(1, bots - 1)]]


def show(room: str, bots: int, stop: threading.Event) -> None:
    """Run everything until `stop` is set."""
    with run.running_services(stop) as running:
        if stop.is_set():
            return
        words = bot_arguments(running, room, bots)
        # Last of the list, so that the bots leave before the services end.
        running.services.append(
            run.start("bot", "scripts.bot", running.environment, *words, says=sys.stdout.buffer)
        )
        invitations = [
            run.Invitation(each.role, each.text.format(bots=bots)) for each in INVITATIONS
        ]
        print(run.welcome(running, room, invitations), flush=True)
        run.watch(running.services, stop)


def at_least_one(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 60:
        raise argparse.ArgumentTypeError("1 to 60")
    return number


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--room", default=run.ROOM, help="the room of the printed links")
    parser.add_argument("--bots", type=at_least_one, default=len(NAMES), help="how many (6)")
    arguments = parser.parse_args()
    return run.run(lambda stop: show(arguments.room, arguments.bots, stop))


if __name__ == "__main__":
    sys.exit(main())
