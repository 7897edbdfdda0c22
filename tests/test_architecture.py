"""The three packages depend on each other in one direction, and load lightly."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("dagster_project", "personax_assets", "personax_ml")
FORBIDDEN = {
    "personax_ml": {"personax_assets", "dagster_project", "dagster", "dagster_duckdb", "duckdb",
                    "openai", "mlflow"},
    "personax_assets": {"dagster_project"},
    "dagster_project": set(),
}  # fmt: skip
HEAVY = ("torch", "mlflow", "openai", "causallearn", "sklearn", "skimage", "scipy.stats",
         "matplotlib", "pandas")  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_depend_in_one_direction(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / package).rglob("*.py")
        for name in imports(path)
        if name in FORBIDDEN[package]
    ]
    assert wrong == []


def test_stage_modules_know_dagster_only_through_assets() -> None:
    """Stage folders hold pure functions; only `assets.py` and the shared seams may orchestrate."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "personax_assets").rglob("*.py")
        if path.parent.name != "personax_assets"
        and path.name != "assets.py"
        and "dagster" in set(imports(path))
    ]
    assert wrong == []


def test_definitions_load_without_heavy_imports() -> None:
    code = (
        "import sys\nfrom dagster_project.definitions import defs\n"
        "defs.resolve_job_def('bootstrap')\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
