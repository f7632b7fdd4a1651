"""Requests of the protocol that are understood and validated, and answered with NOT_BUILT."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from services.gateway.core.message.envelope import Request
from services.gateway.core.message.field import (
    Identifier,
    WireModel,
)
from services.gateway.core.message.media import ConsumerName


class RestartIcePayload(WireModel):
    transport_id: Identifier | None = None


class TransportRestartIce(Request):
    type: Literal["transport:restart-ice"]
    payload: RestartIcePayload = RestartIcePayload()


class SetPriorityPayload(ConsumerName):
    priority: Annotated[int, Field(ge=1, le=255)]


class ConsumerSetPriority(Request):
    type: Literal["consumer:set-priority"]
    payload: SetPriorityPayload


class Data(Request):
    # mediasoup's shapes; their fields are checked where data channels are built.
    type: Literal["data:produce", "data:consume", "data:close"]
    payload: dict[str, JsonValue]


class StatsGetPayload(WireModel):
    transport_id: Identifier | None = None
    producer_id: Identifier | None = None
    consumer_id: Identifier | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if [self.transport_id, self.producer_id, self.consumer_id].count(None) != 2:
            raise ValueError("needs one of transportId, producerId, consumerId")
        return self


class StatsGet(Request):
    type: Literal["stats:get"]
    payload: StatsGetPayload


NotBuilt = TransportRestartIce | ConsumerSetPriority | Data | StatsGet
