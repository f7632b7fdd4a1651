"""Candidates of plain WebRTC clients, of which the server needs none.

The worker is ICE-lite (RFC 8445 section 2.5): it answers the client's checks, wherever they come
from. A candidate is looked at all the same, so that a client's mistake shows.
"""

import re

from services.common.errors import Code, Refusal
from services.gateway.core.message.sdp import IceCandidateAdded, IceCandidatePayload

# RFC 8839 section 5.1. The address may be a name that only the client's own network knows (mDNS).
_CANDIDATE = re.compile(
    r"(?:a=)?candidate:[A-Za-z0-9+/]{1,32} (?P<component>[0-9]{1,5}) [A-Za-z]{1,16}"
    r" (?P<priority>[0-9]{1,10}) [^ ]{1,255} (?P<port>[0-9]{1,5}) typ [a-z]{1,16}"
    r"(?: [!-~]+ [!-~]+)* ?"
)


def add_candidate(payload: IceCandidatePayload) -> IceCandidateAdded:
    """The reply to a well-formed candidate, or to the end of them. Raises Refusal."""
    if payload.candidate:
        found = _CANDIDATE.fullmatch(payload.candidate)
        if (
            found is None
            or not 1 <= int(found["component"]) <= 256
            or not 1 <= int(found["priority"]) < 2**32
            or int(found["port"]) > 65535
        ):
            raise Refusal(
                Code.TRANSPORT_ERROR, "MALFORMED_CANDIDATE", "This is no candidate of RFC 8839."
            )
    return IceCandidateAdded()
