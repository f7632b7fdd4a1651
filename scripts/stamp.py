"""Stamps in .make/: what a step was made from, so that an unchanged step is skipped."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAKE = ROOT / ".make"


def files_below(folder: Path, *, without: Iterable[str] = ()) -> list[Path]:
    """Every file below `folder`, sorted; folders named in `without` are not entered."""
    skipped = set(without)
    found: list[Path] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir():
            found += [] if path.name in skipped else files_below(path, without=skipped)
        else:
            found.append(path)
    return found


def digest(files: Iterable[Path], *words: str) -> str:
    """A fingerprint of the names and contents of `files`, and of `words`."""
    total = hashlib.sha256()
    for word in words:
        total.update(f"{word}\0".encode())
    for path in files:
        content = path.read_bytes() if path.exists() else b"\0missing"
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()


def is_current(name: str, fingerprint: str) -> bool:
    """Whether step `name` was last finished with this fingerprint."""
    stamp = MAKE / f"{name}.stamp"
    return stamp.exists() and stamp.read_text() == fingerprint


def forget(name: str) -> None:
    """What step `name` made is about to change, and may be left half changed."""
    (MAKE / f"{name}.stamp").unlink(missing_ok=True)


def write(name: str, fingerprint: str) -> None:
    MAKE.mkdir(exist_ok=True)
    (MAKE / f"{name}.stamp").write_text(fingerprint)
