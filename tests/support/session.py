"""The gateway's session core on a stage: what it is told, and what it says."""

from typing import Any

from services.common.ids import Epoch, PeerId, SessionId
from services.gateway.core.admission import Claims
from services.gateway.core.effect import (
    Answer,
    Answered,
    Call,
    Close,
    Effect,
    EventArrived,
    Join,
    Received,
    Send,
    TokenAccepted,
    VerifyToken,
)
from services.gateway.core.limit import Limits, TokenBucket
from services.gateway.core.message.connection import ErrorReply, SessionClosing
from services.gateway.core.message.envelope import Payload
from services.gateway.core.message.media import Produced, ProducerPaused
from services.gateway.core.message.request import parse
from services.gateway.core.message.room import Own, RoomConfig, RoomState
from services.gateway.core.message.rtp import RtpCapabilities
from services.gateway.core.order import Event, Position
from services.gateway.core.session import Session
from tests.support.frame import frame

EPOCH = Epoch("e1")
JOIN = {"roomId": "exam", "displayName": "Ada"}
CLAIMS = Claims.of({"sub": "ada", "room": "exam", "role": "candidate", "exp": 1})


class Stage:
    """A session under test, its clock, and what it has said."""

    def __init__(self, address_messages: TokenBucket | None = None, **limits: Any) -> None:
        self.now = 0.0
        self.session = Session(
            session_id=SessionId("s-1"),
            peer_id=PeerId("p-1"),
            limits=Limits(**limits),
            now=0.0,
            address_messages=address_messages,
        )
        self.said: list[Send] = []
        self.closed: Close | None = None
        self._ordinal = 0

    def feed(self, event: Any) -> list[Effect]:
        """The effects other than Send and Close, which are collected."""
        others: list[Effect] = []
        for effect in self.session.handle(event, self.now):
            match effect:
                case Send():
                    assert self.closed is None, "nothing is said after a close"
                    self.said.append(effect)
                case Close():
                    assert self.closed is None, "a connection closes once"
                    self.closed = effect
                case _:
                    others.append(effect)
        return others

    def receive(self, kind: str, payload: Any = None, **more: Any) -> list[Effect]:
        self._ordinal += 1
        return self.feed(Received(self._ordinal, parse(frame(kind, payload, **more))))

    def authenticate(self) -> "Stage":
        (verify,) = self.receive("auth:request", {"token": "t", "roomId": "exam"})
        assert isinstance(verify, VerifyToken)
        self.feed(TokenAccepted(verify.ordinal, CLAIMS))
        return self

    def join(self, seq: int = 0) -> "Stage":
        self.authenticate()
        (join,) = self.receive("room:join", JOIN)
        assert isinstance(join, Join)
        self.feed(Answered(join.ordinal, Answer(state(seq), Position(EPOCH, seq))))
        self.said.clear()
        return self

    def produce(self, **more: Any) -> Call:
        (call,) = self.receive("produce", {"kind": "audio"}, **more)
        assert isinstance(call, Call)
        return call

    def answer(self, call: Call, seq: int, payload: Payload | None = None) -> list[Effect]:
        answer = Answer(payload or Produced(producer_id="p-1.1"), Position(EPOCH, seq))
        return self.feed(Answered(call.ordinal, answer))

    def event(self, seq: int, epoch: Epoch = EPOCH) -> None:
        payload = ProducerPaused(producer_id=f"p-2.{seq}")
        self.feed(EventArrived(Event(payload, Position(epoch, seq))))

    @property
    def order(self) -> list[str | int]:
        """What was said: seq of events, type of everything else."""
        return [send.message.seq or send.message.type for send in self.said]

    @property
    def error(self) -> tuple[str, Any]:
        payload = self.said[-1].message.payload
        assert isinstance(payload, ErrorReply), payload
        return payload.code, (payload.details or {}).get("reason")

    @property
    def closing(self) -> SessionClosing:
        payload = self.said[-1].message.payload
        assert isinstance(payload, SessionClosing), payload
        return payload


def state(seq: int) -> RoomState:
    return RoomState(
        epoch=EPOCH,
        seq=seq,
        peer_id="p-1",
        participants=[],
        room_config=RoomConfig(
            router_rtp_capabilities=RtpCapabilities(),
            max_participants=9,
            visibility="proctored",
            locked=False,
        ),
        own=Own(transports=[], producers=[], consumers=[]),
    )
