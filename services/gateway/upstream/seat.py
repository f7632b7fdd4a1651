"""A session's seat on a worker: the calls that are made for it."""

from collections.abc import Callable
from dataclasses import dataclass

from services.common.errors import Code, Refusal
from services.common.ids import RoomId, SessionId
from services.gateway.core.admission import Grants
from services.gateway.core.effect import Answer, Join
from services.gateway.core.message.request import WorkerRequest
from services.gateway.core.order import Position
from services.gateway.core.resume import Place
from services.gateway.upstream.link import Link
from services.gateway.upstream.operation import carry_out
from services.gateway.upstream.room import join_to_pb, joined_from_pb, position_from_pb
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class SeatKey:
    """What proves to a worker that this gateway acts for a session."""

    room_id: RoomId
    session_id: SessionId
    session_key: bytes
    generation: int


class WorkerSeat:
    """A session's seat on a worker. Implements `Seat`."""

    def __init__(
        self, link: Link, key: SeatKey, place: Place, on_release: Callable[[], None]
    ) -> None:
        self.place = place
        self._link = link
        self._key = key
        self._on_release = on_release

    async def join_again(self, join: Join) -> Answer:
        watch = self._link.watch
        if watch is None:
            raise reconnecting()
        message = join_to_pb(join, watch_id=watch.watch_id, generation=self._key.generation)
        return joined_from_pb(join, await self._link.call("JoinRoom", message))

    async def call(self, request: WorkerRequest, request_id: str) -> Answer:
        return await carry_out(request, self._session_call(request_id), self._link.call)

    async def set_grants(self, grants: Grants, request_id: str) -> Position:
        message = pb.SetGrantsRequest(
            call=self._session_call(request_id),
            grants=pb.Grants(
                publish=grants.publish, subscribe=grants.subscribe, moderate=grants.moderate
            ),
        )
        response = await self._link.call("SetGrants", message)
        return position_from_pb(response.position)

    async def confirm(self) -> None:
        call = self._own_call("confirm")
        await self._link.call("ConfirmSession", pb.ConfirmSessionRequest(call=call))

    async def detach(self) -> None:
        call = self._own_call("detach")
        await self._link.call("DetachSession", pb.DetachSessionRequest(call=call))

    def worker_age_ms(self) -> int:
        return self._link.heard_ms_ago()

    def release(self) -> None:
        self._on_release()

    def _own_call(self, what: str) -> pb.SessionCall:
        # Another one for each connection of the session: a repeat is answered from memory.
        return self._session_call(f"{self._key.session_id}:{self.place.counter}:{what}")

    def _session_call(self, request_id: str) -> pb.SessionCall:
        return pb.SessionCall(
            room_id=self._key.room_id,
            session_id=self._key.session_id,
            session_key=self._key.session_key,
            request_id=request_id,
            generation=self._key.generation,
        )


def reconnecting() -> Refusal:
    """For a worker that is there, but whose events this gateway does not get at the moment."""
    return Refusal(
        Code.UNAVAILABLE, "WORKER_RECONNECTING", "The media server is being reconnected."
    )
