"""Writes small deliveries as the senders do, for tests."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from warehouse import contracts

# a region code that is not assigned, birth date, sequence; check characters follow ISO 7064 MOD 11-2
SOME_ID, OTHER_ID = "990101196001010010", "990101196501010028"


def with_check_character(seventeen: str) -> str:
    """An 18-character ID of 17 digits, by the rule of GB 11643 written out once more for the tests."""
    weights = [2 ** (18 - place) % 11 for place in range(1, 18)]
    total = sum(int(digit) * weight for digit, weight in zip(seventeen, weights, strict=True))
    return seventeen + "10X98765432"[total % 11]


DEFAULTS = {
    "name": "测试甲",
    "id_no": with_check_character("99010119600101001"),
    "valid_flag": "1",
    "operating_org_code": "410802000001",
    "source_updated_at": "20210604080000",
}


def row(table: str, **cells: str) -> dict[str, str]:
    """A good row of a table: every required column filled, the given cells as they are."""
    contract = contracts.load_all()[table]
    filled = {}
    for column in contract.columns.values():
        value = DEFAULTS.get(column.name, "")
        if column.required and not value:
            value = {
                "code": next(iter(contracts.code_lists().get(column.code_list or "", {"": ""}))),
                "division": "410802001",
                "integer": "1",
                "decimal": "100.00",
                "date": "2021-06-04",
                "timestamp": "20210604080000",
                "month": "202106",
                "year": "2021",
                "text": f"{column.name}-1",
            }[column.type]
        if column.person == "national_id" and column.required and column.name not in cells:
            value = DEFAULTS["id_no"]
        if column.person == "name" and column.required:
            value = DEFAULTS["name"]
        filled[column.name] = value
    return filled | cells


def csv_bytes(
    table: str, rows: Iterable[Mapping[str, str]], encoding: str = "gb18030", headers: Mapping[str, str] | None = None
) -> bytes:
    """A csv export: the contract's headers (or others by column), CRLF, quotes only where needed."""
    contract = contracts.load_all()[table]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow((headers or {}).get(name, column.header) for name, column in contract.columns.items())
    writer.writerows([cells.get(name, "") for name in contract.columns] for cells in rows)
    return text.getvalue().encode(encoding)


def zipped(content: bytes, entry: str = "火化记录.csv") -> bytes:
    """A zip with one entry."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(entry, content)
    return buffer.getvalue()


@dataclass
class DeliveryWriter:
    """Collects the files of one delivery and writes them, manifest last."""

    landing: Path
    system: str
    business_date: date
    nn: int = 1
    exported_at: str | None = None
    files: list[dict] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.landing / self.system / self.business_date.isoformat() / f"{self.nn:02}"

    def add(
        self,
        table: str,
        content: bytes,
        *,
        row_count: int,
        amount_sum: Decimal | str | None = None,
        **manifest: str,
    ) -> "DeliveryWriter":
        """Add a file; `manifest` overrides what the manifest says of it."""
        contract = contracts.load_all().get(table)
        prefix = contract.delivery["file_prefix"] if contract else "ZZZZ"
        name = f"{prefix}_410800_{self.business_date:%Y%m%d}.{contract.delivery['format'] if contract else 'csv'}"
        entry = {
            "file_name": name,
            "table": table,
            "mode": contract.mode_on(self.business_date) if contract else "increment",
            "period_start": self.business_date.isoformat(),
            "period_end": self.business_date.isoformat(),
            "row_count": str(row_count),
            "amount_sum": "" if amount_sum is None else str(amount_sum),
            "sha256": hashlib.sha256(content).hexdigest(),
            "exported_at": self.exported_at or f"{self.business_date}T23:59:00+08:00",
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)
        self.files.append(entry | manifest)
        return self

    def add_rows(self, table: str, rows: list[Mapping[str, str]], **manifest: str) -> "DeliveryWriter":
        """Add a csv or zip of rows with a truthful manifest."""
        contract = contracts.load_all()[table]
        content = csv_bytes(table, rows)
        if contract.delivery["format"] == "zip":
            content = zipped(content)
        amount = None
        if contract.amount_column and "amount_sum" not in manifest:
            amount = sum((Decimal(cells[contract.amount_column]) for cells in rows), Decimal("0.00"))
        return self.add(table, content, **{"row_count": len(rows), "amount_sum": amount, **manifest})

    def write(self) -> Path:
        """Write the manifest: the delivery has landed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fields = (
            *("file_name", "table", "mode", "period_start", "period_end"),
            *("row_count", "amount_sum", "sha256", "exported_at"),
        )
        with (self.folder / "_MANIFEST.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fields)
            writer.writeheader()
            writer.writerows(self.files)
        return self.folder
