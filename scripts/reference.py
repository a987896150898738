"""Write docs/reference from contracts, dbt models, expectations and the command line, so that it cannot drift.

`python -m scripts.reference` writes the pages; `--check` exits 1 when one on disk differs from what would be written.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from warehouse import contracts
from warehouse.settings import PROJECT

REFERENCE = PROJECT / "docs" / "reference"
GENERATED = "<!-- written by: make reference; do not edit by hand -->\n"


def table(header: tuple[str, ...], rows: Iterator[tuple]) -> str:
    """A Markdown table; pipes and line ends inside cells are escaped."""

    def line(cells) -> str:
        return "| " + " | ".join(str(cell or "").replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(header), line("---" for _ in header), *(line(row) for row in rows)]) + "\n"


def contracts_page() -> str:
    """Every export: delivery, key and columns, and what raw keeps of them."""
    parts = [
        "# Contracts\n",
        "What the senders promised, by system and table (`contracts/<system>/<table>.yml`). A column marked *person* is"
        " replaced by a token before anything is stored.\n",
    ]
    for contract in contracts.load_all().values():
        delivery = contract.delivery
        parts += [
            f"## {contract.system} / {contract.table} — {contract.title['zh']}\n",
            f"{contract.title['en']}; one row: {contract.grain}. Owner: {contract.owner}. Version {contract.version}.\n",
            f"File `{delivery['file_prefix']}_410800_<YYYYMMDD>.{delivery['format']}`, {delivery['mode']}, due {delivery['due']}"
            f" at {delivery['due_time']} (late after {delivery['late_after_hours']} hours). Key: {', '.join(contract.key)}.\n",
            table(
                ("header", "column", "type", "required", "in raw", "meaning"),
                (
                    (
                        *(column.header, column.name, column.code_list or column.type),
                        "yes" if column.required else "",
                        ", ".join(f"{name} {kind}" for name, kind in column.raw_columns)
                        + (" (person)" if column.person else ""),
                        column.means,
                    )
                    for column in contract.columns.values()
                ),
            ),
        ]
    return "\n".join(parts)


def marts_page() -> str:
    """Every served mart with its columns, from the dbt model properties."""
    parts = [
        "# Marts\n",
        "Served as `mart.<name>` (current) and `mart_history.<name>` (all kept, with `publication_id`).\n",
    ]
    for model in _models("marts"):
        parts += [f"## {model['name']}\n", model["description"].strip() + "\n", _columns(model)]
    return "\n".join(parts)


def core_page() -> str:
    """Every dimension and fact with its columns, from the dbt model properties."""
    parts = ["# Core: the star\n", "Dimensions and facts in the schema `core`; facts keep `load_id` and `line`.\n"]
    for model in _models("core"):
        parts += [f"## {model['name']}\n", model["description"].strip() + "\n", _columns(model)]
    return "\n".join(parts)


def expectations_page() -> str:
    """Every rule a candidate publication must meet, with severity and why."""
    parts = ["# Expectations\n", "What must hold before a candidate may leave (`expectations/<layer>/<table>.yml`).\n"]
    for path in sorted((PROJECT / "expectations").glob("*/*.yml")):
        suite = yaml.safe_load(path.read_text(encoding="utf-8"))
        parts += [
            f"## {suite['name']}\n",
            table(
                ("expectation", "column", "severity", "why"),
                (
                    (rule["type"], _column_of(rule), rule["severity"], rule["meta"]["why"])
                    for rule in suite["expectations"]
                ),
            ),
        ]
    return "\n".join(parts)


def command_line_page() -> str:
    """The command line's own help, as Typer writes it."""
    command = [
        sys.executable,
        "-m",
        "typer",
        "warehouse.cli",
        "utils",
        "docs",
        "--name",
        "warehouse",
        "--title",
        "warehouse",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT).stdout


def pages() -> Mapping[Path, str]:
    """All reference pages by path."""
    written = {
        "contracts.md": contracts_page(),
        "marts.md": marts_page(),
        "core.md": core_page(),
        "expectations.md": expectations_page(),
        "command-line.md": command_line_page(),
    }
    return {REFERENCE / name: GENERATED + text.rstrip() + "\n" for name, text in written.items()}


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or with `--check` compare them; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a page is out of date")
    check = parser.parse_args(arguments).check
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(PROJECT)} is out of date; run: make reference")
        return 1 if stale else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


def _models(layer: str) -> list[dict]:
    folder = PROJECT / "dbt_project" / "models" / layer
    documents = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.yml")))
    return sorted(
        (model for document in documents for model in document.get("models", [])), key=lambda model: model["name"]
    )


def _columns(model: Mapping) -> str:
    return table(
        ("column", "type", "meaning"),
        ((column["name"], column.get("data_type"), column.get("description")) for column in model.get("columns", [])),
    )


def _column_of(rule: Mapping) -> str:
    kwargs = rule.get("kwargs", {})
    return kwargs.get("column") or ", ".join(kwargs.get("column_list", [])) or kwargs.get("column_A", "")


if __name__ == "__main__":
    sys.exit(main())
