"""Layers of a room's simulcasts: what each consumer gets, and what its client is told of it."""

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
        """Aim a consumer at the layer that it should get, and tell its client what it gets."""
        selection = consumer.selection
        if selection is None:
            return
        if selection.aim(producer.activity.usable):
            self._roster.do(effect.SetConsumerLayer(consumer.consumer_id, selection.target))
        if selection.settle(is_flowing=_is_flowing(consumer, producer)):
            self._tell_layer(consumer, selection.told)

    def tell_again(self, session: Session) -> None:
        """Tell a client that was away which layers it gets: such events are kept in no log."""
        for consumer in session.consumers.values():
            if consumer.selection is not None:
                self._tell_layer(consumer, consumer.selection.told)

    def deadline_ms(self) -> int | None:
        """When the next layer that is held back may be taken; None while none is."""
        deadlines = (producer.activity.deadline_ms() for producer in self._holding.values())
        return min((ms for ms in deadlines if ms is not None), default=None)

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
        self._holding.pop(producer_id, None)

    def _changed(self, producer: Producer) -> None:
        if producer.activity.deadline_ms() is None:
            self._holding.pop(producer.producer_id, None)
        else:
            self._holding[producer.producer_id] = producer
        for consumer_id in producer.consumer_ids:
            self.follow(self._consumers[consumer_id], producer)

    def _tell_layer(self, consumer: Consumer, layer: int | None) -> None:
        told = event.ConsumerLayers(consumer.consumer_id, layer)
        self._roster.tell_latest(self._roster.sessions[consumer.session_id], told)


def may_flow(consumer: Consumer, producer: Producer) -> bool:
    """Whether nobody holds it back."""
    return consumer.is_agreed and not (consumer.paused or producer.paused)


def _is_flowing(consumer: Consumer, producer: Producer) -> bool:
    """Whether anything of a simulcast could be forwarded."""
    return bool(producer.activity.sent) and may_flow(consumer, producer)
