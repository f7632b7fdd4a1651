"""What the media side tells, taken to the session whose media it is."""

from collections.abc import Callable

from services.common.ids import ConsumerId, ProducerId, TransportId
from services.common.log import get_logger
from services.sfu.control.seat import Seat, SeatBook
from services.sfu.core.port import TransportState

log = get_logger("sfu.worker")


class Listener:
    """Implements `MediaListener`. Media that is closed already is nobody's: nothing is done."""

    def __init__(
        self,
        seats: SeatBook,
        guarded: Callable[[Seat, Callable[[Seat], None]], None],
        clock_ms: Callable[[], int],
    ) -> None:
        """`guarded` does something for a session and never raises."""
        self._seats = seats
        self._guarded = guarded
        self._clock_ms = clock_ms

    def transport_changed(self, transport_id: TransportId, state: TransportState) -> None:
        log.debug("sfu.transport.changed", transport_id=transport_id, state=state.value)

    def transport_failed(self, transport_id: TransportId, reason: str) -> None:
        seat = self._seats.of_media(transport_id)
        if seat is not None:
            self._guarded(seat, lambda s: s.room.router.transport_failed(transport_id, reason))

    def encoding_changed(self, producer_id: ProducerId, layer: int, active: bool) -> None:
        seat = self._seats.of_media(producer_id)
        if seat is None:
            return
        log.debug("sfu.layer.changed", producer_id=producer_id, layer=layer, active=active)
        self._guarded(
            seat,
            lambda s: s.room.router.layering.encoding_changed(
                producer_id, layer, self._clock_ms(), active=active
            ),
        )

    def consumer_layer_changed(self, consumer_id: ConsumerId, layer: int) -> None:
        seat = self._seats.of_media(consumer_id)
        if seat is not None:
            self._guarded(
                seat, lambda s: s.room.router.layering.consumer_layer_changed(consumer_id, layer)
            )
