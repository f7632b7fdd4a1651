from hypothesis import given
from hypothesis import strategies as st

from services.sfu.media.flight import datagrams_of_flight


def record(size: int) -> bytes:
    return b"\x16\xfe\xfd" + bytes(8) + size.to_bytes(2, "big") + bytes(size)


def test_records_share_a_datagram_while_they_fit() -> None:
    flight = record(500) + record(600) + record(100)
    assert [len(d) for d in datagrams_of_flight(flight, 1_200)] == [1_126, 113]


def test_a_record_above_the_limit_goes_alone() -> None:
    flight = record(10) + record(2_000) + record(10)
    assert [len(d) for d in datagrams_of_flight(flight, 1_200)] == [23, 2_013, 23]


def test_an_empty_flight_is_no_datagram() -> None:
    assert list(datagrams_of_flight(b"", 1_200)) == []


@given(st.lists(st.integers(0, 1_500), max_size=12))
def test_nothing_is_lost_and_nothing_cut(sizes: list[int]) -> None:
    records = [record(size) for size in sizes]
    datagrams = list(datagrams_of_flight(b"".join(records), 1_200))
    assert b"".join(datagrams) == b"".join(records)
    for datagram in datagrams:
        rest = datagram
        while rest:
            end = 13 + int.from_bytes(rest[11:13], "big")
            assert end <= len(rest)
            rest = rest[end:]
