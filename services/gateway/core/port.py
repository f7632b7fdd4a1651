"""What the side facing browsers asks of the side facing workers."""

from collections.abc import Callable
from typing import Protocol

from services.common.ids import ConnectionId
from services.gateway.core.admission import Grants
from services.gateway.core.effect import (
    Admitted,
    Answer,
    EventArrived,
    Join,
    SessionEnded,
    WorkerLost,
)
from services.gateway.core.message.request import WorkerRequest
from services.gateway.core.order import Position
from services.gateway.core.resume import Place, Recovered, Resumption

News = EventArrived | SessionEnded | Admitted | WorkerLost


class Seat(Protocol):
    """A session's place on a worker. Its calls are made one at a time."""

    @property
    def place(self) -> Place:
        """What a resume token says of it."""

    async def join_again(self, join: Join) -> Answer:
        """The answer to a repeat of the join, as the worker kept it. Raises Refusal."""

    async def call(self, request: WorkerRequest, request_id: str) -> Answer:
        """Raises Refusal. Bounded in time."""

    async def set_grants(self, grants: Grants, request_id: str) -> Position:
        """Tell the worker what the session's newest token allows, and where its log stands then.

        Raises Refusal. Bounded in time.
        """

    async def confirm(self) -> None:
        """Tell the worker that the client has its newest resume token. Raises Refusal. Bounded."""

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

        The connection is named like its session. Events may be told before this returns. Raises
        Refusal. Bounded in time.
        """

    async def resume(
        self, resumption: Resumption, tell: Callable[[News], None]
    ) -> tuple[Seat, Recovered]:
        """Take the seat that a session has, or where its worker is gone another one.

        As `join`. Raises Refusal UNAUTHORIZED where the session is over or its ticket used up.
        """

    async def forsake(self, connection_id: ConnectionId) -> None:
        """The client is gone, and nothing that it asked for was answered with a seat.

        Frees the seat that a call without a reply may have bound to the connection. Never raises.
        Bounded in time.
        """

    @property
    def is_ready(self) -> bool:
        """Whether any worker could take a room."""
