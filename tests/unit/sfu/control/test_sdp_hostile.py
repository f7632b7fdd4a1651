"""Whatever a client offers or answers is carried out or refused; the server's own SDP is sound."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.errors import Refusal
from services.common.ids import ConnectionId
from services.sfu.control.performance import command
from services.sfu.control.sdp import apply_answer, apply_offer, receiving
from services.sfu.control.seat import Seat
from services.sfu.core import effect
from services.sfu.core.capability import ROUTER_CAPABILITIES
from services.sfu.core.ortc import default_parameters
from services.sfu.core.peer import Session
from services.sfu.core.port import Direction, Kind
from services.sfu.core.rtp import EncodingParameters
from services.sfu.core.sdp_connection import SdpOffer
from services.sfu.core.visibility import Role
from services.sfu.media.sdp.text import SdpText
from tests.support.recording_media import RecordingMedia
from tests.support.room import Stage
from tests.support.sdp import answer_to
from tests.support.sdp_mutation import VECTORS, mutated

SDP = SdpText()


def perform(stage: Stage, media: RecordingMedia) -> SdpOffer | None:
    """Do what the room asks for, as a worker does; the offer that it makes, if any."""
    offer = None
    while effects := stage.room.take_effects(0):
        for asked in effects:
            if isinstance(asked, effect.OfferSdp):
                offer = asked.offer
            elif not isinstance(asked, effect.Message):
                command(media, asked)
    return offer


@settings(max_examples=200, deadline=None)
@given(st.lists(mutated(VECTORS), min_size=1, max_size=3))
def test_any_offers_are_carried_out_or_refused(offers: list[str]) -> None:
    stage, media = Stage(), RecordingMedia()
    ada, eve = stage.join("ada"), stage.join("eve", Role.PROCTOR)
    seat = Seat(stage.room, ada, None, ConnectionId("c"))
    for offer in (VECTORS[0], *offers, VECTORS[0]):
        with suppress(Refusal):
            answer = apply_offer(seat, media, SDP, 0, offer, {})
            asked, said = SDP.read(offer), SDP.read(answer.sdp)
            assert [s.media for s in said.sections] == [s.media for s in asked.sections]
            assert [s.mid for s in said.sections] == [s.mid for s in asked.sections]
        perform(stage, media)
        assert set(media.producers) == set(ada.producers)
    for producer_id in tuple(ada.producers):
        viewer = Seat(stage.room, eve, None, ConnectionId("c"))
        with receiving(viewer, media, None):
            stage.room.router.consume(eve, (producer_id,), None, None, paused=False)
    made = perform(stage, media)
    assert (made is None) == (not ada.producers)
    if made is not None:
        # Nothing that a publisher said can spoil what a viewer is told.
        assert len(SDP.read(SDP.write(made.description)).sections) == len(ada.producers) + 1
    stage.room.leave(ada)
    stage.room.leave(eve)
    perform(stage, media)
    assert media.is_empty


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_answers_are_carried_out_or_refused(data: st.DataObject) -> None:
    stage, media = Stage(), RecordingMedia()
    ada, eve = stage.join("ada"), stage.join("eve", Role.PROCTOR)
    seat = Seat(stage.room, eve, None, ConnectionId("c"))
    for number in range(3):
        _publish(stage, media, ada, number)
        with receiving(seat, media, None):
            stage.room.router.consume(eve, tuple(ada.producers)[-1:], None, None, paused=False)
    for _ in range(3):
        perform(stage, media)
        offer = eve.receiving.outstanding if eve.receiving is not None else None
        if offer is None:
            break
        answer = data.draw(mutated((answer_to(SDP.write(offer.description)),)))
        with suppress(Refusal):
            apply_answer(seat, media, SDP, 0, offer.offer_id, answer)
        assert {spec.consumer_id for spec in media.consumers.values()} >= set(eve.consumers)
    stage.room.leave(ada)
    stage.room.leave(eve)
    perform(stage, media)
    assert media.is_empty


def _publish(stage: Stage, media: RecordingMedia, session: Session, number: int) -> None:
    """One more picture."""
    if not session.transports:
        transport = stage.room.router.create_transport(session, Direction.SEND)
        media.create_transport(transport.transport_id)
    parameters = replace(
        default_parameters(Kind.VIDEO, ROUTER_CAPABILITIES),
        encodings=(EncodingParameters(ssrc=1000 + number),),
    )
    stage.publish(session, Kind.VIDEO, rtp_parameters=parameters)
