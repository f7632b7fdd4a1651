"""Whose pages may open a socket."""

from collections.abc import Collection

EVERY = "*"
DEFAULT_PORT = {"http": ":80", "https": ":443"}


def is_allowed(origin: str | None, host: str | None, allowed: Collection[str]) -> bool:
    """Whether a page of `origin` may open a socket at `host` (the header; RFC 6455, section 10.2).

    A program that is no browser sends no origin and has its token alone to show. The page of this
    server itself is always allowed, by whatever scheme: TLS may end at a proxy.
    """
    if origin is None or EVERY in allowed:
        return True
    scheme, _, netloc = origin.lower().partition("://")
    implied = DEFAULT_PORT.get(scheme, "")
    netloc = netloc.removesuffix(implied)
    if host is not None and netloc and netloc == host.lower().removesuffix(implied):
        return True
    # "null" has no scheme and stands for itself.
    return (f"{scheme}://{netloc}" if netloc else origin) in allowed
