"""Who a client is: what its auth:request asks to be checked, and what a good one is answered."""

from services.common.errors import Code, Refusal
from services.common.ids import Epoch, PeerId
from services.gateway.core.admission import Admission, Claims, Grants, renew
from services.gateway.core.effect import Resume, VerifyToken
from services.gateway.core.message.connection import (
    AuthRefreshed,
    AuthRequest,
    AuthResponse,
    IceServer,
)
from services.gateway.core.speech import not_authenticated


class Entrance:
    """Lets one client in, once; `admission` is what it may since."""

    def __init__(self, heartbeat_interval_ms: int) -> None:
        self._heartbeat_interval_ms = heartbeat_interval_ms
        self._admission: Admission | None = None
        # Of a fresh token, while the worker is told.
        self._renewal: Admission | None = None
        # What was asked and what it was answered, for a repeat.
        self._first: tuple[AuthRequest, AuthResponse] | None = None

    @property
    def is_passed(self) -> bool:
        return self._first is not None

    @property
    def admission(self) -> Admission:
        """Raises Refusal UNAUTHORIZED before the client is let in."""
        if self._admission is None:
            raise not_authenticated()
        return self._admission

    def ask(self, ordinal: int, request: AuthRequest) -> VerifyToken | Resume:
        """What is to be checked. Raises Refusal UNAUTHORIZED where there is nothing to check."""
        asked = request.payload
        if asked.resume_token is not None:
            epoch = Epoch(asked.epoch) if asked.epoch is not None else None
            return Resume(ordinal, asked.resume_token, epoch, asked.last_seq)
        if not asked.token:
            raise Refusal(Code.UNAUTHORIZED, "TOKEN_MISSING", "A token is needed.")
        return VerifyToken(ordinal, asked.token)

    def repeat(self, request: AuthRequest) -> AuthResponse:
        """The answer to a repeat of the first auth:request. Raises Refusal for any other."""
        assert self._first is not None
        first, response = self._first
        if request.correlation_id is None or request.correlation_id != first.correlation_id:
            raise Refusal(
                Code.INVALID_MESSAGE,
                "ALREADY_AUTHENTICATED",
                "This connection is authenticated already.",
            )
        if request.payload != first.payload:
            raise Refusal(
                Code.INVALID_MESSAGE, "REQUEST_ID_REUSED", "The correlationId has been used before."
            )
        return response

    def let_in(
        self,
        request: AuthRequest,
        peer_id: PeerId,
        admission: Admission,
        ice_servers: tuple[IceServer, ...],
        token: str | None = None,
    ) -> AuthResponse:
        """The answer. `token`: the client is back in its session, and this is for the next time."""
        self._admission = admission
        response = AuthResponse(
            user_id=admission.user_id,
            peer_id=peer_id,
            role=admission.role.value,
            resumed=token is not None,
            resume_token=token,
            heartbeat_interval_ms=self._heartbeat_interval_ms,
            ice_servers=list(ice_servers),
        )
        self._first = (request, response)
        return response

    def renew(
        self, claims: Claims, ice_servers: tuple[IceServer, ...]
    ) -> tuple[Grants, AuthRefreshed]:
        """What a fresh token grants, which counts once it is `renewed`, and the answer to it.

        Raises Refusal FORBIDDEN for a token that is another's.
        """
        self._renewal = renew(self.admission, claims)
        answer = AuthRefreshed(expires_at=claims.expires_at_ms, ice_servers=list(ice_servers))
        return self._renewal.grants, answer

    def renewed(self) -> None:
        """What the fresh token allows counts from now on."""
        assert self._renewal is not None
        self._admission, self._renewal = self._renewal, None
