"""Who a token makes of its bearer, and what that person may do in a room."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.common.errors import Code, Refusal
from services.common.ids import RoomId, UserId
from services.gateway.core.message.connection import AuthPayload
from services.gateway.core.message.field import DisplayName, Identifier, RoleName

ANY_ROOM = "*"


class Role(StrEnum):
    CANDIDATE = "candidate"
    PROCTOR = "proctor"
    OBSERVER = "observer"


class Claims(BaseModel):
    """The claims of a token whose signature and expiry have been checked."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    sub: Identifier
    room: Identifier
    role: RoleName
    name: DisplayName | None = None
    # May create the room if it does not exist.
    create: bool = False
    publish: bool = True
    subscribe: bool = True
    visibility: Literal["proctored", "open"] = "proctored"
    max_participants: Annotated[int | None, Field(alias="maxParticipants", ge=1, le=10_000)] = None

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> "Claims":
        """Raises Refusal where a claim is missing or has a wrong shape."""
        try:
            return cls.model_validate(dict(claims))
        except ValidationError:
            raise Refusal(
                Code.UNAUTHORIZED, "TOKEN_INVALID", "The token lacks a claim or has a wrong one."
            ) from None


@dataclass(frozen=True, slots=True)
class Admission:
    """What a connection may be and do, for as long as it lives."""

    user_id: UserId
    room_id: RoomId
    role: Role
    may_create: bool
    may_publish: bool
    may_subscribe: bool
    # Settings for a room that this peer creates; 0 participants means the worker's default.
    visibility: Literal["proctored", "open"]
    max_participants: int


def admit(claims: Claims, asked: AuthPayload) -> Admission:
    """The admission that a token gives to the room and role asked for.

    Raises Refusal: INVALID_MESSAGE without a room id, FORBIDDEN for another room or role.
    """
    room_id = asked.room_id
    if room_id is None:
        raise Refusal(Code.INVALID_MESSAGE, "ROOM_ID_MISSING", "auth:request names a roomId.")
    if room_id == ANY_ROOM or claims.room not in (ANY_ROOM, room_id):
        raise Refusal(Code.FORBIDDEN, "WRONG_ROOM", "The token is for another room.")
    role = _role(Role(claims.role), asked.role)
    return Admission(
        user_id=UserId(claims.sub),
        room_id=RoomId(room_id),
        role=role,
        may_create=claims.create,
        # An observer is invisible to candidates, so it has nothing to publish to.
        may_publish=claims.publish and role is not Role.OBSERVER,
        may_subscribe=claims.subscribe,
        visibility=claims.visibility,
        max_participants=claims.max_participants or 0,
    )


def _role(granted: Role, asked: RoleName | None) -> Role:
    if asked is None or asked == granted:
        return granted
    if granted is Role.PROCTOR and asked == "observer":
        return Role.OBSERVER
    raise Refusal(Code.FORBIDDEN, "ROLE_NOT_GRANTED", "The token does not grant this role.")
