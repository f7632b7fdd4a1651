"""Requests of the protocol that are understood and validated, and answered with NOT_BUILT."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from services.gateway.core.message.envelope import Request
from services.gateway.core.message.media import ConsumerName


class SetPriorityPayload(ConsumerName):
    priority: Annotated[int, Field(ge=1, le=255)]


class ConsumerSetPriority(Request):
    type: Literal["consumer:set-priority"]
    payload: SetPriorityPayload


class Data(Request):
    # mediasoup's shapes; their fields are checked where data channels are built.
    type: Literal["data:produce", "data:consume", "data:close"]
    payload: dict[str, JsonValue]


NotBuilt = ConsumerSetPriority | Data
