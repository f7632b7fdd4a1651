"""Messages about transports, and the ICE and DTLS parameters in them."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, StringConstraints

from services.gateway.core.message.envelope import Payload, Request
from services.gateway.core.message.field import Identifier, TransportDirection, WireModel


class IceParameters(WireModel):
    username_fragment: str
    password: str
    ice_lite: bool


class IceCandidate(WireModel):
    foundation: str
    # mediasoup-client up to 3.7 reads `ip`, later ones `address`.
    ip: str
    address: str
    port: int
    priority: int
    protocol: str
    type: str


class DtlsFingerprint(WireModel):
    algorithm: Annotated[str, StringConstraints(min_length=1, max_length=16)]
    value: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class DtlsParameters(WireModel):
    role: Literal["auto", "client", "server"] = "auto"
    fingerprints: Annotated[list[DtlsFingerprint], Field(min_length=1, max_length=16)]


class TransportCreatePayload(WireModel):
    direction: TransportDirection
    # Not used before data channels exist; any object is let through.
    sctp: dict[str, JsonValue] | bool | None = None


class TransportCreate(Request):
    type: Literal["transport:create"]
    payload: TransportCreatePayload


class TransportConnectPayload(WireModel):
    transport_id: Identifier | None = None
    dtls_parameters: DtlsParameters


class TransportConnect(Request):
    type: Literal["transport:connect"]
    payload: TransportConnectPayload


class TransportRestartIcePayload(WireModel):
    transport_id: Identifier | None = None


class TransportRestartIce(Request):
    type: Literal["transport:restart-ice"]
    payload: TransportRestartIcePayload = TransportRestartIcePayload()


class TransportName(WireModel):
    transport_id: Identifier


class TransportClose(Request):
    type: Literal["transport:close"]
    payload: TransportName


class TransportCreated(Payload):
    type: ClassVar[str] = "transport:created"
    transport_id: str
    direction: TransportDirection
    ice_parameters: IceParameters
    ice_candidates: list[IceCandidate]
    dtls_parameters: DtlsParameters


class TransportConnected(Payload):
    type: ClassVar[str] = "transport:connected"
    transport_id: str


class TransportIceRestarted(Payload):
    """The credentials before stay good until the client's first check with these."""

    type: ClassVar[str] = "transport:ice-restarted"
    transport_id: str
    ice_parameters: IceParameters


class TransportClosed(Payload):
    """The reply to `transport:close`, and with a reason the event of a transport that failed."""

    type: ClassVar[str] = "transport:closed"
    transport_id: str
    reason: str | None = None
