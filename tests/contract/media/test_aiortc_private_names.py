"""What services.sfu.media.dtls uses of aiortc's inside is still there."""

import inspect
import re
from pathlib import Path

import pytest
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import RTCDtlsTransport

from services.sfu.media import dtls
from services.sfu.media.dtls import PRIVATE_ATTRIBUTES, PRIVATE_METHODS, DatagramPipe

METHODS = [
    (owner, name, parameters)
    for owner, methods in PRIVATE_METHODS.items()
    for name, parameters in methods.items()
]


@pytest.mark.parametrize(
    ("owner", "name", "parameters"), METHODS, ids=[name for _, name, _ in METHODS]
)
def test_aiortc_still_has_the_private_method(
    owner: type, name: str, parameters: tuple[str, ...]
) -> None:
    assert tuple(inspect.signature(getattr(owner, name)).parameters) == parameters


@pytest.mark.parametrize("name", PRIVATE_ATTRIBUTES)
async def test_aiortc_still_sets_the_private_attribute(name: str) -> None:
    pipe = DatagramPipe(lambda _: None)
    transport = RTCDtlsTransport(pipe, [RTCCertificate.generateCertificate()])  # type: ignore[arg-type]
    assert name in vars(transport)


def test_aiortc_still_runs_the_steps_that_the_adapter_replaces() -> None:
    start = inspect.getsource(RTCDtlsTransport.start)
    for step in ("_create_ssl_context(", "_do_handshake(", "_validate_peer_identity("):
        assert step in start
    assert start.index("_validate_peer_identity(") < start.index("_setup_srtp(")
    assert "self._recv_next()" in inspect.getsource(RTCDtlsTransport._do_handshake)
    assert "self._write_ssl()" in inspect.getsource(RTCDtlsTransport._recv_next)


def test_the_adapter_lists_every_private_name_that_it_uses() -> None:
    listed = set(PRIVATE_ATTRIBUTES).union(*PRIVATE_METHODS.values())
    inherited = {
        name
        for owner in (RTCDtlsTransport, RTCCertificate)
        for name in [*vars(owner), *re.findall(r"self\.(\w+)", inspect.getsource(owner.__init__))]
        if name.startswith("_") and not name.startswith("__")
    }
    source = Path(dtls.__file__).read_text()
    used = {name for name in inherited if re.search(rf"(\.|def ){name}\b", source)}
    assert used == listed
