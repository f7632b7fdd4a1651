from services.gateway.core.limit import TokenBucket, cost_of


def test_burst_is_let_through_and_one_more_is_not() -> None:
    bucket = TokenBucket(rate_per_s=50, burst=100, now=0.0)

    assert all(bucket.take(0.0) for _ in range(100))
    assert not bucket.take(0.0)


def test_messages_at_the_rate_are_never_refused() -> None:
    bucket = TokenBucket(rate_per_s=50, burst=1, now=0.0)

    # A little slower than the limit, so that rounding decides nothing.
    assert all(bucket.take(n * 0.0201) for n in range(1, 1000))


def test_client_is_told_when_the_next_message_is_welcome() -> None:
    bucket = TokenBucket(rate_per_s=50, burst=1, now=0.0)
    bucket.take(0.0)
    bucket.take(0.0)

    assert bucket.retry_after_ms(0.0) == 20
    assert bucket.take(0.021)


def test_clients_that_come_again_when_told_are_taken_one_and_all() -> None:
    bucket = TokenBucket(rate_per_s=50, burst=100, now=0.0)
    due: list[float] = []
    for _ in range(130):
        if not bucket.take(0.0):
            # To the millisecond, as they are told.
            due.append(bucket.retry_after_ms(0.0) / 1000)

    assert [round(at, 2) for at in due] == [round(0.02 * n, 2) for n in range(1, 31)]
    assert all(bucket.take(at + 0.001) for at in due)


def test_flood_puts_a_message_off_by_no_more_than_a_burst_takes() -> None:
    bucket = TokenBucket(rate_per_s=50, burst=100, now=0.0)
    for _ in range(5_000):
        bucket.take(0.0)

    assert bucket.retry_after_ms(0.0) == 2_000


def test_refusals_add_up_until_the_client_has_paused_for_a_burst() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=2, now=0.0)
    for _ in range(5):
        bucket.take(0.0)
    assert bucket.refused == 3

    bucket.take(0.1)
    assert bucket.refused == 3
    bucket.take(1.0)
    assert bucket.refused == 0


def test_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=1, now=5.0)
    bucket.take(5.0)

    assert not bucket.take(4.0)


def test_what_is_spent_without_asking_is_paid_back_by_waiting() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=20, now=0.0)
    bucket.spend(25)
    assert not bucket.take(0.4)
    assert bucket.take(0.7)

    bucket.spend(10_000)
    # Never more than one burst in debt.
    assert bucket.take(0.7 + 2.2)


def test_large_message_counts_as_several() -> None:
    assert [cost_of(characters) for characters in (0, 8191, 8192, 65536)] == [1, 1, 2, 9]
    bucket = TokenBucket(rate_per_s=10, burst=20, now=0.0)
    assert bucket.take(0.0, 9)
    assert bucket.take(0.0, 9)
    assert not bucket.take(0.0, 9)
    assert bucket.refused == 9
    assert bucket.retry_after_ms(0.0) == 700
    assert bucket.take(0.0, 2)


def test_message_that_counts_as_more_than_a_burst_takes_the_whole_burst() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=5, now=0.0)
    assert bucket.take(0.0, 9)
    assert not bucket.take(0.0)
