"""The control plane of a worker on a free port, and a gateway's side of it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import grpc

from services.common.ids import WorkerId
from services.pb.invigil.sfu.v1 import room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.pb.invigil.sfu.v1.sfu_service_pb2_grpc import SfuServiceStub
from services.sfu.control.server import ControlServer
from services.sfu.control.worker import Worker, WorkerConfig
from services.sfu.media.sdp.text import SdpText
from tests.support.recording_media import RecordingMedia

DEADLINE_S = 5


@dataclass
class RunningWorker:
    worker: Worker
    media: RecordingMedia
    address: str


@contextlib.asynccontextmanager
async def run_worker(grace_ms: int = 60_000, max_peers: int = 200) -> AsyncIterator[RunningWorker]:
    media = RecordingMedia()
    config = WorkerConfig(WorkerId("w1"), "run-1", max_peers=max_peers, grace_ms=grace_ms)
    worker = Worker(config, media, SdpText(), clock_ms=lambda: time.monotonic_ns() // 1_000_000)
    server = ControlServer(worker, "127.0.0.1", 0)
    await server.start()
    try:
        yield RunningWorker(worker, media, server.address)
    finally:
        await server.stop(grace_s=0.1)


class Stream:
    """A gateway's reading side of Watch."""

    def __init__(
        self,
        call: grpc.aio.UnaryStreamCall[pb.WatchRequest, pb.WatchResponse],
        gateway: "Gateway",
    ) -> None:
        self.call = call
        self.gateway = gateway
        self.watch_id = ""
        self.settings: list[room_pb2.RoomSettings] = []

    async def open(self) -> "Stream":
        first = await self.read()
        assert first.WhichOneof("message") == "started"
        self.watch_id = first.started.watch_id
        return self

    async def read(self) -> pb.WatchResponse:
        message = await asyncio.wait_for(self.call.read(), DEADLINE_S)
        assert isinstance(message, pb.WatchResponse), "the stream has ended"
        return message

    async def next(self) -> pb.WatchResponse:
        """The next message to a session; settings of rooms are kept on the way."""
        while True:
            message = await self.read()
            kind = message.WhichOneof("message")
            if kind == "room_settings":
                self.settings.append(message.room_settings)
            elif kind != "heartbeat":
                return message

    async def next_settings(self) -> room_pb2.RoomSettings:
        """The next settings of a room; what comes before is dropped."""
        while True:
            message = await self.read()
            if message.WhichOneof("message") == "room_settings":
                return message.room_settings


@dataclass
class Session:
    """One peer's calls, as its gateway makes them."""

    gateway: "Gateway"
    room_id: str
    session_id: str
    key: bytes
    joined: pb.JoinRoomResponse
    generation: int = 1
    requests: int = field(default=0)

    def call(self, request_id: str | None = None) -> pb.SessionCall:
        self.requests += 1
        return pb.SessionCall(
            room_id=self.room_id,
            session_id=self.session_id,
            session_key=self.key,
            request_id=request_id or f"{self.session_id}/{self.requests}",
            generation=self.generation,
        )

    async def transport(self, direction: room_pb2.Direction.ValueType) -> str:
        reply = await self.gateway.stub.CreateTransport(
            pb.CreateTransportRequest(call=self.call(), direction=direction), timeout=DEADLINE_S
        )
        return reply.transport_id

    async def produce(self, kind: int = 2, producer_id: str = "") -> str:
        reply = await self.gateway.stub.Produce(
            pb.ProduceRequest(call=self.call(), kind=kind, producer_id=producer_id),  # type: ignore[arg-type]
            timeout=DEADLINE_S,
        )
        return reply.producer_id

    async def consume(self, *producer_ids: str) -> pb.ConsumeResponse:
        return await self.gateway.stub.Consume(
            pb.ConsumeRequest(call=self.call(), producer_ids=producer_ids), timeout=DEADLINE_S
        )

    async def attach(
        self,
        stream: "Stream",
        connection_id: str,
        *,
        counter: int | None = None,
        last: pb.LogPosition | None = None,
        generation: int | None = None,
    ) -> pb.AttachSessionResponse:
        """Bind it to another connection, of this or another gateway, and speak with the new key.

        Without a counter and a place in the log: those that the join gave.
        """
        reply = await stream.gateway.stub.AttachSession(
            pb.AttachSessionRequest(
                watch_id=stream.watch_id,
                room_id=self.room_id,
                session_id=self.session_id,
                counter=self.joined.counter if counter is None else counter,
                last=last or self.joined.position,
                generation=self.generation if generation is None else generation,
                connection_id=connection_id,
            ),
            timeout=DEADLINE_S,
        )
        self.key = reply.session.session_key
        return reply

    async def leave(self) -> pb.LeaveRoomResponse:
        return await self.gateway.stub.LeaveRoom(
            pb.LeaveRoomRequest(call=self.call()), timeout=DEADLINE_S
        )


class Gateway:
    """Use it as a context manager: gRPC must have ended its streams before the loop closes."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self._streams: list[Stream] = []
        self.stub = SfuServiceStub(self._channel)

    async def __aenter__(self) -> "Gateway":
        return self

    async def __aexit__(self, *_: object) -> None:
        for stream in self._streams:
            stream.call.cancel()
            await stream.call.code()
        await self._channel.close()

    async def watch(self, gateway_id: str = "g1") -> Stream:
        stream = Stream(self.stub.Watch(pb.WatchRequest(gateway_id=gateway_id)), self)
        self._streams.append(stream)
        return await stream.open()

    async def join(
        self,
        stream: Stream,
        peer_id: str,
        role: room_pb2.Role.ValueType = room_pb2.ROLE_CANDIDATE,
        room_id: str = "exam",
        change: Callable[[pb.JoinRoomRequest], None] = lambda _: None,
    ) -> Session:
        request = self.join_request(stream, peer_id, role, room_id)
        change(request)
        reply = await self.stub.JoinRoom(request, timeout=DEADLINE_S)
        return Session(
            self,
            room_id,
            request.session_id,
            reply.session_key,
            reply,
            generation=request.generation,
        )

    def join_request(
        self,
        stream: Stream,
        peer_id: str,
        role: room_pb2.Role.ValueType = room_pb2.ROLE_CANDIDATE,
        room_id: str = "exam",
    ) -> pb.JoinRoomRequest:
        session_id = f"s-{room_id}-{peer_id}"
        return pb.JoinRoomRequest(
            watch_id=stream.watch_id,
            room_id=room_id,
            session_id=session_id,
            peer_id=peer_id,
            user_id=f"user-{peer_id}",
            display_name=peer_id.title(),
            role=role,
            request_id=f"{session_id}/0",
            generation=1,
            create=True,
            may_publish=True,
            may_subscribe=True,
        )
