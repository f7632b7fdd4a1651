"""The scores of a room's streams: what they are made of, and who is told."""

from collections.abc import Iterable, Mapping

from services.common.ids import ConsumerId, ProducerId
from services.sfu.core.effect import TellLatest
from services.sfu.core.event import ConsumerScore, LayerScore, ProducerScore
from services.sfu.core.layer import Selection
from services.sfu.core.peer import Consumer, Producer, Session
from services.sfu.core.roster import Roster
from services.sfu.core.router import Router
from services.sfu.core.score import Count, Sample, Score


class Scoring:
    """Owned by a room. Each owner is told of its own streams; operators are not."""

    def __init__(self, roster: Roster, router: Router) -> None:
        self._roster = roster
        self._router = router

    def rate(self, producer_id: ProducerId, sample: Sample) -> bool:
        """Score a producer and its consumers by the next counts; whether anybody is told.

        One that has ended since it was counted is passed over.
        """
        producer = self._router.producers.get(producer_id)
        counts = sample.producers.get(producer_id)
        if producer is None or counts is None:
            return False
        told = self._rate_producer(producer, counts)
        if told:
            self._tell_producer(producer)
        return self._rate_consumers(producer, sample.consumers) or told

    def tell_again(self, session: Session) -> None:
        """Tell a client that was away its scores: such events are kept in no log."""
        for producer in session.producers.values():
            if any(score.told is not None for score in producer.scores):
                self._tell_producer(producer)
        for consumer in session.consumers.values():
            if consumer.told_scores is not None:
                self._tell_consumer(consumer)

    def _rate_producer(self, producer: Producer, counts: Iterable[Count]) -> bool:
        if producer.paused:
            for score in producer.scores:
                score.rest()
            return False
        if not producer.scores:
            producer.scores = [Score() for _ in producer.encodings]
        pairs = zip(producer.scores, counts, strict=True)
        # A list: each is to count, whatever those before it say.
        return any([score.count(count) for score, count in pairs])

    def _rate_consumers(self, producer: Producer, counts: Mapping[ConsumerId, Count]) -> bool:
        told = False
        consumers, producer_paused = self._router.consumers, producer.paused
        behind = None if producer.has_layers or not producer.scores else producer.scores[0].told
        for consumer_id in producer.consumer_ids:
            consumer = consumers[consumer_id]
            # What may flow, by the router's rule; a call for each would cost more than the rest.
            if producer_paused or consumer.paused or not consumer.is_agreed:
                consumer.score.rest()
                continue
            count = counts.get(consumer_id)
            if count is None:
                continue
            consumer.score.count(count)
            if consumer.selection is not None:
                behind = _score_behind(consumer.selection, producer)
            scores = (consumer.score.told, behind)
            if scores != consumer.told_scores and None not in scores:
                consumer.told_scores = scores
                self._tell_consumer(consumer)
                told = True
        return told

    def _tell_producer(self, producer: Producer) -> None:
        encodings = zip(producer.encodings, producer.scores, strict=True)
        scores = tuple(
            LayerScore(layer, encoding.rid, score.told)
            for layer, (encoding, score) in enumerate(encodings)
            if score.told is not None
        )
        told = ProducerScore(producer.producer_id, scores)
        self._roster.do(TellLatest(producer.session_id, told))

    def _tell_consumer(self, consumer: Consumer) -> None:
        assert consumer.told_scores is not None
        score, producer_score = consumer.told_scores
        assert score is not None
        assert producer_score is not None
        told = ConsumerScore(consumer.consumer_id, score, producer_score)
        self._roster.do(TellLatest(consumer.session_id, told))


def _score_behind(selection: Selection, producer: Producer) -> int | None:
    """The score of the layer that a consumer gets, or is to get."""
    if not producer.scores:
        return None
    return producer.scores[selection.target if selection.told is None else selection.told].told
