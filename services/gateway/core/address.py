"""Which address a client has, where proxies stand between, and what counts as one address."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What one subscriber of IPv6 gets at least (RFC 6177): each of its addresses alone means nothing.
IPV6_PREFIX = 64
# An address as proxies write it, with the port that some add.
WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d{1,5})?|([0-9.]+):\d{1,5}")


class MalformedForwardedError(Exception):
    """A part of X-Forwarded-For that had to be read is no address."""


def parse_address(text: str) -> Address | None:
    """The address in the text of a socket or a proxy; None if it is none."""
    found = WITH_PORT.fullmatch(text)
    if found is not None:
        text = found[1] or found[2] or ""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        # A socket that listens on IPv6 names IPv4 clients so.
        return address.ipv4_mapped or address
    return address


def is_in(address: Address, networks: Iterable[Network]) -> bool:
    # An address of another family is in no network.
    return any(address in network for network in networks)


def client_address(
    peer: Address, forwarded: Iterable[str], trusted: tuple[Network, ...]
) -> Address:
    """The client of a socket from `peer`, given the values of its X-Forwarded-For headers.

    Each proxy appends whom it heard, so the right-most address that is not a trusted proxy's is the
    last that somebody trustworthy has seen; what stands left of it is hearsay and is not read.
    Raises MalformedForwardedError.
    """
    client = peer
    for part in reversed(",".join(forwarded).split(",")):
        if not is_in(client, trusted) or not part.strip():
            break
        named = parse_address(part.strip())
        if named is None:
            raise MalformedForwardedError
        client = named
    return client


def share_of(address: Address) -> str:
    """Names all that use the same quota: an IPv4 address, or the /64 of an IPv6 one."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), IPV6_PREFIX), strict=False))
    return str(address)
