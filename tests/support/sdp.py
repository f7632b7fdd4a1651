"""Offers that real programs made (vectors), and the descriptions that tests build by hand.

chromium: 156. firefox: 153 ESR. aiortc: 1.16. gstreamer: webrtcbin of 1.22. "plain" has one audio
and one video track; "simulcast" three encodings named q, h and f, and a data channel.
"""

from pathlib import Path

FOLDER = Path(__file__).with_name("sdp_vector")

NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.sdp")))


def vector(name: str) -> str:
    """A real offer, with its own line ends."""
    return (FOLDER / f"{name}.sdp").read_bytes().decode()


CLIENT_FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["CD"] * 32)


def answer_to(offer: str) -> str:
    """What a client answers to an offer of the server that it takes as it is."""
    lines = (_answered(line) for line in offer.split("\r\n"))
    return "\r\n".join(line for line in lines if not line.startswith(("a=ssrc", "a=candidate")))


def changed(sdp: str, mid: str, *changes: tuple[str, str]) -> str:
    """A description in which texts of one section are replaced by others."""
    sections = sdp.split("\r\nm=")
    for index, section in enumerate(sections):
        if f"\r\na=mid:{mid}\r\n" in f"{section}\r\n":
            for before, after in changes:
                assert before in f"m={section}", f"{before} is not in {section}"
                section = f"m={section}".replace(before, after).removeprefix("m=")
            sections[index] = section
            return "\r\nm=".join(sections)
    raise AssertionError(f"there is no section {mid}")


def section_of(sdp: str, mid: str) -> str:
    """The lines of one section."""
    _, *sections = sdp.split("\r\nm=")
    return next(f"m={s}" for s in sections if f"\r\na=mid:{mid}\r\n" in f"{s}\r\n")


def _answered(line: str) -> str:
    if line.startswith("a=fingerprint:"):
        return CLIENT_FINGERPRINT
    return {"a=sendonly": "a=recvonly", "a=setup:actpass": "a=setup:active"}.get(line, line)
