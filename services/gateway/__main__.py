"""`python -m services.gateway`: one gateway until SIGTERM or SIGINT."""

import asyncio
import resource
import signal
import sys
from typing import Any

import uvloop
from pydantic import ValidationError

from services.common.log import configure_logging, get_logger
from services.common.telemetry import configure_telemetry
from services.gateway.app import App
from services.gateway.config import GatewaySettings

log = get_logger("gateway")

# Files that are no client's: logs, workers, the console's pages.
SPARE_FILES = 100


async def run(settings: GatewaySettings) -> int:
    """Serve until a signal; the process's exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        app = App(settings)
    except OSError as error:
        return _refuse(f"the TLS certificate or key cannot be used: {error}")
    try:
        await app.start()
    except OSError as error:
        await app.stop()
        return _refuse(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}")
    await stop.wait()
    await app.stop()
    return 0


def main() -> int:
    """Read the settings, run, exit code."""
    try:
        settings = GatewaySettings()
    except ValidationError as error:
        return _refuse("; ".join(_words(item) for item in error.errors(include_input=False)))
    except OSError as error:
        return _refuse(f"a secret cannot be read: {error}")
    configure_logging("gateway", settings.log_level)
    _raise_file_limit(settings.max_connections + settings.max_http_connections + SPARE_FILES)
    end_telemetry = configure_telemetry("gateway")
    try:
        return uvloop.run(run(settings))
    finally:
        end_telemetry()


def _raise_file_limit(wanted: int) -> None:
    """Let this process open `wanted` files, each socket being one, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    if allowed < wanted:
        log.warning(
            "gateway.files.few",
            wanted=wanted,
            allowed=allowed,
            hint="raise the limit of open files, or lower GATEWAY_MAX_CONNECTIONS",
        )


def _words(item: Any) -> str:
    # Further parts say where in a list.
    name = str(item["loc"][0]) if item["loc"] else ""
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"GATEWAY_{name.upper()}: {message}" if name else message


def _refuse(text: str) -> int:
    print(f"gateway: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
