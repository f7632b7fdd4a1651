"""Frames of the browser protocol, as a client writes them."""

import json
from typing import Any


def frame(kind: str, payload: Any = None, **more: Any) -> str:
    """A message of this type; `more` are further fields of its envelope."""
    message = {"type": kind, "timestamp": 1765843200000, **more}
    if payload is not None:
        message["payload"] = payload
    return json.dumps(message)
