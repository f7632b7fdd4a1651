"""The receiving connections of a room's plain WebRTC clients: what is offered to whom, and when."""

from dataclasses import replace

from services.common.ids import PeerId, SessionId
from services.sfu.core.effect import OfferSdp
from services.sfu.core.ortc import default_parameters
from services.sfu.core.peer import Consumer, Session
from services.sfu.core.port import ConsumerSpec, Kind
from services.sfu.core.roster import Roster
from services.sfu.core.rtp import RtpCapabilities, RtpParameters
from services.sfu.core.sdp_connection import ReceivingConnection


def anchor(capabilities: RtpCapabilities) -> RtpParameters:
    """What the first section of a receiving connection lists; nothing is sent there."""
    parameters = default_parameters(Kind.AUDIO, capabilities)
    return replace(parameters, mid=ReceivingConnection.ANCHOR_MID, header_extensions=())


class Offering:
    """Owned by a router. All that one operation changes for a client goes into one offer."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        # Sessions with a connection on which something has changed.
        self._due: dict[SessionId, None] = {}

    def add(
        self, session: Session, spec: ConsumerSpec, parameters: RtpParameters, peer_id: PeerId
    ) -> RtpParameters:
        """Offer a consumer on the session's connection; returns its parameters as offered."""
        assert session.receiving is not None, "the consumer is on its transport"
        self._due[session.session_id] = None
        return session.receiving.add(spec, parameters, peer_id)

    def remove(self, session: Session, consumer: Consumer) -> None:
        """A consumer has ended; nothing where it was on no such connection."""
        connection = session.receiving_on(consumer.transport_id)
        if connection is not None:
            connection.remove(consumer.consumer_id)
            self._due[session.session_id] = None

    def go_on(self, session: Session) -> None:
        """The outstanding offer is answered: what has changed meanwhile goes into the next one."""
        self._due[session.session_id] = None

    def offer_changes(self) -> None:
        """Offer what has changed to those clients that have no offer to answer."""
        due, self._due = self._due, {}
        for session_id in due:
            session = self._roster.sessions.get(session_id)
            connection = session.receiving if session is not None else None
            offer = connection.next_offer() if connection is not None else None
            if offer is not None:
                self._roster.do(OfferSdp(session_id, offer))

    def offer_again(self, session: Session) -> None:
        """Tell a client that was away what it has to answer: offers are kept in no log."""
        outstanding = session.receiving.outstanding if session.receiving is not None else None
        if outstanding is not None:
            self._roster.do(OfferSdp(session.session_id, outstanding))
