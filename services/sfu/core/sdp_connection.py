"""The two connections of an SDP client as its session keeps them: one to publish, one to receive.

Both keep their sections in place for their whole life (RFC 8829 section 5.2.2).
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import quote

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId, PeerId, ProducerId, TransportId
from services.sfu.core.description import (
    Description,
    Flow,
    OwnDescription,
    OwnSection,
    Section,
)
from services.sfu.core.negotiation import accept_answer, reduce_spec
from services.sfu.core.port import ConsumerSpec, DtlsParameters, DtlsRole, Kind, TransportOffer
from services.sfu.core.rtp import RtpParameters


@dataclass(slots=True)
class Track:
    """What stands in one section's place."""

    mid: str | None
    producer_id: ProducerId | None = None
    # As accepted with the producer.
    parameters: RtpParameters | None = None
    # By the section's direction, as opposed to `producer:pause`.
    is_paused: bool = False


@dataclass(slots=True)
class PublishingConnection:
    """What the server keeps of the client's sending RTCPeerConnection."""

    transport_id: TransportId
    # Of the o= line.
    number: int
    local: TransportOffer
    remote: DtlsParameters
    version: int = 0
    tracks: list[Track] = field(default_factory=list)

    @property
    def setup(self) -> str:
        """The DTLS role as answers say it: the server waits, unless the client does."""
        return "active" if self.remote.role is DtlsRole.SERVER else "passive"


# The answer has to fit in a frame of the browser protocol, and Chromium takes 1.1 kB a section.
MAX_OFFERED_SECTIONS = 49

# RFC 8866 section 9, less what quote() leaves alone anyway.
_TOKEN_CHARACTERS = "!#$&'*+^`{|}"


class SlotState(Enum):
    """Where a section of the receiving connection is in its life."""

    # Not offered yet.
    NEW = "new"
    # In the outstanding offer for the first time.
    OFFERED = "offered"
    LIVE = "live"
    # Its consumer is gone, the client has not been told.
    ENDED = "ended"
    # In the outstanding offer with the port 0.
    WITHDRAWN = "withdrawn"
    # Both sides know that it is over: another consumer may take its place.
    FREE = "free"


@dataclass(eq=False, slots=True)
class Slot:
    """One section of the receiving connection."""

    kind: Kind
    parameters: RtpParameters
    state: SlotState
    consumer_id: ConsumerId | None
    # As offered. None for the anchor.
    spec: ConsumerSpec | None = None
    # What the client knows of a NEW one's place; None where it knows of no such place.
    before: RtpParameters | None = None

    def section(self) -> OwnSection:
        """As the next offer has it."""
        ended = self.state in (SlotState.ENDED, SlotState.WITHDRAWN, SlotState.FREE)
        flow = Flow.INACTIVE if self.consumer_id is None else Flow.SENDONLY
        return OwnSection(self.kind.value, self.parameters.mid, flow, self.parameters, ended)


@dataclass(frozen=True, slots=True)
class SdpOffer:
    """What the server sends to the client. `offer_id` is to be named by the answer."""

    offer_id: str
    transport_id: TransportId
    description: OwnDescription
    # Whose section is where; None for one that carries nobody's.
    consumer_ids: tuple[ConsumerId | None, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A consumer whose stream the client has agreed to receive.

    `spec` is how to send it where the client takes less than was offered.
    """

    consumer_id: ConsumerId
    spec: ConsumerSpec | None


@dataclass(frozen=True, slots=True)
class Declined:
    """A consumer whose stream the client does not want, or cannot decode."""

    consumer_id: ConsumerId


class ReceivingConnection:
    """What the server keeps of the client's receiving RTCPeerConnection, to which it offers.

    One offer is outstanding at a time: what changes meanwhile goes into the next one. The first
    section is an anchor that carries nothing and never ends, because BUNDLE hangs the transport on
    the first section (RFC 8843 section 7.2.1) and consumers come and go.
    """

    ANCHOR_MID = "anchor"

    def __init__(
        self,
        transport_id: TransportId,
        number: int,
        local: TransportOffer,
        anchor: RtpParameters,
    ) -> None:
        """`anchor`: what the first section lists; `number` is the o= line's."""
        self.transport_id = transport_id
        self.outstanding: SdpOffer | None = None
        self._number = number
        self._local = local
        self._version = 0
        self._slots = [Slot(Kind.AUDIO, anchor, SlotState.LIVE, None)]

    def check_room(self, kind: Kind) -> None:
        """Raise Refusal CONSUME_ERROR where no section is left for another consumer."""
        if self._free_slot(kind) is None and len(self._slots) >= MAX_OFFERED_SECTIONS:
            raise Refusal(
                Code.CONSUME_ERROR,
                "TOO_MANY_CONSUMERS",
                f"An SDP connection carries at most {MAX_OFFERED_SECTIONS - 1} consumers.",
            )

    def add(self, spec: ConsumerSpec, parameters: RtpParameters, peer_id: PeerId) -> RtpParameters:
        """Offer a consumer's stream; `check_room` was asked before.

        Returns its parameters as they are offered: the stream is named for the peer and the track
        for the producer, by which a plain client knows what it gets.
        """
        msid = f"{_token(peer_id)} {_token(spec.producer_id)}"
        parameters = replace(parameters, msid=msid)
        slot = Slot(spec.kind, parameters, SlotState.NEW, spec.consumer_id, spec)
        free = self._free_slot(spec.kind)
        if free is None:
            self._slots.append(slot)
        else:
            slot.before = self._slots[free].parameters
            self._slots[free] = slot
        return parameters

    def remove(self, consumer_id: ConsumerId) -> None:
        """Its stream has ended; unknown ids are ones that were removed."""
        slot = next((slot for slot in self._slots if slot.consumer_id == consumer_id), None)
        if slot is None:
            return
        slot.consumer_id = None
        if slot.state is not SlotState.NEW:
            slot.state = SlotState.ENDED
        elif slot.before is not None:
            slot.parameters, slot.state = slot.before, SlotState.FREE
        else:
            self._slots.remove(slot)

    def next_offer(self) -> SdpOffer | None:
        """What the client is to be offered now; it is outstanding from then on."""
        has_changed = any(slot.state in _WHEN_OFFERED for slot in self._slots)
        if self.outstanding is not None or not has_changed:
            return None
        self._version += 1
        for slot in self._slots:
            slot.state = _WHEN_OFFERED.get(slot.state, slot.state)
        self.outstanding = SdpOffer(
            offer_id=f"{self.transport_id}.o{self._version}",
            transport_id=self.transport_id,
            description=OwnDescription(
                self._number,
                self._version,
                self._local,
                "actpass",
                tuple(slot.section() for slot in self._slots),
            ),
            consumer_ids=tuple(slot.consumer_id for slot in self._slots),
        )
        return self.outstanding

    def awaits(self, offer_id: str) -> bool:
        """Whether this is the outstanding offer."""
        return self.outstanding is not None and self.outstanding.offer_id == offer_id

    def check_answer(self, description: Description) -> None:
        """Raise Refusal TRANSPORT_ERROR unless this fits the outstanding offer."""
        offer = self.outstanding
        assert offer is not None, "the caller has asked"
        offered = offer.description.sections
        if len(offered) != len(description.sections) or any(
            own.mid != section.mid or own.media != section.media
            for own, section in zip(offered, description.sections, strict=True)
        ):
            raise Refusal(
                Code.TRANSPORT_ERROR,
                "ANSWER_MISMATCH",
                "The sections of the answer are not those of the offer.",
            )

    def take_answer(self, description: Description) -> list[Taken | Declined]:
        """What the answer, which was checked, means to the consumers that were offered."""
        offer = self.outstanding
        assert offer is not None, "check_answer was asked before"
        self.outstanding = None
        results: list[Taken | Declined] = []
        for slot, consumer_id, section in zip(
            self._slots, offer.consumer_ids, description.sections, strict=False
        ):
            if slot.state is SlotState.WITHDRAWN:
                slot.state = SlotState.FREE
            # Another consumer, or none, may be in its place by now.
            elif consumer_id is not None and slot.consumer_id == consumer_id:
                results += _verdict(slot, consumer_id, section)
        return results

    def _free_slot(self, kind: Kind) -> int | None:
        # Not every browser lets a section change from audio to video.
        return next(
            (
                index
                for index, slot in enumerate(self._slots)
                if slot.state is SlotState.FREE and slot.kind is kind
            ),
            None,
        )


_WHEN_OFFERED = {SlotState.NEW: SlotState.OFFERED, SlotState.ENDED: SlotState.WITHDRAWN}


def _verdict(slot: Slot, consumer_id: ConsumerId, section: Section) -> list[Taken | Declined]:
    taken = None
    if not section.is_rejected and section.flow.receives:
        taken = accept_answer(slot.parameters, section)
    if taken is None:
        return [Declined(consumer_id)]
    if slot.state is SlotState.LIVE:
        return []
    assert slot.spec is not None, "only the anchor has none"
    slot.state = SlotState.LIVE
    reduced = reduce_spec(slot.spec, taken)
    return [Taken(consumer_id, None if reduced == slot.spec else reduced)]


def _token(text: str) -> str:
    """An id as a word of a=msid, which has fewer characters than an id may."""
    return quote(text, safe=_TOKEN_CHARACTERS)
