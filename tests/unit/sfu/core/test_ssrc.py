"""SSRCs of consumers."""

from hypothesis import given
from hypothesis import strategies as st

from services.sfu.core.ssrc import FIRST, LAST, SsrcPool


@given(st.integers(0, 2**40))
def test_pairs_are_distinct_and_within_the_range(start: int) -> None:
    pool = SsrcPool(start)
    taken = [ssrc for _ in range(50) for ssrc in pool.take()]
    assert len(set(taken)) == 100
    assert all(FIRST <= ssrc <= LAST for ssrc in taken)


def test_pool_begins_again_at_the_end_of_its_range() -> None:
    pool = SsrcPool((LAST - FIRST) // 2 - 1)
    pool.take()
    assert pool.take() == (FIRST, FIRST + 1)
