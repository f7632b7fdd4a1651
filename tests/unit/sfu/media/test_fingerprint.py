import pytest

from services.common.errors import Code, Refusal
from services.sfu.core.port import DtlsParameters, DtlsRole, Fingerprint
from services.sfu.media.fingerprint import usable_fingerprints

SHA_256 = Fingerprint("sha-256", ":".join(["AB"] * 32))
SHA_512 = Fingerprint("sha-512", ":".join(["01"] * 64))
SHA_1 = Fingerprint("sha-1", ":".join(["AB"] * 20))


def remote(*fingerprints: Fingerprint) -> DtlsParameters:
    return DtlsParameters(DtlsRole.AUTO, fingerprints)


def test_unknown_digests_are_ignored_beside_a_known_one() -> None:
    assert usable_fingerprints(remote(SHA_1, SHA_256, SHA_512)) == {SHA_256, SHA_512}


def test_spelling_does_not_matter() -> None:
    shouted = Fingerprint("SHA-256", SHA_256.value.lower())
    assert usable_fingerprints(remote(shouted)) == {SHA_256}


@pytest.mark.parametrize(
    "fingerprints",
    [
        (),
        (SHA_1,),
        (Fingerprint("sha-256", ""),),
        (Fingerprint("sha-256", SHA_256.value[:-3]),),
        (Fingerprint("sha-256", SHA_256.value.replace(":", "-")),),
        (Fingerprint("sha-256", SHA_256.value[:-1] + "\n"),),
        (SHA_256, Fingerprint("sha-512", SHA_256.value)),
        (SHA_256,) * 17,
    ],
)
def test_what_can_never_match_is_refused(fingerprints: tuple[Fingerprint, ...]) -> None:
    with pytest.raises(Refusal) as refused:
        usable_fingerprints(remote(*fingerprints))
    assert (refused.value.code, refused.value.reason) == (Code.TRANSPORT_ERROR, "BAD_FINGERPRINT")
