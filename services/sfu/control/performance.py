"""Carries out what a room asks of the media side."""

from typing import assert_never

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
        case effect.AddConsumer(spec=consumer):
            media.add_consumer(consumer)
        case effect.PauseConsumer(consumer_id=consumer_id):
            media.pause_consumer(consumer_id)
        case effect.ResumeConsumer(consumer_id=consumer_id):
            media.resume_consumer(consumer_id)
        case effect.RemoveConsumer(consumer_id=consumer_id):
            media.remove_consumer(consumer_id)
        case _:
            assert_never(asked)
