"""Bounds on what one session may put into a room, and the checks of plain texts."""

import json
import math
import re
from collections.abc import Iterable

from services.common.errors import Code, Refusal

MAX_TRANSPORTS_PER_SESSION = 8
MAX_PRODUCERS_PER_SESSION = 16
MAX_CONSUMERS_PER_SESSION = 512
# Of one session. More would let one client multiply a stream at everybody's cost.
MAX_CONSUMERS_OF_ONE_PRODUCER = 4
MAX_PRODUCERS_PER_CONSUME = 64
MAX_ID_CHARACTERS = 128
MAX_REQUEST_ID_CHARACTERS = 256
MAX_DISPLAY_NAME_CHARACTERS = 128
MAX_REASON_CHARACTERS = 256
MAX_MESSAGE_BYTES = 4096
MAX_AUDIENCE = 256
# Of a peer and its open producers together. With 200 peers that use all of it, and long names, the
# `room:state` of a joining proctor still fits in a gateway's send queue of 1 MiB.
MAX_APP_DATA_BYTES = 2048
# Observers included. A room of this size fits in one gRPC reply, see services.common.rpc.size.
MAX_PEERS_PER_ROOM = 1000

# Visible ASCII: ids end up in logs, URLs and as CNAMEs in other peers' session descriptions.
_ID = re.compile(rf"[\x21-\x7e]{{1,{MAX_ID_CHARACTERS}}}")


def check_id(name: str, value: str) -> None:
    """Refuse an id that is empty, too long or not visible ASCII."""
    if not _ID.fullmatch(value):
        raise _invalid(
            "BAD_ID", f"{name} must be 1 to {MAX_ID_CHARACTERS} visible ASCII characters."
        )


def check_name(name: str, value: str) -> None:
    """Refuse a user's or a room's id, which others choose, that is empty, too long or not text."""
    if not (0 < len(value) <= MAX_ID_CHARACTERS and value.isprintable()):
        raise _invalid("BAD_ID", f"{name} must be 1 to {MAX_ID_CHARACTERS} printable characters.")


def check_request_id(value: str) -> None:
    """Refuse a request id that is absent or too long."""
    if not 0 < len(value) <= MAX_REQUEST_ID_CHARACTERS:
        raise _invalid(
            "BAD_REQUEST_ID", f"A request id must have 1 to {MAX_REQUEST_ID_CHARACTERS} characters."
        )


def check_display_name(value: str) -> None:
    """Refuse a name that is too long. It may be empty."""
    if len(value) > MAX_DISPLAY_NAME_CHARACTERS:
        raise _invalid(
            "DISPLAY_NAME_TOO_LONG",
            f"displayName must have at most {MAX_DISPLAY_NAME_CHARACTERS} characters.",
        )


def check_reason(value: str) -> None:
    """Refuse a moderator's words that are too long. They may be empty."""
    if len(value) > MAX_REASON_CHARACTERS:
        raise _invalid(
            "REASON_TOO_LONG", f"reason must have at most {MAX_REASON_CHARACTERS} characters."
        )


def check_message(text: str) -> None:
    """Refuse the body of a message that is no JSON value, or is larger than 4 KiB."""
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        raise _invalid("MESSAGE_TOO_LARGE", f"body must fit in {MAX_MESSAGE_BYTES} bytes.")
    try:
        _load(text)
    except (ValueError, RecursionError):
        raise _invalid("BAD_MESSAGE", "body must be a JSON value.") from None


def check_app_data(text: str, beside: Iterable[str] = ()) -> str:
    """The text of a JSON object; "{}" for an empty text.

    Raises Refusal where it is no object, or is larger than 2 KiB together with the texts `beside`,
    which the session has given already.
    """
    if text == "":
        return "{}"
    if sum(len(given.encode()) for given in (text, *beside)) > MAX_APP_DATA_BYTES:
        raise _invalid(
            "APP_DATA_TOO_LARGE",
            f"appData of a peer and its producers must fit in {MAX_APP_DATA_BYTES} bytes.",
        )
    try:
        value = _load(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _invalid("BAD_APP_DATA", "appData must be a JSON object.")
    return text


def _load(text: str) -> object:
    return json.loads(text, parse_constant=_refuse_number, parse_float=_finite)


def _refuse_number(text: str) -> None:
    # NaN and Infinity are no JSON, whatever Python thinks.
    raise ValueError(text)


def _finite(text: str) -> float:
    # 1e999 is JSON, but whoever reads it as a double writes Infinity.
    value = float(text)
    if not math.isfinite(value):
        _refuse_number(text)
    return value


def _invalid(reason: str, message: str) -> Refusal:
    return Refusal(Code.INVALID_MESSAGE, reason, message)
