import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.ids import Epoch
from services.gateway.core.message.media import ConsumerLayers, ProducerPaused
from services.gateway.core.order import Event, EventOrder, LogBroken, Position

EPOCH = Epoch("e1")


def event(seq: int | None, epoch: Epoch = EPOCH) -> Event:
    position = None if seq is None else Position(epoch, seq)
    return Event(ProducerPaused(producer_id=f"p{seq}"), position)


def started(at: int = 0) -> EventOrder:
    order = EventOrder()
    order.start(Position(EPOCH, at))
    return order


def seqs(events: list[Event]) -> list[int | None]:
    return [each.position.seq if each.position else None for each in events]


def test_events_come_out_in_order() -> None:
    order = started()
    for seq in (1, 2, 3):
        order.arrived(event(seq))

    assert seqs(order.release()) == [1, 2, 3]
    assert seqs(order.release()) == []


def test_nothing_is_given_out_before_the_snapshot() -> None:
    order = EventOrder()
    order.arrived(event(5))
    order.arrived(event(6))
    assert order.release() == []

    order.start(Position(EPOCH, 5))
    assert seqs(order.release()) == [6]


def test_later_events_wait_for_the_reply() -> None:
    order = started()
    for seq in (1, 2, 3):
        order.arrived(event(seq))

    assert seqs(order.release(upto=2)) == [1, 2]
    assert seqs(order.release()) == [3]


def test_reply_is_reached_when_the_events_before_it_are_here() -> None:
    order = started()
    order.arrived(event(1))

    assert order.reaches(Position(EPOCH, 1))
    assert not order.reaches(Position(EPOCH, 2))
    assert order.reaches(Position(EPOCH, 0))


def test_repeats_are_dropped() -> None:
    order = started()
    for seq in (1, 1, 2, 1, 2, 3):
        order.arrived(event(seq))

    assert seqs(order.release()) == [1, 2, 3]


def test_gap_breaks_the_log() -> None:
    order = started()
    order.arrived(event(2))

    with pytest.raises(LogBroken):
        order.release()


def test_another_epoch_breaks_the_log() -> None:
    order = started()
    order.arrived(event(1, Epoch("e2")))

    with pytest.raises(LogBroken):
        order.release()
    with pytest.raises(LogBroken):
        order.reaches(Position(Epoch("e2"), 1))


def test_latest_only_events_have_no_place_in_the_log() -> None:
    order = started()
    for seq in (1, None, 2):
        order.arrived(event(seq))

    assert seqs(order.release()) == [1, None, 2]


def layers(consumer_id: str, layer: int) -> Event:
    return Event(ConsumerLayers(consumer_id=consumer_id, spatial_layer=layer), None)


def test_latest_only_event_replaces_the_one_before_about_the_same_thing() -> None:
    order = started()
    older, other, newer = layers("a", 0), layers("b", 1), layers("a", 2)
    for each in (older, other, event(1), newer):
        order.arrived(each)

    assert order.held == 3
    assert order.release() == [other, event(1), newer]


def test_latest_only_event_comes_after_the_reply_that_is_due() -> None:
    order = started()
    for each in (layers("a", 0), event(1), event(2)):
        order.arrived(each)

    assert order.release(upto=1) == [event(1)]
    assert order.release() == [layers("a", 0), event(2)]


@given(st.lists(st.integers(min_value=1, max_value=6), max_size=20))
def test_what_comes_out_is_always_a_log_without_gaps(arriving: list[int]) -> None:
    order = started()
    given_out: list[int | None] = []
    for seq in arriving:
        order.arrived(event(seq))
        try:
            given_out += seqs(order.release())
        except LogBroken:
            break

    assert given_out == list(range(1, len(given_out) + 1))


def layer_of(consumer: int) -> Event:
    return Event(ConsumerLayers(consumer_id=f"c{consumer}", spatial_layer=1), None)


def test_events_of_many_consumers_are_held_without_work_for_each_pair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = 0

    def latest_of(self: ConsumerLayers) -> str:
        nonlocal named
        named += 1
        return self.consumer_id

    monkeypatch.setattr(ConsumerLayers, "latest_of", property(latest_of))
    order = EventOrder()
    for consumer in range(500):
        order.arrived(layer_of(consumer))
    order.start(Position(EPOCH, 0))

    assert len(order.release()) == 500
    assert named <= 3 * 500


def test_event_that_was_given_out_is_not_replaced_by_the_next() -> None:
    order = started()
    order.arrived(layer_of(1))
    assert len(order.release()) == 1
    order.arrived(layer_of(1))
    order.arrived(layer_of(2))
    order.arrived(layer_of(1))

    assert [e.replaces for e in order.release()] == ["consumer:layers c2", "consumer:layers c1"]
