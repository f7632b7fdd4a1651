"""Setting up: order, what is skipped, and what a person reads when something is missing."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import setup, stamp, toolchain


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stamp, "MAKE", tmp_path)
    monkeypatch.setattr(setup, "LOGS", tmp_path)
    return tmp_path


def shell_step(name: str, command: str, after: tuple[str, ...] = ()) -> setup.Step:
    return setup.Step(name, name, "f", lambda: [(["sh", "-c", command], Path("/"))], after)


def test_step_starts_after_the_steps_it_needs(checkout: Path) -> None:
    steps = [
        shell_step("first", f"sleep 0.1; echo first >>{checkout}/order"),
        shell_step("second", f"echo second >>{checkout}/order", after=("first",)),
    ]
    setup.run_all(steps)
    assert (checkout / "order").read_text().split() == ["first", "second"]


def test_finished_step_is_current_and_a_failed_one_is_not(checkout: Path) -> None:
    good, bad = shell_step("good", "true"), shell_step("bad", "echo it broke; exit 3")
    with pytest.raises(setup.StepFailedError, match="it broke"):
        setup.run_all([good, bad])
    assert good.is_current
    assert not bad.is_current


def test_step_that_needs_a_failed_one_does_not_run(checkout: Path) -> None:
    steps = [
        shell_step("bad", "exit 1"),
        shell_step("next", f"touch {checkout}/ran", after=("bad",)),
    ]
    with pytest.raises(setup.StepFailedError):
        setup.run_all(steps)
    assert not (checkout / "ran").exists()


def test_step_whose_output_is_gone_is_not_current(checkout: Path) -> None:
    output = checkout / "dist"
    step = setup.Step(
        "pages", "pages", "f", lambda: [(["mkdir", str(output)], Path("/"))], (), output
    )
    setup.run_all([step])
    assert step.is_current
    output.rmdir()
    assert not step.is_current


@pytest.mark.parametrize("goal", setup.GOALS)
def test_every_step_comes_after_the_steps_it_names(goal: str) -> None:
    seen = {"debian", "tools"}
    for step in setup.plan({goal}):
        assert set(step.after) <= seen | {"console-packages"}
        seen.add(step.name)


def test_starting_the_services_needs_no_development_package() -> None:
    packages = next(step for step in setup.plan({"run"}) if step.name == "packages-run")
    ((words, _),) = packages.commands()
    assert "--require-hashes" in words
    assert any(word.endswith("/run.txt") for word in words)
    assert not any(word.endswith(("/dev.txt", "/chart.txt")) for word in words)


def program(folder: Path, name: str, prints: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)


def test_old_rust_first_on_path_does_not_hide_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rustc", "cargo"):
        program(tmp_path / "old", name, f"{name} 1.63.0")
        program(tmp_path / "new", name, f"{name} 1.96.0 (built from source)")
    monkeypatch.setenv("PATH", f"{tmp_path}/old{os.pathsep}{tmp_path}/new{os.pathsep}/usr/bin")
    assert toolchain.rust_folder() == tmp_path / "new"


def test_node_too_old_is_as_good_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "node", "v18.19.0")
    program(tmp_path / "bin", "npm", "9.2.0")
    monkeypatch.setattr(os, "get_exec_path", lambda: [f"{tmp_path}/bin"])
    monkeypatch.setattr(toolchain, "wheel_node_folder", lambda: None)
    assert toolchain.node_folder() is None
    program(tmp_path / "bin", "node", "v20.20.2")
    assert toolchain.node_folder() == tmp_path / "bin"


def test_program_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert toolchain.version_of(str(tmp_path / "nothing")) == (0,)


def test_missing_tools_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(toolchain, "missing_tools", lambda **_: [toolchain.RUST])
    monkeypatch.setattr(toolchain, "can_use_apt", lambda: False)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/apt-get")
    with pytest.raises(toolchain.MissingError, match=r"Rust 1\.85") as caught:
        setup.debian_step({"run"})
    assert "    sudo apt-get install --yes" in str(caught.value)
    assert "rustc-web cargo-web" in str(caught.value)


def test_machine_without_apt_is_told_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert toolchain.RUST.remedy in toolchain.explain([toolchain.RUST])


def test_other_clients_of_the_tests_come_from_debian_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(toolchain, "missing_tools", lambda **_: [])
    monkeypatch.setattr(toolchain, "has_webrtcbin", lambda: False)
    monkeypatch.setattr(toolchain, "can_use_apt", lambda: False)
    assert setup.debian_step({"test"}) is None
    monkeypatch.setattr(toolchain, "can_use_apt", lambda: True)
    assert setup.debian_step({"run"}) is None
    step = setup.debian_step({"test"})
    assert step is not None
    assert "gstreamer1.0-nice" in step.commands()[-1][0]


def test_running_needs_neither_linters_nor_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "has_rust_linters", lambda: False)
    monkeypatch.setattr(toolchain, "chromium", lambda: None)
    monkeypatch.setattr(toolchain, "firefox", lambda: None)
    only_tested = {toolchain.RUST_LINTERS, toolchain.CHROMIUM, toolchain.FIREFOX}
    assert not only_tested & set(toolchain.missing_tools(linters=False, browser=False))
    assert only_tested <= set(
        toolchain.missing_tools(linters=True, browser=True, both_browsers=True)
    )


def test_both_browsers_of_the_tests_come_from_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [toolchain.CHROMIUM, toolchain.FIREFOX]
    assert toolchain.install_command(missing)[-2:] == ["chromium", "firefox-esr"]
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "    install Firefox ESR" in toolchain.explain(missing).splitlines()


@pytest.mark.parametrize("name", ["CHROMIUM", "FIREFOX"])
def test_browser_that_is_named_is_taken_before_one_on_the_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = {"CHROMIUM": toolchain.chromium, "FIREFOX": toolchain.firefox}[name]
    for executable in ("chromium", "firefox"):
        program(tmp_path / "bin", executable, executable)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv(name, raising=False)
    assert find() == str(tmp_path / "bin" / name.lower())
    monkeypatch.setenv(name, "/opt/browser")
    assert find() == "/opt/browser"


def test_only_measuring_needs_a_network_that_loses_packets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert toolchain.NETWORK not in toolchain.missing_tools(linters=True, browser=True)
    asked: list[bool] = []
    monkeypatch.setattr(toolchain, "missing_tools", lambda **needs: asked.append(needs["network"]))
    for goal in ("run", "test", "bench"):
        setup.debian_step({goal})
    assert asked == [False, False, True]


def test_interrupted_step_is_not_current_even_with_what_it_was_made_from_before(
    checkout: Path,
) -> None:
    setup.run_all([shell_step("pages", "true")])
    with pytest.raises(setup.StepFailedError):
        setup.run_all([setup.Step("pages", "pages", "g", lambda: [(["false"], Path("/"))])])
    assert not shell_step("pages", "true").is_current


def test_packages_of_another_goal_are_not_current_after_others_replaced_them() -> None:
    run, dev = (
        setup.package_step("packages-run", "", "run"),
        setup.package_step("packages-dev", "", "dev"),
    )
    stamp.write(run.name, run.fingerprint)
    setup.run_step(replace(dev, commands=lambda: []), setup.Progress())
    assert dev.is_current
    assert not run.is_current


@pytest.mark.parametrize(("goal", "there"), [("run", "demo"), ("run", "dev"), ("demo", "dev")])
def test_larger_set_of_packages_that_is_there_will_do(goal: str, there: str) -> None:
    larger = setup.python_step(there)
    stamp.write(larger.name, larger.fingerprint)
    assert setup.python_step(goal).name == larger.name


def test_smaller_set_of_packages_will_not_do() -> None:
    smaller = setup.python_step("run")
    stamp.write(smaller.name, smaller.fingerprint)
    assert setup.python_step("demo").name == "packages-demo"
    assert not setup.python_step("demo").is_current
