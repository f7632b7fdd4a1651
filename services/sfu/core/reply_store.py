"""Replies already given, so that a request that is sent again is not carried out again."""

from collections import OrderedDict
from typing import Generic, TypeVar

from services.common.errors import Code, Refusal

CAPACITY = 256
# Replies to ordinary requests have hundreds of bytes; this is for clients that make them large.
CAPACITY_BYTES = 4 * 1024 * 1024

Reply = TypeVar("Reply")


class ReplyStore(Generic[Reply]):
    """The last replies of one session by request id. A reply may be a refusal as well.

    Bounded in number and in bytes, as their keeper counts them.
    """

    def __init__(self, capacity: int = CAPACITY, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._replies: OrderedDict[str, tuple[bytes, Reply, int]] = OrderedDict()
        self._size_bytes = 0

    def __len__(self) -> int:
        return len(self._replies)

    def find(self, request_id: str, digest: bytes) -> Reply | None:
        """The reply to an earlier request of this id and payload digest; None for a new id.

        Raises Refusal INVALID_MESSAGE with REQUEST_ID_REUSED where the payload was another.
        """
        stored = self._replies.get(request_id)
        if stored is None:
            return None
        stored_digest, reply, _ = stored
        if stored_digest != digest:
            raise Refusal(
                Code.INVALID_MESSAGE,
                "REQUEST_ID_REUSED",
                "The request's id was used before with another payload.",
            )
        return reply

    def keep(self, request_id: str, digest: bytes, reply: Reply, size_bytes: int) -> None:
        """Remember the reply to a new request; the oldest go when there is no room."""
        self._replies[request_id] = (digest, reply, size_bytes)
        self._size_bytes += size_bytes
        while self._is_over():
            _, (_, _, freed_bytes) = self._replies.popitem(last=False)
            self._size_bytes -= freed_bytes

    def _is_over(self) -> bool:
        # The newest stays, however large.
        return len(self._replies) > self._capacity or (
            self._size_bytes > self._capacity_bytes and len(self._replies) > 1
        )
