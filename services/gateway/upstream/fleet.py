"""The workers together: where a session finds its seat, and finds it again."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from services.common.errors import Code, Refusal
from services.common.ids import ConnectionId, GatewayId, RoomId, SessionId
from services.common.log import get_logger
from services.gateway.core.effect import Answer, Join
from services.gateway.core.port import News
from services.gateway.core.resume import Place, Recovered, Resumption
from services.gateway.upstream.directory import EmbeddedDirectory, Placement
from services.gateway.upstream.ended import EndedSessions
from services.gateway.upstream.link import Link, Patience, Watch
from services.gateway.upstream.resume import (
    attach_to_pb,
    recovered_from_pb,
    rejoin_to_pb,
    rejoined_from_pb,
)
from services.gateway.upstream.room import join_to_pb, joined_from_pb
from services.gateway.upstream.seat import SeatKey, WorkerSeat, reconnecting
from services.gateway.upstream.settings import SettingsBook
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb

# How often workers are asked which rooms they hold.
SWEEP_INTERVAL_S = 10.0

_log = get_logger("gateway.upstream")

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Errand:
    """A call that seats a session of a room at a worker, for one connection."""

    placement: Placement
    watch: Watch
    method: str
    message: Any
    room_id: RoomId
    session_id: SessionId
    connection_id: ConnectionId
    # Nobody comes back to the seat if the reply is lost.
    is_first: bool = False

    @property
    def link(self) -> Link:
        return self.placement.link


class Fleet:
    """All workers of the embedded directory. Implements `Upstream`. Run `run`, then `close`."""

    def __init__(self, addresses: Sequence[str], gateway_id: GatewayId, patience: Patience) -> None:
        self._directory = EmbeddedDirectory()
        self.settings: SettingsBook[Link] = SettingsBook(time.monotonic)
        self._ended = EndedSessions()
        self.links = [
            Link(
                address,
                gateway_id,
                patience,
                self._directory.described,
                self.settings,
                self._ended,
            )
            for address in addresses
        ]
        self._directory.links = self.links
        # What a worker may have carried out without this gateway having the reply, until another
        # errand of the connection is answered, or the connection is forsaken.
        self._unanswered: dict[ConnectionId, Errand] = {}

    @property
    def is_ready(self) -> bool:
        return any(link.takes_rooms for link in self.links)

    async def run(self) -> None:
        """Keep a watch on every worker, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for link in self.links:
                group.create_task(link.run())
            group.create_task(self._sweep())

    async def close(self) -> None:
        """Free the channels."""
        for link in self.links:
            await link.close()

    # Seats.

    async def join(self, join: Join, tell: Callable[[News], None]) -> tuple[WorkerSeat, Answer]:
        self._directory.hold(join.room_id)
        try:
            placement = await self._directory.locate(join.room_id)
            watch = _live(placement.link)
            errand = Errand(
                placement=placement,
                watch=watch,
                method="JoinRoom",
                message=join_to_pb(join, watch_id=watch.watch_id, generation=placement.generation),
                room_id=join.room_id,
                session_id=join.session_id,
                connection_id=ConnectionId(join.session_id),
                is_first=True,
            )
            return await self._take_seat(errand, tell, lambda reply: joined_from_pb(join, reply))
        except BaseException:
            self._directory.free(join.room_id)
            raise

    async def resume(
        self, resumption: Resumption, tell: Callable[[News], None]
    ) -> tuple[WorkerSeat, Recovered]:
        room_id = resumption.ticket.admission.room_id
        self._directory.hold(room_id)
        try:
            try:
                return await self._resume(resumption, tell)
            except Refusal as refusal:
                if refusal.code is not Code.WRONG_WORKER:
                    raise
            # The worker has said meanwhile which generation of the room it has.
            return await self._resume(resumption, tell)
        except BaseException as error:
            self._directory.free(room_id)
            if isinstance(error, Refusal) and error.code is Code.WRONG_WORKER:
                raise reconnecting() from error
            raise

    async def _resume(
        self, resumption: Resumption, tell: Callable[[News], None]
    ) -> tuple[WorkerSeat, Recovered]:
        place = resumption.ticket.place
        room_id = resumption.ticket.admission.room_id
        link = await self._find_run(place.worker_epoch)
        # Where its room is if it has moved away from there since, though that worker lives.
        moved = self._directory.find_newer(room_id, place)
        if link is not None and moved is None:
            generation = self._directory.generation(room_id, place)
            return await self._attach(
                Placement(link, place.worker_epoch, generation), resumption, tell
            )
        if self._ended.holds(resumption.ticket.session_id, place.generation):
            raise _session_ended()
        if not resumption.may_rejoin:
            raise Refusal(Code.UNAUTHORIZED, "RESUME_TOKEN_EXPIRED", "The token is too old.")
        placement = await self._directory.locate(room_id, least=place.generation + 1)
        return await self._rejoin(placement, resumption, tell)

    async def _find_run(self, worker_epoch: str) -> Link | None:
        """The worker whose process has this run; None where the run is over or out of reach.

        Raises Refusal UNAVAILABLE where it is within reach, but its watch does not come back.
        """
        for link in self.links:
            if link.watch is not None and link.watch.worker_epoch == worker_epoch:
                return link
        runs = await asyncio.gather(*(link.current_run() for link in self.links))
        if worker_epoch not in runs:
            return None
        link = self.links[runs.index(worker_epoch)]
        if not await link.comes_alive():
            raise reconnecting()
        return link

    async def _attach(
        self, placement: Placement, resumption: Resumption, tell: Callable[[News], None]
    ) -> tuple[WorkerSeat, Recovered]:
        watch = _live(placement.link)
        message = attach_to_pb(resumption, watch_id=watch.watch_id, generation=placement.generation)
        errand = _errand(placement, watch, "AttachSession", message, resumption)
        try:
            seated = await self._take_seat(
                errand, tell, lambda reply: recovered_from_pb(resumption, reply)
            )
        except Refusal as refusal:
            if refusal.reason != "SESSION_NOT_FOUND":
                raise
            raise _session_ended() from refusal
        self._directory.note(errand.room_id, placement)
        return seated

    async def _rejoin(
        self, placement: Placement, resumption: Resumption, tell: Callable[[News], None]
    ) -> tuple[WorkerSeat, Recovered]:
        watch = _live(placement.link)
        message = rejoin_to_pb(resumption, watch_id=watch.watch_id, generation=placement.generation)
        errand = _errand(placement, watch, "JoinRoom", message, resumption)
        return await self._take_seat(
            errand, tell, lambda reply: rejoined_from_pb(resumption, reply)
        )

    async def _take_seat(
        self, errand: Errand, tell: Callable[[News], None], read: Callable[[Any], Outcome]
    ) -> tuple[WorkerSeat, Outcome]:
        """Have it carried out. `read` makes of the reply what the connection is told."""
        link, connection_id = errand.link, errand.connection_id
        self._give_settings(errand)
        # Events may overtake the reply.
        link.attach(connection_id, tell)
        try:
            reply = await self._ask(errand)
            outcome = read(reply)
        except BaseException:
            link.forget(connection_id)
            raise
        # What an earlier errand of the connection may have left is the same seat.
        self._unanswered.pop(connection_id, None)

        def release() -> None:
            link.forget(connection_id)
            self._directory.free(errand.room_id)

        session = reply.session if isinstance(reply, pb.AttachSessionResponse) else reply
        generation = errand.placement.generation
        key = SeatKey(errand.room_id, errand.session_id, session.session_key, generation)
        place = Place(errand.watch.worker_epoch, generation, session.counter)
        return WorkerSeat(link, key, place, release), outcome

    def _give_settings(self, errand: Errand) -> None:
        """Let a room that is made anew begin with what was decided in it before."""
        settings = self.settings.newest(errand.room_id)
        if settings is not None and isinstance(errand.message, pb.JoinRoomRequest):
            errand.message.room_settings.CopyFrom(settings)

    async def _ask(self, errand: Errand) -> Any:
        link = errand.link
        try:
            reply = await link.call(errand.method, errand.message)
        except Refusal as refusal:
            if refusal.reason == "STALE_GENERATION":
                # The next try finds what the worker says now.
                await link.describe()
            if refusal.reason != "WORKER_UNREACHABLE":
                raise
            # The worker may have carried it out: without the reply nobody could free that seat. It
            # is safe to ask again.
            reply = await self._ask_again(errand)
        if link.watch is not errand.watch:
            # The worker has detached the session itself, or will.
            raise reconnecting()
        # Until the reply has been read.
        self._unanswered[errand.connection_id] = errand
        return reply

    async def _ask_again(self, errand: Errand) -> Any:
        try:
            return await errand.link.call(errand.method, errand.message)
        except BaseException as error:
            if not isinstance(error, Refusal) or error.reason == "WORKER_UNREACHABLE":
                self._unanswered[errand.connection_id] = errand
            raise

    async def forsake(self, connection_id: ConnectionId) -> None:
        left = self._unanswered.pop(connection_id, None)
        if left is None or left.link.watch is not left.watch:
            # The worker detaches the session itself when the watch ends.
            return
        message = pb.ForsakeSessionRequest(
            watch_id=left.watch.watch_id,
            session_id=left.session_id,
            connection_id=connection_id,
            leave=left.is_first,
        )
        try:
            await left.link.call("ForsakeSession", message)
        except Refusal as refusal:
            _log.warning("gateway.session.not_forsaken", reason=refusal.reason)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            for link in self.links:
                if link.watch is None:
                    continue
                try:
                    await link.describe()
                except Refusal as refusal:
                    _log.warning(
                        "gateway.describe.failed", worker=link.address, reason=refusal.reason
                    )
                except Exception:
                    # The watches on all workers would end with this task.
                    _log.exception("gateway.describe.broken", worker=link.address)


def _errand(
    placement: Placement, watch: Watch, method: str, message: Any, resumption: Resumption
) -> Errand:
    return Errand(
        placement=placement,
        watch=watch,
        method=method,
        message=message,
        room_id=resumption.ticket.admission.room_id,
        session_id=resumption.ticket.session_id,
        connection_id=resumption.connection_id,
    )


def _session_ended() -> Refusal:
    return Refusal(Code.UNAUTHORIZED, "SESSION_ENDED", "The session has ended.")


def _live(link: Link) -> Watch:
    if link.watch is None:
        raise reconnecting()
    return link.watch
