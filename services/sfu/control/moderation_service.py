"""The part of the control plane that is about people: what they show, say, and may do to others."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from services.common.ids import PeerId
from services.common.log import get_logger
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.control import wire
from services.sfu.control.seat import Seat
from services.sfu.control.worker import Worker
from services.sfu.core import text

log = get_logger("sfu.moderation")

Reply = TypeVar("Reply", bound=Message)
Context = grpc.aio.ServicerContext[Any, Any]


class ModerationCalls(ABC):
    """Methods of SfuService; everything is decided in core."""

    _worker: Worker

    @abstractmethod
    def _act(
        self, request: Message, call: pb.SessionCall, action: Callable[[Seat], Reply]
    ) -> Reply: ...

    async def UpdatePeer(
        self, request: pb.UpdatePeerRequest, context: Context
    ) -> pb.UpdatePeerResponse:
        def action(seat: Seat) -> pb.UpdatePeerResponse:
            seat.session.allowance.spend(self._worker.clock_ms())
            has = request.HasField
            seat.room.update(
                seat.session,
                app_data_json=request.app_data_json if has("app_data_json") else None,
                display_name=request.display_name if has("display_name") else None,
                hand_raised=request.hand_raised if has("hand_raised") else None,
            )
            return pb.UpdatePeerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def SendMessage(
        self, request: pb.SendMessageRequest, context: Context
    ) -> pb.SendMessageResponse:
        def action(seat: Seat) -> pb.SendMessageResponse:
            seat.session.allowance.spend(self._worker.clock_ms())
            to = PeerId(request.to_peer_id) if request.to_peer_id else None
            text.send(seat.room.roster, seat.session, to, request.body_json)
            return pb.SendMessageResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def LockRoom(self, request: pb.LockRoomRequest, context: Context) -> pb.LockRoomResponse:
        def action(seat: Seat) -> pb.LockRoomResponse:
            seat.room.moderation.lock(seat.session)
            _note(seat, "lock")
            return pb.LockRoomResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def UnlockRoom(
        self, request: pb.UnlockRoomRequest, context: Context
    ) -> pb.UnlockRoomResponse:
        def action(seat: Seat) -> pb.UnlockRoomResponse:
            seat.room.moderation.unlock(seat.session)
            _note(seat, "unlock")
            return pb.UnlockRoomResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def AdmitPeer(
        self, request: pb.AdmitPeerRequest, context: Context
    ) -> pb.AdmitPeerResponse:
        def action(seat: Seat) -> pb.AdmitPeerResponse:
            seat.room.moderation.admit(seat.session, PeerId(request.peer_id))
            _note(seat, "admit", request.peer_id)
            return pb.AdmitPeerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def RejectPeer(
        self, request: pb.RejectPeerRequest, context: Context
    ) -> pb.RejectPeerResponse:
        def action(seat: Seat) -> pb.RejectPeerResponse:
            seat.room.moderation.reject(seat.session, PeerId(request.peer_id), request.reason)
            _note(seat, "reject", request.peer_id)
            return pb.RejectPeerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def KickPeer(self, request: pb.KickPeerRequest, context: Context) -> pb.KickPeerResponse:
        def action(seat: Seat) -> pb.KickPeerResponse:
            seat.room.moderation.kick(seat.session, PeerId(request.peer_id), request.reason)
            _note(seat, "kick", request.peer_id)
            return pb.KickPeerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def MutePeer(self, request: pb.MutePeerRequest, context: Context) -> pb.MutePeerResponse:
        def action(seat: Seat) -> pb.MutePeerResponse:
            seat.room.moderation.mute(seat.session, PeerId(request.peer_id))
            _note(seat, "mute", request.peer_id)
            return pb.MutePeerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)

    async def UnmutePeer(
        self, request: pb.UnmutePeerRequest, context: Context
    ) -> pb.UnmutePeerResponse:
        def action(seat: Seat) -> pb.UnmutePeerResponse:
            seat.room.moderation.unmute(seat.session, PeerId(request.peer_id))
            _note(seat, "unmute", request.peer_id)
            return pb.UnmutePeerResponse(position=wire.position_to_wire(seat))

        return self._act(request, request.call, action)


def _note(seat: Seat, what: str, peer_id: str = "") -> None:
    """Log who has decided what about whom. Repeats of a decision that holds are noted too."""
    log.info("sfu.moderated", what=what, by=seat.peer_id, peer_id=peer_id)
