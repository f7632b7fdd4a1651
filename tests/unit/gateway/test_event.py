import pytest

from services.common.ids import Epoch
from services.gateway.core.message.envelope import Outbound
from services.gateway.core.order import Event, Position
from services.gateway.upstream.event import PAYLOAD, event_from_pb, unknown_fields
from services.pb.invigil.sfu.v1 import event_pb2, room_pb2, rtp_pb2

PARTICIPANT = room_pb2.Participant(
    peer_id="p-2",
    user_id="bo",
    display_name="Bo",
    role=room_pb2.ROLE_PROCTOR,
    connection=room_pb2.CONNECTION_LOST,
    app_data_json='{"seat": 4}',
    producers=[room_pb2.Producer(producer_id="p-2.1", kind=rtp_pb2.MEDIA_KIND_AUDIO, paused=True)],
)


def test_every_event_of_the_worker_has_a_message() -> None:
    fields = event_pb2.SessionEvent.DESCRIPTOR.oneofs_by_name["event"].fields

    assert {field.name for field in fields} == set(PAYLOAD)


def test_participant_is_written_as_the_protocol_says() -> None:
    joined = event_pb2.ParticipantJoined(participant=PARTICIPANT)

    event = event_from_pb(
        event_pb2.SessionEvent(session_id="s", epoch="e", seq=3, participant_joined=joined)
    )

    assert event is not None
    assert event.position == Position(event.position.epoch, 3)  # type: ignore[union-attr]
    assert event.payload is not None
    assert event.payload.type == "participant:joined"
    assert event.payload.model_dump(by_alias=True, exclude_none=True) == {
        "participant": {
            "peerId": "p-2",
            "userId": "bo",
            "displayName": "Bo",
            "role": "proctor",
            "connection": "lost",
            "appData": {"seat": 4},
            "producers": [{"producerId": "p-2.1", "kind": "audio", "paused": True, "appData": {}}],
        }
    }


def test_latest_only_event_has_no_position() -> None:
    event = event_from_pb(
        event_pb2.SessionEvent(
            session_id="s", producer_closed=event_pb2.ProducerClosed(producer_id="p-2.1")
        )
    )

    assert event is not None
    assert event.position is None


@pytest.mark.parametrize(("layer", "said"), [(2, {"spatialLayer": 2}), (None, {})])
def test_layer_of_a_consumer_is_absent_while_nothing_is_forwarded(
    layer: int | None, said: dict[str, int]
) -> None:
    layers = event_pb2.ConsumerLayers(consumer_id="p-1.c1", spatial_layer=layer)
    event = event_from_pb(event_pb2.SessionEvent(session_id="s", consumer_layers=layers))

    assert event is not None
    assert event.payload is not None
    assert event.position is None
    message = event.payload
    assert message.type == "consumer:layers"
    assert message.model_dump(by_alias=True, exclude_none=True) == {"consumerId": "p-1.c1", **said}


@pytest.mark.parametrize(("layer", "said"), [(0, {"spatialLayer": 0}), (None, {})])
def test_layer_that_is_needed_of_a_producer_is_absent_while_nothing_is(
    layer: int | None, said: dict[str, int]
) -> None:
    needed = event_pb2.ProducerLayersNeeded(producer_id="p-1.2", spatial_layer=layer)
    event = event_from_pb(event_pb2.SessionEvent(session_id="s", producer_layers_needed=needed))

    assert event is not None
    assert event.payload is not None
    assert event.position is None
    message = event.payload
    assert (message.type, message.latest_of) == ("producer:layers-needed", "p-1.2")
    assert message.model_dump(by_alias=True, exclude_none=True) == {"producerId": "p-1.2", **said}


def test_list_of_speakers_takes_the_place_of_the_one_before_and_may_be_empty() -> None:
    speaker = event_pb2.Speaker(peer_id="p-1", producer_id="p-1.1", level=300)
    active = event_pb2.SpeakersActive(speakers=[speaker])
    event = event_from_pb(event_pb2.SessionEvent(session_id="s", speakers_active=active))
    none = event_from_pb(
        event_pb2.SessionEvent(session_id="s", speakers_active=event_pb2.SpeakersActive())
    )

    assert event is not None
    assert event.payload is not None
    assert event.position is None
    # A level that no microphone has is the quietest.
    assert event.payload.model_dump(by_alias=True, exclude_none=True) == {
        "speakers": [{"peerId": "p-1", "producerId": "p-1.1", "level": 127}]
    }
    assert none is not None
    assert none.payload is not None
    assert none.payload.model_dump(by_alias=True, exclude_none=True) == {"speakers": []}
    assert Outbound(event.payload).replaces == Outbound(none.payload).replaces is not None


def test_event_of_a_newer_worker_keeps_its_place_and_says_nothing() -> None:
    # Field 1,000 of this schema is nobody's: the tag of an empty message, and its length.
    newer = event_pb2.SessionEvent(session_id="s", epoch="e", seq=3)
    newer.MergeFromString(bytes([0xC2, 0x3E, 0]))

    event = event_from_pb(newer)

    assert event == Event(None, Position(Epoch("e"), 3))
    assert unknown_fields(newer) == (1000,)


def test_latest_only_event_of_a_newer_worker_is_passed_over() -> None:
    assert event_from_pb(event_pb2.SessionEvent(session_id="s")) is None


def test_transport_that_failed_says_why() -> None:
    closed = event_pb2.TransportClosed(transport_id="t", reason="DTLS_FAILED")

    event = event_from_pb(event_pb2.SessionEvent(session_id="s", seq=1, transport_closed=closed))

    assert event is not None
    assert event.payload is not None
    assert event.payload.type == "transport:closed"
    assert event.payload.model_dump(by_alias=True) == {
        "transportId": "t",
        "reason": "DTLS_FAILED",
    }
