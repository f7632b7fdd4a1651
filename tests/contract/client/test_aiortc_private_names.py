"""What the Python client uses of aiortc's inside is still there."""

import inspect
import re

import pytest

from services.client.python import publication, subscription, transport

NAMES = [
    (owner, name)
    for module in (transport, publication, subscription)
    for owner, names in module.PRIVATE_NAMES.items()
    for name in names
]


@pytest.mark.parametrize(("owner", "name"), NAMES, ids=[name for _, name in NAMES])
def test_aiortc_still_has_the_private_name(owner: type, name: str) -> None:
    set_on_creation = re.findall(r"self\.(\w+)\b", inspect.getsource(owner.__init__))  # type: ignore[misc]
    assert hasattr(owner, name) or name in set_on_creation


@pytest.mark.parametrize("module", [transport, publication, subscription])
def test_the_module_lists_every_private_name_that_it_uses(module: object) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]
    listed = {name for names in module.PRIVATE_NAMES.values() for name in names}  # type: ignore[attr-defined]
    used = set(re.findall(r"\b(?!self\b)\w+\.(_[a-z]\w*)", source))
    overridden = set(re.findall(r"super\(\)\.(_[a-z]\w*)", source))
    own = set(re.findall(r"self\.(_[a-z]\w*) ?[:=]", source))
    assert used - own <= listed
    assert listed <= used | overridden
