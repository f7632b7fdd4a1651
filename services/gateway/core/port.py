"""What the side facing browsers asks of the side facing workers."""

from collections.abc import Callable
from typing import Protocol

from services.common.ids import SessionId
from services.gateway.core.effect import (
    Answer,
    EventArrived,
    Join,
    SessionEnded,
    WorkerLost,
)
from services.gateway.core.message.request import WorkerRequest

News = EventArrived | SessionEnded | WorkerLost


class Seat(Protocol):
    """A session's place on a worker. Its calls are made one at a time."""

    async def join_again(self, join: Join) -> Answer:
        """The answer to a repeat of the join, as the worker kept it. Raises Refusal."""

    async def call(self, request: WorkerRequest, request_id: str) -> Answer:
        """Raises Refusal. Bounded in time."""

    async def detach(self) -> None:
        """Tell the worker that the client is gone. Raises Refusal. Bounded in time."""

    def worker_age_ms(self) -> int:
        """Milliseconds since the worker was heard last."""

    def release(self) -> None:
        """The session is over here: nothing more is told to it."""


class Upstream(Protocol):
    """The workers, as the gateway's sessions see them."""

    async def join(self, join: Join, tell: Callable[[News], None]) -> tuple[Seat, Answer]:
        """Take a seat; from then on `tell` is called with what happens, in order.

        Events may be told before this returns. Raises Refusal. Bounded in time.
        """

    async def forsake(self, session_id: SessionId) -> None:
        """The client is gone, and no join of it was answered with a seat.

        Frees the seat that a join without a reply may have left on a worker. Never raises. Bounded
        in time.
        """

    @property
    def is_ready(self) -> bool:
        """Whether any worker could take a room."""
