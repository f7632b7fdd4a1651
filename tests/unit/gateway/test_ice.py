from services.gateway.core.ice import IceConfig, ice_servers


def test_client_is_told_of_nothing_where_nothing_is_set() -> None:
    assert ice_servers(IceConfig(), "ada", 0) == ()


def test_stun_needs_no_credentials() -> None:
    (server,) = ice_servers(IceConfig(stun_urls=("stun:a", "stun:b")), "ada", 0)

    assert server.model_dump(exclude_none=True) == {"urls": ["stun:a", "stun:b"]}


def test_turn_credentials_are_the_users_and_expire() -> None:
    config = IceConfig(turn_urls=("turn:a",), turn_secret="north", turn_ttl_s=3600)
    (server,) = ice_servers(config, "ada", 1_000_000_000)

    assert server.username == "1000003600:ada"
    # printf 1000003600:ada | openssl dgst -sha1 -hmac north -binary | base64
    assert server.credential == "w3W4Vikrjoykx7m4srgbfqOfoGw="
