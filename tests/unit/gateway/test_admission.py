from typing import Any

import pytest

from services.common.errors import Code, Refusal
from services.gateway.core.admission import Admission, Claims, Role, admit, renew
from services.gateway.core.message.connection import AuthPayload


def claims(**changed: Any) -> Claims:
    return Claims.of({"sub": "ada", "room": "exam", "role": "candidate", "exp": 1, **changed})


def asked(room_id: str | None = "exam", role: Any = None) -> AuthPayload:
    return AuthPayload(token="t", room_id=room_id, role=role)


def refusal(claims: Claims, payload: AuthPayload) -> Refusal:
    with pytest.raises(Refusal) as caught:
        admit(claims, payload)
    return caught.value


def test_token_says_who_and_what() -> None:
    admission = admit(claims(), asked())

    assert (admission.user_id, admission.room_id, admission.role) == ("ada", "exam", Role.CANDIDATE)
    assert admission.may_publish
    assert admission.may_subscribe
    assert not admission.may_create
    assert (admission.visibility, admission.max_participants) == ("proctored", 0)


def test_proctor_may_ask_to_be_an_observer_who_publishes_nothing() -> None:
    admission = admit(claims(role="proctor"), asked(role="observer"))

    assert admission.role is Role.OBSERVER
    assert not admission.may_publish


@pytest.mark.parametrize(
    ("granted", "wanted"),
    [
        ("candidate", "proctor"),
        ("candidate", "observer"),
        ("observer", "proctor"),
        ("observer", "candidate"),
        ("proctor", "candidate"),
    ],
)
def test_no_other_role_than_the_tokens_is_given(granted: str, wanted: str) -> None:
    refused = refusal(claims(role=granted), asked(role=wanted))

    assert (refused.code, refused.reason) == (Code.FORBIDDEN, "ROLE_NOT_GRANTED")


@pytest.mark.parametrize("role", ["candidate", "proctor", "observer"])
def test_role_of_the_token_may_be_repeated(role: Any) -> None:
    assert admit(claims(role=role), asked(role=role)).role == role


def test_other_room_is_forbidden() -> None:
    refused = refusal(claims(), asked("other"))

    assert (refused.code, refused.reason) == (Code.FORBIDDEN, "WRONG_ROOM")


def test_token_for_any_room_admits_to_each_but_not_to_the_star() -> None:
    assert admit(claims(room="*"), asked("other")).room_id == "other"
    assert refusal(claims(room="*"), asked("*")).code is Code.FORBIDDEN


def test_room_must_be_named() -> None:
    assert refusal(claims(), asked(None)).code is Code.INVALID_MESSAGE


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "admin"},
        {"role": None},
        {"sub": ""},
        {"sub": 7},
        {"room": ["exam"]},
        {"create": "yes"},
        {"publish": 1},
        {"maxParticipants": 0},
        {"visibility": "all"},
        {"moderate": "yes"},
        {"exp": -1},
        {"exp": "soon"},
        {"exp": float("inf")},
    ],
)
def test_claim_of_a_wrong_shape_makes_the_token_invalid(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as caught:
        claims(**wrong)

    assert (caught.value.code, caught.value.reason) == (Code.UNAUTHORIZED, "TOKEN_INVALID")


def test_grants_come_from_the_token() -> None:
    admission = admit(
        claims(
            create=True,
            publish=False,
            subscribe=False,
            visibility="open",
            maxParticipants=9,
            waitingRoom=True,
        ),
        asked(),
    )

    assert admission.may_create
    assert not admission.may_publish
    assert not admission.may_subscribe
    assert (admission.visibility, admission.max_participants) == ("open", 9)
    assert admission.waiting_room


@pytest.mark.parametrize(
    ("role", "asked_role", "claim", "may"),
    [
        ("proctor", None, None, True),
        ("proctor", None, False, False),
        ("proctor", "observer", None, False),
        ("candidate", None, None, False),
        ("observer", None, None, False),
        ("observer", None, True, True),
    ],
)
def test_proctors_moderate_unless_the_token_says_otherwise(
    role: str, asked_role: str | None, claim: bool | None, may: bool
) -> None:
    more = {} if claim is None else {"moderate": claim}

    assert admit(claims(role=role, **more), asked(role=asked_role)).may_moderate is may


def test_claims_say_when_the_token_expires() -> None:
    assert claims(exp=1_765_843_200.25).expires_at_ms == 1_765_843_200_250


def present(role: str = "candidate", asked_role: str | None = None) -> Admission:
    return admit(claims(role=role), asked(role=asked_role))


def test_fresh_token_may_change_what_is_granted() -> None:
    renewed = renew(present(), claims(publish=False, room="*", create=True))

    assert not renewed.may_publish
    assert renewed.may_create
    assert (renewed.user_id, renewed.room_id, renewed.role) == ("ada", "exam", Role.CANDIDATE)


def test_proctor_who_came_as_observer_stays_one() -> None:
    assert renew(present("proctor", "observer"), claims(role="proctor")).role is Role.OBSERVER


@pytest.mark.parametrize(
    ("admission", "fresh", "reason"),
    [
        (present(), {"sub": "eve"}, "WRONG_USER"),
        (present(), {"room": "other"}, "WRONG_ROOM"),
        (present(), {"role": "proctor"}, "ROLE_NOT_GRANTED"),
        (present("proctor"), {"role": "candidate"}, "ROLE_NOT_GRANTED"),
        (present("proctor"), {"role": "observer"}, "ROLE_NOT_GRANTED"),
        (present("observer"), {"role": "candidate"}, "ROLE_NOT_GRANTED"),
    ],
)
def test_fresh_token_changes_neither_user_nor_room_nor_role(
    admission: Admission, fresh: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Refusal) as caught:
        renew(admission, claims(**fresh))

    assert (caught.value.code, caught.value.reason) == (Code.FORBIDDEN, reason)
