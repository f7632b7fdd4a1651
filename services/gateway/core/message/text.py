"""Text messages from peer to peer."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.field import Identifier, OpaqueValue, WireModel


class MessageSendPayload(WireModel):
    # Absent: everyone whom the role may address.
    to: Identifier | None = None
    body: OpaqueValue


class MessageSend(Request):
    type: Literal["message:send"]
    payload: MessageSendPayload


class MessageSent(Payload):
    type: ClassVar[str] = "message:sent"


class MessageReceived(Payload):
    """State event. Ids of peers; `to` only where the message is for the reader alone."""

    type: ClassVar[str] = "message"
    sender: Annotated[str, Field(alias="from")]
    to: str | None = None
    body: JsonValue
