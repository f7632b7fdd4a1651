"""What a session says, as effects: replies, errors, events."""

from services.common.errors import Code, Refusal
from services.gateway.core.effect import Effect, Send
from services.gateway.core.message.envelope import Outbound, Payload
from services.gateway.core.message.request import AnyRequest, Rejection
from services.gateway.core.order import Event
from services.gateway.core.refusal import NOT_BUILT, error_of


def reply(ordinal: int, request: AnyRequest, payload: Payload) -> Effect:
    """The answer to a request that was carried out."""
    return Send(Outbound(payload, request.correlation_id), answers=ordinal)


def error(ordinal: int, message: AnyRequest | Rejection, refusal: Refusal) -> Effect:
    """The answer to a message that was not."""
    payload = error_of(refusal, message.type)
    return Send(Outbound(payload, message.correlation_id), answers=ordinal)


def events(released: list[Event], *, are_owed: bool = False) -> list[Effect]:
    """What happened, as far as it can be said; state events say where in the log."""
    return [
        Send(
            Outbound(
                event.payload,
                epoch=event.position.epoch if event.position else None,
                seq=event.position.seq if event.position else None,
            ),
            is_owed=are_owed,
        )
        for event in released
        if event.payload is not None
    ]


def not_authenticated() -> Refusal:
    return Refusal(Code.UNAUTHORIZED, "NOT_AUTHENTICATED", "Authenticate first.")


def not_built() -> Refusal:
    return Refusal(Code.UNAVAILABLE, NOT_BUILT, "This server does not do that.")


def not_let_in(reason: str, message: str) -> Refusal:
    """For a join that waited in vain. `message`: a moderator's words, may be empty."""
    return Refusal(Code.FORBIDDEN, reason, message or "A moderator did not let you in.")
