"""What an operator learns of a running call with a generic tool that knows none of its types."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.e2e.conftest import OpenTab
from tests.support.browser import Tile
from tests.support.cluster import CALL_WITHIN_S, Cluster
from tests.support.poll import until

ADMIN = "invigil.sfu.admin.v1.AdminService"

pytestmark = pytest.mark.timeout(300)


class GenericTool:
    """Calls methods of a server by name, with types that it learns from the server alone."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def call(self, service: str, method: str, request: dict[str, Any]) -> dict[str, Any]:
        found = self._pool.FindServiceByName(service).FindMethodByName(method)
        request_type = message_factory.GetMessageClass(found.input_type)
        response_type = message_factory.GetMessageClass(found.output_type)
        call = self._channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=request_type.SerializeToString,
            response_deserializer=response_type.FromString,
        )
        response = call(json_format.ParseDict(request, request_type()), timeout=CALL_WITHIN_S)
        return json_format.MessageToDict(response)


@pytest.fixture
def tool(cluster: Cluster) -> Iterator[GenericTool]:
    with grpc.insecure_channel(cluster.grpc_address) as channel:
        yield GenericTool(channel)


async def test_operator_sees_who_is_there_and_why_a_picture_moves(
    cluster: Cluster, tool: GenericTool, room: str, open_tab: OpenTab
) -> None:
    proctor = await open_tab(cluster.link(room, "proctor", "Grace"))
    candidate = await open_tab(cluster.link(room, "candidate", "Ada"))
    tile = Tile(proctor, "Ada")
    await tile.until_shown()
    await tile.until_frames_grow()

    rooms = tool.call(ADMIN, "ListRooms", {})["rooms"]
    found = next(summary for summary in rooms if summary["roomId"] == room)
    names = {person["peerId"]: person["displayName"] for person in found["participants"]}
    assert names == {
        await candidate.own_peer_id(): "Ada",
        await proctor.own_peer_id(): "Grace",
    }
    assert int(tool.call(ADMIN, "Describe", {})["engineCounters"]["rtp_packets_out"]) > 0

    consumed = [c for reply in proctor.replies("consumer:created") for c in reply["consumers"]]
    camera = next(consumer for consumer in consumed if consumer["kind"] == "video")

    def explain() -> dict[str, Any]:
        request = {"roomId": room, "consumerId": camera["consumerId"]}
        return tool.call(ADMIN, "ExplainConsumer", request)

    first = explain()
    assert first["sendTransportState"] == first["recvTransportState"] == "connected"
    assert first["layers"] == 3
    assert not first.get("waitingForKeyFrame")

    async def grows() -> bool:
        return int(explain()["packetsSent"]) > int(first["packetsSent"])

    await until(grows, "the consumer sends more packets")
