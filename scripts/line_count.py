"""Count lines of code by language: what is neither blank, comment, generated nor a test's."""

import argparse
import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMENT_BY_SUFFIX = {
    ".py": "#",
    ".rs": "//",
    ".ts": "//",
    ".css": "/*",
    ".html": "<!--",
    ".proto": "//",
    ".sh": "#",
}
LANGUAGE_BY_SUFFIX = {
    ".py": "Python",
    ".rs": "Rust",
    ".ts": "TypeScript",
    ".css": "CSS",
    ".html": "HTML",
    ".proto": "protobuf",
    ".sh": "shell",
}
# A test module at the end of its file, and one in a file of its own.
RUST_TEST_MODULE = re.compile(r"^#\[cfg\(test\)\]\n(?:pub )?mod \w+ \{", re.MULTILINE)
RUST_TEST_FILE = re.compile(r"#\[cfg\(test\)\]\s*\n\s*(?:pub(?:\(\w+\))? )?mod (\w+);")
GENERATED = "services/pb/"
# A benchmark proves, as a test does: it runs in no service.
TEST_MARKS = ("/test/", "/tests/", ".test.", "/benches/", "/fuzz/")
# Design: policy is Python; Rust holds only what touches every packet. Pages for a browser can only
# be TypeScript: they are not weighed.
PYTHON_SHARE_FLOOR = 0.5


def own_files() -> list[str]:
    """Every file of this project, committed or about to be, relative to its root."""
    # A CI machine's checkout often belongs to another user, whose repositories git refuses to read.
    # Whoever got here runs this checkout's code already: reading its list adds no danger.
    command = ["git", "-c", f"safe.directory={ROOT}"]
    command += ["ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted({name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()})


def without_docstrings(text: str) -> str:
    """Python's `text` without docstrings, which are comments as Rust's /// are."""
    lines = text.splitlines()
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        if first is not None and is_text and ast.get_docstring(node) is not None:
            for number in range(first.lineno - 1, first.end_lineno or first.lineno):
                lines[number] = ""
    return "\n".join(lines)


def code_lines(text: str, suffix: str) -> int:
    """Lines of `text` that are neither blank nor only a comment, nor in a Rust test module."""
    if suffix == ".py":
        text = without_docstrings(text)
    if suffix == ".rs":
        text = RUST_TEST_MODULE.split(text)[0]
    lines = (line.strip() for line in text.splitlines())
    return sum(bool(line) and not line.startswith(COMMENT_BY_SUFFIX[suffix]) for line in lines)


def rust_tests(names: Iterable[str]) -> set[str]:
    """The Rust files, and the starts of the folders, that are compiled for tests only."""
    found = set()
    for name in names:
        if name.endswith(".rs"):
            path = Path(name)
            folder = path.parent if path.stem in ("mod", "lib") else path.with_suffix("")
            for module in RUST_TEST_FILE.findall((ROOT / name).read_text(errors="replace")):
                found |= {f"{folder / module}.rs", f"{folder / module}/"}
    return found


def area(name: str) -> str:
    """What a file belongs to: the services, their clients, tests, or what surrounds them."""
    if name.startswith("tests/") or any(mark in name for mark in TEST_MARKS):
        return "tests"
    if name.startswith(("services/client/", "services/console/")):
        return "clients"
    return "services" if name.startswith("services/") else "around"


def count(names: Iterable[str]) -> Counter[tuple[str, str]]:
    """Lines by (language, area)."""
    lines: Counter[tuple[str, str]] = Counter()
    names = list(names)
    tests = tuple(rust_tests(names))
    for name in names:
        path = ROOT / name
        if path.suffix in LANGUAGE_BY_SUFFIX and not name.startswith(GENERATED):
            text = path.read_text(errors="replace")
            where = "tests" if tests and name.startswith(tests) else area(name)
            lines[LANGUAGE_BY_SUFFIX[path.suffix], where] += code_lines(text, path.suffix)
    return lines


def python_share(lines: Counter[tuple[str, str]]) -> float:
    """Python's part of the gateway's and the worker's code."""
    total = sum(number for (_, where), number in lines.items() if where == "services")
    return lines["Python", "services"] / total if total else 1.0


def table() -> str:
    lines = count(own_files())
    areas = ("services", "clients", "tests", "around")
    rows = [f"  {'lines of code':<14}" + "".join(f"{name:>10}" for name in areas)]
    languages = {language for language, _ in lines}
    for language in sorted(languages, key=lambda name: [-lines[name, where] for where in areas]):
        rows.append(f"  {language:<14}" + "".join(f"{lines[language, name]:>10}" for name in areas))
    rows.append(f"  Python is {python_share(lines):.0%} of the services' code")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if Python is not the majority")
    arguments = parser.parse_args()
    print(table())
    is_majority = python_share(count(own_files())) > PYTHON_SHARE_FLOOR
    return 1 if arguments.check and not is_majority else 0


if __name__ == "__main__":
    sys.exit(main())
