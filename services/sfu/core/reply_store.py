"""Replies already given, so that a request that is sent again is not carried out again."""

from collections import OrderedDict
from typing import Generic, TypeVar

from services.common.errors import Code, Refusal

CAPACITY = 256

Reply = TypeVar("Reply")


class ReplyStore(Generic[Reply]):
    """The last replies of one session by request id. A reply may be a refusal as well."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._replies: OrderedDict[str, tuple[bytes, Reply]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._replies)

    def find(self, request_id: str, digest: bytes) -> Reply | None:
        """The reply to an earlier request of this id and payload digest; None for a new id.

        Raises Refusal INVALID_MESSAGE with REQUEST_ID_REUSED where the payload was another.
        """
        stored = self._replies.get(request_id)
        if stored is None:
            return None
        stored_digest, reply = stored
        if stored_digest != digest:
            raise Refusal(
                Code.INVALID_MESSAGE,
                "REQUEST_ID_REUSED",
                "The request's id was used before with another payload.",
            )
        return reply

    def keep(self, request_id: str, digest: bytes, reply: Reply) -> None:
        """Remember a reply; the oldest one goes when there is no room."""
        self._replies[request_id] = (digest, reply)
        while len(self._replies) > self._capacity:
            self._replies.popitem(last=False)
