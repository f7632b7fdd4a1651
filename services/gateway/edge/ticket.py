"""Resume tokens, with the key that signs them and the clock that dates them."""

import time
from dataclasses import replace

from services.gateway.core.resume import Ticket, seal, unseal


class TicketOffice:
    """Issues and checks resume tokens with one key, which all gateways share."""

    def __init__(self, key: bytes, rejoin_within_s: float) -> None:
        """`rejoin_within_s`: how old a ticket may be where the session's worker is gone."""
        self._key = key
        self._rejoin_within_s = rejoin_within_s

    def issue(self, ticket: Ticket) -> str:
        """The token of a ticket, dated now."""
        return seal(replace(ticket, issued_at_s=int(time.time())), self._key)

    def check(self, token: str) -> Ticket:
        """The ticket in a token. Raises Refusal UNAUTHORIZED."""
        return unseal(token, self._key)

    def may_rejoin(self, ticket: Ticket) -> bool:
        """Whether it is fresh enough to join anew: no worker can say that the session has ended."""
        return time.time() - ticket.issued_at_s <= self._rejoin_within_s
