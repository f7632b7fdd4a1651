"""The media of one room: transports, producers, consumers, and what becomes of them together."""

from dataclasses import dataclass, replace

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId, ProducerId, TransportId
from services.sfu.core import effect, event
from services.sfu.core.audience import check_audience
from services.sfu.core.description import Description
from services.sfu.core.layer import HIGHEST, PreferredLayers
from services.sfu.core.layering import Layering, may_flow
from services.sfu.core.limit import MAX_PRODUCERS_PER_CONSUME, MAX_TRANSPORTS_PER_SESSION
from services.sfu.core.offering import Offering
from services.sfu.core.peer import Consumer, Producer, Session, Transport
from services.sfu.core.port import ConsumerSpec, Direction, Kind
from services.sfu.core.publication import ProduceRequest, publish
from services.sfu.core.roster import Roster
from services.sfu.core.rtp import RtpCapabilities, RtpParameters
from services.sfu.core.rtp_check import InvalidRtp, check_capabilities
from services.sfu.core.sdp_connection import Declined, ReceivingConnection
from services.sfu.core.ssrc import SsrcPool
from services.sfu.core.subscription import check_may_subscribe, subscribe


@dataclass(frozen=True, slots=True)
class MadeConsumer:
    """A new consumer as its client needs to know it."""

    consumer: Consumer
    producer: Producer
    rtp_parameters: RtpParameters


class Router:
    """Owned by a room, whose roster it tells of what happens; sessions given must sit there."""

    def __init__(self, roster: Roster, capabilities: RtpCapabilities, ssrcs: SsrcPool) -> None:
        self.capabilities = capabilities
        self.producers: dict[ProducerId, Producer] = {}
        self.consumers: dict[ConsumerId, Consumer] = {}
        self.transports: dict[TransportId, Transport] = {}
        self._roster = roster
        self._ssrcs = ssrcs
        self.offering = Offering(roster)
        self.layering = Layering(roster, self.producers, self.consumers)

    def create_transport(self, session: Session, direction: Direction) -> Transport:
        """A new transport; the caller creates it on the media side. Raises Refusal."""
        if len(session.transports) >= MAX_TRANSPORTS_PER_SESSION:
            raise Refusal(
                Code.TRANSPORT_ERROR, "TOO_MANY_TRANSPORTS", "The session has too many transports."
            )
        session.numbering.transport += 1
        transport_id = TransportId(f"{session.peer_id}.t{session.numbering.transport}")
        transport = Transport(transport_id, session.session_id, direction)
        session.transports[transport_id] = transport
        self.transports[transport_id] = transport
        return transport

    def find_transport(
        self,
        session: Session,
        transport_id: TransportId | None,
        direction: Direction | None,
        code: Code = Code.TRANSPORT_ERROR,
    ) -> Transport:
        """The session's transport of this id; None: its only one of that direction.

        Raises Refusal `code` with TRANSPORT_NOT_FOUND, WRONG_DIRECTION or TRANSPORT_AMBIGUOUS.
        """
        if transport_id is not None:
            transport = session.transports.get(transport_id)
            if transport is None:
                raise Refusal(code, "TRANSPORT_NOT_FOUND", "There is no such transport.")
            if direction not in (None, transport.direction):
                raise Refusal(code, "WRONG_DIRECTION", "The transport is of the other direction.")
            return transport
        fitting = [
            transport
            for transport in session.transports.values()
            if direction in (None, transport.direction)
        ]
        if not fitting:
            raise Refusal(code, "TRANSPORT_NOT_FOUND", "There is no transport for this.")
        if len(fitting) > 1:
            raise Refusal(code, "TRANSPORT_AMBIGUOUS", "There are several: name a transportId.")
        return fitting[0]

    def close_transport(self, session: Session, transport_id: TransportId) -> None:
        """Close a transport with its producers and consumers; its owner gets the reply only."""
        transport = self.find_transport(session, transport_id, None)
        self._clear_transport(session, transport, tell_owner=False)
        self._roster.do(effect.CloseTransport(transport_id))

    def transport_failed(self, transport_id: TransportId, reason: str) -> None:
        """The media side has closed a transport; unknown ids are ones closed meanwhile."""
        transport = self.transports.get(transport_id)
        if transport is None:
            return
        session = self._roster.sessions[transport.session_id]
        self._clear_transport(session, transport, tell_owner=True)
        self._roster.tell(session, event.TransportClosed(transport_id, reason))

    def produce(self, session: Session, request: ProduceRequest) -> Producer:
        """Publish a stream. Raises Refusal FORBIDDEN or PRODUCE_ERROR."""
        transport = self.find_transport(
            session, request.transport_id, Direction.SEND, Code.PRODUCE_ERROR
        )
        check_audience(self._roster, session, request.audience)
        settings = self._roster.settings
        producer, spec = publish(
            session,
            transport,
            request,
            self.capabilities,
            is_user_muted=session.user_id in settings.muted,
            muted_ids=settings.muted_producers,
        )
        session.producers[producer.producer_id] = producer
        self.producers[producer.producer_id] = producer
        self.layering.need_changed(producer)
        self._roster.do(effect.AddProducer(spec))
        new = event.ProducerNew(session.peer_id, producer.view())
        self._roster.tell_of_producer(session, producer, new)
        return producer

    def pause_producer(self, session: Session, producer_id: ProducerId) -> None:
        """Forward nothing of an own producer; a repeat does nothing.

        Those who see it are told of the producer, then its consumers each of their consumer: an
        app on mediasoup-client acts on the second.
        """
        producer = _own_producer(session, producer_id)
        self._set_pause(producer, by_owner=True, muted=producer.muted, asked_by=session)

    def resume_producer(self, session: Session, producer_id: ProducerId) -> None:
        """The opposite of pause_producer. Raises Refusal FORBIDDEN (MUTED_BY_MODERATOR)."""
        producer = _own_producer(session, producer_id)
        if producer.muted:
            raise Refusal(
                Code.FORBIDDEN, "MUTED_BY_MODERATOR", "A moderator paused it and has to resume it."
            )
        self._set_pause(producer, by_owner=False, muted=False, asked_by=session)

    def end_pause(self, session: Session, producer_id: ProducerId) -> None:
        """Its owner no longer pauses an own producer; where a moderator does, it stays paused."""
        producer = _own_producer(session, producer_id)
        self._set_pause(producer, by_owner=False, muted=producer.muted, asked_by=session)

    def follow_mutes(self) -> None:
        """Pause and resume what the room's settings say, for the producers that are not so yet.

        Whoever asked for it is told, too: only the event says whether the owner has paused as well.
        """
        settings = self._roster.settings
        for producer in self.producers.values():
            owner = self._roster.sessions[producer.session_id]
            muted = producer.producer_id in settings.muted_producers or (
                producer.kind is Kind.AUDIO and owner.user_id in settings.muted
            )
            by_owner = producer.paused_by_owner
            self._set_pause(producer, by_owner=by_owner, muted=muted, asked_by=None)

    def close_producer(self, session: Session, producer_id: ProducerId) -> None:
        """End a stream and its consumers."""
        self._close_producer(session, _own_producer(session, producer_id), tell_owner=False)

    def consume(
        self,
        session: Session,
        producer_ids: tuple[ProducerId, ...],
        transport_id: TransportId | None,
        capabilities: RtpCapabilities | None,
        *,
        paused: bool,
        preferred: PreferredLayers = HIGHEST,
    ) -> tuple[MadeConsumer | Refusal, ...]:
        """Subscribe to producers, each with its own result. Only simulcasts heed `preferred`.

        Raises Refusal where the request as a whole cannot be: FORBIDDEN, INVALID_MESSAGE, or
        CONSUME_ERROR for the transport and the capabilities.
        """
        check_may_subscribe(session)
        once = len(set(producer_ids)) == len(producer_ids)
        if not (once and 0 < len(producer_ids) <= MAX_PRODUCERS_PER_CONSUME):
            raise Refusal(
                Code.INVALID_MESSAGE,
                "BAD_PRODUCER_IDS",
                f"1 to {MAX_PRODUCERS_PER_CONSUME} producers, each once, can be consumed at once.",
            )
        preferred.check()
        if capabilities is not None:
            try:
                check_capabilities(capabilities)
            except InvalidRtp as error:
                raise Refusal(
                    Code.CONSUME_ERROR, "BAD_RTP_CAPABILITIES", f"rtpCapabilities: {error}."
                ) from error
        transport = self.find_transport(session, transport_id, Direction.RECV, Code.CONSUME_ERROR)
        wanted = capabilities or session.rtp_capabilities or self.capabilities
        results: list[MadeConsumer | Refusal] = []
        for producer_id in producer_ids:
            try:
                results.append(
                    self._consume(session, transport, producer_id, wanted, preferred, paused=paused)
                )
            except Refusal as refusal:
                results.append(refusal)
        return tuple(results)

    def pause_consumer(self, session: Session, consumer_id: ConsumerId) -> None:
        """Send nothing to this consumer; repeats do nothing."""
        consumer = _own_consumer(session, consumer_id)
        if not consumer.paused:
            consumer.paused = True
            if consumer.is_agreed:
                self._roster.do(effect.PauseConsumer(consumer_id))
            self.layering.follow(consumer, self.producers[consumer.producer_id])

    def resume_consumer(self, session: Session, consumer_id: ConsumerId) -> None:
        """The opposite of pause_consumer."""
        consumer = _own_consumer(session, consumer_id)
        if consumer.paused:
            consumer.paused = False
            if consumer.is_agreed:
                self._roster.do(effect.ResumeConsumer(consumer_id))
            self.layering.follow(consumer, self.producers[consumer.producer_id])

    def close_consumer(self, session: Session, consumer_id: ConsumerId) -> None:
        """End a subscription."""
        self._close_consumer(_own_consumer(session, consumer_id), tell=False)

    def set_layers(
        self, session: Session, consumer_id: ConsumerId, preferred: PreferredLayers
    ) -> PreferredLayers | None:
        """Wish for a layer. Returns the wish as it counts, None where there are no layers.

        Raises Refusal: INVALID_MESSAGE (BAD_LAYER), CONSUME_ERROR (CONSUMER_NOT_FOUND).
        """
        preferred.check()
        consumer = _own_consumer(session, consumer_id)
        if consumer.selection is None:
            return None
        consumer.selection.prefer(preferred)
        self.layering.follow(consumer, self.producers[consumer.producer_id])
        return consumer.selection.preferred

    def request_key_frame(self, session: Session, consumer_id: ConsumerId) -> None:
        """Ask the publisher for a key frame; nothing for what is paused, or is no video."""
        consumer = _own_consumer(session, consumer_id)
        producer = self.producers[consumer.producer_id]
        if producer.kind is Kind.VIDEO and may_flow(consumer, producer):
            self._roster.do(effect.RequestKeyFrame(consumer_id))

    def answered(
        self, session: Session, connection: ReceivingConnection, said: Description
    ) -> None:
        """The client has answered the outstanding offer; the connection has checked it."""
        for result in connection.take_answer(said):
            consumer = self.consumers[result.consumer_id]
            if isinstance(result, Declined):
                self._close_consumer(consumer, tell=True)
            else:
                self._agree(consumer, result.spec)
        self.offering.go_on(session)

    def drop(self, session: Session) -> None:
        """Close everything of a session that is ending; it is not told of its own."""
        for transport in list(session.transports.values()):
            self._clear_transport(session, transport, tell_owner=False)
            self._roster.do(effect.CloseTransport(transport.transport_id))

    def forget(self, session: Session) -> None:
        """Strike a session out of the books, whatever state they are in; does and tells nothing."""
        for transport_id in session.transports:
            self.transports.pop(transport_id, None)
        for producer_id in session.producers:
            producer = self.producers.pop(producer_id, None)
            self.layering.forget(producer_id)
            for consumer_id in producer.consumer_ids if producer else ():
                orphan = self.consumers.pop(consumer_id, None)
                if orphan is not None:
                    self._owner(orphan).consumers.pop(consumer_id, None)
        for consumer_id, consumer in session.consumers.items():
            self.consumers.pop(consumer_id, None)
            source = self.producers.get(consumer.producer_id)
            if source is not None:
                source.consumer_ids.pop(consumer_id, None)
                self.layering.need_changed(source)

    def _consume(
        self,
        session: Session,
        transport: Transport,
        producer_id: ProducerId,
        capabilities: RtpCapabilities,
        preferred: PreferredLayers,
        *,
        paused: bool,
    ) -> MadeConsumer:
        producer = self.visible_producer(session, producer_id, Code.CONSUME_ERROR)
        connection = session.receiving_on(transport.transport_id)
        if connection is not None:
            connection.check_room(producer.kind)
        consumer, spec, parameters = subscribe(
            session, transport, producer, capabilities, self._ssrcs, preferred, paused=paused
        )
        session.consumers[consumer.consumer_id] = consumer
        self.consumers[consumer.consumer_id] = consumer
        producer.consumer_ids[consumer.consumer_id] = None
        self.layering.need_changed(producer)
        if connection is not None:
            consumer.is_agreed = False
            spec = replace(spec, paused=True)
            parameters = self.offering.add(session, spec, parameters, producer.peer_id)
        self._roster.do(effect.AddConsumer(spec))
        return MadeConsumer(consumer, producer, parameters)

    def _agree(self, consumer: Consumer, spec: ConsumerSpec | None) -> None:
        """Begin to send. `spec`: how, where it is not as it was offered."""
        if spec is not None:
            if consumer.selection is not None:
                spec = replace(spec, layer=consumer.selection.target)
            self._roster.do(effect.RemoveConsumer(consumer.consumer_id))
            self._roster.do(effect.AddConsumer(spec))
        consumer.is_agreed = True
        if not consumer.paused:
            self._roster.do(effect.ResumeConsumer(consumer.consumer_id))
            self.layering.follow(consumer, self.producers[consumer.producer_id])

    def visible_producer(self, session: Session, producer_id: ProducerId, code: Code) -> Producer:
        """A producer of the room, one's own or another's. Raises Refusal `code`."""
        producer = self.producers.get(producer_id)
        if producer is not None and self._roster.sees_producer(session, producer):
            return producer
        # What a peer may not see does not exist for it: one error for both cases.
        raise no_such_producer(code)

    def _set_pause(
        self, producer: Producer, *, by_owner: bool, muted: bool, asked_by: Session | None
    ) -> None:
        was_paused, was_muted = producer.paused, producer.muted
        producer.paused_by_owner, producer.muted = by_owner, muted
        has_turned = producer.paused is not was_paused
        if not has_turned and muted is was_muted:
            return
        if has_turned:
            turn = effect.PauseProducer if producer.paused else effect.ResumeProducer
            self._roster.do(turn(producer.producer_id))
        self._tell_pause(producer, asked_by)
        for consumer in self._consumers_of(producer) if has_turned else ():
            told = event.ConsumerPaused if producer.paused else event.ConsumerResumed
            self._roster.tell(self._owner(consumer), told(consumer.consumer_id))
            self.layering.follow(consumer, producer)

    def _tell_pause(self, producer: Producer, asked_by: Session | None) -> None:
        owner = self._roster.sessions[producer.session_id]
        told = (
            event.ProducerPaused(producer.producer_id, producer.muted)
            if producer.paused
            else event.ProducerResumed(producer.producer_id)
        )
        self._roster.tell_of_producer(owner, producer, told, besides=asked_by)
        if owner is not asked_by:
            self._roster.tell_too(owner, told)

    def _clear_transport(self, session: Session, transport: Transport, *, tell_owner: bool) -> None:
        on_it = transport.transport_id
        session.forget_connection(on_it)
        for consumer in list(session.consumers.values()):
            if consumer.transport_id == on_it:
                self._close_consumer(consumer, tell=tell_owner)
        for producer in list(session.producers.values()):
            if producer.transport_id == on_it:
                self._close_producer(session, producer, tell_owner=tell_owner)
        del session.transports[on_it]
        del self.transports[on_it]

    def _close_producer(self, session: Session, producer: Producer, *, tell_owner: bool) -> None:
        for consumer in self._consumers_of(producer):
            self._close_consumer(consumer, tell=True)
        del session.producers[producer.producer_id]
        del self.producers[producer.producer_id]
        self.layering.forget(producer.producer_id)
        self._roster.do(effect.RemoveProducer(producer.producer_id))
        closed = event.ProducerClosed(producer.producer_id)
        self._roster.tell_of_producer(session, producer, closed)
        if tell_owner:
            self._roster.tell_too(session, closed)
        settings = self._roster.settings
        if producer.producer_id in settings.muted_producers:
            self._roster.decide(settings.unmute_producer(producer.producer_id))

    def _close_consumer(self, consumer: Consumer, *, tell: bool) -> None:
        session = self._owner(consumer)
        del session.consumers[consumer.consumer_id]
        del self.consumers[consumer.consumer_id]
        producer = self.producers[consumer.producer_id]
        del producer.consumer_ids[consumer.consumer_id]
        self.layering.need_changed(producer)
        self._roster.do(effect.RemoveConsumer(consumer.consumer_id))
        self.offering.remove(session, consumer)
        if tell:
            self._roster.tell(session, event.ConsumerClosed(consumer.consumer_id))

    def _consumers_of(self, producer: Producer) -> list[Consumer]:
        return [self.consumers[consumer_id] for consumer_id in producer.consumer_ids]

    def _owner(self, consumer: Consumer) -> Session:
        return self._roster.sessions[consumer.session_id]


def _own_producer(session: Session, producer_id: ProducerId) -> Producer:
    producer = session.producers.get(producer_id)
    if producer is None:
        raise no_such_producer(Code.PRODUCE_ERROR)
    return producer


def _own_consumer(session: Session, consumer_id: ConsumerId) -> Consumer:
    consumer = session.consumers.get(consumer_id)
    if consumer is None:
        raise Refusal(Code.CONSUME_ERROR, "CONSUMER_NOT_FOUND", "There is no such consumer.")
    return consumer


def no_such_producer(code: Code) -> Refusal:
    return Refusal(code, "PRODUCER_NOT_FOUND", "There is no such producer.")
