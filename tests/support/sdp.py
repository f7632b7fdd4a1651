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
