"""Offers and answers of plain WebRTC clients: joins texts, transports and core's decisions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from services.common.errors import Code, Refusal
from services.common.ids import TransportId
from services.sfu.control.seat import Seat
from services.sfu.core.change import starting
from services.sfu.core.description import Description, SdpFormat
from services.sfu.core.offering import anchor
from services.sfu.core.port import Direction, DtlsParameters, Media, TransportOffer
from services.sfu.core.publishing import (
    Answering,
    Published,
    Wish,
    check_may_publish,
    check_offer,
    is_same_client,
)
from services.sfu.core.sdp_connection import PublishingConnection, ReceivingConnection


@dataclass(frozen=True, slots=True)
class SdpAnswer:
    """The reply to a client's offer."""

    transport_id: TransportId
    sdp: str
    published: tuple[Published, ...]


def apply_offer(
    seat: Seat, media: Media, sdp: SdpFormat, now_ms: int, text: str, wishes: Mapping[str, Wish]
) -> SdpAnswer:
    """Let a client publish what it offers. `wishes` are by mid. Raises Refusal.

    A refused offer changes nothing.
    """
    session = seat.session
    check_may_publish(session)
    with starting(session, now_ms):
        session.descriptions.spend(now_ms)
        return _apply(seat, media, sdp, sdp.read(text), wishes)


def _apply(
    seat: Seat,
    media: Media,
    sdp: SdpFormat,
    description: Description,
    wishes: Mapping[str, Wish],
) -> SdpAnswer:
    session, router = seat.session, seat.room.router
    before = session.publishing
    if before is not None and description.dtls is None:
        # All sections have ended, and with them what says whose they were.
        remote = before.remote
    else:
        remote = _remote(description)
    is_new = before is None or not is_same_client(before, remote)
    check_offer(None if is_new else before, description, wishes)
    if is_new:
        session.publishing = _open_publishing(seat, media, remote)
        if before is not None:
            router.close_transport(session, before.transport_id)
    connection = session.publishing
    assert connection is not None
    answering = Answering(connection, session, router, wishes)
    answer = answering.answer(description)
    return SdpAnswer(connection.transport_id, sdp.write(answer), tuple(answering.published))


def apply_answer(
    seat: Seat, media: Media, sdp: SdpFormat, now_ms: int, offer_id: str, text: str
) -> TransportId:
    """Let flow what a client has agreed to receive. Raises Refusal; then the offer still waits."""
    session = seat.session
    connection = session.receiving
    if connection is None or not connection.awaits(offer_id):
        raise Refusal(Code.TRANSPORT_ERROR, "STALE_OFFER", "No such offer waits for an answer.")
    session.descriptions.spend(now_ms)
    description = sdp.read(text)
    connection.check_answer(description)
    media.connect_transport(connection.transport_id, _remote(description))
    # Who consumes one after the other answers as often: the offers bound it.
    session.descriptions.give_back()
    seat.room.router.answered(session, connection, description)
    return connection.transport_id


@contextmanager
def receiving(seat: Seat, media: Media, transport_id: TransportId | None) -> Iterator[None]:
    """For a `consume` inside: a session without a receive transport gets an SDP connection.

    It is closed again where nothing was consumed.
    """
    session, router = seat.session, seat.room.router
    has_transport = any(t.direction is Direction.RECV for t in session.transports.values())
    if transport_id is not None or has_transport or not session.may_subscribe:
        yield
        return
    opened, local = _open(seat, media, Direction.RECV)
    number = session.numbering.transport
    session.receiving = ReceivingConnection(opened, number, local, anchor(router.capabilities))
    try:
        yield
    finally:
        if not session.consumers:
            router.close_transport(session, opened)


def _open_publishing(seat: Seat, media: Media, remote: DtlsParameters) -> PublishingConnection:
    opened, local = _open(seat, media, Direction.SEND)
    try:
        media.connect_transport(opened, remote)
    except Refusal:
        seat.room.router.close_transport(seat.session, opened)
        raise
    return PublishingConnection(opened, seat.session.numbering.transport, local, remote)


def _open(seat: Seat, media: Media, direction: Direction) -> tuple[TransportId, TransportOffer]:
    transport = seat.room.router.create_transport(seat.session, direction)
    return transport.transport_id, media.create_transport(transport.transport_id)


def _remote(description: Description) -> DtlsParameters:
    if description.dtls is None:
        raise Refusal(
            Code.TRANSPORT_ERROR,
            "NO_FINGERPRINT",
            "No section that is in use has a=fingerprint and a=setup.",
        )
    return description.dtls
