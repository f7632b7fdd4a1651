"""What `make check` stands on: pins, hosts, counted lines, and a repair for every complaint."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts import check, find_hosts, line_count, lock

ROOT = Path(__file__).resolve().parents[3]
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)( ; [^\\]+)?", re.MULTILINE)
# Never in one piece, because this file is searched as well.
HOSTS = (
    "py" + "pi.org",
    "files.python" + "hosted.org",
    "registry.np" + "mjs.org",
    "index.crat" + "es.io",
)


@pytest.mark.parametrize("host", HOSTS)
def test_registry_host_is_found_wherever_it_stands(host: str) -> None:
    assert find_hosts.findings("docs/page.md", f"see https://{host}/simple") == [
        f"docs/page.md:1: names {host}"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deploy/requirements/run.txt", "--index-url https://mirror.example/simple"),
        ("deploy/requirements/run.txt", "wheel @ https://mirror.example/wheel.whl"),
        ("services/package-lock.json", '"resolved": "ssh://mirror.example/x"'),
        ("services/.npmrc", "registry=https://mirror.example"),
        ("services/sfu/engine/Cargo.toml", 'pyo3 = { version = "=1", registry = "mine" }'),
        ("services/sfu/engine/Cargo.lock", "version = 4"),
    ],
)
def test_file_that_says_where_packages_come_from_is_found(name: str, text: str) -> None:
    assert find_hosts.findings(name, text)


def test_workspace_linked_into_its_project_is_no_finding() -> None:
    assert (
        find_hosts.findings("services/package-lock.json", '"resolved": "client/typescript",') == []
    )


def test_ordinary_hosts_are_no_finding() -> None:
    assert find_hosts.findings("README.md", "http://localhost:8080 and example.org 1.2.3") == []


def test_no_file_of_this_project_names_a_registry() -> None:
    assert find_hosts.main() == 0


def test_every_pin_has_a_hash_and_is_the_one_that_is_tested() -> None:
    tested: dict[str, set[str]] = {}
    for item in lock.LOCKS:
        text = item.path.read_text()
        blocks = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
        assert blocks, item.name
        for block in blocks:
            assert "--hash=sha256:" in block, f"{item.name}: {block.splitlines()[0]}"
        pins: dict[str, set[str]] = {}
        for name, version, _ in PIN.findall(text):
            pins.setdefault(name, set()).add(version)
        if item is lock.LOCKS[0]:
            tested = pins
        assert all(versions <= tested.get(name, versions) for name, versions in pins.items())


def test_pin_edited_by_hand_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(lock.TARGET, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(lock, "TARGET", tmp_path)
    assert lock.check() == 0
    edited = tmp_path / "gateway.txt"
    edited.write_text(
        re.sub(r"^websockets==\S+", "websockets==9.1", edited.read_text(), flags=re.M)
    )
    assert lock.untested_pins() == ["gateway.txt pins websockets==9.1, which no test runs with"]
    assert lock.check() == 1


def test_pins_are_stale_as_soon_as_a_requirement_changes() -> None:
    pyproject = lock.read_pyproject()
    before = {item.name: lock.digest(item, pyproject) for item in lock.LOCKS}
    pyproject["project"]["optional-dependencies"]["gateway"].append("something-new")
    after = {item.name: lock.digest(item, pyproject) for item in lock.LOCKS}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"dev", "run", "demo", "gateway"}


def test_what_is_shipped_holds_no_development_tool() -> None:
    for item in lock.LOCKS:
        if item.name in ("gateway", "sfu", "run"):
            names = {name for name, _, _ in PIN.findall(item.path.read_text())}
            assert not names & {"pytest", "mypy", "ruff", "maturin", "grpcio-tools", "playwright"}
    gateway = next(item for item in lock.LOCKS if item.name == "gateway")
    assert not {"aiortc", "av"} & {name for name, _, _ in PIN.findall(gateway.path.read_text())}


def test_blank_lines_comments_and_rust_tests_are_not_code() -> None:
    assert line_count.code_lines("# why\n\nx = 1\n    # more\ny = 2  # both\n", ".py") == 2
    assert line_count.code_lines("fn a() {}\n// b\n#[cfg(test)]\nmod tests {}\n", ".rs") == 1


def test_checkout_that_belongs_to_another_user_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    # Git's own switch for its own tests of this refusal.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    # A machine's own settings may have lifted the refusal.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    refused = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=False)
    assert refused.returncode != 0
    assert "scripts/line_count.py" in line_count.own_files()


def test_docstrings_are_comments() -> None:
    function = 'def f() -> str:\n    """One.\n\n    Two.\n    """\n'
    text = f'"""Module."""\n\n{function}    return """text\nhere"""\n'
    assert line_count.code_lines(text, ".py") == 3


def test_rust_files_compiled_for_tests_only_are_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_count, "ROOT", tmp_path)
    for name, text in {
        "services/sfu/lib.rs": "#[cfg(test)]\nmod vectors;\nmod wire;\n",
        "services/sfu/vectors.rs": "a\nb\n",
        "services/sfu/wire.rs": "#[cfg(test)]\npub(crate) mod lab;\nfn f() {}\n",
        "services/sfu/wire/lab.rs": "c\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    names = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.rs")]
    assert line_count.count(names) == {("Rust", "services"): 6, ("Rust", "tests"): 3}


def test_tests_and_tools_are_not_counted_as_services() -> None:
    assert line_count.area("services/sfu/app.py") == "services"
    assert line_count.area("services/console/src/room.ts") == "clients"
    assert line_count.area("services/client/typescript/src/call.ts") == "clients"
    assert line_count.area("services/console/test/room.ts") == "tests"
    assert line_count.area("services/console/src/room.test.ts") == "tests"
    assert line_count.area("tests/unit/test_room.py") == "tests"
    assert line_count.area("services/sfu/engine/benches/forward/main.rs") == "tests"
    assert line_count.area("scripts/run.py") == "around"


def test_failing_check_is_a_failing_verdict_with_what_it_said() -> None:
    verdict = check.run(check.Check("shell", "false", ("sh", "-c", "echo reason; exit 1")))
    assert not verdict.is_well
    assert "reason" in verdict.output


def test_every_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert targets is not None
    printed = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for target in targets[1].split():
        assert re.search(rf"^ +make {target} +\w", printed, re.MULTILINE), target


def test_every_repair_that_is_promised_is_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for item in check.CHECKS:
        if item.repair.startswith("make "):
            assert re.search(rf"^{item.repair.removeprefix('make ')}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("scripts/*.sh")), ROOT / ".ci" / "run"])
def test_shell_scripts_are_executable_and_stop_at_the_first_failure(path: Path) -> None:
    assert path.stat().st_mode & 0o111
    assert "set -euo pipefail" in path.read_text()
