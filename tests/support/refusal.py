"""What a room answers to those who may not."""

from collections.abc import Callable

import pytest

from services.common.errors import Refusal


def refusal_of(action: Callable[[], object]) -> Refusal:
    """The Refusal that `action` raises; a failed test if it does not."""
    with pytest.raises(Refusal) as refused:
        action()
    return refused.value
