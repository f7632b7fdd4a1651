"""Render the Kubernetes chart as Helm does, and hold the result against Kubernetes' own schemas."""

import argparse
import sys
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate  # type: ignore[import-untyped]
import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "invigil"
DEFAULT_VALUES = CHART / "ci" / "nodeport-values.yaml"
# The first version of Kubernetes that the chart allows, and the newest that there are schemas for.
KUBERNETES_VERSIONS = ("1.30", "1.37")
WARNING = 2

Manifest = dict[str, Any]
Values = dict[str, Any]


def read_values(path: Path) -> Values:
    values: Values = yaml.safe_load(path.read_text())
    return values


def render(values: Values, *, release: str = "invigil", namespace: str = "proctoring") -> str:
    """The chart's manifests as one YAML text.

    Raises helm_python.HelmError for values the schema refuses or a guard rejects.
    """
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        rendered = chart.render(values, name=release, namespace=namespace)
    texts = [text for name, text in sorted(rendered.items()) if name.endswith(".yaml")]
    return "\n---\n".join(text.strip() for text in texts if text.strip())


def manifests(values: Values) -> list[Manifest]:
    """The chart's manifests, parsed."""
    return [document for document in yaml.safe_load_all(render(values)) if document]


def problems(path: Path) -> list[str]:
    """What is wrong with the chart under the values of one file."""
    values = read_values(path)
    report = helm_python.lint(CHART, values, strict=True)
    found = [f"lint: {m['error']}" for m in report["messages"] if m["severity"] >= WARNING]
    try:
        rendered = manifests(values)
    except helm_python.HelmError as error:
        return [*found, str(error)]
    for version in KUBERNETES_VERSIONS:
        for manifest in rendered:
            name = f"{manifest['kind']}/{manifest['metadata']['name']}"
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except (
                kubernetes_validate.ValidationError,
                kubernetes_validate.SchemaNotFoundError,
            ) as error:
                found.append(f"{name} under Kubernetes {version}: {error}")
    return found


def check() -> int:
    failed = 0
    for path in sorted((CHART / "ci").glob("*.yaml")):
        for problem in problems(path):
            print(f"{path.relative_to(ROOT)}: {problem}")
            failed += 1
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only verify, with every ci/*.yaml")
    parser.add_argument("--values", type=Path, default=DEFAULT_VALUES)
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    try:
        print(render(read_values(arguments.values)))
    except helm_python.HelmError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
