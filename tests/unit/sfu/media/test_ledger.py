import pytest

from services.common.ids import ConsumerId, ProducerId, TransportId
from services.sfu.media.ledger import HandleTable, Ledger

SEND, RECV = TransportId("send"), TransportId("recv")
CAMERA, MICROPHONE = ProducerId("p.1"), ProducerId("p.2")
SEEN, HEARD = ConsumerId("c.1"), ConsumerId("c.2")


def call() -> Ledger:
    ledger = Ledger()
    ledger.add_transport(SEND)
    ledger.add_transport(RECV)
    ledger.add_producer(CAMERA, SEND)
    ledger.add_producer(MICROPHONE, SEND)
    ledger.add_consumer(SEEN, CAMERA, RECV)
    ledger.add_consumer(HEARD, MICROPHONE, RECV)
    return ledger


def test_the_end_of_a_producer_ends_its_consumers() -> None:
    ledger = call()
    assert ledger.remove_producer(CAMERA) is not None
    assert SEEN not in ledger.consumers
    assert HEARD in ledger.consumers
    assert ledger.remove_consumer(SEEN) is None


def test_the_end_of_a_sending_transport_ends_what_was_sent_on_it_and_its_consumers() -> None:
    ledger = call()
    ledger.remove_transport(SEND)
    assert (len(ledger.producers), len(ledger.consumers)) == (0, 0)
    assert RECV in ledger.transports


def test_the_end_of_a_receiving_transport_leaves_the_producers() -> None:
    ledger = call()
    ledger.remove_transport(RECV)
    assert (len(ledger.producers), len(ledger.consumers)) == (2, 0)
    ledger.remove_producer(CAMERA)


def test_removing_what_is_gone_does_nothing() -> None:
    ledger = call()
    ledger.remove_transport(SEND)
    assert ledger.remove_transport(SEND) is None
    assert ledger.remove_producer(CAMERA) is None


def test_what_hangs_on_an_unknown_owner_is_a_key_error_and_leaves_no_trace() -> None:
    ledger = call()
    with pytest.raises(KeyError):
        ledger.add_producer(ProducerId("p.3"), TransportId("none"))
    with pytest.raises(KeyError):
        ledger.add_consumer(ConsumerId("c.3"), ProducerId("none"), RECV)
    assert (len(ledger.producers), len(ledger.consumers)) == (2, 2)


def test_an_id_in_use_is_refused() -> None:
    ledger = call()
    with pytest.raises(ValueError, match=r"p\.1"):
        ledger.add_producer(CAMERA, RECV)
    assert ledger.remove_transport(RECV) is not None
    assert CAMERA in ledger.producers


def test_a_handle_is_not_given_again_at_once() -> None:
    table: HandleTable[str] = HandleTable()
    first = table.add("a")
    table.remove("a")
    assert table.add("a") != first
    assert table.key(first) is None
