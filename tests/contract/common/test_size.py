"""The largest rooms that clients can make still fit through what lies on the way to a browser."""

from dataclasses import replace

from services.common.ids import PeerId, ProducerId, RoomId, SessionId, UserId
from services.common.rpc.size import MAX_REPLY_BYTES, MAX_REQUEST_BYTES
from services.gateway.edge.outbox import OutboxLimits
from services.gateway.upstream.room import participant_from_pb
from services.pb.invigil.sfu.v1 import room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.config import SfuSettings
from services.sfu.control.room_wire import participant_to_wire, settings_to_wire
from services.sfu.core.limit import (
    MAX_APP_DATA_BYTES,
    MAX_DISPLAY_NAME_CHARACTERS,
    MAX_PEERS_PER_ROOM,
    MAX_PRODUCERS_PER_SESSION,
)
from services.sfu.core.port import Kind
from services.sfu.core.rtp import EncodingParameters
from services.sfu.core.settings import MAX_ENTRIES, RoomSettings
from services.sfu.core.visibility import Visibility
from tests.support.room import Stage
from tests.support.rtp_sample import parameters


def test_largest_room_fits_in_one_grpc_reply() -> None:
    peer = greediest(peer_id="p" * 128, user_id="\N{GRINNING FACE}" * 128)
    reply = pb.JoinRoomResponse(participants=[peer] * MAX_PEERS_PER_ROOM)
    assert reply.ByteSize() < MAX_REPLY_BYTES


def test_full_room_of_the_default_size_fits_in_a_gateways_send_queue() -> None:
    peer = participant_from_pb(greediest(peer_id=f"p-{'f' * 16}", user_id="u" * 128))
    text = peer.model_dump_json(by_alias=True, exclude_none=True).encode()
    default = SfuSettings.model_fields["max_participants"].default
    assert default * len(text) < 0.98 * OutboxLimits().bytes


def greediest(*, peer_id: str, user_id: str) -> room_pb2.Participant:
    """A peer that uses all that it may."""
    stage = Stage()
    rest = MAX_APP_DATA_BYTES - len('{"a":""}') - len("{}") * MAX_PRODUCERS_PER_SESSION
    greedy = stage.join(
        PeerId(peer_id),
        session_id=SessionId("s"),
        user_id=UserId(user_id),
        display_name="\N{GRINNING FACE}" * MAX_DISPLAY_NAME_CHARACTERS,
        app_data_json='{"a":"' + "x" * rest + '"}',
    )
    sent = replace(parameters("chromium_audio"), mid=None)
    for number in range(1, MAX_PRODUCERS_PER_SESSION + 1):
        stage.publish(
            greedy,
            Kind.AUDIO,
            rtp_parameters=replace(sent, encodings=(EncodingParameters(ssrc=number),)),
            app_data_json="{}",
        )
    return participant_to_wire(stage.room.roster.view(greedy))


def test_largest_settings_of_a_room_fit_in_a_request_beside_a_join() -> None:
    users = frozenset(UserId(f"{n:0128}") for n in range(MAX_ENTRIES))
    settings = RoomSettings(
        Visibility.PROCTORED,
        1000,
        members=users,
        admitted=users,
        banned=users,
        muted=users,
        muted_producers=frozenset(ProducerId(f"{n:0140}") for n in range(MAX_ENTRIES)),
    )
    settings.check()

    # A browser's join has at most 64 KiB.
    size = settings_to_wire(RoomId("r" * 128), settings).ByteSize()
    assert size + 2 * 64 * 1024 < MAX_REQUEST_BYTES
