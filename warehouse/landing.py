"""Find what has landed: complete deliveries that the ledger does not know yet, and read their manifests.

`<landing>/<system>/<business date>/<NN>/` is a delivery; `_MANIFEST.csv` is written last, a folder without it is left
alone.
"""

import csv
import hashlib
import io
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import psycopg

from warehouse import contracts, settings
from warehouse.errors import FileRejected, WarehouseError

log = logging.getLogger(__name__)

MANIFEST = "_MANIFEST.csv"
MANIFEST_COLUMNS = (
    *("file_name", "table", "mode", "period_start", "period_end"),
    *("row_count", "amount_sum", "sha256", "exported_at"),
)
MODES = ("increment", "snapshot")
LARGEST_MANIFEST_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"0[1-9]|[1-9]\d")


@dataclass(frozen=True)
class ManifestEntry:
    """What the manifest says of one file; `problem` says why the line itself cannot be used."""

    file_name: str
    table: str
    mode: str
    period_start: date | None
    period_end: date | None
    row_count: int
    amount_sum: Decimal | None
    sha256: str
    exported_at: datetime | None
    problem: str | None = None


@dataclass(frozen=True)
class Delivery:
    """One delivery folder with its manifest.

    Attributes:
        nn: 1 for the first export of the business date, 2 and up for a re-export.
        manifest_sha256: of the manifest's bytes.
        problem: why the manifest as a whole cannot be used; then there are no entries.
    """

    system: str
    business_date: date
    nn: int
    folder: Path
    entries: tuple[ManifestEntry, ...]
    manifest_sha256: str
    problem: str | None = None

    @property
    def name(self) -> str:
        """system/business date/NN, as the ledger's paths begin."""
        return f"{self.system}/{self.business_date}/{self.nn:02d}"


def pending(
    connection: psycopg.Connection,
    systems: Iterable[str] | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[Delivery]:
    """Complete deliveries that are not in the ledger, or have a file there that was refused and has changed since.

    Args:
        systems: names of sending systems; None for all.
        first, last: business dates, inclusive; None for open.
    Returns: oldest business date first, then by system and number.
    """
    chosen = tuple(systems) if systems else contracts.systems()
    known = {
        (system, day, number): (sha256, unusable)
        for system, day, number, sha256, unusable in connection.execute(
            "select system, business_date, nn, manifest_sha256, problem is not null from audit.delivery"
            " where system = any(%s) and business_date >= coalesce(%s::date, '-infinity')"
            " and business_date <= coalesce(%s::date, 'infinity')",
            (list(chosen), first, last),
        )
    }
    refused = _refused(connection, chosen)
    found = []
    for day, system, number, folder in sorted(_folders(chosen, first, last)):
        place = (system, day, number)
        if place not in known:
            if (folder / MANIFEST).is_file():  # else it is still being written
                found.append(read(*place, folder))
        elif place in refused or known[place][1]:
            delivery = read(*place, folder)
            if refused.get(place) or delivery.manifest_sha256 != known[place][0]:
                found.append(delivery)
    return found


def read(system: str, business_date: date, nn: int, folder: Path) -> Delivery:
    """Read the manifest of a delivery folder; what is wrong with it stands in `problem`, of the whole or of a line."""
    with (folder / MANIFEST).open("rb") as file:
        content = file.read(LARGEST_MANIFEST_BYTES + 1)
    entries, problem = (), None
    try:
        entries = _entries(content)
    except FileRejected as error:
        problem = f"{system}/{business_date}/{nn:02d}/{MANIFEST}: {error}"
    sha256 = hashlib.sha256(content).hexdigest()
    return Delivery(system, business_date, nn, folder, entries, sha256, problem)


def left_alone(systems: Iterable[str] | None = None) -> list[str]:
    """What stands in the landing folder and is no delivery, a sentence each, with what to do."""
    told: list[str] = []
    list(_folders(tuple(systems) if systems else contracts.systems(), None, None, told))
    return told


def _folders(
    systems: Iterable[str], first: date | None, last: date | None, left: list[str] | None = None
) -> Iterator[tuple[date, str, int, Path]]:
    """Folders named as deliveries; why another folder is none goes to `left`.

    Raises: WarehouseError, when there is no landing folder: a share that is not mounted is no quiet day.
    """
    landing = settings.get().landing_folder
    if not landing.is_dir():
        raise WarehouseError(
            f"{landing}: there is no such folder. Mount it, or set WAREHOUSE_LANDING; see: warehouse init"
        )
    left = [] if left is None else left
    today = settings.now().astimezone(settings.SHANGHAI).date()
    begin = settings.get().first_business_date
    left += [
        f"{landing / name}: no system has this name; there are {', '.join(contracts.systems())}"
        for name in sorted(set(_children(landing)) - set(contracts.systems()))
    ]
    for system in systems:
        for day_name in _children(landing / system):
            place = landing / system / day_name
            try:
                day = date.fromisoformat(day_name)
            except ValueError:
                day = None
            if day is None or day_name != day.isoformat():
                left.append(f"{place}: not named as a business date YYYY-MM-DD; ask the sender")
                continue
            if day >= today:  # a mistyped year would keep every publication waiting for the days between
                left.append(f"{place}: this business date has not ended; it is taken in when it has")
                continue
            if begin and day < begin:
                left.append(f"{place}: before the first business date {begin} (WAREHOUSE_FIRST_BUSINESS_DATE)")
                continue
            if (first and day < first) or (last and day > last):
                continue
            for number in _children(place):
                if _NUMBER.fullmatch(number):
                    yield day, system, int(number), place / number
                else:
                    left.append(f"{place / number}: not named as a delivery 01 to 99; ask the sender")


def _children(folder: Path) -> list[str]:
    """Names of the folders in a folder; one that cannot be read is left out, so that it stops no other."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        log.warning("%s: cannot be read (%s); left alone", folder, error.strerror)
        return []


def _refused(connection: psycopg.Connection, systems: tuple[str, ...]) -> dict[tuple[str, date, int], bool]:
    """Deliveries with a refused file, and whether one may be judged anew: the file changed, or its contract did."""
    landing = settings.get().landing_folder
    known = contracts.load_all()
    rows = connection.execute(
        "select distinct on (path) system, business_date, nn, path, table_name, state, size_bytes, modified_ns,"
        " contract_sha256 from audit.file as refused where state <> 'loaded' and retry_of is null and system = any(%s)"
        " and not exists (select from audit.file as loaded"
        "  where loaded.path = refused.path and loaded.state = 'loaded')"
        " order by path, load_id desc",
        (list(systems),),
    )
    refused: dict[tuple[str, date, int], bool] = {}
    for system, day, number, path, table, state, size, modified_ns, contract_sha256 in rows:
        contract = known.get(table)
        if state == "no_contract":
            anew = contract is not None and contract.system == system
        else:
            try:
                status = (landing / path).lstat()
                changed = (status.st_size, status.st_mtime_ns) != (size, modified_ns)
            except (FileNotFoundError, NotADirectoryError):
                changed = False
            anew = changed or (contract is not None and contract.sha256 != contract_sha256)
        place = (system, day, number)
        refused[place] = refused.get(place, False) or anew
    return refused


def _entries(content: bytes) -> tuple[ManifestEntry, ...]:
    if len(content) > LARGEST_MANIFEST_BYTES:
        raise FileRejected("manifest_unreadable", f"larger than {LARGEST_MANIFEST_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRejected("manifest_unreadable", f"not UTF-8 at byte {error.start}") from None
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise FileRejected("manifest_unreadable", f"no readable CSV ({error})") from None
    header = [name.strip() for name in rows[0]] if rows else []
    if missing := [name for name in MANIFEST_COLUMNS if name not in header]:
        raise FileRejected("manifest_unreadable", f"without the columns {', '.join(missing)}")
    entries: list[ManifestEntry] = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise FileRejected(
                "manifest_unreadable", f"line {line} has {len(row)} fields, its header {len(header)}; send it again"
            )
        entries.append(_entry(dict(zip(header, (cell.strip() for cell in row), strict=True))))
    return tuple(_without_doubles(entries))


def _without_doubles(entries: list[ManifestEntry]) -> Iterator[ManifestEntry]:
    """Of two files of one table nobody can say which one counts: both are refused, and the day is incomplete."""
    names, tables = (
        Counter(entry.file_name for entry in entries),
        Counter(entry.table for entry in entries if entry.table),
    )
    for entry in entries:
        doubled = names[entry.file_name] > 1 or tables[entry.table] > 1
        problems = filter(None, (entry.problem, "file or table is listed twice" if doubled else None))
        yield replace(entry, problem="; ".join(problems) or None)


def _entry(row: dict[str, str]) -> ManifestEntry:
    problems = []

    def read_as(kind, name: str, wanted: str, default=None):
        try:
            return kind(row[name])
        except (ValueError, InvalidOperation):
            problems.append(f"{name} is no {wanted}")
            return default

    def day(text: str) -> date | None:
        return date.fromisoformat(text) if text else None

    def instant(text: str) -> datetime:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError(text)
        return found

    def amount(text: str) -> Decimal | None:
        found = Decimal(text) if text else None
        if found is not None and not found.is_finite():
            raise ValueError(text)
        return found

    name = row["file_name"]
    # it becomes part of a path: a plain name, of this folder
    if not name or name != Path(name).name or name in (".", "..", MANIFEST) or "\0" in name or len(name) > 200:
        problems.append("file_name is no plain file name")
    entry = ManifestEntry(
        file_name=name if not problems else "?",
        table=row["table"][:63],
        mode=row["mode"] if row["mode"] in MODES else "increment",
        period_start=read_as(day, "period_start", "ISO date"),
        period_end=read_as(day, "period_end", "ISO date"),
        row_count=read_as(int, "row_count", "whole number", 0),
        amount_sum=read_as(amount, "amount_sum", "amount"),
        sha256=row["sha256"].lower(),
        exported_at=read_as(instant, "exported_at", "ISO 8601 instant with offset"),
    )
    if row["mode"] not in MODES:
        problems.append("mode is neither increment nor snapshot")
    if not _SHA256.fullmatch(entry.sha256):
        problems.append("sha256 is not 64 hex digits")
    if entry.row_count < 0:
        problems.append("row_count is negative")
    if not problems:
        return entry
    return ManifestEntry(**(entry.__dict__ | {"problem": "; ".join(problems), "row_count": max(entry.row_count, 0)}))
