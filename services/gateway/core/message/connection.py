"""Messages about the connection itself: authentication, heartbeat, errors, its end."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, model_serializer

from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.field import (
    MAX_SAFE_INTEGER,
    Identifier,
    Opaque,
    RoleName,
    Says,
    TokenText,
    WireModel,
)


class AuthPayload(WireModel):
    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["token", "roomId"]}, {"required": ["resumeToken"]}]
        }
    )

    # A missing token is answered with UNAUTHORIZED, not as a malformed message.
    token: TokenText | None = None
    room_id: Identifier | None = None
    role: RoleName | None = None
    resume_token: TokenText | None = None
    # Where the client stands in its log; a client that does not say gets a snapshot.
    epoch: Identifier | None = None
    last_seq: Annotated[int | None, Field(ge=0, le=MAX_SAFE_INTEGER)] = None


class AuthRequest(Request):
    type: Literal["auth:request"]
    payload: AuthPayload


class AuthRefreshPayload(WireModel):
    token: TokenText


class AuthRefresh(Request):
    type: Literal["auth:refresh"]
    payload: AuthRefreshPayload


class Ping(Request):
    type: Literal["ping"]
    payload: Opaque = Field(default_factory=dict)


class IceServer(WireModel):
    """As RTCIceServer; `username` and `credential` go with TURN only."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class AuthResponse(Payload):
    type: ClassVar[str] = "auth:response"
    success: bool = True
    user_id: str
    peer_id: str
    role: RoleName
    resumed: bool = False
    # Absent before the room is joined.
    resume_token: str | None = None
    heartbeat_interval_ms: int
    ice_servers: list[IceServer] = Field(default_factory=list)


class AuthRefreshed(Payload):
    type: ClassVar[str] = "auth:refreshed"
    # Of the token, Unix milliseconds: the session outlives it, a new join does not.
    expires_at: int
    ice_servers: list[IceServer] = Field(default_factory=list)


PONG = Says(
    {
        "properties": {
            "serverTime": {"type": "integer"},
            "workerAgeMs": {"type": "integer", "minimum": 0},
        },
        "required": ["serverTime"],
    }
)


class Pong(Payload):
    """The object of the ping with `serverTime` (Unix milliseconds) and, once joined, `workerAgeMs`
    (milliseconds since the worker was heard last)."""

    type: ClassVar[str] = "pong"
    echo: dict[str, JsonValue]
    server_time: int
    worker_age_ms: int | None = None

    @model_serializer
    def _flat(self) -> Annotated[dict[str, JsonValue], PONG]:
        added: dict[str, JsonValue] = {"serverTime": self.server_time}
        if self.worker_age_ms is not None:
            added["workerAgeMs"] = self.worker_age_ms
        return self.echo | added


class ErrorReply(Payload):
    type: ClassVar[str] = "error"
    code: str
    message: str
    details: dict[str, str | int] | None = None


class SessionRenewed(Payload):
    """The newest resume token, dated now. It takes the place of the one before it."""

    type: ClassVar[str] = "session:renewed"
    resume_token: str

    @property
    def latest_of(self) -> str:
        return "session"


class SessionClosing(Payload):
    type: ClassVar[str] = "session:closing"
    reason: str
    action: Literal["resume", "rejoin", "stop"]
    after_ms: int
    # A moderator's words.
    message: str | None = None
