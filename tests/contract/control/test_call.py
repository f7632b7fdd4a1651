"""A call from join to leave, over a real gRPC server."""

from services.pb.invigil.sfu.v1 import room_pb2, rtp_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from tests.support.control import DEADLINE_S, Gateway, RunningWorker


async def test_candidate_publishes_and_proctor_consumes(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    candidate = await gateway.join(stream, "cam")
    proctor = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    assert [p.peer_id for p in proctor.joined.participants] == ["cam"]
    await candidate.transport(room_pb2.DIRECTION_SEND)
    recv = await proctor.transport(room_pb2.DIRECTION_RECV)
    producer_id = await candidate.produce()
    assert producer_id == "cam.1"
    joined = await stream.next()
    assert joined.event.session_id == candidate.session_id
    assert joined.event.participant_joined.participant.peer_id == "eve"
    news = await stream.next()
    assert news.event.session_id == proctor.session_id
    assert news.event.seq == 1
    assert news.event.producer_new.producer_id == "cam.1"
    reply = await proctor.consume("cam.1")
    assert reply.position.seq == 1
    consumer = reply.results[0].consumer
    assert consumer.transport_id == recv
    assert consumer.kind == rtp_pb2.MEDIA_KIND_VIDEO
    assert consumer.rtp_parameters.codecs[0].payload_type == 101
    assert consumer.rtp_parameters.encodings[0].rtx.ssrc != 0
    left = await candidate.leave()
    assert left.reason == "LEFT"
    told = [await stream.next() for _ in range(4)]
    assert told[0].event.consumer_closed.consumer_id == consumer.consumer_id
    assert told[1].event.producer_closed.producer_id == "cam.1"
    assert told[2].event.participant_left.peer_id == "cam"
    assert told[3].ended.session_id == candidate.session_id
    assert [message.event.seq for message in told[:3]] == [2, 3, 4]
    await proctor.leave()
    assert running.media.is_empty
    assert running.worker.rooms == {}


async def test_describe_tells_identity_and_counts(running: RunningWorker, gateway: Gateway) -> None:
    stream = await gateway.watch()
    await gateway.join(stream, "cam")
    reply = await gateway.stub.Describe(pb.DescribeRequest(), timeout=DEADLINE_S)
    assert reply.worker_id == "w1"
    assert reply.worker_epoch == "run-1"
    assert reply.media_address == "127.0.0.1:40000"
    assert (reply.rooms, reply.peers) == (1, 1)
    assert reply.room_generations[0].room_id == "exam"
    assert reply.room_generations[0].generation == 1
