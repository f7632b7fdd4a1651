from ipaddress import ip_address, ip_network

import pytest

from services.gateway.core.address import (
    MalformedForwardedError,
    client_address,
    parse_address,
    share_of,
)

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def client(peer: str, *forwarded: str) -> str:
    return str(client_address(ip_address(peer), forwarded, TRUSTED))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_address_is_read_as_proxies_write_it(text: str, address: str) -> None:
    assert parse_address(text) == ip_address(address)


@pytest.mark.parametrize(
    "text", ["", "unknown", "_hidden", "192.0.2.256", "192.0.2.1:x", "[192.0.2.1", "fe80::1%eth0"]
)
def test_anything_else_is_no_address(text: str) -> None:
    assert parse_address(text) is None


def test_client_of_a_trusted_proxy_is_whom_the_proxy_names() -> None:
    assert client("10.0.0.1", "192.0.2.1") == "192.0.2.1"
    assert client("fd00::1", "2001:db8::1") == "2001:db8::1"


def test_what_a_client_itself_says_of_its_address_is_not_believed() -> None:
    assert client("192.0.2.9", "192.0.2.1") == "192.0.2.9"
    assert client("10.0.0.1", "127.0.0.1, 192.0.2.1") == "192.0.2.1"
    assert client("10.0.0.1", "10.0.0.9, 192.0.2.1") == "192.0.2.1"


def test_right_most_untrusted_address_is_the_client() -> None:
    assert client("10.0.0.1", "192.0.2.1, 10.0.0.2,10.0.0.3") == "192.0.2.1"
    assert client("10.0.0.1", "192.0.2.1", "10.0.0.2") == "192.0.2.1"
    # A client within the trusted networks.
    assert client("10.0.0.1", "10.0.0.7, 10.0.0.2") == "10.0.0.7"


def test_proxy_that_names_nobody_is_the_client() -> None:
    assert client("10.0.0.1") == "10.0.0.1"
    assert client("10.0.0.1", "") == "10.0.0.1"


def test_hearsay_left_of_the_client_may_be_garbage() -> None:
    assert client("10.0.0.1", "garbage, ,, 192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize("forwarded", ["unknown", "192.0.2.1, x", "192.0.2.1 10.0.0.2", "[::1"])
def test_garbage_where_the_client_should_be_is_malformed(forwarded: str) -> None:
    with pytest.raises(MalformedForwardedError):
        client("10.0.0.1", forwarded)


def test_share_is_an_ipv4_address_or_a_64_of_ipv6() -> None:
    assert share_of(ip_address("192.0.2.1")) == "192.0.2.1"
    assert share_of(ip_address("2001:db8:1:2:3::4")) == share_of(ip_address("2001:db8:1:2::"))
    assert share_of(ip_address("2001:db8:1:2::")) != share_of(ip_address("2001:db8:1:3::"))
