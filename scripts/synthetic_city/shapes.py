"""What the senders promised, read from the contracts: headers, formats, keys, modes and due days."""

import csv
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.synthetic_city.geography import PROJECT

CONTRACTS = PROJECT / "contracts"


@dataclass(frozen=True)
class Shape:
    """One table's contract, as far as a sender needs it."""

    system: str
    table: str
    title: str
    file_prefix: str
    format: str
    mode: str
    due: str
    key: tuple[str, ...]
    amount_column: str | None
    headers: dict[str, str]
    synonyms: dict[str, tuple[str, ...]]
    required: frozenset[str]
    types: dict[str, str]
    money: frozenset[str]
    person: dict[str, str]
    code_lists: dict[str, str]
    aliases: dict[str, dict[str, str]]

    @property
    def columns(self) -> list[str]:
        """Column names in the contract's order."""
        return list(self.headers)

    def is_due(self, is_month_end: bool, has_rows: bool) -> bool:
        """Whether the table is in a delivery."""
        return {"daily": True, "month_end": is_month_end, "on_event": has_rows}[self.due]

    def delivery_mode(self, is_month_end: bool) -> str:
        """increment or snapshot, as the manifest says it."""
        if self.mode == "increment_with_month_end_snapshot":
            return "snapshot" if is_month_end else "increment"
        return self.mode


def read_shapes(folder: Path = CONTRACTS) -> dict[str, Shape]:
    """The contract of each table, by table."""
    shapes = {}
    for path in sorted(folder.glob("*/*.yml")):
        contract = yaml.safe_load(path.read_text(encoding="utf-8"))
        columns, delivery = contract["columns"], contract["delivery"]
        shapes[path.stem] = Shape(
            system=path.parent.name,
            table=path.stem,
            title=contract["title"]["zh"],
            file_prefix=delivery["file_prefix"],
            format=delivery["format"],
            mode=delivery["mode"],
            due=delivery["due"],
            key=tuple(contract["key"]),
            amount_column=contract.get("amount_column"),
            headers={name: column["header"] for name, column in columns.items()},
            synonyms={name: tuple(column.get("synonyms", ())) for name, column in columns.items()},
            required=frozenset(name for name, column in columns.items() if column.get("required")),
            types={name: column["type"] for name, column in columns.items()},
            money=frozenset(name for name, column in columns.items() if column.get("unit") == "yuan"),
            person={name: column["person"] for name, column in columns.items() if "person" in column},
            code_lists={name: column["code_list"] for name, column in columns.items() if "code_list" in column},
            aliases={name: column.get("aliases", {}) for name, column in columns.items()},
        )
    return shapes


def read_code_lists(path: Path = CONTRACTS / "code_lists.csv") -> dict[str, set[str]]:
    """The codes of each list."""
    lists: dict[str, set[str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            lists.setdefault(row["list"], set()).add(row["code"])
    return lists
