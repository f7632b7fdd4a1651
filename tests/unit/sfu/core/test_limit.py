"""Bounds on texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import Code, Refusal
from services.sfu.core.limit import (
    check_app_data,
    check_display_name,
    check_id,
    check_name,
    check_request_id,
)


@pytest.mark.parametrize("text", ["", "{}", '{"a":[1,null,"x"]}', "{" + " " * 2046 + "}"])
def test_json_objects_are_app_data(text: str) -> None:
    assert check_app_data(text) == (text or "{}")


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "1", "null", "{", '{"a":NaN}', '{"a":-1e999}'),
        *("[" * 2048, '{"a":' * 400, "{" + " " * 2047 + "}"),
    ],
    ids=lambda text: text[:10],
)
def test_other_texts_are_not(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_app_data(text)
    assert refused.value.code is Code.INVALID_MESSAGE


def test_what_was_given_before_counts() -> None:
    assert check_app_data("{}", ["x" * 2046]) == "{}"
    with pytest.raises(Refusal):
        check_app_data("{}", ["x" * 2000, "x" * 47])


@given(st.text(min_size=1).filter(lambda text: not text.lstrip().startswith("{")))
def test_text_that_does_not_begin_an_object_is_no_app_data(text: str) -> None:
    with pytest.raises(Refusal):
        check_app_data(text)


@pytest.mark.parametrize("text", ["", "a b", "a\nb", "ä", "x" * 129])
def test_bad_ids_are_refused(text: str) -> None:
    with pytest.raises(Refusal):
        check_id("peerId", text)


@pytest.mark.parametrize("text", ["", "a\nb", "x" * 129])
def test_bad_names_of_users_and_rooms_are_refused(text: str) -> None:
    with pytest.raises(Refusal):
        check_name("userId", text)


def test_usual_ids_and_names_pass() -> None:
    check_id("peerId", "p_3f9c-7.1")
    check_name("userId", "Zoë Müller")
    check_request_id("s1/6b0f")
    check_display_name("Zoë 王")


def test_long_names_and_absent_request_ids_are_refused() -> None:
    with pytest.raises(Refusal):
        check_display_name("x" * 129)
    with pytest.raises(Refusal):
        check_request_id("")
