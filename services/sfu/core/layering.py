"""Layers of a room's simulcasts: what is needed of each producer, and what each consumer gets."""

from collections.abc import Mapping

from services.common.ids import ConsumerId, ProducerId
from services.sfu.core import effect, event
from services.sfu.core.peer import Consumer, Producer, Session
from services.sfu.core.roster import Roster


class Layering:
    """Owned by a router, whose books it reads."""

    def __init__(
        self,
        roster: Roster,
        producers: Mapping[ProducerId, Producer],
        consumers: Mapping[ConsumerId, Consumer],
    ) -> None:
        self._roster = roster
        self._producers = producers
        self._consumers = consumers
        # Those with layers that are held back: few, and asked for after each operation in the room.
        self._holding: dict[ProducerId, Producer] = {}
        # Those whose consumers, or the wishes of these, have changed since the last weighing.
        self._unweighed: dict[ProducerId, Producer] = {}
        # Those with a layer that is sent still and needed no more.
        self._lingering: dict[ProducerId, Producer] = {}

    def encoding_changed(
        self, producer_id: ProducerId, layer: int, now_ms: int, *, active: bool
    ) -> None:
        """A layer is sent now, or has gone quiet; unknown ids are ones closed meanwhile."""
        producer = self._producers.get(producer_id)
        if producer is None or not producer.has_layers:
            return
        if active:
            producer.activity.begin(layer, now_ms)
        else:
            producer.activity.end(layer)
        self._changed(producer)

    def consumer_layer_changed(self, consumer_id: ConsumerId, layer: int) -> None:
        """The media side forwards another layer; unknown ids are ones closed meanwhile."""
        consumer = self._consumers.get(consumer_id)
        if consumer is None or consumer.selection is None:
            return
        producer = self._producers[consumer.producer_id]
        if consumer.selection.started(layer, is_flowing=_is_flowing(consumer, producer)):
            self._tell_layer(consumer, consumer.selection.told)

    def follow(self, consumer: Consumer, producer: Producer) -> None:
        """A consumer, its wish, or what keeps it from flowing has changed."""
        self.need_changed(producer)
        self._aim(consumer, producer)

    def _aim(self, consumer: Consumer, producer: Producer) -> None:
        """Aim a consumer at the layer that it should get, and tell its client what it gets."""
        selection = consumer.selection
        if selection is None:
            return
        if selection.aim(producer.activity.usable):
            self._roster.do(effect.SetConsumerLayer(consumer.consumer_id, selection.target))
        if selection.settle(is_flowing=_is_flowing(consumer, producer)):
            self._tell_layer(consumer, selection.told)

    def need_changed(self, producer: Producer) -> None:
        """A producer is new, or what its consumers wish for may be another than before."""
        if producer.has_layers:
            self._unweighed[producer.producer_id] = producer

    def tell_needs(self, now_ms: int) -> None:
        """Tell publishers what is needed of their simulcasts, where it is news."""
        unweighed, self._unweighed = self._unweighed, {}
        deadlines = ((p, p.need.deadline_ms()) for p in self._lingering.values())
        due = {p.producer_id: p for p, ms in deadlines if ms is not None and ms <= now_ms}
        for producer in (unweighed | due).values():
            self._weigh(producer, now_ms)

    def tell_again(self, session: Session) -> None:
        """Tell a client that was away what it gets and what is needed: no log keeps such events."""
        for consumer in session.consumers.values():
            if consumer.selection is not None:
                self._tell_layer(consumer, consumer.selection.told)
        for producer in session.producers.values():
            # That all of it is needed is told as well: that it was less may be the last it heard.
            if producer.need.was_told:
                self._tell_need(producer)

    def deadline_ms(self) -> int | None:
        """When `held_back` and `tell_needs` are to be asked next; None while nothing waits."""
        held_ms = (producer.activity.deadline_ms() for producer in self._holding.values())
        linger_ms = (producer.need.deadline_ms() for producer in self._lingering.values())
        return min((ms for ms in (*held_ms, *linger_ms) if ms is not None), default=None)

    def held_back(self, now_ms: int) -> list[Producer]:
        """The producers with layers that have been held back for long enough."""
        deadlines = [(p, p.activity.deadline_ms()) for p in self._holding.values()]
        return [producer for producer, ms in deadlines if ms is not None and ms <= now_ms]

    def release(self, producer_id: ProducerId, now_ms: int) -> None:
        """Take those layers."""
        producer = self._producers[producer_id]
        producer.activity.release(now_ms)
        self._changed(producer)

    def forget(self, producer_id: ProducerId) -> None:
        """The producer is gone."""
        for waiting in (self._holding, self._unweighed, self._lingering):
            waiting.pop(producer_id, None)

    def _weigh(self, producer: Producer, now_ms: int) -> None:
        consumers = (self._consumers[consumer_id] for consumer_id in producer.consumer_ids)
        wishes = [c.selection.preferred.spatial for c in consumers if c.selection and not c.paused]
        before = producer.need.told
        if producer.need.weigh(wishes, now_ms):
            first = 0 if before is None else before + 1
            producer.activity.welcome(range(first, len(producer.encodings)))
            self._tell_need(producer)
        if producer.need.deadline_ms() is None:
            self._lingering.pop(producer.producer_id, None)
        else:
            self._lingering[producer.producer_id] = producer

    def _tell_need(self, producer: Producer) -> None:
        told = event.ProducerLayersNeeded(producer.producer_id, producer.need.told)
        self._roster.tell_latest(self._roster.sessions[producer.session_id], told)

    def _changed(self, producer: Producer) -> None:
        if producer.activity.deadline_ms() is None:
            self._holding.pop(producer.producer_id, None)
        else:
            self._holding[producer.producer_id] = producer
        for consumer_id in producer.consumer_ids:
            self._aim(self._consumers[consumer_id], producer)

    def _tell_layer(self, consumer: Consumer, layer: int | None) -> None:
        told = event.ConsumerLayers(consumer.consumer_id, layer)
        self._roster.tell_latest(self._roster.sessions[consumer.session_id], told)


def may_flow(consumer: Consumer, producer: Producer) -> bool:
    """Whether nobody holds it back."""
    return consumer.is_agreed and not (consumer.paused or producer.paused)


def _is_flowing(consumer: Consumer, producer: Producer) -> bool:
    """Whether anything of a simulcast could be forwarded."""
    return bool(producer.activity.sent) and may_flow(consumer, producer)
