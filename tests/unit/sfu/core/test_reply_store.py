"""Repeated requests."""

import pytest

from services.common.errors import Code, Refusal
from services.sfu.core.reply_store import ReplyStore


def test_new_request_has_no_reply() -> None:
    assert ReplyStore[str]().find("1", b"a") is None


def test_repeat_gets_the_stored_reply() -> None:
    store = ReplyStore[str]()
    store.keep("1", b"a", "done", 1)
    assert store.find("1", b"a") == "done"


def test_same_id_with_another_payload_is_refused() -> None:
    store = ReplyStore[str]()
    store.keep("1", b"a", "done", 1)
    with pytest.raises(Refusal) as refused:
        store.find("1", b"b")
    assert refused.value.code is Code.INVALID_MESSAGE
    assert refused.value.reason == "REQUEST_ID_REUSED"


def test_last_256_replies_are_kept() -> None:
    store = ReplyStore[int]()
    for number in range(300):
        store.keep(str(number), b"", number, 1)
    assert len(store) == 256
    assert store.find("43", b"") is None
    assert store.find("44", b"") == 44


def test_large_replies_push_out_the_oldest_but_never_the_newest() -> None:
    store: ReplyStore[str] = ReplyStore(capacity_bytes=100)
    for number in range(4):
        store.keep(f"r{number}", b"d", "reply", 40)
    assert [store.find(f"r{number}", b"d") for number in range(4)] == [None, None, "reply", "reply"]
    store.keep("large", b"d", "reply", 1000)
    assert store.find("large", b"d") == "reply"
    assert len(store) == 1
    store.keep("small", b"d", "reply", 1)
    assert len(store) == 1
