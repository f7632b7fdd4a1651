"""Wire models of the Python client: what is absent stays absent, what is unknown is let be."""

import pytest
from pydantic import JsonValue, ValidationError

from services.client.python.failure import ClosedError, RefusedError
from services.client.python.message import (
    ConsumerCreated,
    ConsumerLayers,
    Encoding,
    Envelope,
    ErrorBody,
    Json,
    Layers,
    OtherEvent,
    Producer,
    ProducerLayersNeeded,
    ProducerNew,
    SpeakerActive,
    event_of,
)


def test_what_is_not_set_is_absent_on_the_wire() -> None:
    assert Layers(spatial_layer=2).as_json() == {"spatialLayer": 2}
    assert Encoding(ssrc=7).as_json() == {"ssrc": 7}


def test_event_is_typed_and_keeps_its_place() -> None:
    payload: Json = {"producerId": "p.1", "peerId": "p", "kind": "audio", "unheardOf": 1}
    event = event_of(Envelope(type="producer:new", payload=payload, epoch="e", seq=3))
    assert isinstance(event, ProducerNew)
    assert (event.producer_id, event.peer_id, event.epoch, event.seq) == ("p.1", "p", "e", 3)


def test_latest_only_event_has_no_place() -> None:
    event = event_of(
        Envelope(type="consumer:layers", payload={"consumerId": "c", "spatialLayer": 1})
    )
    assert isinstance(event, ConsumerLayers)
    assert event.seq is None


def test_layer_is_absent_while_nothing_is_forwarded() -> None:
    event = event_of(Envelope(type="consumer:layers", payload={"consumerId": "c"}))
    assert isinstance(event, ConsumerLayers)
    assert event.spatial_layer is None


@pytest.mark.parametrize("layer", [None, 0])
def test_layer_that_is_needed_is_absent_while_none_is(layer: int | None) -> None:
    payload: Json = (
        {"producerId": "p.1"} if layer is None else {"producerId": "p.1", "spatialLayer": layer}
    )
    event = event_of(Envelope(type="producer:layers-needed", payload=payload))
    assert isinstance(event, ProducerLayersNeeded)
    assert (event.producer_id, event.spatial_layer, event.seq) == ("p.1", layer, None)


def test_speakers_keep_their_order_and_may_be_none() -> None:
    speakers: list[JsonValue] = [
        {"peerId": "a", "producerId": "a.1", "level": 31},
        {"peerId": "b", "producerId": "b.1", "level": 44},
    ]
    event = event_of(Envelope(type="speaker:active", payload={"speakers": speakers}))
    assert isinstance(event, SpeakerActive)
    assert [(one.peer_id, one.level) for one in event.speakers] == [("a", 31), ("b", 44)]
    nobody = event_of(Envelope(type="speaker:active", payload={"speakers": []}))
    assert isinstance(nobody, SpeakerActive)
    assert nobody.speakers == []


def test_event_of_an_unknown_type_is_kept_as_it_came() -> None:
    event = event_of(Envelope(type="weather:changed", payload={"sun": True}))
    assert event == OtherEvent(type="weather:changed", payload={"sun": True})


@pytest.mark.parametrize("payload", [{}, {"producerId": 7, "peerId": "p", "kind": "audio"}])
def test_known_event_of_a_wrong_shape_is_refused(payload: Json) -> None:
    with pytest.raises(ValidationError):
        event_of(Envelope(type="producer:new", payload=payload))


def test_payload_cannot_pretend_to_be_another_event() -> None:
    payload: Json = {"type": "session:closing", "consumerId": "c", "spatialLayer": 0}
    assert isinstance(event_of(Envelope(type="consumer:layers", payload=payload)), ConsumerLayers)


def test_source_is_text_or_nothing() -> None:
    def producer(source: str | int) -> Producer:
        return Producer(producer_id="p", kind="video", app_data={"source": source})

    assert producer("screen").source == "screen"
    assert producer(7).source is None


def test_consumer_that_is_neither_simple_nor_simulcast_is_refused() -> None:
    with pytest.raises(ValidationError):
        ConsumerCreated.model_validate(
            {
                "consumerId": "c",
                "producerId": "p",
                "peerId": "x",
                "kind": "audio",
                "rtpParameters": {"codecs": []},
                "type": "svc",
            }
        )


def test_refusal_reads_only_details_of_the_right_type() -> None:
    body = ErrorBody(code="INTERNAL", details={"reason": 7, "retryAfterMs": "soon"})
    refused = RefusedError(body)
    assert refused.reason is None
    assert refused.retry_after_ms is None


@pytest.mark.parametrize("code", [4401, 4403, 4409])
def test_another_attempt_is_of_no_use_after(code: int) -> None:
    assert ClosedError(code, "").is_final


@pytest.mark.parametrize("code", [1000, 1006, 1012, 1013, 4408, 4429])
def test_another_attempt_may_succeed_after(code: int) -> None:
    assert not ClosedError(code, "").is_final
