from services.common.errors import Code, Refusal
from services.common.ids import Epoch
from services.gateway.core.effect import (
    AnswerPing,
    Call,
    DeadlineReached,
    Detach,
    Received,
    Refused,
    SocketClosed,
)
from services.gateway.core.message.request import BINARY_FRAME, parse
from tests.support.session import EPOCH, Stage

# Order.


def test_requests_are_carried_out_one_at_a_time_in_order() -> None:
    stage = Stage().join()
    first = stage.produce(correlationId="c1")
    assert stage.receive("producer:pause", {"producerId": "p-1.1"}, correlationId="c2") == []
    assert stage.receive("producer:resume", {"producerId": "p-1.1"}, correlationId="c3") == []

    (second,) = stage.answer(first, 0)

    assert isinstance(second, Call)
    assert (first.request_id, second.request_id) == ("s-1/c1", "s-1/c2")
    assert second.request.type == "producer:pause"


def test_request_without_a_correlation_id_has_a_request_id_that_no_client_can_name() -> None:
    stage = Stage().join()
    first = stage.produce()
    stage.answer(first, 0)
    second = stage.produce()

    assert first.request_id != second.request_id
    assert not first.request_id.startswith("s-1/")


def test_events_up_to_the_position_come_before_the_reply_and_later_ones_after() -> None:
    stage = Stage().join()
    call = stage.produce()
    for seq in (1, 2, 3):
        stage.event(seq)
    assert stage.order == []

    stage.answer(call, 2)

    assert stage.order == [1, 2, "produced", 3]


def test_reply_waits_for_the_events_before_it() -> None:
    stage = Stage().join()
    call = stage.produce()
    stage.event(1)
    stage.answer(call, 2)
    assert "produced" not in stage.order

    stage.event(2)

    assert stage.order == [1, 2, "produced"]


def test_reply_that_waits_in_vain_ends_the_session_with_1012() -> None:
    stage = Stage(event_wait_s=3.0).join()
    call = stage.produce()
    stage.answer(call, 1)
    assert stage.session.deadline == 3.0

    stage.now = 3.0
    stage.feed(DeadlineReached())

    assert (stage.closing.reason, stage.closing.action) == ("EVENTS_LOST", "resume")
    assert stage.closed is not None
    assert stage.closed.code == 1012


def test_event_without_a_request_is_told_at_once() -> None:
    stage = Stage().join(seq=4)

    stage.event(5)

    message = stage.said[-1].message
    assert (message.epoch, message.seq, message.correlation_id) == (EPOCH, 5, None)


def test_repeated_event_is_told_once() -> None:
    stage = Stage().join()

    for seq in (1, 1, 2, 1):
        stage.event(seq)

    assert stage.order == [1, 2]


def test_gap_in_the_events_ends_the_session_with_1012() -> None:
    stage = Stage().join()

    stage.event(2)

    assert stage.closing.reason == "EVENTS_LOST"
    assert stage.closed is not None
    assert stage.closed.code == 1012
    assert stage.feed(SocketClosed()) == [Detach()]


def test_event_of_another_epoch_ends_the_session_with_1012() -> None:
    stage = Stage().join()

    stage.event(1, Epoch("e2"))

    assert stage.closed is not None
    assert stage.closed.code == 1012


def test_refusal_comes_after_the_events_that_arrived_before_it() -> None:
    stage = Stage().join()
    call = stage.produce(correlationId="c1")
    stage.event(1)

    stage.feed(Refused(call.ordinal, Refusal(Code.NOT_FOUND, "TRANSPORT_NOT_FOUND", "No.")))

    assert stage.order == [1, "error"]
    assert stage.error == ("PRODUCE_ERROR", "TRANSPORT_NOT_FOUND")
    assert stage.said[-1].message.correlation_id == "c1"


def test_events_held_behind_a_request_are_bounded() -> None:
    stage = Stage(held_events=3).join()
    stage.produce()

    for seq in range(1, 5):
        stage.event(seq)

    assert stage.closed is not None
    assert stage.closed.code == 1013


# Limits.


def test_too_many_messages_are_refused_and_then_cut_off() -> None:
    stage = Stage(message_burst=2, flood_messages=3).authenticate()
    (ping,) = stage.receive("ping")
    assert isinstance(ping, AnswerPing)

    for _ in range(3):
        stage.receive("room:paint", correlationId="c")
        assert stage.error == ("RATE_LIMITED", "TOO_MANY_MESSAGES")
        assert stage.said[-1].message.correlation_id == "c"
    stage.receive("room:paint")

    assert stage.closed is not None
    assert stage.closed.code == 4429


def test_queue_of_waiting_requests_is_bounded() -> None:
    stage = Stage(waiting_requests=2).join()
    stage.produce()
    stage.receive("room:leave")
    stage.receive("room:leave")

    stage.receive("room:leave", correlationId="c9")

    assert stage.error == ("RATE_LIMITED", "QUEUE_FULL")
    assert stage.said[-1].message.correlation_id == "c9"


def test_third_bad_frame_closes_with_4400_after_its_error() -> None:
    stage = Stage().join()
    for ordinal in (101, 102):
        stage.feed(Received(ordinal, BINARY_FRAME))
        assert stage.closed is None

    stage.feed(Received(103, parse("{")))

    assert stage.error == ("INVALID_MESSAGE", "NOT_JSON")
    assert len(stage.said) == 3
    assert stage.closed is not None
    assert stage.closed.code == 4400


def test_unknown_types_and_wrong_payloads_never_close() -> None:
    stage = Stage().join()

    for _ in range(10):
        stage.receive("room:paint")
        stage.receive("produce", {"kind": "smell"})

    assert stage.error == ("INVALID_MESSAGE", "BAD_FIELD")
    assert stage.closed is None


def test_request_that_is_not_built_is_unavailable() -> None:
    stage = Stage().join()

    assert stage.receive("data:produce", {}) == []

    assert stage.error == ("UNAVAILABLE", "NOT_BUILT")
