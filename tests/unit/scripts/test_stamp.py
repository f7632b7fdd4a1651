"""A step is skipped only while everything it was made from is unchanged."""

from pathlib import Path

import pytest

from scripts import stamp


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stamp, "ROOT", tmp_path)
    monkeypatch.setattr(stamp, "MAKE", tmp_path / ".make")
    return tmp_path


def test_fingerprint_changes_with_a_files_content(checkout: Path) -> None:
    file = checkout / "a"
    file.write_text("one")
    before = stamp.digest([file])
    file.write_text("two")
    assert stamp.digest([file]) != before


def test_fingerprint_changes_with_a_files_name(checkout: Path) -> None:
    first, second = checkout / "a", checkout / "b"
    first.write_text("same")
    second.write_text("same")
    assert stamp.digest([first]) != stamp.digest([second])


def test_fingerprint_tells_a_missing_file_from_an_empty_one(checkout: Path) -> None:
    file = checkout / "a"
    before = stamp.digest([file])
    file.touch()
    assert stamp.digest([file]) != before


def test_step_is_current_only_with_the_fingerprint_it_was_finished_with() -> None:
    assert not stamp.is_current("engine", "f1")
    stamp.write("engine", "f1")
    assert stamp.is_current("engine", "f1")
    assert not stamp.is_current("engine", "f2")


def test_folders_that_are_made_are_not_among_the_sources(checkout: Path) -> None:
    for name in ("src/lib.rs", "target/debug/lib.so", "src/target/x"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    found = stamp.files_below(checkout, without=("target",))
    assert found == [checkout / "src" / "lib.rs"]


def test_missing_folder_has_no_files(checkout: Path) -> None:
    assert stamp.files_below(checkout / "nothing") == []
