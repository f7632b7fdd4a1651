"""Descriptions as a hostile or broken client would send them: real ones, with damage."""

from hypothesis import strategies as st

from tests.support.sdp import NAMES, vector

VECTORS = tuple(vector(name) for name in NAMES)
LINES = tuple({line for text in VECTORS for line in text.split("\r\n") if line})

noise = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["\r", "\n", "\r\n", "\u2028", "\x00", ":", " ", ";", "=", "/", "*", "-1"]),
    st.integers(-1, 2**70).map(str),
    st.sampled_from(["\u0663", "\u00b2", "\uff19"]),
)


@st.composite
def mutated(draw: st.DrawFn, texts: tuple[str, ...]) -> str:
    """One of these in which some lines are cut, doubled, moved, replaced or spoilt."""
    lines = draw(st.sampled_from(texts)).split("\r\n")
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
