"""Where clients are told to send media: the ICE candidates of the worker's one port."""

import ipaddress
import re
import socket
from collections.abc import Sequence

from services.sfu.core.port import IceCandidate

# mediasoup's values (RFC 8445, section 5.1.2.1): type preference 64, local preference 10,000 less
# 100 for each further address, and 256 less component 1.
_TYPE_PREFERENCE = 64
_LOCAL_PREFERENCE = 10_000
_LOCAL_PREFERENCE_STEP = 100
_COMPONENT = 255
_MAX_ADDRESSES = 8
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def ice_candidates(addresses: Sequence[str], port: int) -> tuple[IceCandidate, ...]:
    """One host candidate over UDP for each address, the first preferred."""
    return tuple(
        IceCandidate(
            foundation="udpcandidate",
            address=address,
            port=port,
            priority=_priority(rank),
        )
        for rank, address in enumerate(addresses)
    )


def advertised_addresses(configured: Sequence[str]) -> tuple[str, ...]:
    """The configured addresses, checked; without any, the one this machine reaches others from.

    Browsers resolve a host name in a candidate. Raises ValueError.
    """
    if len(configured) > _MAX_ADDRESSES:
        raise ValueError(f"more than {_MAX_ADDRESSES} advertised addresses")
    for address in configured:
        if not _is_ip_address(address) and not _HOST_NAME.fullmatch(address):
            raise ValueError(f"not an address or host name: {address!r}")
        if _is_ip_address(address) and ipaddress.ip_address(address).is_unspecified:
            raise ValueError(f"clients cannot send to {address}")
    return tuple(configured) or (_own_address(),)


def authority(address: str, port: int) -> str:
    """ "address:port", with brackets round an IPv6 address."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _priority(rank: int) -> int:
    local_preference = _LOCAL_PREFERENCE - rank * _LOCAL_PREFERENCE_STEP
    return (_TYPE_PREFERENCE << 24) + (local_preference << 8) + _COMPONENT


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _own_address() -> str:
    """Connecting a UDP socket sends nothing; it only asks the kernel for the route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # A documentation address (RFC 5737) lies behind the default route.
            probe.connect(("198.51.100.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
