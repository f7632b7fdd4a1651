"""Whatever a client sends as SDP is read or refused as malformed, and costs little work."""

import sys
from contextlib import suppress
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sfu.core.description import MAX_SECTIONS
from services.sfu.media.sdp.line import MAX_LINES, MAX_SDP_BYTES, MalformedSdp
from services.sfu.media.sdp.reader import read
from tests.support.sdp_mutation import VECTORS, mutated

# Function calls, which no clock of a busy machine distorts. The largest real offer takes 15,000;
# a million take about half a second.
MOST_CALLS = 1_000_000


@settings(max_examples=400, deadline=None)
@given(mutated(VECTORS))
def test_mutated_offer_is_read_or_refused(text: str) -> None:
    with suppress(MalformedSdp):
        read(text)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, "v=0\r\n" + text, "v=0\nm=audio 9 x 0\na=" + text):
        with suppress(MalformedSdp):
            read(candidate)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "a=rtcp-fb:* nack",
                "a=ssrc:{} cname:x",
                "a=fmtp:111 a=1;b=2",
                "a=rtpmap:{} opus/48000/2",
                "a=extmap:{} u",
                "m=audio 9 x 96 97 98 99 100 101 102 103 104 105 106 107",
                "a=rid:r{} send",
                "a=simulcast:send " + ";".join(f"r{n}" for n in range(400)),
                "a=" + "x" * 500,
                "a=ssrc-group:FID " + "1 " * 500,
                "a=fmtp:96 " + "a=1;" * 500,
            ]
        ),
        min_size=1,
        max_size=4,
    )
)
def test_description_full_of_the_same_lines_costs_bounded_work(lines: list[str]) -> None:
    text = "v=0\r\n"
    number = 96
    while len(text) < 65_000:
        for line in lines:
            number += 1
            text += line.format(number % 128) + "\r\n"
    assert calls_to_read(text[:65_536]) < MOST_CALLS


@pytest.mark.parametrize("line", ["a=fingerprint:x 1A", "a=sendrecv", "a=setup:active", "a=x"])
def test_lines_for_all_sections_cost_bounded_work(line: str) -> None:
    sections = "m=audio 9 x 111\r\na=rtpmap:111 opus/48000/2\r\n" * MAX_SECTIONS
    count = min(
        MAX_LINES - 3 * MAX_SECTIONS, (MAX_SDP_BYTES - len(sections)) // (len(line) + 2) - 2
    )
    assert calls_to_read("v=0\r\n" + f"{line}\r\n" * count + sections) < MOST_CALLS


def calls_to_read(text: str) -> int:
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        with suppress(MalformedSdp):
            read(text)
    finally:
        sys.setprofile(before)
    return calls
