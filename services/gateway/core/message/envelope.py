"""The envelope around every payload, inwards and outwards."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import SerializeAsAny

from services.gateway.core.message.field import CorrelationText, Timestamp, WireModel


class Request(WireModel):
    """What every message of a client carries besides its type and payload."""

    type: str
    timestamp: Timestamp
    correlation_id: CorrelationText | None = None
    # W3C trace context, untrusted: a malformed one is ignored, so it is never refused.
    traceparent: object = None


class Payload(WireModel):
    """What the server says; the class knows the message's type."""

    type: ClassVar[str]

    @property
    def latest_of(self) -> str | None:
        """What a latest-only event is about, for example the id of a consumer.

        A newer event of the same type about the same replaces an older one that is not written
        yet. None for everything that each client must get: replies and state events.
        """
        return None


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message to the client. Replies carry a correlation id, state events a position."""

    payload: Payload
    correlation_id: str | None = None
    epoch: str | None = None
    seq: int | None = None

    @property
    def type(self) -> str:
        return self.payload.type

    @property
    def replaces(self) -> str | None:
        """Names the unwritten message whose place this one takes; None where it takes none."""
        about = self.payload.latest_of
        if about is None or self.seq is not None or self.correlation_id is not None:
            return None
        return f"{self.type} {about}"


class _Envelope(WireModel):
    type: str
    payload: SerializeAsAny[WireModel]
    timestamp: int
    correlation_id: str | None = None
    epoch: str | None = None
    seq: int | None = None


def encode(message: Outbound, timestamp_ms: int) -> bytes:
    """The frame of a message: compact JSON, unset fields absent, nothing is null."""
    envelope = _Envelope(
        type=message.type,
        payload=message.payload,
        timestamp=timestamp_ms,
        correlation_id=message.correlation_id,
        epoch=message.epoch,
        seq=message.seq,
    )
    return envelope.model_dump_json(by_alias=True, exclude_none=True).encode()
