"""The protocol page suffices: a client written from it alone, while connections break all the time.

The real gateway, worker and engine; the browser's part is aiortc's.
"""

import pytest

from tests.support.gateway import RunningGateway, mint
from tests.support.page.report import Refusal, Report
from tests.support.page.story import story

BREAKS = 30
# The microphone, the producer that is paused all the time, and those that come meanwhile.
PRODUCERS = 7


@pytest.fixture(params=[101, 102])
async def report(gateway: RunningGateway, request: pytest.FixtureRequest) -> Report:
    def token(role: str, name: str, room: str) -> str:
        return mint(role, name, room=room)

    return await story(gateway.url, token, request.param, BREAKS)


async def test_page_suffices_for_a_client_whose_connections_break_all_the_time(
    report: Report,
) -> None:
    _check_breaks(report)
    _check_once_and_in_order(report)
    _check_media(report)
    _check_refusals(report)
    _check_ends(report)


def _check_breaks(report: Report) -> None:
    for role in ("candidate", "proctor"):
        assert sum(outage.role == role for outage in report.outages) >= BREAKS
        assert report.resumes[role] > 0
    # They came in the middle of something, be it of coming back.
    assert any(outage.unanswered for outage in report.outages)
    assert any(outage.while_resuming for outage in report.outages)
    assert report.repeats
    # One `room:join` and its answer; no state ever had to stand in for events.
    assert report.joins == report.states == {"candidate": 1, "proctor": 1}


def _check_once_and_in_order(report: Report) -> None:
    assert report.gaps == {"candidate": [], "proctor": []}
    assert report.not_answered_once == []
    assert report.messages_told == report.messages_sent
    assert report.updates_told == report.updates_sent
    assert report.toggles_told == report.toggles_done
    consumer_toggles = [word.replace("producer", "consumer") for word in report.toggles_done]
    assert report.consumer_toggles_told == consumer_toggles
    assert report.announced == report.published
    assert report.repeated_replies[0] == report.repeated_replies[1]
    assert report.repeated_told == 1


def _check_media(report: Report) -> None:
    assert report.same_transports == {"candidate": True, "proctor": True}
    nothing: dict[str, list[str]] = {"candidate": [], "proctor": []}
    assert report.dtls_changes == report.ice_changes == nothing
    assert len(report.offers) == report.consumed == PRODUCERS
    assert report.offers_refused == []
    assert sum(outage.frames for outage in report.outages) > 0
    assert set(report.frames_after) == set(report.published)
    assert report.talk_back_announced
    assert not report.talk_back_seen_by_observer


def _check_refusals(report: Report) -> None:
    assert report.refusals == {
        "an id of another request": Refusal("INVALID_MESSAGE", "REQUEST_ID_REUSED"),
        "an audience": Refusal("FORBIDDEN", "MAY_NOT_ADDRESS"),
        "a kick": Refusal("FORBIDDEN", "NOT_A_MODERATOR"),
        "a second join": Refusal("INVALID_MESSAGE", "ALREADY_JOINED"),
        "no candidate": Refusal("TRANSPORT_ERROR", "MALFORMED_CANDIDATE"),
        "a bad SDP": Refusal("TRANSPORT_ERROR", "MALFORMED_SDP"),
        "a priority": Refusal("UNAVAILABLE", "NOT_BUILT"),
        "a type of nobody": Refusal("INVALID_MESSAGE", "UNKNOWN_TYPE"),
        "others' talk-back": Refusal("CONSUME_ERROR", "PRODUCER_NOT_FOUND"),
        "an observer's word": Refusal("FORBIDDEN", "MAY_NOT_SEND"),
        "nobody": Refusal("UNAUTHORIZED", "NOT_AUTHENTICATED"),
        "another room": Refusal("FORBIDDEN", "WRONG_ROOM", 4403),
        "a bad token": Refusal("UNAUTHORIZED", "TOKEN_INVALID", 4401),
    }


def _check_ends(report: Report) -> None:
    first, *others = report.reload_without_id
    assert first == "room:state"
    # What was known and is kept in no log is told again.
    assert set(others) <= {"consumer:score", "producer:score", "speaker:active"}
    assert report.reload_own["consumers"] != []
    assert report.replaced == Refusal("", "REPLACED", 4409)
    assert report.used_token == Refusal("UNAUTHORIZED", "RESUME_TOKEN_USED", 4401)
    gone = ("LEFT", 1000)
    assert report.left == {"observer": gone, "candidate": gone, "proctor": gone}
    assert report.told_of_leaving[-1] == "participant:left"
    assert report.resumed_after_leaving == Refusal("UNAUTHORIZED", "SESSION_ENDED", 4401)
