"""Counts of all streams, from the engine's records to the ids that the rooms know."""

import asyncio
from struct import Struct

from services.common.ids import ConsumerId, ProducerId
from services.sfu.core.score import Count, Sample
from services.sfu.media.ledger import Ledger

# As `Engine.request_sample` says.
ENCODING = Struct("<IIQqQ")
CONSUMER = Struct("<IQIiQ")
# Records that are read in one go: about a millisecond, for which everything else has to wait.
SLICE = 2_000


async def read_sample(encodings: bytes, consumers: bytes, ledger: Ledger) -> Sample:
    """Streams that have ended since are left out."""
    producers: dict[ProducerId, list[Count]] = {}
    for handle, _, packets, lost, repaired in ENCODING.iter_unpack(encodings):
        producer_id = ledger.producers.key(handle)
        if producer_id is not None:
            # Those that came by themselves, and those that should have.
            expected = packets - repaired + lost
            producers.setdefault(producer_id, []).append((packets, expected, lost, repaired))
    found: dict[ConsumerId, Count] = {}
    step = SLICE * CONSUMER.size
    for start in range(0, len(consumers), step):
        _read_consumers(consumers[start : start + step], ledger, found)
        await asyncio.sleep(0)
    return Sample(producers, found)


def _read_consumers(records: bytes, ledger: Ledger, found: dict[ConsumerId, Count]) -> None:
    ids = ledger.consumers.ids
    for record in CONSUMER.iter_unpack(records):
        consumer_id = ids.get(record[0])
        if consumer_id is not None:
            found[consumer_id] = record[1:]
