"""Text messages: who may say something to whom."""

from services.common.errors import Code, Refusal
from services.common.ids import PeerId
from services.sfu.core.event import MessageReceived
from services.sfu.core.limit import check_message
from services.sfu.core.peer import Session
from services.sfu.core.roster import Roster
from services.sfu.core.visibility import Role


def send(roster: Roster, sender: Session, to_peer_id: PeerId | None, body_json: str) -> None:
    """Say something to a peer; None: to everyone whom the sender's role may address.

    A candidate addresses proctors, a proctor everyone, whatever the room's visibility; observers
    only listen. Raises Refusal FORBIDDEN (MAY_NOT_SEND), INVALID_MESSAGE, and NOT_FOUND for a peer
    that the sender may not see or not address.
    """
    if sender.role is Role.OBSERVER:
        raise Refusal(Code.FORBIDDEN, "MAY_NOT_SEND", "Observers do not send messages.")
    check_message(body_json)
    message = MessageReceived(sender.peer_id, to_peer_id, body_json)
    if to_peer_id is not None:
        target = roster.visible_peer(sender, to_peer_id)
        if not _may_address(sender, target):
            raise Refusal(
                Code.FORBIDDEN, "CANDIDATE_TO_CANDIDATE", "Candidates write to proctors only."
            )
        roster.tell(target, message)
    else:
        listeners = [peer for peer in roster.viewers(sender) if _may_address(sender, peer)]
        roster.tell_all(listeners, message)


def _may_address(sender: Session, target: Session) -> bool:
    return Role.PROCTOR in (sender.role, target.role)
