"""Imports run one way: dags, cli → pipeline → steps → ledger, contracts, database, settings, errors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# frozen: the rows of a publication under their checksum, which both check and publish must read alike
FOUNDATION = {"ledger", "contracts", "raw_tables", "database", "embedded", "settings", "errors", "frozen"}
WIRING = {"cli", "pipeline", "triggers", "airflow_home", "airflow_client"}
# parts of one step may use each other; steps may not
STEP_OF = {
    **dict.fromkeys(
        [
            "landing",
            "archive",
            "reading",
            "workbooks",
            "conversion",
            "cells",
            "delimited",
            "headers",
            "identity",
            "quarantine",
            "persons",
            "raw",
        ],
        "load",
    ),
    **dict.fromkeys(["transform"], "build"),
    **dict.fromkeys(["quality", "expectations"], "check"),
    **dict.fromkeys(["publish"], "publish"),
    **dict.fromkeys(["figures"], "figures"),
    **dict.fromkeys(["bulletin", "audit", "pages", "charts", "disclosure"], "pages"),
}


def imported_modules(path: Path) -> set[str]:
    """Names of the warehouse's modules that a file imports anywhere, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "warehouse":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("warehouse."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("warehouse.")}
    return found


MODULES = sorted(path.stem for path in (PROJECT / "warehouse").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_lies_below_it(module):
    imports = imported_modules(PROJECT / "warehouse" / f"{module}.py")
    if module in WIRING:
        return
    assert not imports & WIRING, f"{module} imports what calls it"
    if module in FOUNDATION:
        assert imports <= FOUNDATION
        return
    step = STEP_OF.get(module, module)
    others = {name for name in imports - FOUNDATION if STEP_OF.get(name, name) != step}
    assert not others, f"step {step} ({module}) imports another step: {others}"


def test_dags_import_nothing_but_pipeline_contracts_and_the_trigger():
    for path in (PROJECT / "dags").glob("*.py"):
        assert imported_modules(path) <= {"pipeline", "contracts", "triggers", "settings", "errors"}, path.name


def test_importing_the_pipeline_imports_no_heavy_library():
    code = (
        "import sys, warehouse.pipeline;"
        "print([m for m in ('pandas', 'psycopg', 'dbt', 'great_expectations', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert done.stdout.strip() == "[]"


def test_no_file_on_the_path_is_named_like_a_dbt_plugin():
    assert not [path for folder in ("warehouse", "dags", "scripts") for path in (PROJECT / folder).rglob("dbt_*.py")]
