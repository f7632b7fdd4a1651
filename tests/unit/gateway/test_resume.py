import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import Code, Refusal
from services.common.ids import Epoch, PeerId, RoomId, SessionId, UserId
from services.gateway.core.admission import Admission, Role
from services.gateway.core.message.request import parse
from services.gateway.core.message.room import RoomJoin, RoomJoinPayload
from services.gateway.core.resume import (
    MAX_CHARACTERS,
    Place,
    Ticket,
    derive_key,
    seal,
    unseal,
)
from tests.support.frame import frame
from tests.support.rtp_sample import read

KEY = derive_key(b"a secret of at least thirty-two bytes")


def joining(**payload: object) -> RoomJoinPayload:
    message = parse(frame("room:join", {"roomId": "exam", "displayName": "Ada", **payload}))
    assert isinstance(message, RoomJoin)
    return message.payload


TICKET = Ticket(
    session_id=SessionId("s-1"),
    peer_id=PeerId("p-1"),
    admission=Admission(
        user_id=UserId("ada"),
        room_id=RoomId("exam"),
        role=Role.CANDIDATE,
        may_create=False,
        may_publish=True,
        may_subscribe=True,
        may_moderate=False,
        visibility="proctored",
        max_participants=0,
    ),
    join=joining(appData={"seat": 7}, rtpCapabilities=read("router_capabilities")),
    epoch=Epoch("e1"),
    place=Place("run-1", 1, 4),
    issued_at_s=1_765_843_200,
)
TOKEN = seal(TICKET, KEY)


def is_refused(token: str, key: bytes = KEY) -> bool:
    with pytest.raises(Refusal) as refused:
        unseal(token, key)
    return (refused.value.code, refused.value.reason) == (
        Code.UNAUTHORIZED,
        "RESUME_TOKEN_INVALID",
    )


def test_token_says_what_the_ticket_said() -> None:
    assert unseal(TOKEN, KEY) == TICKET


def test_token_is_short_and_fits_anywhere() -> None:
    assert len(TOKEN) < 2048
    assert set(TOKEN) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_another_secret_signs_another_token() -> None:
    other = derive_key(b"another secret of thirty-two bytes..")
    assert is_refused(TOKEN, other)
    assert is_refused(seal(TICKET, other))


def test_key_is_not_the_secret_itself() -> None:
    secret = b"a secret of at least thirty-two bytes"
    assert is_refused(seal(TICKET, secret))


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_token_with_any_character_changed_is_refused(at: int, character: str) -> None:
    changed = TOKEN[:at] + character + TOKEN[at + 1 :]
    if changed != TOKEN:
        assert is_refused(changed)


@given(st.one_of(st.text(), st.from_regex(r"r1\.[A-Za-z0-9_-]{0,64}\.[A-Za-z0-9_-]{43}")))
def test_token_that_is_made_up_is_refused(token: str) -> None:
    assert is_refused(token)


@pytest.mark.parametrize(
    "changed",
    [
        replace(TICKET, peer_id=PeerId("p-2")),
        replace(TICKET, admission=replace(TICKET.admission, role=Role.PROCTOR)),
        replace(TICKET, place=Place("run-1", 1, 5)),
    ],
)
def test_body_of_one_token_under_the_signature_of_another_is_refused(changed: Ticket) -> None:
    forged = seal(changed, b"k" * 32).rpartition(".")[0] + "." + TOKEN.rpartition(".")[2]
    assert is_refused(forged)


def test_token_of_another_version_is_refused_though_it_is_signed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("services.gateway.core.resume.VERSION", "r2")
        newer = seal(TICKET, KEY)
    assert newer.startswith("r2.")
    assert is_refused(newer)


def test_what_a_client_said_at_length_is_left_out_and_the_rest_is_kept() -> None:
    noise = Random(1)
    codecs = [
        {
            "kind": "video",
            "mimeType": "video/VP8",
            "clockRate": 90000,
            "parameters": {"x": noise.randbytes(120).hex()},
        }
        for _ in range(64)
    ]
    join = joining(appData={"seat": 7}, rtpCapabilities={"codecs": codecs})

    token = seal(replace(TICKET, join=join), KEY)

    assert len(token) <= MAX_CHARACTERS
    kept = unseal(token, KEY).join
    assert kept.rtp_capabilities is None
    assert json.loads(kept.model_dump_json())["app_data"] == {"seat": 7}
