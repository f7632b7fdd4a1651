"""Resume tokens: what a client that lost its connection shows to any gateway to go on.

Whoever holds the key can check one; a client can read what is in its own, and change nothing.
"""

import base64
import hmac
import zlib
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from services.common.errors import Code, Refusal
from services.common.ids import ConnectionId, Epoch, PeerId, SessionId
from services.gateway.core.admission import Admission, Grants
from services.gateway.core.message.room import RoomJoinPayload, RoomState
from services.gateway.core.order import Event, Position

# Part of what is signed; a token of another version is none.
VERSION = "r1"
# A token travels in a frame of the client's. What a client said at its join is left out beyond.
MAX_CHARACTERS = 6144
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session sits, and which of its resume tokens is the newest.

    `worker_epoch` names the run of the worker's process.
    """

    worker_epoch: str
    generation: int
    counter: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a resume token says: who sits where, and what it takes to join anew if that is gone."""

    session_id: SessionId
    peer_id: PeerId
    admission: Admission
    join: RoomJoinPayload
    epoch: Epoch
    place: Place
    # Unix seconds; set when it is issued.
    issued_at_s: int = 0


@dataclass(frozen=True, slots=True)
class Resumption:
    """A session that is to go on: whose, from where in its log, on which connection.

    `last` is None for a client that does not say. `may_rejoin`: the ticket is fresh enough to join
    anew where the worker is gone.
    """

    ticket: Ticket
    last: Position | None
    connection_id: ConnectionId
    may_rejoin: bool


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a client missed up to `position`: events, or the state where these are not to be had."""

    position: Position
    missed: tuple[Event, ...] = ()
    state: RoomState | None = None
    # As they count by now; None of a worker that does not say.
    grants: Grants | None = None


_adapter: TypeAdapter[Ticket] = TypeAdapter(Ticket)


def derive_key(secret: bytes) -> bytes:
    """A key of its own for resume tokens, from a secret that may have other uses (RFC 5869)."""
    extracted = hmac.digest(b"", secret, "sha256")
    return hmac.digest(extracted, b"invigil resume token\x01", "sha256")


def seal(ticket: Ticket, key: bytes) -> str:
    """The signed text of a ticket, as a client gets it."""
    join = ticket.join
    smaller = join.model_copy(update={"rtp_capabilities": None})
    for kept in (join, smaller, smaller.model_copy(update={"app_data": None})):
        text = _sealed(replace(ticket, join=kept), key)
        if len(text) <= MAX_CHARACTERS:
            break
    return text


def unseal(text: str, key: bytes) -> Ticket:
    """The ticket in a token. Raises Refusal UNAUTHORIZED unless this key has signed it."""
    content, _, signature = text.rpartition(".")
    version, _, body = content.partition(".")
    good = _signature(content, key)
    # Compared as bytes: the text may hold any character.
    if not hmac.compare_digest(signature.encode(errors="replace"), good.encode()):
        raise _invalid()
    if version != VERSION:
        raise _invalid()
    try:
        return _adapter.validate_json(zlib.decompress(_decoded(body)))
    except (ValidationError, ValueError, zlib.error):
        # Signed by a gateway that puts something else into it.
        raise _invalid() from None


def _sealed(ticket: Ticket, key: bytes) -> str:
    content = _adapter.dump_json(ticket, by_alias=True, exclude_none=True)
    signed = f"{VERSION}.{_encoded(zlib.compress(content))}"
    return f"{signed}.{_signature(signed, key)}"


def _signature(content: str, key: bytes) -> str:
    return _encoded(hmac.digest(key, content.encode(errors="replace"), "sha256"))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _invalid() -> Refusal:
    return Refusal(Code.UNAUTHORIZED, "RESUME_TOKEN_INVALID", "The resume token is not valid.")
