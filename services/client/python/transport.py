"""One ICE and DTLS transport to the worker, made of aiortc's ORTC-like objects: no SDP.

The worker is ICE-lite and has one candidate; this side is controlling. Either may be the DTLS
server.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)
from OpenSSL import SSL

from services.client.python.connection import ANSWER_WITHIN_S
from services.client.python.failure import TransportError
from services.client.python.line import Line
from services.client.python.message import (
    Direction,
    DtlsParameters,
    Fingerprint,
    Nothing,
    TransportCreated,
)

# aiortc names no public way to be controlling or to choose a DTLS role: RTCPeerConnection sets
# these as well. tests/contract/client/test_aiortc_private_names.py fails when they are renamed.
PRIVATE_NAMES: dict[type, tuple[str, ...]] = {
    RTCIceTransport: ("_connection",),
    RTCDtlsTransport: ("_set_role",),
}

Role = Literal["client", "server"]


class Transport:
    """Made by `opened`: connected, until `is_lost`."""

    def __init__(self, created: TransportCreated, role: Role) -> None:
        self.transport_id = created.transport_id
        self._created = created
        self._role = role
        self._certificate = RTCCertificate.generateCertificate()
        self._ice = RTCIceTransport(RTCIceGatherer(iceServers=[]))
        self._ice._connection.ice_controlling = True
        self.dtls = RTCDtlsTransport(self._ice, [self._certificate])
        self.dtls._set_role(role)

    @property
    def is_lost(self) -> bool:
        """Whether the other side closed it, or does not answer any more."""
        return self.dtls.state in ("closed", "failed")

    def when_lost(self, tell: Callable[[], None]) -> None:
        """Call `tell` when the transport ends, however that comes."""

        def changed() -> None:
            if self.is_lost:
                tell()

        self.dtls.on("statechange", changed)

    def dtls_parameters(self) -> DtlsParameters:
        """What the worker must know of this side."""
        return DtlsParameters(
            role=self._role,
            fingerprints=[
                Fingerprint(algorithm=found.algorithm, value=found.value)
                for found in self._certificate.getFingerprints()
                if found.algorithm == "sha-256"
            ],
        )

    async def connect(self) -> None:
        """ICE, then DTLS. Raises TransportError."""
        ice, remote = self._created.ice_parameters, self._created.dtls_parameters
        await self._ice.iceGatherer.gather()
        for candidate in self._created.ice_candidates:
            await self._ice.addRemoteCandidate(
                RTCIceCandidate(
                    component=1,
                    foundation=candidate.foundation,
                    ip=candidate.address,
                    port=candidate.port,
                    priority=candidate.priority,
                    protocol=candidate.protocol,
                    type=candidate.type,
                )
            )
        # Without the end of candidates a check that fails would never be given up.
        await self._ice.addRemoteCandidate(None)
        await self._ice.start(RTCIceParameters(ice.username_fragment, ice.password, ice.ice_lite))
        if self._ice.state != "completed":
            raise TransportError("ICE found no way to the worker")
        try:
            await self.dtls.start(
                RTCDtlsParameters(
                    [RTCDtlsFingerprint(f.algorithm, f.value) for f in remote.fingerprints]
                )
            )
        except (SSL.Error, ConnectionError) as error:
            raise TransportError(f"DTLS failed: {error or type(error).__name__}") from error
        if self.dtls.state != "connected":
            raise TransportError("DTLS failed")

    async def stop(self) -> None:
        """Tell the other side by close_notify and end. Twice is fine."""
        self.dtls.remove_all_listeners()
        await self.dtls.stop()
        await self._ice.stop()


@asynccontextmanager
async def opened(
    line: Line,
    direction: Direction,
    *,
    role: Role = "client",
    within_s: float = ANSWER_WITHIN_S,
) -> AsyncIterator[Transport]:
    """A connected transport; this side's end closes on leaving, the worker's by close_notify.

    Raises TransportError, also when it is not up after `within_s`, and what a request raises.
    """
    payload = {"direction": direction}
    created = await line.request("transport:create", TransportCreated, payload)
    transport = Transport(created, role)
    try:
        await line.request(
            "transport:connect",
            Nothing,
            {
                "transportId": transport.transport_id,
                "dtlsParameters": transport.dtls_parameters().as_json(),
            },
        )
        try:
            async with asyncio.timeout(within_s):
                await transport.connect()
        except TimeoutError:
            raise TransportError(f"no transport within {within_s:g} s") from None
        yield transport
    finally:
        await transport.stop()
