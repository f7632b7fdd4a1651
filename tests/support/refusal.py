"""What a room answers to those who may not."""

from collections.abc import Callable
from typing import Any

import pytest

from services.common.errors import Refusal


def refusal_of(action: Callable[..., object], *arguments: Any, **named: Any) -> Refusal:
    """The Refusal that `action` raises; a failed test if it does not."""
    with pytest.raises(Refusal) as refused:
        action(*arguments, **named)
    return refused.value
