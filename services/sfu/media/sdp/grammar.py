"""What each line must look like that is read any further. Attributes not named here are let pass.

aiortc's parser asserts, or fails in some other way, on a line that is malformed; so each line is
looked at before that parser sees it, and the client is told which one is wrong.
"""

import re

from services.sfu.media.sdp.line import Line, MalformedSdp

# RFC 8866 section 9.
_TOKEN = r"[!#-'*+\-.0-9A-Z^-~]{1,64}"
_NUMBER = r"[0-9]{1,9}"
_PAYLOAD_TYPE = r"[0-9]{1,3}"
_SSRC = r"[0-9]{1,10}"
_RID = r"[A-Za-z0-9_-]{1,255}"
_RID_LIST = rf"~?{_RID}(?:[,;]~?{_RID})*"

MEDIA = re.compile(
    rf"m=(?P<media>{_TOKEN}) (?P<port>[0-9]{{1,5}})(?:/{_NUMBER})?"
    r" (?P<protocol>[A-Za-z0-9/-]{1,32})"
    rf"(?P<formats>(?: {_TOKEN})+) ?"
)

# Value of the attribute, and an example for whoever got it wrong.
_ATTRIBUTES = {
    "extmap": (
        rf"{_PAYLOAD_TYPE}(?:/(?:sendrecv|sendonly|recvonly|inactive))? \S+(?: .*)?",
        "extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
    ),
    "fingerprint": (
        r"[A-Za-z0-9-]{1,16} [0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*",
        "fingerprint:sha-256 1A:2B:3C",
    ),
    "fmtp": (rf"{_PAYLOAD_TYPE} .+", "fmtp:111 minptime=10;useinbandfec=1"),
    "group": (rf"{_TOKEN}(?: {_TOKEN})* ?", "group:BUNDLE 0 1"),
    "ice-pwd": (r"[A-Za-z0-9+/]{22,256}", "ice-pwd:asd88fgpdd777uzjYhagZg"),
    "ice-ufrag": (r"[A-Za-z0-9+/]{4,256}", "ice-ufrag:8hhY"),
    "mid": (_TOKEN, "mid:0"),
    "msid": (rf"{_TOKEN}(?: {_TOKEN})?", "msid:stream track"),
    "rid": (rf"{_RID} (?:send|recv)(?: .*)?", "rid:h send"),
    "rtcp-fb": (rf"(?:\*|{_PAYLOAD_TYPE}) [a-z0-9-]{{1,32}}(?: .*)?", "rtcp-fb:96 nack pli"),
    "rtpmap": (
        rf"{_PAYLOAD_TYPE} [A-Za-z0-9.+_-]{{1,32}}/{_NUMBER}(?:/[0-9]{{1,3}})?",
        "rtpmap:111 opus/48000/2",
    ),
    "setup": (r"actpass|active|passive", "setup:actpass"),
    "simulcast": (
        rf"(?:send|recv) {_RID_LIST}(?: (?:send|recv) {_RID_LIST})?",
        "simulcast:send q;h;f",
    ),
    "ssrc": (rf"{_SSRC}(?: [a-z-]{{1,32}}(?::.*)?)?", "ssrc:1234567 cname:name"),
    "ssrc-group": (rf"{_TOKEN}(?: {_SSRC})+ ?", "ssrc-group:FID 1234567 1234568"),
}
_RULES = {name: (re.compile(rule), example) for name, (rule, example) in _ATTRIBUTES.items()}


def check_attribute(line: Line) -> None:
    """Raise MalformedSdp unless an a= line is well formed or is none that is read."""
    name, value = line.attribute
    rule = _RULES.get(name)
    if rule is not None and not rule[0].fullmatch(value):
        raise MalformedSdp(line, f"a={name} is malformed; an example: a={rule[1]}")


def media_line(line: Line) -> re.Match[str]:
    """The parts of an m= line. Raises MalformedSdp."""
    found = MEDIA.fullmatch(line.text)
    if found is None:
        raise MalformedSdp(line, "m= is malformed; an example: m=audio 9 UDP/TLS/RTP/SAVPF 111")
    return found


def check_payload_type(line: Line, text: str) -> None:
    """Raise MalformedSdp unless this can be a payload type beside RTCP."""
    payload_type = int(text) if text.isascii() and text.isdecimal() and len(text) <= 3 else -1
    if not 0 <= payload_type <= 127 or 72 <= payload_type <= 76:
        raise MalformedSdp(line, f"there is no payload type {text[:8]}")
