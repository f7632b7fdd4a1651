"""What a session is told and what it wants done. Plain values."""

from dataclasses import dataclass

from services.common.errors import Refusal
from services.common.ids import Epoch, PeerId, RoomId, SessionId
from services.gateway.core.admission import Admission, Claims, Grants
from services.gateway.core.close_code import CloseCode
from services.gateway.core.message.connection import AuthRefreshed, IceServer, Ping
from services.gateway.core.message.envelope import Outbound, Payload
from services.gateway.core.message.request import AnyRequest, Rejection, WorkerRequest
from services.gateway.core.message.room import RoomJoin
from services.gateway.core.order import Event, Position
from services.gateway.core.resume import Recovered, Ticket


@dataclass(frozen=True, slots=True)
class Answer:
    """The payload of a reply; `position` orders it among the events, None where it has no place."""

    payload: Payload
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A frame, parsed. `ordinal` counts the connection's frames and names the request from here."""

    ordinal: int
    message: AnyRequest | Rejection
    # As how many messages it counts.
    cost: int = 1


@dataclass(frozen=True, slots=True)
class TokenAccepted:
    ordinal: int
    claims: Claims
    # What the client reaches media with, where direct paths fail; TURN credentials are the user's.
    ice_servers: tuple[IceServer, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """What the session asked for has been done."""

    ordinal: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Refused:
    """What the session asked for has been refused or has failed."""

    ordinal: int
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Resumed:
    """The client's session is on this connection now. `token` is its next resume token."""

    ordinal: int
    ticket: Ticket
    token: str
    recovered: Recovered
    ice_servers: tuple[IceServer, ...] = ()


@dataclass(frozen=True, slots=True)
class EventArrived:
    event: Event


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The worker has ended the session, after its last event. `reason` is UPPER_SNAKE.

    `message`: what a moderator said, may be empty.
    """

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The session waited to be let in, and has its seat now."""


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker is silent or gone. The client should come back after `after_ms`."""

    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Draining:
    """This gateway goes down; the client should come back after `after_ms`."""

    after_ms: int


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The time that `Session.deadline` named has come."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The time has come to give the client a younger resume token, if it has one."""


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """The client is gone, or has been sent away."""


Input = (
    Received
    | TokenAccepted
    | Answered
    | Refused
    | Resumed
    | EventArrived
    | SessionEnded
    | Admitted
    | WorkerLost
    | Draining
    | DeadlineReached
    | Beat
    | SocketClosed
)


@dataclass(frozen=True, slots=True)
class Send:
    """Write a message. `answers` is the ordinal of the request that is over with it.

    `is_owed`: the client missed it while it was away, so it is no sign of a slow reader.
    """

    message: Outbound
    answers: int | None = None
    is_owed: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """Write what was sent before, then close."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True)
class VerifyToken:
    """Answered with TokenAccepted or Refused."""

    ordinal: int
    token: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Check a resume token and bind its session to this connection.

    `epoch` and `last_seq` as the client says. Answered with Resumed or Refused.
    """

    ordinal: int
    token: str
    epoch: Epoch | None
    last_seq: int | None


@dataclass(frozen=True, slots=True)
class AnswerPing:
    """Answered with Answered."""

    ordinal: int
    request: Ping


@dataclass(frozen=True, slots=True)
class Join:
    """Take a seat in the room. Answered with Answered or Refused."""

    ordinal: int
    room_id: RoomId
    session_id: SessionId
    peer_id: PeerId
    admission: Admission
    request: RoomJoin
    request_id: str


@dataclass(frozen=True, slots=True)
class Call:
    """Ask the worker that holds the seat. Answered with Answered or Refused."""

    ordinal: int
    request: WorkerRequest
    request_id: str


@dataclass(frozen=True, slots=True)
class SetGrants:
    """Have the worker heed the grants of a fresh token, and all resume tokens from now on.

    Answered with Answered, whose payload is `reply`, or Refused.
    """

    ordinal: int
    grants: Grants
    reply: AuthRefreshed
    request_id: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """The client has spoken since it resumed: it has its next token, the one before is used up."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Write a resume token like the newest one, dated now."""


@dataclass(frozen=True, slots=True)
class Detach:
    """The client is gone without having left: the seat is kept for the grace time."""


Effect = (
    Send
    | Close
    | VerifyToken
    | Resume
    | AnswerPing
    | Join
    | Call
    | SetGrants
    | Confirm
    | Renew
    | Detach
)
