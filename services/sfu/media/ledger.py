"""Which handle the engine knows each id by, and what ends with what."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Generic, TypeVar

from services.common.ids import ConsumerId, ProducerId, TransportId

Id = TypeVar("Id", bound=Hashable)

_HANDLES = 2**32


class HandleTable(Generic[Id]):
    """Ids and engine handles, one to one. A handle is not used again before all others were."""

    def __init__(self) -> None:
        self._handles: dict[Id, int] = {}
        self._ids: dict[int, Id] = {}
        self._next = 0

    def add(self, key: Id) -> int:
        """Raises ValueError when the id is in use."""
        if key in self._handles:
            raise ValueError(f"in use already: {key}")
        while self._next in self._ids:
            self._next = (self._next + 1) % _HANDLES
        handle = self._next
        self._next = (handle + 1) % _HANDLES
        self._handles[key] = handle
        self._ids[handle] = key
        return handle

    def handle(self, key: Id) -> int:
        """Raises KeyError."""
        return self._handles[key]

    @property
    def ids(self) -> Mapping[int, Id]:
        """All ids, by handle."""
        return self._ids

    def key(self, handle: int) -> Id | None:
        return self._ids.get(handle)

    def remove(self, key: Id) -> int | None:
        """The handle that it had, None when it is gone already."""
        handle = self._handles.pop(key, None)
        if handle is not None:
            del self._ids[handle]
        return handle

    def __contains__(self, key: Id) -> bool:
        return key in self._handles

    def __iter__(self) -> Iterator[Id]:
        return iter(tuple(self._handles))

    def __len__(self) -> int:
        return len(self._handles)


class Ledger:
    """Transports, producers and consumers as the engine has them.

    What the engine forgets with its owner is forgotten here too: a transport's producers and
    consumers, a producer's consumers.
    """

    def __init__(self) -> None:
        self.transports: HandleTable[TransportId] = HandleTable()
        self.producers: HandleTable[ProducerId] = HandleTable()
        self.consumers: HandleTable[ConsumerId] = HandleTable()
        self._producers_of: dict[TransportId, set[ProducerId]] = {}
        self._consumers_to: dict[TransportId, set[ConsumerId]] = {}
        self._consumers_of: dict[ProducerId, set[ConsumerId]] = {}
        self._owner_of_producer: dict[ProducerId, TransportId] = {}
        self._owners_of_consumer: dict[ConsumerId, tuple[ProducerId, TransportId]] = {}

    def add_transport(self, transport_id: TransportId) -> int:
        handle = self.transports.add(transport_id)
        self._producers_of[transport_id] = set()
        self._consumers_to[transport_id] = set()
        return handle

    def add_producer(self, producer_id: ProducerId, transport_id: TransportId) -> int:
        self.transports.handle(transport_id)
        handle = self.producers.add(producer_id)
        self._producers_of[transport_id].add(producer_id)
        self._consumers_of[producer_id] = set()
        self._owner_of_producer[producer_id] = transport_id
        return handle

    def add_consumer(
        self, consumer_id: ConsumerId, producer_id: ProducerId, transport_id: TransportId
    ) -> int:
        self.transports.handle(transport_id)
        self.producers.handle(producer_id)
        handle = self.consumers.add(consumer_id)
        self._consumers_of[producer_id].add(consumer_id)
        self._consumers_to[transport_id].add(consumer_id)
        self._owners_of_consumer[consumer_id] = (producer_id, transport_id)
        return handle

    def remove_transport(self, transport_id: TransportId) -> int | None:
        handle = self.transports.remove(transport_id)
        if handle is None:
            return None
        for producer_id in tuple(self._producers_of[transport_id]):
            self.remove_producer(producer_id)
        for consumer_id in tuple(self._consumers_to[transport_id]):
            self.remove_consumer(consumer_id)
        del self._producers_of[transport_id], self._consumers_to[transport_id]
        return handle

    def remove_producer(self, producer_id: ProducerId) -> int | None:
        handle = self.producers.remove(producer_id)
        if handle is None:
            return None
        for consumer_id in tuple(self._consumers_of[producer_id]):
            self.remove_consumer(consumer_id)
        del self._consumers_of[producer_id]
        self._producers_of[self._owner_of_producer.pop(producer_id)].discard(producer_id)
        return handle

    def remove_consumer(self, consumer_id: ConsumerId) -> int | None:
        handle = self.consumers.remove(consumer_id)
        if handle is None:
            return None
        producer_id, transport_id = self._owners_of_consumer.pop(consumer_id)
        self._consumers_of[producer_id].discard(consumer_id)
        self._consumers_to[transport_id].discard(consumer_id)
        return handle
