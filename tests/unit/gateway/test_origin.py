import pytest

from services.gateway.core.origin import is_allowed


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "exam.org"),
        ("http://localhost:8080", "localhost:8080"),
        ("https://exam.org", "exam.org"),
        ("https://exam.org", "exam.org:443"),
        ("http://exam.org", "exam.org:80"),
        ("https://exam.org", "EXAM.org"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_own_pages_and_programs_may_open_a_socket(origin: str | None, host: str) -> None:
    assert is_allowed(origin, host, ())


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.org", "exam.org"),
        ("https://exam.org:8443", "exam.org"),
        ("https://exam.org.evil.org", "exam.org"),
        ("https://exam.org", None),
        ("null", "exam.org"),
        ("null", "null"),
        ("", ""),
        ("https://", ""),
        ("exam.org", "exam.org"),
        ("http://exam.org:8080, http://x", "exam.org:8080"),
    ],
)
def test_other_pages_may_not(origin: str, host: str | None) -> None:
    assert not is_allowed(origin, host, ())


def test_listed_pages_may_open_a_socket_anywhere() -> None:
    allowed = ("https://exam.org", "http://dev.exam.org:5173", "null")
    for origin in ("https://exam.org", "https://exam.org:443", "HTTPS://EXAM.ORG", *allowed):
        assert is_allowed(origin, "media.exam.org", allowed)
    for origin in ("http://exam.org", "https://dev.exam.org:5173", "https://exam.org.evil.org"):
        assert not is_allowed(origin, "media.exam.org", allowed)


def test_star_allows_every_page() -> None:
    assert is_allowed("https://any.org", "exam.org", ("*",))
    assert is_allowed("null", None, ("*",))
