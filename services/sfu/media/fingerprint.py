"""Which of a client's certificate fingerprints can be checked."""

import re

from services.common.errors import Code, Refusal
from services.sfu.core.port import DtlsParameters, Fingerprint

_DIGEST_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_PAIRS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2})*")
# Firefox sends one, aiortc three; more can only be an attack.
_MAX_FINGERPRINTS = 16


def usable_fingerprints(remote: DtlsParameters) -> frozenset[Fingerprint]:
    """The fingerprints with a known digest, in one spelling; the others are ignored.

    A malformed value of a known digest is refused, because it could never match.
    Raises Refusal: TRANSPORT_ERROR, BAD_FINGERPRINT.
    """
    if len(remote.fingerprints) > _MAX_FINGERPRINTS:
        raise _bad_fingerprint("There are too many fingerprints.")
    usable = set()
    for fingerprint in remote.fingerprints:
        algorithm, value = fingerprint.algorithm.lower(), fingerprint.value.upper()
        digest_bytes = _DIGEST_BYTES.get(algorithm)
        if digest_bytes is None:
            continue
        if len(value) != 3 * digest_bytes - 1 or not _PAIRS.fullmatch(value):
            raise _bad_fingerprint(f"The {algorithm} fingerprint is malformed.")
        usable.add(Fingerprint(algorithm, value))
    if not usable:
        raise _bad_fingerprint("No fingerprint is sha-256, sha-384 or sha-512.")
    return frozenset(usable)


def _bad_fingerprint(message: str) -> Refusal:
    return Refusal(Code.TRANSPORT_ERROR, "BAD_FINGERPRINT", message)
