"""Frames of a client: one discriminated union over `type`, and why a frame is not in it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from services.common.errors import Code, Refusal
from services.gateway.core.message.connection import AuthRefresh, AuthRequest, Ping
from services.gateway.core.message.field import MAX_CORRELATION_ID
from services.gateway.core.message.later import NotBuilt
from services.gateway.core.message.media import (
    Consume,
    ConsumerClose,
    ConsumerPause,
    ConsumerRequestKeyFrame,
    ConsumerResume,
    ConsumerSetLayers,
    Produce,
    ProducerClose,
    ProducerPause,
    ProducerResume,
)
from services.gateway.core.message.peer import (
    PeerAdmit,
    PeerKick,
    PeerMute,
    PeerReject,
    PeerUnmute,
    PeerUpdate,
)
from services.gateway.core.message.room import RoomJoin, RoomLeave, RoomLock, RoomUnlock
from services.gateway.core.message.sdp import IceCandidateAdd, SdpAnswer, SdpOffer
from services.gateway.core.message.stats import StatsGet
from services.gateway.core.message.text import MessageSend
from services.gateway.core.message.transport import (
    TransportClose,
    TransportConnect,
    TransportCreate,
    TransportRestartIce,
)

# Carried out by the worker that holds the room.
WorkerRequest = (
    RoomLeave
    | TransportCreate
    | TransportConnect
    | TransportRestartIce
    | TransportClose
    | Produce
    | Consume
    | ProducerPause
    | ProducerResume
    | ProducerClose
    | ConsumerPause
    | ConsumerResume
    | ConsumerClose
    | ConsumerSetLayers
    | ConsumerRequestKeyFrame
    | SdpOffer
    | SdpAnswer
    | StatsGet
    | MessageSend
    | PeerUpdate
    | PeerAdmit
    | PeerReject
    | PeerKick
    | PeerMute
    | PeerUnmute
    | RoomLock
    | RoomUnlock
)

AnyRequest = (
    AuthRequest | AuthRefresh | RoomJoin | Ping | IceCandidateAdd | WorkerRequest | NotBuilt
)

_adapter: TypeAdapter[AnyRequest] = TypeAdapter(
    Annotated[AnyRequest, Field(discriminator="type")],
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A frame that cannot be carried out. `is_bad_frame`: it is not even a message."""

    refusal: Refusal
    is_bad_frame: bool
    type: str | None = None
    correlation_id: str | None = None


def parse(frame: str | bytes) -> AnyRequest | Rejection:
    """The request in a text frame. Never raises."""
    try:
        return _adapter.validate_json(frame, by_alias=True, by_name=False)
    except ValidationError as error:
        return _rejection(frame, error)


BINARY_FRAME = Rejection(
    Refusal(Code.INVALID_MESSAGE, "BINARY_FRAME", "Messages are text frames."), is_bad_frame=True
)


class _Loose(BaseModel):
    """What of a refused frame is needed for its answer."""

    type: Any = None
    correlationId: Any = None


def _rejection(frame: str | bytes, error: ValidationError) -> Rejection:
    try:
        loose = _Loose.model_validate_json(frame)
    except ValidationError as not_an_object:
        is_json = not_an_object.errors()[0]["type"] != "json_invalid"
        reason, text = (
            ("NOT_AN_OBJECT", "A message is a JSON object.")
            if is_json
            else ("NOT_JSON", "The frame is not JSON.")
        )
        return Rejection(Refusal(Code.INVALID_MESSAGE, reason, text), is_bad_frame=True)
    correlation_id = loose.correlationId if _is_correlation_id(loose.correlationId) else None
    if not isinstance(loose.type, str):
        refusal = Refusal(Code.INVALID_MESSAGE, "NO_TYPE", "A message has a type.")
        return Rejection(refusal, is_bad_frame=True, correlation_id=correlation_id)
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "union_tag_invalid":
        refusal = Refusal(Code.INVALID_MESSAGE, "UNKNOWN_TYPE", "This message type is not known.")
        # Only a known type is logged: a client could write anything there.
        return Rejection(refusal, is_bad_frame=False, correlation_id=correlation_id)
    return Rejection(
        _bad_field(first), is_bad_frame=False, type=loose.type, correlation_id=correlation_id
    )


def _is_correlation_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_CORRELATION_ID


def _bad_field(first: ErrorDetails) -> Refusal:
    # The first part of the location is the type, which the client knows.
    field = ".".join(str(part) for part in first["loc"][1:])[:128]
    problem = first["msg"].removeprefix("Value error, ")
    message = f"The message is not valid: {field or 'payload'}: {problem}"
    return Refusal(Code.INVALID_MESSAGE, "BAD_FIELD", message[:256], details={"field": field})


MediaGroup = Literal["transport", "produce", "consume", "other"]


def group_of(request_type: str | None) -> MediaGroup:
    """Which of the protocol's three media errors answers a failing request of this type."""
    match (request_type or "").partition(":")[0]:
        case "transport" | "sdp" | "ice":
            return "transport"
        case "produce" | "producer":
            return "produce"
        case "consume" | "consumer":
            return "consume"
        case _:
            return "other"
