"""Who may see, hear and learn of whom. Roster, events, media and errors all ask here."""

from enum import StrEnum


class Role(StrEnum):
    """What the token allows a peer to be."""

    CANDIDATE = "candidate"
    PROCTOR = "proctor"
    OBSERVER = "observer"


class Visibility(StrEnum):
    """Who may see whom in a room."""

    # Candidates see proctors only.
    PROCTORED = "proctored"
    # Everyone sees everyone, observers excepted.
    OPEN = "open"


def may_see(visibility: Visibility, viewer: Role, target: Role) -> bool:
    """Whether a peer of role `viewer` may know of another peer of role `target`."""
    if viewer is not Role.CANDIDATE:
        return True
    if visibility is Visibility.OPEN:
        return target is not Role.OBSERVER
    return target is Role.PROCTOR
