"""What a session's token lets it do, and what becomes of its media when another token says less."""

from dataclasses import dataclass

from services.sfu.core.event import ConsumerClosed, ParticipantWaiting, ProducerClosed
from services.sfu.core.peer import Session
from services.sfu.core.room import Room
from services.sfu.core.visibility import Role


@dataclass(frozen=True, slots=True)
class Grants:
    """Of a token. An observer publishes nothing, whatever its token says."""

    publish: bool
    subscribe: bool
    moderate: bool


def grants_of(session: Session) -> Grants:
    """As they count by now."""
    return Grants(session.may_publish, session.may_subscribe, session.may_moderate)


def set_grants(room: Room, session: Session, grants: Grants) -> None:
    """Let these count from now on. To repeat it does nothing.

    Producers and consumers that the session may not have any more are closed, which it is told of
    like everyone else: it has asked for none of them. Transports stay, since grants may come back.
    """
    was_moderator = session.may_moderate
    session.may_publish = grants.publish and session.role is not Role.OBSERVER
    session.may_subscribe = grants.subscribe
    session.may_moderate = grants.moderate
    if not session.may_publish:
        _stop_publishing(room, session)
    if not session.may_subscribe:
        _stop_consuming(room, session)
    if session.may_moderate and not was_moderator:
        _begin_moderating(room, session)


def _stop_publishing(room: Room, session: Session) -> None:
    for producer_id in list(session.producers):
        room.router.close_producer(session, producer_id)
        room.roster.tell_too(session, ProducerClosed(producer_id))


def _stop_consuming(room: Room, session: Session) -> None:
    for consumer_id in list(session.consumers):
        room.router.close_consumer(session, consumer_id)
        room.roster.tell(session, ConsumerClosed(consumer_id))


def _begin_moderating(room: Room, session: Session) -> None:
    if session.is_waiting:
        # A moderator need not, where there is a seat.
        if len(room.roster) < room.settings.max_peers:
            room.moderation.seat(session)
        return
    for waiting in room.lobby.visible_to(session):
        room.roster.tell_too(session, ParticipantWaiting(waiting))
