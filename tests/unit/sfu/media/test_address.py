import pytest

from services.sfu.media.address import advertised_addresses, authority, ice_candidates


def test_one_host_candidate_for_each_address_the_first_preferred() -> None:
    candidates = ice_candidates(["192.0.2.1", "2001:db8::1"], 40_000)
    assert [(c.address, c.port, c.protocol, c.type) for c in candidates] == [
        ("192.0.2.1", 40_000, "udp", "host"),
        ("2001:db8::1", 40_000, "udp", "host"),
    ]
    # The value that Chromium and Firefox were seen to accept.
    assert candidates[0].priority == 1_076_302_079
    assert candidates[1].priority < candidates[0].priority


def test_configured_addresses_are_kept_in_order() -> None:
    configured = ("media.example.org", "192.0.2.1", "2001:db8::1")
    assert advertised_addresses(configured) == configured


def test_without_configuration_one_address_of_this_machine_is_found() -> None:
    (address,) = advertised_addresses(())
    assert address not in ("0.0.0.0", "")


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "a b", "host:1", "-x", "a\r\na=fmtp"])
def test_an_address_that_no_client_can_use_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|send"):
        advertised_addresses([address])


def test_too_many_addresses_are_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        advertised_addresses(["192.0.2.1"] * 9)


@pytest.mark.parametrize(
    ("address", "expected"), [("192.0.2.1", "192.0.2.1:4"), ("2001:db8::1", "[2001:db8::1]:4")]
)
def test_an_ipv6_address_is_bracketed_before_its_port(address: str, expected: str) -> None:
    assert authority(address, 4) == expected
