"""A media side that keeps books and sends nothing: for tests of rooms and of the control plane."""

from collections.abc import Mapping
from dataclasses import replace

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId, ProducerId, TransportId
from services.sfu.core.port import (
    ConsumerSpec,
    ConsumerStats,
    DtlsParameters,
    DtlsRole,
    DtlsState,
    EncodingStats,
    Fingerprint,
    IceCandidate,
    IceParameters,
    IceState,
    ProducerSpec,
    TransportOffer,
    TransportState,
    TransportStats,
)
from services.sfu.core.score import Count, Sample
from services.sfu.media.fingerprint import usable_fingerprints

FINGERPRINT = Fingerprint("sha-256", ":".join(["AB"] * 32))


class RecordingMedia:
    """Implements `core.port.Media`. Unknown ids raise KeyError, as the port demands.

    `commands` lists what was asked as (name, id). A command whose name is in `failing` raises.
    """

    def __init__(self) -> None:
        self.commands: list[tuple[str, str]] = []
        self.failing: set[str] = set()
        self.transports: dict[TransportId, DtlsParameters | None] = {}
        self.producers: dict[ProducerId, ProducerSpec] = {}
        self.consumers: dict[ConsumerId, ConsumerSpec] = {}
        self.ticks = 0
        # What whoever listens hears.
        self.levels: dict[ProducerId, int] = {}
        # What the engine would have counted; streams that are not in it are not scored.
        self.sent: dict[ProducerId, list[Count]] = {}
        self.received: dict[ConsumerId, Count] = {}

    def create_transport(self, transport_id: TransportId) -> TransportOffer:
        self._note("create_transport", transport_id)
        assert transport_id not in self.transports
        self.transports[transport_id] = None
        return TransportOffer(
            IceParameters("0123456789abcdef", "0123456789abcdef0123456789abcdef"),
            (IceCandidate("udpcandidate", "127.0.0.1", 40000, 1_076_302_079),),
            DtlsParameters(DtlsRole.AUTO, (FINGERPRINT,)),
        )

    def connect_transport(self, transport_id: TransportId, remote: DtlsParameters) -> None:
        self._note("connect_transport", transport_id)
        known = self.transports[transport_id]
        usable_fingerprints(remote)
        if known is not None and known.fingerprints != remote.fingerprints:
            raise Refusal(Code.TRANSPORT_ERROR, "ALREADY_CONNECTED", "The transport is connected.")
        self.transports[transport_id] = remote

    def restart_ice(self, transport_id: TransportId) -> IceParameters:
        self._note("restart_ice", transport_id)
        assert transport_id in self.transports
        number = self.commands.count(("restart_ice", transport_id))
        return IceParameters(f"{number:016x}", f"{number:032x}")

    def close_transport(self, transport_id: TransportId) -> None:
        self._note("close_transport", transport_id)
        self.transports.pop(transport_id, None)

    def add_producer(self, spec: ProducerSpec) -> None:
        self._note("add_producer", spec.producer_id)
        assert spec.transport_id in self.transports
        assert spec.producer_id not in self.producers
        self.producers[spec.producer_id] = spec

    def pause_producer(self, producer_id: ProducerId) -> None:
        self._note("pause_producer", producer_id)
        assert producer_id in self.producers

    def resume_producer(self, producer_id: ProducerId) -> None:
        self._note("resume_producer", producer_id)
        assert producer_id in self.producers

    def remove_producer(self, producer_id: ProducerId) -> None:
        self._note("remove_producer", producer_id)
        self.producers.pop(producer_id, None)

    async def audio_levels(self) -> Mapping[ProducerId, int]:
        if "audio_levels" in self.failing:
            raise Refusal(Code.UNAVAILABLE, "ENGINE_SILENT", "The media engine does not answer.")
        return dict(self.levels)

    def add_consumer(self, spec: ConsumerSpec) -> None:
        self._note("add_consumer", spec.consumer_id)
        assert spec.transport_id in self.transports
        assert spec.producer_id in self.producers
        assert spec.consumer_id not in self.consumers
        self.consumers[spec.consumer_id] = spec

    def pause_consumer(self, consumer_id: ConsumerId) -> None:
        self._note("pause_consumer", consumer_id)
        assert consumer_id in self.consumers

    def resume_consumer(self, consumer_id: ConsumerId) -> None:
        self._note("resume_consumer", consumer_id)
        assert consumer_id in self.consumers

    def remove_consumer(self, consumer_id: ConsumerId) -> None:
        self._note("remove_consumer", consumer_id)
        self.consumers.pop(consumer_id, None)

    def set_consumer_layer(self, consumer_id: ConsumerId, layer: int) -> None:
        self._note("set_consumer_layer", consumer_id)
        self.consumers[consumer_id] = replace(self.consumers[consumer_id], layer=layer)

    def request_key_frame(self, consumer_id: ConsumerId) -> None:
        self._note("request_key_frame", consumer_id)
        assert consumer_id in self.consumers

    async def consumer_stats(self, consumer_id: ConsumerId) -> ConsumerStats:
        layer = self.consumers[consumer_id].layer
        return ConsumerStats(120, 118, 2, 3, 1, False, 17, layer)

    async def producer_stats(self, producer_id: ProducerId) -> tuple[EncodingStats, ...]:
        return tuple(
            EncodingStats(one.ssrc, 240, 24_000, 5, 3 if one.rtx_ssrc else None, 1_500, 2, 1)
            for one in self.producers[producer_id].encodings
        )

    async def transport_stats(self, transport_id: TransportId) -> TransportStats:
        assert transport_id in self.transports
        return TransportStats(300, 30_000, 20, 2_000, IceState.CONNECTED, DtlsState.CONNECTING)

    async def sample(self) -> Sample:
        return Sample(dict(self.sent), dict(self.received))

    def transport_state(self, transport_id: TransportId) -> TransportState:
        connected = self.transports[transport_id] is not None
        return TransportState.CONNECTED if connected else TransportState.NEW

    def counters(self) -> Mapping[str, int]:
        return {"rtp_packets_in": 120}

    def engine_tick(self) -> int:
        self.ticks += 1
        return self.ticks

    @property
    def media_address(self) -> str:
        return "127.0.0.1:40000"

    @property
    def is_empty(self) -> bool:
        """Whether everything that was opened is closed again."""
        return not (self.transports or self.producers or self.consumers)

    def _note(self, name: str, id_: str) -> None:
        self.commands.append((name, id_))
        if name in self.failing:
            raise RuntimeError(f"{name} fails in this test")
