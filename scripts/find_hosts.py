"""Say which files of this project name the host of a package registry, or could come to.

Whoever builds this chooses where packages come from: a mirror, a proxy, the usual place. A host in
a file would take that choice away.
"""

import hashlib
import re
import sys
from pathlib import Path

from scripts.line_count import ROOT, own_files

# Fingerprints (SHA-256) of the hosts, because writing them down would make this file the finding:
# the usual registries of Python, npm, Rust, Go and Debian packages.
HOST_DIGESTS = frozenset(
    {
        "a4aa2ac280bb8d1a0ce7a1be5a7bfb10292b49fe9435ad5cff19f421f3c70e41",
        "8b5bb5eb9d758455b8635855cf8aaf05b68775e3f83f0291e800ef338fb9783c",
        "8743857e3ea00fd1c64bbc68b8af241954ad2c285e7a60340eec7ea5dcb200db",
        "3ca29e55be4befa48f875d24c27f9bed32fe06588819ed6264084b6670a1ebb0",
        "87d14f070cb9686970d008f9f94e668075fd37620381409858bf040ae1271d51",
        "789e46d79514e28093cabe2bb4a0798266f584b0e508ef269ebabb6e57859290",
        "00a7dc5a0cc388586b8665846e7d8ae94a6dd096f2aa1aa3b4aab4ac484f998a",
        "9da5f32d964125123cc368f231b473bea59307f811c7b9b2e731601e586b82b5",
        "e680c440a2e92079ab1bf7a927e8d3920f1bcd173c0487e28e020110b2e59efc",
        "1ba4e37997a2e986efa6cd844e43fd25b9e816359d31612baa9c18b71e3b5294",
    }
)
HOST = re.compile(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)+\b", re.IGNORECASE)
# How each format says where a package comes from, whatever the host.
ORIGIN_BY_NAME = (
    (
        re.compile(r"requirements/.*\.txt$"),
        re.compile(r"://|^\s*(-i|-f|--\w*index\w*|--find-links)\b"),
    ),
    # A workspace is resolved to its folder, which has no colon as addresses do.
    (re.compile(r"package-lock\.json$"), re.compile(r'"resolved": (?!"[\w/-]+"(,|$))')),
    (re.compile(r"Cargo\.toml$"), re.compile(r"^\s*registry\s*=|\bregistry\s*=")),
    (re.compile(r"\.npmrc$"), re.compile(r"^\s*(\S+:)?registry\s*=")),
    (re.compile(r"(Cargo|uv|pylock|Chart)\.(lock|toml\.lock)$"), re.compile(r"^")),
)


def is_registry(host: str) -> bool:
    """Whether `host` is a registry's, or below one's domain."""
    labels = host.lower().split(".")
    domains = (".".join(labels[first:]) for first in range(len(labels) - 1))
    return any(hashlib.sha256(domain.encode()).hexdigest() in HOST_DIGESTS for domain in domains)


def findings(name: str, text: str) -> list[str]:
    """What is wrong with the file `name`, line by line."""
    origins = [origin for pattern, origin in ORIGIN_BY_NAME if pattern.search(name)]
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        found += [
            f"{name}:{number}: names {host}" for host in HOST.findall(line) if is_registry(host)
        ]
        if any(origin.search(line) for origin in origins):
            found.append(f"{name}:{number}: says where a package comes from")
    return found


def read_text(path: Path) -> str:
    """The text of a file; nothing for one that is not text."""
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode(errors="replace")


def main() -> int:
    found = [line for name in own_files() for line in findings(name, read_text(ROOT / name))]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
