"""How often one session may do what costs others."""

from services.sfu.core.allowance import (
    BURST,
    CHANGE_BURST,
    INTERVAL_MS,
    SDP_BURST,
    Allowance,
    of_changes,
    of_descriptions,
)
from tests.support.refusal import refusal_of


def test_burst_is_allowed_and_then_one_at_a_time() -> None:
    allowance = Allowance()
    for _ in range(BURST):
        allowance.spend(now_ms=1000)

    refused = refusal_of(allowance.spend, now_ms=1050)

    assert (refused.reason, refused.details) == ("TOO_MUCH_SAID", {"retryAfterMs": "150"})
    allowance.spend(now_ms=1200)
    refusal_of(allowance.spend, now_ms=1200)


def test_silence_gives_the_whole_burst_back_and_no_more() -> None:
    allowance = Allowance()
    for start_ms in (0, 10 * BURST * INTERVAL_MS):
        for _ in range(BURST):
            allowance.spend(start_ms)
        refusal_of(allowance.spend, start_ms)


def test_what_is_given_back_does_not_count() -> None:
    allowance = of_descriptions()
    for _ in range(3 * SDP_BURST):
        allowance.spend(0)
        allowance.give_back()
    for _ in range(SDP_BURST):
        allowance.spend(0)
    assert refusal_of(allowance.spend, 0).reason == "TOO_MANY_DESCRIPTIONS"


def test_what_is_owed_has_to_come_back_first() -> None:
    allowance = of_changes()
    allowance.charge(0, CHANGE_BURST + 3)
    refused = refusal_of(allowance.check, 0)
    assert (refused.reason, refused.details) == (
        "TOO_MANY_CHANGES",
        {"retryAfterMs": str(4 * INTERVAL_MS)},
    )
    allowance.check(4 * INTERVAL_MS)
