"""Who a token makes of its bearer, and what that person may do in a room."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.common.errors import Code, Refusal
from services.common.ids import RoomId, UserId
from services.gateway.core.message.connection import AuthPayload
from services.gateway.core.message.field import (
    MAX_SAFE_INTEGER,
    DisplayName,
    Identifier,
    RoleName,
)

ANY_ROOM = "*"


class Role(StrEnum):
    CANDIDATE = "candidate"
    PROCTOR = "proctor"
    OBSERVER = "observer"


ROLE_NAME: dict[Role, RoleName] = {
    Role.CANDIDATE: "candidate",
    Role.PROCTOR: "proctor",
    Role.OBSERVER: "observer",
}


class Claims(BaseModel):
    """The claims of a token whose signature and expiry have been checked."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    sub: Identifier
    room: Identifier
    role: RoleName
    # Seconds since 1970 (RFC 7519, section 2: NumericDate).
    exp: Annotated[float, Field(ge=0, le=MAX_SAFE_INTEGER)]
    name: DisplayName | None = None
    # May create the room if it does not exist.
    create: bool = False
    publish: bool = True
    subscribe: bool = True
    # Absent: what the role says.
    moderate: bool | None = None
    visibility: Literal["proctored", "open"] = "proctored"
    max_participants: Annotated[int | None, Field(alias="maxParticipants", ge=1, le=10_000)] = None
    # Candidates of the room that it creates wait for a moderator.
    waiting_room: Annotated[bool, Field(alias="waitingRoom")] = False

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> "Claims":
        """Raises Refusal where a claim is missing or has a wrong shape."""
        try:
            return cls.model_validate(dict(claims))
        except ValidationError:
            raise Refusal(
                Code.UNAUTHORIZED, "TOKEN_INVALID", "The token lacks a claim or has a wrong one."
            ) from None

    @property
    def expires_at_ms(self) -> int:
        """When a join with this token is no longer possible; Unix milliseconds."""
        return int(self.exp * 1000)


@dataclass(frozen=True, slots=True)
class Grants:
    """What the worker has to know of what a token allows."""

    publish: bool
    subscribe: bool
    moderate: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """What a connection may be and do, for as long as it lives."""

    user_id: UserId
    room_id: RoomId
    role: Role
    may_create: bool
    may_publish: bool
    may_subscribe: bool
    may_moderate: bool
    # Settings for a room that this peer creates; 0 participants means the worker's default.
    visibility: Literal["proctored", "open"]
    max_participants: int
    waiting_room: bool = False

    @property
    def grants(self) -> Grants:
        return Grants(self.may_publish, self.may_subscribe, self.may_moderate)

    def with_grants(self, grants: Grants) -> "Admission":
        """The same, where another token's grants count by now."""
        return replace(
            self,
            may_publish=grants.publish,
            may_subscribe=grants.subscribe,
            may_moderate=grants.moderate,
        )


def admit(claims: Claims, asked: AuthPayload) -> Admission:
    """The admission that a token gives to the room and role asked for.

    Raises Refusal: INVALID_MESSAGE without a room id, FORBIDDEN for another room or role.
    """
    room_id = asked.room_id
    if room_id is None:
        raise Refusal(Code.INVALID_MESSAGE, "ROOM_ID_MISSING", "auth:request names a roomId.")
    if room_id == ANY_ROOM or claims.room not in (ANY_ROOM, room_id):
        raise Refusal(Code.FORBIDDEN, "WRONG_ROOM", "The token is for another room.")
    return _admission(claims, RoomId(room_id), _role(Role(claims.role), asked.role))


def renew(present: Admission, claims: Claims) -> Admission:
    """The admission of someone who is in already and shows a fresh token: only grants may change.

    Raises Refusal, FORBIDDEN, for the token of another user, for another room, or of a role that
    does not cover the present one; the present admission then goes on as it is.
    """
    if claims.sub != present.user_id:
        raise Refusal(Code.FORBIDDEN, "WRONG_USER", "The token is another user's.")
    if claims.room not in (ANY_ROOM, present.room_id):
        raise Refusal(Code.FORBIDDEN, "WRONG_ROOM", "The token is for another room.")
    return _admission(claims, present.room_id, _role(Role(claims.role), ROLE_NAME[present.role]))


def _admission(claims: Claims, room_id: RoomId, role: Role) -> Admission:
    return Admission(
        user_id=UserId(claims.sub),
        room_id=room_id,
        role=role,
        may_create=claims.create,
        # An observer is invisible to candidates, so it has nothing to publish to.
        may_publish=claims.publish and role is not Role.OBSERVER,
        may_subscribe=claims.subscribe,
        may_moderate=role is Role.PROCTOR if claims.moderate is None else claims.moderate,
        visibility=claims.visibility,
        max_participants=claims.max_participants or 0,
        waiting_room=claims.waiting_room,
    )


def _role(granted: Role, asked: RoleName | None) -> Role:
    if asked is None or asked == granted:
        return granted
    if granted is Role.PROCTOR and asked == "observer":
        return Role.OBSERVER
    raise Refusal(Code.FORBIDDEN, "ROLE_NOT_GRANTED", "The token does not grant this role.")
