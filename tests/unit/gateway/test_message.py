import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.common.errors import Code
from services.gateway.core.message.connection import AuthRequest, Ping, Pong
from services.gateway.core.message.envelope import Outbound, encode
from services.gateway.core.message.later import NotBuilt
from services.gateway.core.message.media import (
    Consume,
    ConsumeFailure,
    ConsumerCreated,
    ConsumersCreated,
    Produce,
)
from services.gateway.core.message.request import Rejection, parse
from services.gateway.core.message.room import RoomJoin, RoomLeave
from services.gateway.core.message.rtp import (
    RtpCapabilities,
    RtpCodecParameters,
    RtpParameters,
)
from services.gateway.core.message.text import MessageReceived, MessageSend
from services.gateway.core.message.transport import IceParameters
from services.gateway.core.refusal import error_of
from tests.support.frame import frame

CODEC = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000}


def rejection(text: str | bytes) -> Rejection:
    parsed = parse(text)
    assert isinstance(parsed, Rejection), parsed
    return parsed


def test_auth_request_of_the_adr_is_understood() -> None:
    parsed = parse(frame("auth:request", {"token": "t", "roomId": "exam", "role": "proctor"}))

    assert isinstance(parsed, AuthRequest)
    assert (parsed.payload.token, parsed.payload.room_id) == ("t", "exam")


def test_payload_may_be_absent_where_all_its_fields_are_optional() -> None:
    assert isinstance(parse(frame("room:leave")), RoomLeave)
    assert isinstance(parse(frame("ping")), Ping)


def test_produce_with_a_kind_alone_is_valid() -> None:
    assert isinstance(parse(frame("produce", {"kind": "video"})), Produce)


def test_unknown_fields_are_ignored() -> None:
    parsed = parse(frame("room:leave", {"why": "done"}, extra=[1]))

    assert isinstance(parsed, RoomLeave)


@pytest.mark.parametrize(
    "codecs",
    [
        [{"rtcpFeedback": [{}] * 32, "parameters": {str(n): None for n in range(64)}}] * 64,
        [{"parameters": {str(n): None for n in range(5000)}}],
    ],
)
def test_one_frame_cannot_hold_thousands_of_errors(codecs: list[dict[str, Any]]) -> None:
    # Describing each would take the event loop's time from every other client.
    with pytest.raises(ValidationError) as caught:
        RtpCapabilities.model_validate_json(json.dumps({"codecs": codecs}))

    assert caught.value.error_count() < 200


def test_error_of_a_message_does_not_show_its_input() -> None:
    with pytest.raises(ValidationError) as caught:
        IceParameters.model_validate({"password": "p4ssw0rd", "usernameFragment": 7})

    assert "p4ssw0rd" not in str(caught.value)


def test_attribute_names_are_no_wire_names() -> None:
    refused = rejection(frame("room:join", {"room_id": "exam", "displayName": "Ada"}))

    assert refused.refusal.details["field"] == "payload.roomId"


def test_malformed_traceparent_is_no_reason_to_refuse() -> None:
    assert isinstance(parse(frame("room:leave", traceparent=7)), RoomLeave)


@pytest.mark.parametrize(
    ("text", "reason", "is_bad_frame"),
    [
        ("{", "NOT_JSON", True),
        ("", "NOT_JSON", True),
        ("[" * 60_000, "NOT_JSON", True),
        ("[]", "NOT_AN_OBJECT", True),
        ("7", "NOT_AN_OBJECT", True),
        ("{}", "NO_TYPE", True),
        ('{"type": 7}', "NO_TYPE", True),
        (frame("room:paint"), "UNKNOWN_TYPE", False),
        ('{"type": "ping"}', "BAD_FIELD", False),
        (frame("ping", correlationId="x" * 65), "BAD_FIELD", False),
        (frame("ping", correlationId=7), "BAD_FIELD", False),
        (frame("ping", [1]), "BAD_FIELD", False),
        (frame("consume", {}), "BAD_FIELD", False),
        (frame("consume", {"producerId": "a", "producerIds": ["b"]}), "BAD_FIELD", False),
        (frame("consume", {"producerIds": ["a"] * 65}), "BAD_FIELD", False),
        (frame("room:join", {"roomId": "a b", "displayName": "Ada"}), "BAD_FIELD", False),
        (frame("room:join", {"roomId": "a", "displayName": "A\ta"}), "BAD_FIELD", False),
        (frame("room:join", {"roomId": "a", "displayName": "x" * 129}), "BAD_FIELD", False),
    ],
)
def test_what_is_no_valid_message_is_an_invalid_message(
    text: str, reason: str, is_bad_frame: bool
) -> None:
    refused = rejection(text)

    assert refused.refusal.code is Code.INVALID_MESSAGE
    assert refused.refusal.reason == reason
    assert refused.is_bad_frame is is_bad_frame


def test_rejection_carries_the_correlation_id_of_its_request() -> None:
    assert rejection(frame("room:paint", correlationId="c1")).correlation_id == "c1"
    assert rejection(frame("produce", {}, correlationId="c2")).correlation_id == "c2"


@pytest.mark.parametrize("value", [True, None, 1.5, [1], {"a": 1}, 2**63])
def test_codec_parameter_is_an_integer_or_text(value: Any) -> None:
    codec = {**CODEC, "parameters": {"usedtx": value}}

    refused = rejection(frame("produce", {"kind": "audio", "rtpParameters": {"codecs": [codec]}}))

    assert refused.refusal.reason == "BAD_FIELD"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", "9007199254740993"])
def test_number_that_a_browser_could_not_read_back_is_refused(text: str) -> None:
    refused = rejection(
        '{"type": "room:join", "timestamp": 1, "payload": '
        f'{{"roomId": "a", "displayName": "A", "appData": {{"x": [{text}]}}}}}}'
    )

    assert refused.refusal.details["field"] == "payload.appData"


def test_opaque_object_is_bounded_in_depth_and_size() -> None:
    deep: Any = 1
    for _ in range(20):
        deep = {"a": deep}
    for app_data in (deep, {"a": "x" * 4096}):
        rejection(frame("room:join", {"roomId": "a", "displayName": "A", "appData": app_data}))


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("consumer:set-priority", {"consumerId": "c", "priority": 3}),
        ("data:produce", {"transportId": "t"}),
        ("data:consume", {}),
        ("data:close", {}),
    ],
)
def test_every_other_request_of_the_protocol_is_known(kind: str, payload: Any) -> None:
    assert isinstance(parse(frame(kind, payload)), NotBuilt)


@pytest.mark.parametrize(
    "layers",
    [
        {},
        {"spatialLayer": -1},
        {"spatialLayer": 8},
        {"spatialLayer": 1.0},
        {"spatialLayer": "1"},
        {"spatialLayer": True},
        {"spatialLayer": None},
        {"spatialLayer": 2**63},
        {"spatialLayer": 0, "temporalLayer": -1},
        {"spatialLayer": 0, "temporalLayer": 8},
    ],
)
def test_layers_that_no_producer_can_have_are_refused_wherever_they_are_named(
    layers: dict[str, Any],
) -> None:
    refused = rejection(frame("consumer:set-layers", {"consumerId": "c", **layers}))
    assert refused.refusal.reason == "BAD_FIELD"
    refused = rejection(frame("consume", {"producerId": "p", "preferredLayers": layers}))
    assert refused.refusal.reason == "BAD_FIELD"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=12,
)
TYPES = ["auth:request", "room:join", "produce", "consume", "ping", "transport:connect"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(TYPES) | json_values,
            "timestamp": json_values,
            "correlationId": json_values,
            "traceparent": json_values,
            "payload": json_values,
        },
    )
)
def test_arbitrary_json_is_a_request_or_an_invalid_message(message: dict[str, Any]) -> None:
    parsed = parse(json.dumps(message))

    if isinstance(parsed, Rejection):
        assert parsed.refusal.code is Code.INVALID_MESSAGE
        answer = Outbound(error_of(parsed.refusal, parsed.type), parsed.correlation_id)
        assert json.loads(encode(answer, 1))["payload"]["code"] == "INVALID_MESSAGE"
    elif isinstance(parsed, Ping):
        json.loads(encode(Outbound(Pong(echo=parsed.payload, server_time=1)), 1))


@given(st.text() | st.binary())
def test_arbitrary_text_never_raises(text: str | bytes) -> None:
    parse(text)


def test_absent_means_absent_and_empty_lists_stay() -> None:
    created = ConsumerCreated(
        consumer_id="c",
        producer_id="p",
        peer_id="e",
        kind="audio",
        rtp_parameters=RtpParameters(
            codecs=[
                RtpCodecParameters(
                    mime_type="audio/opus",
                    payload_type=100,
                    clock_rate=48000,
                    parameters={"useinbandfec": 1, "profile": "a"},
                )
            ]
        ),
        consumer_type="simple",
        producer_paused=False,
        app_data={"mine": None},
    )

    assert json.loads(encode(Outbound(created, correlation_id="c1"), 5)) == {
        "type": "consumer:created",
        "payload": {
            "consumerId": "c",
            "producerId": "p",
            "peerId": "e",
            "kind": "audio",
            "rtpParameters": {
                "codecs": [
                    {
                        "mimeType": "audio/opus",
                        "payloadType": 100,
                        "clockRate": 48000,
                        "parameters": {"useinbandfec": 1, "profile": "a"},
                        "rtcpFeedback": [],
                    }
                ],
                "headerExtensions": [],
                "encodings": [],
            },
            "type": "simple",
            "producerPaused": False,
            # What is inside a client's own object is the client's.
            "appData": {"mine": None},
        },
        "timestamp": 5,
        "correlationId": "c1",
    }


def test_consumers_of_a_list_stand_beside_failures() -> None:
    refused = rejection(frame("consume", {})).refusal
    failure = ConsumeFailure(producer_id="p", error=error_of(refused, "consume"))

    written = json.loads(encode(Outbound(ConsumersCreated(consumers=[failure])), 5))

    assert written["payload"]["consumers"][0]["producerId"] == "p"
    assert written["payload"]["consumers"][0]["error"]["code"] == "INVALID_MESSAGE"


def test_pong_is_the_same_object_with_the_servers_time() -> None:
    pong = Pong(echo={"n": None, "serverTime": 1}, server_time=7, worker_age_ms=3)

    assert json.loads(encode(Outbound(pong), 5))["payload"] == {
        "n": None,
        "serverTime": 7,
        "workerAgeMs": 3,
    }


def test_requests_keep_what_browsers_send() -> None:
    # Captured from Chromium: fields that the server does not use are among them.
    parameters = {
        "mid": "1",
        "codecs": [{**CODEC, "parameters": {"minptime": 10}, "rtcpFeedback": [{"type": "nack"}]}],
        "headerExtensions": [
            {"uri": "urn:ietf:params:rtp-hdrext:sdes:mid", "id": 4, "parameters": {}}
        ],
        "encodings": [
            {"rid": "r0", "active": True, "scaleResolutionDownBy": 4, "maxBitrate": 150000}
        ],
        "rtcp": {"cname": "", "reducedSize": True},
        "msid": "a b",
    }

    parsed = parse(frame("produce", {"kind": "video", "rtpParameters": parameters}))

    assert isinstance(parsed, Produce)
    assert parsed.payload.rtp_parameters is not None
    assert parsed.payload.rtp_parameters.encodings[0].rid == "r0"
    assert parsed.payload.rtp_parameters.codecs[0].parameters == {"minptime": 10}


def test_join_and_consume_take_capabilities() -> None:
    capabilities = {
        "codecs": [{"kind": "audio", "mimeType": "audio/opus", "clockRate": 48000}],
        "headerExtensions": [{"kind": "audio", "uri": "urn:x", "preferredId": 1}],
    }

    joined = parse(
        frame("room:join", {"roomId": "a", "displayName": "A", "rtpCapabilities": capabilities})
    )
    consumed = parse(frame("consume", {"producerId": "p", "rtpCapabilities": capabilities}))

    assert isinstance(joined, RoomJoin)
    assert isinstance(consumed, Consume)
    assert joined.payload.rtp_capabilities == consumed.payload.rtp_capabilities


@pytest.mark.parametrize("depth", [1_000, 30_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded_wherever_it_stands(depth: int, opening: str, closing: str) -> None:
    nested = opening * depth + "1" + closing * depth
    for text in (
        nested,
        f'{{"type": "ping", "timestamp": 1, "unknown": {nested}}}',
        f'{{"type": "ping", "timestamp": 1, "payload": {{"a": {nested}}}}}',
        f'{{"type": "message:send", "timestamp": 1, "payload": {{"body": {nested}}}}}',
    ):
        parsed = parse(text)
        assert isinstance(parsed, Rejection)
        assert parsed.refusal.reason == "NOT_JSON"


@pytest.mark.parametrize("body", ["hi", 1.5, False, [], {"text": "hi", "none": None}])
def test_body_of_a_message_is_any_json_value(body: Any) -> None:
    assert isinstance(parse(frame("message:send", {"to": "p-1", "body": body})), MessageSend)


@pytest.mark.parametrize("body", [None, "x" * 4095, [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]])
def test_body_of_a_message_is_bounded_and_there(body: Any) -> None:
    assert rejection(frame("message:send", {"body": body})).refusal.reason == "BAD_FIELD"


def test_audience_that_is_given_has_somebody_in_it() -> None:
    for audience in ([], ["p"] * 257, [""]):
        rejection(frame("produce", {"kind": "audio", "audience": audience}))


def test_body_of_a_message_is_passed_on_as_it_is() -> None:
    message = MessageReceived(sender="p-1", body={"none": None, "list": [None]})

    sent = json.loads(encode(Outbound(message), 1))["payload"]

    assert sent == {"from": "p-1", "body": {"none": None, "list": [None]}}
