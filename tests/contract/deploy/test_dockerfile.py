"""What the images must be: hashed packages, no root, nothing written at run time."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))


def instructions(path: Path) -> list[str]:
    """The Dockerfile's instructions, continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def final_stage(path: Path) -> list[str]:
    lines = instructions(path)
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    return lines[last:]


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def dockerfile(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_both_services_have_an_image() -> None:
    assert [path.name for path in FILES] == ["gateway.Dockerfile", "sfu.Dockerfile"]


def test_packages_come_with_hashes_or_from_the_build_itself(dockerfile: Path) -> None:
    for line in instructions(dockerfile):
        if "pip install" in line:
            assert "--require-hashes" in line or "--no-index --no-deps /wheels/" in line


def test_final_image_installs_nothing_and_is_not_root(dockerfile: Path) -> None:
    stage = final_stage(dockerfile)
    assert not [line for line in stage if line.startswith("RUN ")]
    (user,) = [line for line in stage if line.startswith("USER ")]
    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", user)


def test_bytecode_is_made_in_the_build(dockerfile: Path) -> None:
    assert any("compileall" in line and "/app" in line for line in instructions(dockerfile))
    assert any("PYTHONDONTWRITEBYTECODE=1" in line for line in final_stage(dockerfile))


def test_whatever_is_copied_from_this_repository_exists(dockerfile: Path) -> None:
    for line in instructions(dockerfile):
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source


def test_base_images_can_be_replaced(dockerfile: Path) -> None:
    for line in instructions(dockerfile):
        if line.startswith("FROM "):
            assert re.match(r"FROM \$\{[A-Z_]+\}", line)


def test_service_is_the_first_process(dockerfile: Path) -> None:
    name = dockerfile.name.removesuffix(".Dockerfile")
    assert f'ENTRYPOINT ["python", "-m", "services.{name}"]' in final_stage(dockerfile)
