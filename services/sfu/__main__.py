"""`python -m services.sfu`: one worker until SIGTERM or SIGINT."""

import asyncio
import signal
import sys

import uvloop
from pydantic import ValidationError

from services.common.log import configure_logging, get_logger
from services.common.telemetry import configure_telemetry
from services.sfu.app import App
from services.sfu.config import SfuSettings

log = get_logger("sfu")


async def run(settings: SfuSettings) -> int:
    """Serve until a signal; the process's exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        app = App(settings)
    except ValueError as error:
        return _refuse(str(error))
    try:
        await app.start()
    except OSError as error:
        await app.stop()
        return _refuse(str(error))
    await stop.wait()
    await app.stop()
    log.info("sfu.stopped")
    return 0


def main() -> int:
    """Read the settings, run, exit code."""
    try:
        settings = SfuSettings()
    except ValidationError as error:
        fields = "; ".join(
            f"SFU_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors()
        )
        return _refuse(fields)
    configure_logging("sfu", settings.log_level)
    end_telemetry = configure_telemetry("sfu")
    try:
        return uvloop.run(run(settings))
    finally:
        end_telemetry()


def _refuse(text: str) -> int:
    print(f"sfu: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
