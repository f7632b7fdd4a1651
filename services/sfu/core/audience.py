"""Producers that exist for some peers only."""

from services.common.errors import Code, Refusal
from services.common.ids import PeerId
from services.sfu.core.limit import MAX_AUDIENCE
from services.sfu.core.peer import Session
from services.sfu.core.roster import Roster
from services.sfu.core.visibility import Role


def check_audience(roster: Roster, session: Session, audience: tuple[PeerId, ...]) -> None:
    """Raise Refusal unless the session may publish for these peers alone; none means for all.

    FORBIDDEN (MAY_NOT_ADDRESS), INVALID_MESSAGE (BAD_AUDIENCE), PRODUCE_ERROR (PEER_NOT_FOUND).
    """
    if not audience:
        return
    if session.role is not Role.PROCTOR:
        # A candidate could hide from some of those who watch it.
        raise Refusal(Code.FORBIDDEN, "MAY_NOT_ADDRESS", "Only proctors choose an audience.")
    if len(audience) > MAX_AUDIENCE:
        raise Refusal(
            Code.INVALID_MESSAGE, "BAD_AUDIENCE", f"At most {MAX_AUDIENCE} peers are addressed."
        )
    for peer_id in audience:
        roster.visible_peer(session, peer_id, Code.PRODUCE_ERROR)
