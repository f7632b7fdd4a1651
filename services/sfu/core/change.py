"""What a session changes of its producers, which all who see them are told, costs it.

By a message or by the sections of an offer: the same changes cost the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from services.common.ids import ProducerId
from services.sfu.core.peer import Session


@contextmanager
def starting(session: Session, now_ms: int) -> Iterator[None]:
    """As `charged`, for what may begin or resume something.

    Raises Refusal RATE_LIMITED (TOO_MANY_CHANGES) where the session has changed too much before.
    """
    session.changes.check(now_ms)
    with charged(session, now_ms):
        yield


@contextmanager
def charged(session: Session, now_ms: int) -> Iterator[None]:
    """Charge the session for the producers that begin, end, are paused or resumed inside.

    On its own for what only pauses and ends: nobody is kept from switching a camera off, and each
    such change needs another before it.
    """
    before = _state(session)
    try:
        yield
    finally:
        session.changes.charge(now_ms, _count(before, _state(session)))


def _state(session: Session) -> dict[ProducerId, bool]:
    return {producer_id: p.paused for producer_id, p in session.producers.items()}


def _count(before: dict[ProducerId, bool], after: dict[ProducerId, bool]) -> int:
    both = before.keys() & after.keys()
    turned = sum(before[producer_id] is not after[producer_id] for producer_id in both)
    return len(before.keys() ^ after.keys()) + turned
