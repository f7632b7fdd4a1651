"""The console's files. Only names of a fixed shape are looked up, so no path leads elsewhere."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGES = {"/": "index.html", "/candidate": "candidate.html", "/proctor": "proctor.html"}

# One file name, without a leading dot: `..` and deeper paths cannot be said.
ASSET = re.compile(r"/assets/([A-Za-z0-9_-][A-Za-z0-9._-]{0,127})")

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}

# The build writes a hash into the name of every asset.
CACHE_FOREVER = "public, max-age=31536000, immutable"
CACHE_NEVER = "no-cache"

NOT_BUILT = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Invigil</title>
<p>The console is not built yet: run <code>make console</code>.</p></html>
"""


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    content_type: str
    cache_control: str
    status: int = 200


class StaticFiles:
    """The console as its build left it in `folder`, which may not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def find(self, path: str) -> File | None:
        """The file for a URL path; None if there is none. Reads the disk."""
        page = PAGES.get(path)
        if page is not None:
            return self._read(self._folder / page, CACHE_NEVER) or _not_built()
        asset = ASSET.fullmatch(path)
        if asset is None:
            return None
        return self._read(self._folder / "assets" / asset[1], CACHE_FOREVER)

    def _read(self, path: Path, cache_control: str) -> File | None:
        content_type = CONTENT_TYPES.get(path.suffix)
        # A link inside the build may still point anywhere.
        if content_type is None or not path.resolve().is_relative_to(self._folder):
            return None
        try:
            return File(path.read_bytes(), content_type, cache_control)
        except OSError:
            return None


def _not_built() -> File:
    return File(NOT_BUILT, CONTENT_TYPES[".html"], CACHE_NEVER, status=503)
