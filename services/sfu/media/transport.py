"""One client's transport: ICE as the engine sees it, and DTLS."""

import asyncio
from collections.abc import Callable

from services.common.errors import Code, Refusal
from services.common.log import get_logger
from services.sfu.core.port import (
    DtlsParameters,
    DtlsRole,
    DtlsState,
    Fingerprint,
    IceState,
    TransportState,
)
from services.sfu.media.dtls import (
    DatagramPipe,
    Dtls,
    DtlsFailure,
    Role,
    SrtpKeys,
    WorkerCertificate,
)
from services.sfu.media.fingerprint import usable_fingerprints

log = get_logger("sfu.media")


class Transport:
    """Starts DTLS when ICE is up and the client's fingerprints are known, whichever comes last.

    `changed` hears each new state, `failed` the reason of the end, once; after it only `close` may
    be called.
    """

    def __init__(
        self,
        certificate: WorkerCertificate,
        *,
        send: Callable[[bytes], None],
        set_keys: Callable[[SrtpKeys], None],
        changed: Callable[[TransportState], None],
        failed: Callable[[str], None],
        dtls_timeout_ms: int,
    ) -> None:
        self.state = TransportState.NEW
        self.dtls_datagrams_dropped = 0
        self._certificate = certificate
        # A ClientHello may overtake the signaling: it waits in here for connect().
        self._pipe = DatagramPipe(send)
        self._set_keys = set_keys
        self._changed = changed
        self._failed = failed
        self._dtls_timeout_ms = dtls_timeout_ms
        self._fingerprints: frozenset[Fingerprint] | None = None
        self._dtls: Dtls | None = None
        self._task: asyncio.Task[None] | None = None
        self._ice_connected = False
        self._ice_was_connected = False
        self._dtls_connected = False

    @property
    def ice_state(self) -> IceState:
        if self._ice_connected:
            return IceState.CONNECTED
        return IceState.DISCONNECTED if self._ice_was_connected else IceState.NEW

    @property
    def dtls_state(self) -> DtlsState:
        if self._dtls_connected:
            return DtlsState.CONNECTED
        return DtlsState.NEW if self._dtls is None else DtlsState.CONNECTING

    def connect(self, remote: DtlsParameters) -> None:
        """Raises Refusal: TRANSPORT_ERROR with BAD_FINGERPRINT or ALREADY_CONNECTED."""
        fingerprints = usable_fingerprints(remote)
        if self._fingerprints is not None:
            if fingerprints == self._fingerprints:
                return
            raise Refusal(
                Code.TRANSPORT_ERROR,
                "ALREADY_CONNECTED",
                "The transport is connected with other fingerprints.",
            )
        self._fingerprints = fingerprints
        # Browsers answer our "auto" as the client.
        role: Role = "client" if remote.role is DtlsRole.SERVER else "server"
        self._dtls = Dtls(self._pipe, self._certificate, role)
        self._advance()

    def ice_connected(self) -> None:
        """A pair was nominated, the first or another one."""
        self._ice_connected = self._ice_was_connected = True
        self._advance()

    def ice_disconnected(self) -> None:
        """Consent ran out; a check brings it back. DTLS and the keys stay."""
        self._ice_connected = False
        self._advance()

    def dtls_received(self, datagram: bytes) -> None:
        if not self._pipe.push(datagram):
            self.dtls_datagrams_dropped += 1

    def close(self) -> None:
        """Tell the peer by close_notify and end the task."""
        self.state = TransportState.CLOSED
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        if self._dtls is not None:
            self._dtls.close()

    def _advance(self) -> None:
        if self._task is None and self._ice_connected and self._dtls is not None:
            self._task = asyncio.create_task(self._run(self._dtls))
        state = self._derived_state()
        if state is not self.state:
            self.state = state
            self._changed(state)

    def _derived_state(self) -> TransportState:
        if self._ice_was_connected and not self._ice_connected:
            return TransportState.DISCONNECTED
        if self._dtls_connected:
            return TransportState.CONNECTED
        if self._ice_connected or self._dtls is not None:
            return TransportState.CONNECTING
        return TransportState.NEW

    async def _run(self, dtls: Dtls) -> None:
        """From the handshake to the end. Nothing escapes but cancellation."""
        self._failed(await self._live(dtls))

    async def _live(self, dtls: Dtls) -> str:
        """Why it ended."""
        try:
            keys = await dtls.handshake(self._fingerprints or (), self._dtls_timeout_ms)
        except DtlsFailure as failure:
            return failure.reason
        except Exception:
            log.exception("sfu.media.handshake_fault")
            return "DTLS_FAILED"
        try:
            self._set_keys(keys)
            self._dtls_connected = True
            self._advance()
        except Exception:
            log.exception("sfu.media.keys_fault")
            return "ENGINE_FAULT"
        try:
            await dtls.wait_closed()
        except Exception:
            log.exception("sfu.media.dtls_fault")
            return "DTLS_FAILED"
        return "DTLS_CLOSED"
