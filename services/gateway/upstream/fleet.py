"""The workers together: where a session finds its seat."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.common.errors import Code, Refusal
from services.common.ids import GatewayId, RoomId, SessionId
from services.common.log import get_logger
from services.gateway.core.effect import Answer, Join
from services.gateway.core.message.request import WorkerRequest
from services.gateway.core.port import News
from services.gateway.upstream.directory import EmbeddedDirectory, Placement
from services.gateway.upstream.link import Link, Patience
from services.gateway.upstream.operation import carry_out
from services.gateway.upstream.room import join_to_pb, joined_from_pb
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb

# How often workers are asked which rooms they hold.
SWEEP_INTERVAL_S = 10.0

_log = get_logger("gateway.upstream")


@dataclass(frozen=True, slots=True)
class SeatKey:
    """What proves to a worker that this gateway acts for a session."""

    room_id: RoomId
    session_id: SessionId
    session_key: bytes
    generation: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A join that the worker may have carried out without this gateway having its reply."""

    link: Link
    message: pb.JoinRoomRequest


class WorkerSeat:
    """A session's seat on a worker. Implements `Seat`."""

    def __init__(self, link: Link, key: SeatKey, on_release: Callable[[], None]) -> None:
        self._link = link
        self._key = key
        self._on_release = on_release

    async def join_again(self, join: Join) -> Answer:
        watch = self._link.watch
        if watch is None:
            raise _reconnecting()
        message = join_to_pb(join, watch_id=watch.watch_id, generation=self._key.generation)
        return joined_from_pb(join, await self._link.call("JoinRoom", message))

    async def call(self, request: WorkerRequest, request_id: str) -> Answer:
        return await carry_out(request, self._session_call(request_id), self._link.call)

    async def detach(self) -> None:
        request_id = f"{self._key.session_id}:detach"
        await self._link.call(
            "DetachSession", pb.DetachSessionRequest(call=self._session_call(request_id))
        )

    def worker_age_ms(self) -> int:
        return self._link.heard_ms_ago()

    def release(self) -> None:
        self._on_release()

    def _session_call(self, request_id: str) -> pb.SessionCall:
        return pb.SessionCall(
            room_id=self._key.room_id,
            session_id=self._key.session_id,
            session_key=self._key.session_key,
            request_id=request_id,
            generation=self._key.generation,
        )


class Fleet:
    """All workers of the embedded directory. Implements `Upstream`. Run `run`, then `close`."""

    def __init__(self, addresses: Sequence[str], gateway_id: GatewayId, patience: Patience) -> None:
        self._directory = EmbeddedDirectory()
        self.links = [
            Link(address, gateway_id, patience, self._directory.described) for address in addresses
        ]
        self._directory.links = self.links
        # Until the session joins after all or is forsaken.
        self._unanswered: dict[SessionId, Unanswered] = {}

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

    async def join(self, join: Join, tell: Callable[[News], None]) -> tuple[WorkerSeat, Answer]:
        self._directory.hold(join.room_id)
        try:
            placement = await self._directory.locate(join.room_id)
            return await self._join_at(placement, join, tell)
        except BaseException:
            self._directory.free(join.room_id)
            raise

    async def _join_at(
        self, placement: Placement, join: Join, tell: Callable[[News], None]
    ) -> tuple[WorkerSeat, Answer]:
        link = placement.link
        # Events may overtake the reply.
        link.attach(join.session_id, tell)
        try:
            response = await self._ask(placement, join)
            answer = joined_from_pb(join, response)
        except BaseException:
            link.forget(join.session_id)
            raise

        def release() -> None:
            link.forget(join.session_id)
            self._directory.free(join.room_id)

        key = SeatKey(join.room_id, join.session_id, response.session_key, placement.generation)
        return WorkerSeat(link, key, release), answer

    async def _ask(self, placement: Placement, join: Join) -> pb.JoinRoomResponse:
        watch = placement.link.watch
        if watch is None:
            raise _reconnecting()
        message = join_to_pb(join, watch_id=watch.watch_id, generation=placement.generation)
        try:
            response: pb.JoinRoomResponse = await placement.link.call("JoinRoom", message)
        except Refusal as refusal:
            if refusal.reason == "STALE_GENERATION":
                # The next try finds what the worker says now.
                await placement.link.describe()
            if refusal.reason != "WORKER_UNREACHABLE":
                raise
            # The worker may have carried it out: without the reply nobody could free that seat. The
            # request id makes it safe to ask again.
            response = await self._ask_again(placement.link, join.session_id, message)
        # A seat that an earlier join of the session left is the same one.
        self._unanswered.pop(join.session_id, None)
        if placement.link.watch is not watch:
            raise _reconnecting()
        return response

    async def _ask_again(
        self, link: Link, session_id: SessionId, message: pb.JoinRoomRequest
    ) -> pb.JoinRoomResponse:
        try:
            response: pb.JoinRoomResponse = await link.call("JoinRoom", message)
        except BaseException as error:
            if not isinstance(error, Refusal) or error.reason == "WORKER_UNREACHABLE":
                self._unanswered[session_id] = Unanswered(link, message)
            raise
        return response

    async def forsake(self, session_id: SessionId) -> None:
        left = self._unanswered.pop(session_id, None)
        watch = left.link.watch if left is not None else None
        if left is None or watch is None or watch.watch_id != left.message.watch_id:
            # The worker detaches the session itself when the watch ends.
            return
        try:
            reply: pb.JoinRoomResponse = await left.link.call("JoinRoom", left.message)
            call = pb.SessionCall(
                room_id=left.message.room_id,
                session_id=session_id,
                session_key=reply.session_key,
                request_id=f"{session_id}:forsake",
                generation=left.message.generation,
            )
            await left.link.call("LeaveRoom", pb.LeaveRoomRequest(call=call))
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


def _reconnecting() -> Refusal:
    return Refusal(
        Code.UNAVAILABLE, "WORKER_RECONNECTING", "The media server is being reconnected."
    )
