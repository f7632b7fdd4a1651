"""The connection over which an SDP client publishes: what its offers make of its producers.

Sections keep their place from offer to offer (RFC 8829 section 5.2.2), and so do tracks here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.common.errors import Code, Refusal
from services.common.ids import PeerId
from services.sfu.core.description import Description, OwnDescription, OwnSection, Section
from services.sfu.core.negotiation import accept_offer, answer_section, reject_section
from services.sfu.core.ortc import UnsupportedCodec
from services.sfu.core.peer import Producer, Session
from services.sfu.core.port import DtlsParameters, Kind
from services.sfu.core.publication import ProduceRequest
from services.sfu.core.router import Router
from services.sfu.core.rtp import RtpParameters
from services.sfu.core.sdp_connection import PublishingConnection, Track


@dataclass(frozen=True, slots=True)
class Wish:
    """What a publisher says of a section besides the SDP; as in ProduceRequest."""

    app_data_json: str = ""
    audience: tuple[PeerId, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a section that sends. `mid` is empty where the section has none."""

    mid: str
    result: Producer | Refusal


def is_same_client(connection: PublishingConnection, remote: DtlsParameters) -> bool:
    """Whether an offer with these fingerprints comes from the same RTCPeerConnection."""
    return frozenset(connection.remote.fingerprints) == frozenset(remote.fingerprints)


def check_may_publish(session: Session) -> None:
    """Raise Refusal FORBIDDEN where the role or the token does not allow publishing."""
    if not session.may_publish:
        raise Refusal(Code.FORBIDDEN, "MAY_NOT_PUBLISH", "This role or token may not publish.")


def check_offer(
    connection: PublishingConnection | None,
    description: Description,
    wishes: Mapping[str, Wish],
) -> None:
    """Raise Refusal TRANSPORT_ERROR where an offer as a whole cannot be carried out.

    `connection` is the one that it goes on with; `wishes` are by mid.
    """
    kept = len(connection.tracks) if connection is not None else 0
    if len(description.sections) < kept:
        raise Refusal(
            Code.TRANSPORT_ERROR,
            "SECTIONS_MISSING",
            "A later offer keeps every m= section of the earlier ones, in its place.",
        )
    mids = {section.mid for section in description.sections}
    for mid in wishes:
        if mid not in mids:
            raise Refusal(Code.TRANSPORT_ERROR, "UNKNOWN_MID", "tracks names a mid not in the SDP.")


@dataclass(slots=True)
class Answering:
    """Carries out one offer, which was checked, section by section."""

    connection: PublishingConnection
    session: Session
    router: Router
    wishes: Mapping[str, Wish]
    published: list[Published] = field(default_factory=list)
    _live_sections: int = 0

    def answer(self, description: Description) -> OwnDescription:
        """What the client is told; `published` says what became of its tracks."""
        connection = self.connection
        while len(connection.tracks) < len(description.sections):
            connection.tracks.append(Track(None))
        sections = [
            self._settle(index, section) for index, section in enumerate(description.sections)
        ]
        connection.version += 1
        return OwnDescription(
            connection.number,
            connection.version,
            connection.local,
            connection.setup,
            tuple(sections),
        )

    def _settle(self, index: int, section: Section) -> OwnSection:
        track = self.connection.tracks[index]
        if section.is_rejected or track.mid != section.mid:
            self._close(track)
            track = self.connection.tracks[index] = Track(section.mid)
        if section.is_rejected:
            return reject_section(section)
        try:
            accepted = self._accept(section)
            if section.flow.sends:
                self._send(track, section, accepted)
            else:
                self._pause(track)
        except Refusal as refusal:
            self._close(track)
            # Nobody has a producer of a data channel in mind.
            if section.flow.sends and section.kind is not None:
                self.published.append(Published(section.mid or "", refusal))
            return reject_section(section)
        is_received = section.flow.sends and self._is_open(track)
        return answer_section(section, accepted, is_received=is_received)

    def _accept(self, section: Section) -> RtpParameters:
        """What of the section is used. Raises Refusal PRODUCE_ERROR."""
        try:
            accepted = accept_offer(section, self.router.capabilities)
        except UnsupportedCodec as error:
            raise _refusal("UNSUPPORTED_CODEC", f"The section is rejected: {error}.") from error
        if not section.has_rtcp_mux:
            raise _refusal("NO_RTCP_MUX", "The section lacks a=rtcp-mux, which is needed.")
        if self._live_sections > 0 and not section.is_bundled:
            raise _refusal("NOT_BUNDLED", "All sections share one transport: use BUNDLE.")
        self._live_sections += 1
        return accepted

    def _send(self, track: Track, section: Section, accepted: RtpParameters) -> None:
        if track.producer_id is not None and _streams(track.parameters) != _streams(accepted):
            # Another sender in the same place.
            self._close(track)
        if track.producer_id is None:
            wish = self.wishes.get(section.mid or "", Wish())
            request = ProduceRequest(
                kind=Kind(section.media),
                transport_id=self.connection.transport_id,
                rtp_parameters=accepted,
                app_data_json=wish.app_data_json,
                audience=wish.audience,
            )
            track.producer_id = self.router.produce(self.session, request).producer_id
            track.parameters = accepted
        elif track.is_paused and self._is_open(track):
            self.router.end_pause(self.session, track.producer_id)
        track.is_paused = False
        producer = self._producer(track)
        if producer is not None:
            self.published.append(Published(section.mid or "", producer))

    def _pause(self, track: Track) -> None:
        if track.producer_id is None or not self._is_open(track) or track.is_paused:
            return
        # A moderator's pause is another: it may end before this one.
        if not self.session.producers[track.producer_id].paused_by_owner:
            self.router.pause_producer(self.session, track.producer_id)
            track.is_paused = True

    def _close(self, track: Track) -> None:
        if track.producer_id is not None and self._is_open(track):
            self.router.close_producer(self.session, track.producer_id)
        track.producer_id = track.parameters = None
        track.is_paused = False

    def _is_open(self, track: Track) -> bool:
        return self._producer(track) is not None

    def _producer(self, track: Track) -> Producer | None:
        # `producer:close` may have been before; its section is answered inactive from then on.
        producer_id = track.producer_id
        return self.session.producers.get(producer_id) if producer_id is not None else None


def _streams(parameters: RtpParameters | None) -> object:
    """What of a track tells its packets from those of others."""
    if parameters is None:
        return None
    payload_types = tuple(codec.payload_type for codec in parameters.codecs)
    return payload_types, parameters.encodings, parameters.header_extensions


def _refusal(reason: str, message: str) -> Refusal:
    return Refusal(Code.PRODUCE_ERROR, reason, message)
