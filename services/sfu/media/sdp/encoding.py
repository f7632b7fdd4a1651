"""Which encodings a section sends: by RID, by legacy SSRC groups, or the only one."""

from aiortc.sdp import MediaDescription

from services.sfu.core.rtp import EncodingParameters


def encodings_of(
    rids: list[str], simulcast: list[str], described: MediaDescription
) -> tuple[EncodingParameters, ...]:
    """In the order of the description, which for a simulcast is to be the lowest layer first.

    `rids` and `simulcast` are values of the attributes of these names. Where nothing is said the
    SSRC is learnt from the first packet.
    """
    sent = _sent_rids(rids, simulcast)
    if sent:
        # Firefox writes SSRCs as well, without saying which is whose.
        return tuple(EncodingParameters(rid=rid) for rid in sent)
    ssrcs = _sent_ssrcs(described)
    retransmissions = {
        group.items[0]: group.items[1]
        for group in described.ssrc_group
        if group.semantic == "FID" and len(group.items) == 2
    }
    return tuple(
        EncodingParameters(ssrc=ssrc, rtx_ssrc=_int(retransmissions.get(ssrc))) for ssrc in ssrcs
    ) or (EncodingParameters(),)


def _sent_rids(rids: list[str], simulcast: list[str]) -> list[str]:
    """The RIDs to be sent (RFC 8853 section 5). One without an a=rid line does not count."""
    described = [words[0] for words in map(str.split, rids) if words[1] == "send"]
    if not simulcast:
        return described
    words = simulcast[0].split()
    listed = dict(zip(words[::2], words[1::2], strict=False)).get("send", "")
    # Of alternatives the first; "~" marks one that is paused for now.
    first = [alternatives.split(",")[0].removeprefix("~") for alternatives in listed.split(";")]
    return [rid for rid in dict.fromkeys(first) if rid in described]


def _sent_ssrcs(described: MediaDescription) -> list[int]:
    groups = {
        group.semantic: [_int(item) or 0 for item in group.items] for group in described.ssrc_group
    }
    if "SIM" in groups:
        return groups["SIM"]
    if "FID" in groups:
        return groups["FID"][:1]
    return [ssrc.ssrc for ssrc in described.ssrc[:1]]


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None
