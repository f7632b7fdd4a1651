"""Whatever a client sends as SDP is read or refused as malformed, and costs little work."""

import sys
from contextlib import suppress
from types import FrameType

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sfu.media.sdp.line import MalformedSdp
from services.sfu.media.sdp.reader import read
from tests.support.sdp import NAMES, vector

VECTORS = tuple(vector(name) for name in NAMES)
LINES = tuple({line for text in VECTORS for line in text.split("\r\n") if line})

# Function calls, which no clock of a busy machine distorts. The largest real offer takes 15,000;
# a million take about half a second.
MOST_CALLS = 1_000_000

noise = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["\r", "\n", "\r\n", "\u2028", "\x00", ":", " ", ";", "=", "/", "*", "-1"]),
    st.integers(-1, 2**70).map(str),
    st.sampled_from(["\u0663", "\u00b2", "\uff19"]),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real offer in which some lines are cut, doubled, moved, replaced or spoilt."""
    lines = draw(st.sampled_from(VECTORS)).split("\r\n")
    for _ in range(draw(st.integers(1, 6))):
        if not lines:
            break
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 6)):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[at])
            case 2:
                lines.insert(draw(st.integers(0, len(lines))), lines.pop(at))
            case 3:
                lines[at] = draw(st.sampled_from(LINES))
            case 4:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + draw(noise) + lines[at][cut:]
            case 5:
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case _:
                lines = lines[at:]
    return draw(st.sampled_from(["\r\n", "\n"])).join(lines)


@settings(max_examples=400, deadline=None)
@given(mutated())
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
