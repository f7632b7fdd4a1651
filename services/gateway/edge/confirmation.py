"""That a client has its next resume token, told to the worker until it knows."""

import asyncio
import random
from contextlib import suppress

from services.common.errors import Code, Refusal
from services.common.log import get_logger
from services.gateway.core.port import Seat

FIRST_RETRY_S = 0.2
LAST_RETRY_S = 5.0

log = get_logger("gateway.edge")


async def confirm(seat: Seat, is_over: asyncio.Event) -> None:
    """Tell the worker that the token before is used up; again, while it cannot be reached.

    `is_over` is set when the connection is: a try that is under way then is the last one.
    """
    retry_s = FIRST_RETRY_S
    while True:
        try:
            await seat.confirm()
        except Refusal as refusal:
            log.info("gateway.session.not_confirmed", reason=refusal.reason)
            if refusal.code is not Code.UNAVAILABLE:
                # The session is over, or is another connection's by now.
                return
        else:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), retry_s * random.uniform(0.5, 1.5))
        if is_over.is_set():
            return
        retry_s = min(LAST_RETRY_S, retry_s * 2)
