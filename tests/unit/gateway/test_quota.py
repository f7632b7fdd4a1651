import pytest

from services.gateway.core import quota
from services.gateway.core.quota import Quota, QuotaLimits, Share, Turned

LIMITS = QuotaLimits(
    connections=3, connects_per_s=1.0, connect_burst=5, messages_per_s=10.0, message_burst=20
)


def test_address_has_so_many_sockets_and_others_are_not_concerned() -> None:
    quota = Quota(LIMITS)
    for _ in range(3):
        assert isinstance(quota.enter("a", 0.0), Share)
    assert quota.enter("a", 0.0) is Turned.TOO_MANY_CONNECTIONS
    assert isinstance(quota.enter("b", 0.0), Share)

    quota.leave("a", 0.0)
    assert isinstance(quota.enter("a", 0.0), Share)


def test_address_opens_so_many_sockets_in_a_time() -> None:
    quota = Quota(LIMITS)
    for _ in range(5):
        assert isinstance(quota.enter("a", 0.0), Share)
        quota.leave("a", 0.0)
    assert quota.enter("a", 0.0) is Turned.TOO_MANY_CONNECTS
    assert isinstance(quota.enter("a", 1.0), Share)


def test_sockets_of_an_address_take_messages_from_one_bucket() -> None:
    quota = Quota(LIMITS)
    first, second = quota.enter("a", 0.0), quota.enter("a", 0.0)
    assert isinstance(first, Share)
    assert isinstance(second, Share)
    assert all(first.messages.take(0.0) and second.messages.take(0.0) for _ in range(10))
    assert not first.messages.take(0.0)
    assert not second.messages.take(0.0)


def test_leaving_does_not_give_a_new_burst_until_it_would_be_there_anyway() -> None:
    quota = Quota(LIMITS)
    for now in range(5):
        quota.enter("a", now / 1000)
        quota.leave("a", now / 1000)
    assert quota.enter("a", 0.01) is Turned.TOO_MANY_CONNECTS
    assert isinstance(quota.enter("b", 4.9), Share)
    assert len(quota) == 2
    quota.leave("b", 4.9)

    quota.enter("c", 5.1)
    assert len(quota) == 2, "a is forgotten"


def test_share_in_use_is_never_forgotten() -> None:
    quota = Quota(LIMITS)
    quota.enter("a", 0.0)
    for n in range(10):
        quota.enter(f"b{n}", 1000.0 + n)
        quota.leave(f"b{n}", 1000.0 + n)
    quota.leave("a", 2000.0)


def test_ever_new_addresses_are_forgotten_from_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "MAX_IDLE", 100)
    quotas = Quota(LIMITS)
    for n in range(1000):
        quotas.enter(f"a{n}", 0.0)
        quotas.leave(f"a{n}", 0.0)

    assert len(quotas) <= 102
