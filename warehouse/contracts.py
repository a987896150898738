"""Contracts: what each sender promised. One YAML file per table; the only place where a delivery's shape stands.

`contracts/contract.schema.json` validates every file; code lists stand in `contracts/code_lists.csv`.
"""

import csv
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
import yaml

from warehouse.errors import ContractError
from warehouse.settings import CONTRACTS

# raw is typed: a contract type has one PostgreSQL type (docs/explanation/architecture.md)
POSTGRES_TYPES = {
    "text": "text",
    "code": "text",
    "division": "text",
    "month": "text",
    "year": "text",
    "integer": "bigint",
    "decimal": "numeric(16, 2)",
    "date": "date",
    "timestamp": "timestamp",
}
# columns the loader adds to every raw row: where it came from
LINEAGE_COLUMNS = (("load_id", "bigint"), ("line", "integer"), ("business_date", "date"))


@dataclass(frozen=True)
class Column:
    """One promised column; see the JSON schema for the meaning of each key."""

    name: str
    header: str
    type: str
    synonyms: tuple[str, ...] = ()
    required: bool = False
    code_list: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    person: str | None = None
    document_type: Mapping | None = None
    birth_date_column: str | None = None
    sex_column: str | None = None
    sex: str | None = None
    event_day: bool = False
    open_ended: bool = False
    never: tuple[str, ...] = ()
    sign: Mapping | None = None
    unit: str | None = None
    means: str | None = None
    null_words: tuple[str, ...] = ("", "NULL", "-", "无", "不详")

    @property
    def raw_columns(self) -> tuple[tuple[str, str], ...]:
        """(name, PostgreSQL type) of what raw keeps of this column: a token instead of a person's identifier."""
        if self.person == "national_id":
            return ((f"{self.name}_key", "uuid"), (f"{self.name}_status", "text"))
        if self.person:
            return ((f"{self.name}_key", "uuid"),)
        return ((self.name, POSTGRES_TYPES[self.type]),)


@dataclass(frozen=True)
class Contract:
    """A table's contract. `table` names file, raw table and staging model alike."""

    system: str
    table: str
    version: int
    title: Mapping[str, str]
    owner: str
    grain: str
    delivery: Mapping
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    amount_column: str | None
    sha256: str

    @property
    def raw_columns(self) -> tuple[tuple[str, str], ...]:
        """(name, PostgreSQL type) of the raw table, lineage first."""
        return LINEAGE_COLUMNS + tuple(pair for column in self.columns.values() for pair in column.raw_columns)

    def mode_on(self, business_date) -> str:
        """`increment` or `snapshot`: what the manifest must say for this business date."""
        import calendar

        mode = self.delivery["mode"]
        if mode != "increment_with_month_end_snapshot":
            return mode
        last = calendar.monthrange(business_date.year, business_date.month)[1]
        return "snapshot" if business_date.day == last else "increment"


@functools.cache
def code_lists(folder: Path = CONTRACTS) -> Mapping[str, Mapping[str, str]]:
    """{list: {code: zh label}}, from `code_lists.csv`."""
    lists: dict[str, dict[str, str]] = {}
    with (folder / "code_lists.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            lists.setdefault(row["list"], {})[row["code"]] = row["label_zh"]
    return lists


@functools.cache
def load_all(folder: Path = CONTRACTS) -> Mapping[str, Contract]:
    """All contracts by table name, validated.

    Raises: ContractError, naming file and place, when a file breaks the schema, repeats a table or a header,
        or refers to a column or code list that does not exist.
    """
    schema = json.loads((folder / "contract.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    found: dict[str, Contract] = {}
    for path in sorted(folder.glob("*/*.yml")):
        contract = _parse(path, validator, code_lists(folder))
        if contract.table in found:
            raise ContractError(
                f"{path}: table {contract.table} has two contracts; table names are unique over systems"
            )
        found[contract.table] = contract
    if not found:
        raise ContractError(f"{folder}: no contract found; wanted <system>/<table>.yml")
    return found


def systems(folder: Path = CONTRACTS) -> tuple[str, ...]:
    """Names of the sending systems, sorted."""
    return tuple(sorted({contract.system for contract in load_all(folder).values()}))


def of_system(system: str, folder: Path = CONTRACTS) -> Mapping[str, Contract]:
    """The contracts of one system by table name."""
    return {name: contract for name, contract in load_all(folder).items() if contract.system == system}


def _parse(path: Path, validator: jsonschema.Draft202012Validator, lists: Mapping) -> Contract:
    content = path.read_bytes()
    try:
        document = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise ContractError(f"{path}: not YAML: {error}") from None
    if problem := next(
        iter(sorted(validator.iter_errors(document), key=lambda e: list(map(str, e.absolute_path)))), None
    ):
        place = ".".join(str(part) for part in problem.absolute_path) or "top level"
        raise ContractError(
            f"{path}, {place}: {problem.message}. Mend the contract; contract.schema.json says what may stand here."
        )
    columns = {name: Column(name=name, **_tuples(spec)) for name, spec in document["columns"].items()}
    _check_references(path, document, columns, lists)
    return Contract(
        system=path.parent.name,
        table=path.stem,
        version=document["version"],
        title=document["title"],
        owner=document["owner"],
        grain=document["grain"],
        delivery=document["delivery"],
        key=tuple(document["key"]),
        columns=columns,
        amount_column=document.get("amount_column"),
        sha256=_sha256(content, columns, lists),
    )


def _sha256(content: bytes, columns: Mapping[str, Column], lists: Mapping) -> str:
    """Of the contract with the code lists it uses: a new code is a changed contract, too."""
    digest = hashlib.sha256(content)
    for name in sorted({column.code_list for column in columns.values() if column.code_list}):
        digest.update(json.dumps([name, lists[name]], sort_keys=True).encode())
    return digest.hexdigest()


def _tuples(spec: Mapping) -> dict:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in spec.items()}


def _check_references(path: Path, document: Mapping, columns: Mapping[str, Column], lists: Mapping) -> None:
    wanted = {
        "key": document["key"],
        "amount_column": [document["amount_column"]] if "amount_column" in document else [],
    }
    for column in columns.values():
        wanted[column.name] = [
            name
            for name in (
                column.birth_date_column,
                column.sex_column,
                (column.document_type or {}).get("column"),
                (column.sign or {}).get("column"),
            )
            if name
        ]
        if column.type == "code" and column.code_list not in lists:
            raise ContractError(f"{path}, {column.name}: code list {column.code_list} does not stand in code_lists.csv")
    for place, names in wanted.items():
        for name in names:
            if name not in columns:
                raise ContractError(f"{path}, {place}: column {name} is not among the columns of this contract")
    headers: dict[str, str] = {}
    for column in columns.values():
        for header in (column.header, *column.synonyms):
            if other := headers.get(header):
                raise ContractError(f"{path}: header {header} stands for {other} and for {column.name}")
            headers[header] = column.name
