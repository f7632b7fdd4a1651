"""Rules of the house that no linter knows."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts.line_count import own_files

ROOT = Path(__file__).resolve().parents[2]
BANNED = {"utils", "util", "helpers", "helper", "misc", "base", "manager", "handler", "processor"}
# Lines. A module beyond it has more than one subject.
LONGEST = 500


SOURCES = [
    path
    for path in map(Path, own_files())
    if path.suffix in {".py", ".rs", ".ts"} and path.parts[:2] != ("services", "pb")
]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_module_is_named_for_its_subject(path: Path) -> None:
    assert not BANNED & set(re.split(r"[_.-]", path.stem.lower()))


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_module_has_one_subject(path: Path) -> None:
    assert len((ROOT / path).read_text().splitlines()) <= LONGEST


def test_generated_code_is_loadable_by_the_lowest_versions_allowed() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    generator = version("grpcio-tools")
    assert f'"grpcio-tools=={generator}"' in pyproject
    assert f'"grpcio>={generator},' in pyproject
    stub = (ROOT / "services/pb/invigil/sfu/v1/sfu_service_pb2_grpc.py").read_text()
    assert f"'{generator}'" in stub
    messages = (ROOT / "services/pb/invigil/sfu/v1/rtp_pb2.py").read_text()
    found = re.search(r"Protobuf Python Version: ([\d.]+)", messages)
    assert found is not None
    assert f'"protobuf>={found.group(1)},' in pyproject
