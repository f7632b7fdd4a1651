"""Generate services/pb from protos/; with --check, say what is stale instead."""

import argparse
import filecmp
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
TARGET = ROOT / "services" / "pb"

# protoc writes imports from the proto root (`from invigil.sfu.v1 import …`) and knows no other way;
# the generated packages live under services.pb.
ABSOLUTE_IMPORT = re.compile(r"^(from|import) invigil\.", re.MULTILINE)
ALIASED_NAME = re.compile(r"\binvigil\.(sfu(?:\.admin)?\.v1\.\w+_pb2)\b")


def generate(target: Path) -> None:
    """Run protoc into `target` and re-root the imports of what it wrote."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    well_known = Path(protoc.__file__).parent / "_proto"
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--proto_path={PROTOS}",
        f"--proto_path={well_known}",
        f"--python_out={target}",
        f"--grpc_python_out={target}",
        f"--mypy_out=quiet:{target}",
        f"--mypy_grpc_out=quiet:{target}",
        *sources,
    ]
    subprocess.run(command, check=True)
    for path in [*target.rglob("*.py"), *target.rglob("*.pyi")]:
        reroot(path)
    for folder in {parent for path in target.rglob("*.py") for parent in path.parents}:
        if target in folder.parents or folder == target:
            (folder / "__init__.py").touch()


def reroot(path: Path) -> None:
    """Let a generated module import its siblings below services.pb."""
    text = path.read_text()
    text = ABSOLUTE_IMPORT.sub(r"\1 services.pb.invigil.", text)
    if path.suffix == ".pyi":
        text = ALIASED_NAME.sub(r"services.pb.invigil.\1", text)
        text = text.replace("services.pb.services.pb.", "services.pb.")
    path.write_text(text)


def stale_files(fresh: Path, committed: Path) -> list[str]:
    """Names of files that differ between two trees of generated code."""

    def names(tree: Path) -> set[Path]:
        return {
            path.relative_to(tree) for path in tree.rglob("*.py*") if path.suffix in (".py", ".pyi")
        }

    every = names(fresh) | names(committed)
    return sorted(
        str(name)
        for name in every
        if not (fresh / name).exists()
        or not (committed / name).exists()
        or not filecmp.cmp(fresh / name, committed / name, shallow=False)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 when stale")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "pb"
        fresh.mkdir()
        generate(fresh)
        stale = stale_files(fresh, TARGET)
        if arguments.check:
            for name in stale:
                print(f"stale: services/pb/{name} (run `make protos`)")
            return 1 if stale else 0
        for name in stale:
            (TARGET / name).parent.mkdir(parents=True, exist_ok=True)
            if (fresh / name).exists():
                (TARGET / name).write_bytes((fresh / name).read_bytes())
            else:
                (TARGET / name).unlink()
        print(f"services/pb: {len(stale)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
