"""Requests of the protocol that are understood and validated, and answered with NOT_BUILT."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from services.gateway.core.message.envelope import Request
from services.gateway.core.message.field import (
    DisplayName,
    Identifier,
    Opaque,
    TokenText,
    WireModel,
)
from services.gateway.core.message.media import ConsumerName
from services.gateway.core.message.room import NoPayload

Reason = Annotated[str, StringConstraints(max_length=256)]


class AuthRefreshPayload(WireModel):
    token: TokenText


class AuthRefresh(Request):
    type: Literal["auth:refresh"]
    payload: AuthRefreshPayload


class RoomLock(Request):
    type: Literal["room:lock", "room:unlock"]
    payload: NoPayload = NoPayload()


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


class MessageSendPayload(WireModel):
    to: Identifier | None = None
    body: JsonValue


class MessageSend(Request):
    type: Literal["message:send"]
    payload: MessageSendPayload


class PeerUpdatePayload(WireModel):
    app_data: Opaque | None = None
    display_name: DisplayName | None = None
    hand_raised: bool | None = None


class PeerUpdate(Request):
    type: Literal["peer:update"]
    payload: PeerUpdatePayload = PeerUpdatePayload()


class PeerModerationPayload(WireModel):
    peer_id: Identifier
    reason: Reason | None = None


class PeerModeration(Request):
    type: Literal["peer:admit", "peer:reject", "peer:kick", "peer:mute", "peer:unmute"]
    payload: PeerModerationPayload


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


NotBuilt = (
    AuthRefresh
    | RoomLock
    | TransportRestartIce
    | ConsumerSetPriority
    | Data
    | MessageSend
    | PeerUpdate
    | PeerModeration
    | StatsGet
)
