"""Carries out what a room asks of the media side."""

from typing import assert_never

from services.common.ids import PeerId
from services.sfu.core import effect
from services.sfu.core.port import Media


def command(media: Media, asked: effect.MediaCommand) -> None:
    """Give one command to the media side."""
    match asked:
        case effect.CloseTransport(transport_id=transport_id):
            media.close_transport(transport_id)
        case effect.AddProducer(spec=producer):
            media.add_producer(producer)
        case effect.PauseProducer(producer_id=producer_id):
            media.pause_producer(producer_id)
        case effect.ResumeProducer(producer_id=producer_id):
            media.resume_producer(producer_id)
        case effect.RemoveProducer(producer_id=producer_id):
            media.remove_producer(producer_id)
        case _:
            _command_consumer(media, asked)


def peer_of(asked: effect.MediaCommand) -> PeerId:
    """Whose media a command is about, be the peer there or gone: ids begin with its own."""
    match asked:
        case effect.CloseTransport(transport_id=transport_id):
            named: str = transport_id
        case effect.AddProducer(spec=producer):
            named = producer.producer_id
        case effect.AddConsumer(spec=consumer):
            named = consumer.consumer_id
        case effect.PauseProducer() | effect.ResumeProducer() | effect.RemoveProducer():
            named = asked.producer_id
        case _:
            named = asked.consumer_id
    return PeerId(named.rpartition(".")[0])


def _command_consumer(media: Media, asked: effect.ConsumerCommand) -> None:
    match asked:
        case effect.AddConsumer(spec=consumer):
            media.add_consumer(consumer)
        case effect.PauseConsumer(consumer_id=consumer_id):
            media.pause_consumer(consumer_id)
        case effect.ResumeConsumer(consumer_id=consumer_id):
            media.resume_consumer(consumer_id)
        case effect.RemoveConsumer(consumer_id=consumer_id):
            media.remove_consumer(consumer_id)
        case effect.SetConsumerLayer(consumer_id=consumer_id, layer=layer):
            media.set_consumer_layer(consumer_id, layer)
        case effect.RequestKeyFrame(consumer_id=consumer_id):
            media.request_key_frame(consumer_id)
        case _:
            assert_never(asked)
