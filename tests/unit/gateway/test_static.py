from pathlib import Path

import pytest

from services.gateway.edge.static import StaticFiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    for page in ("index", "candidate", "proctor"):
        (dist / f"{page}.html").write_text(page)
    (dist / "assets" / "app-1.js").write_text("run()")
    (dist / "assets" / ".hidden.js").write_text("secret")
    (tmp_path / "secret.js").write_text("secret")
    (dist / "assets" / "link.js").symlink_to(tmp_path / "secret.js")
    return dist


@pytest.mark.parametrize(
    ("path", "page"), [("/", "index"), ("/candidate", "candidate"), ("/proctor", "proctor")]
)
def test_pages_are_found_and_not_cached(folder: Path, path: str, page: str) -> None:
    found = StaticFiles(folder).find(path)

    assert found is not None
    assert found.content == page.encode()
    assert (found.content_type, found.cache_control) == ("text/html; charset=utf-8", "no-cache")


def test_assets_are_cached_for_ever(folder: Path) -> None:
    found = StaticFiles(folder).find("/assets/app-1.js")

    assert found is not None
    assert found.content == b"run()"
    assert found.content_type == "text/javascript; charset=utf-8"
    assert "immutable" in found.cache_control


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../index.html",
        "/assets/../../secret.js",
        "/assets/%2e%2e/secret.js",
        "/assets//etc/passwd",
        "/assets/.hidden.js",
        "/assets/link.js",
        "/assets/missing.js",
        "/assets/",
        "/assets/app-1.exe",
        "/assets/app-1.js\n",
        "/assets/a\x00.js",
        "/index.html",
        "/../secret.js",
        "//",
        "",
    ],
)
def test_nothing_else_is_found(folder: Path, path: str) -> None:
    assert StaticFiles(folder).find(path) is None


def test_page_of_a_console_that_is_not_built_says_what_to_do(tmp_path: Path) -> None:
    found = StaticFiles(tmp_path / "none").find("/candidate")

    assert found is not None
    assert found.status == 503
    assert b"make console" in found.content
