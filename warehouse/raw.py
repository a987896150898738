"""Load one delivery in one transaction: rows, quarantined rows, persons and ledger entries commit together or not at
all.

While PostgreSQL takes in one block on its core, the next is read and judged on another. What goes to COPY is written
by us from canonical values, never the sender's bytes: a line holding only `\\.` would end PostgreSQL 15's COPY
without an error.
"""

import io
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import numpy
import psycopg
import pyarrow
from psycopg import sql
from pyarrow import csv as arrow_csv

from warehouse import archive, contracts, conversion, database, headers, ledger, persons, reading, settings
from warehouse.contracts import Contract
from warehouse.conversion import Judged
from warehouse.errors import FileRejected
from warehouse.landing import Delivery, ManifestEntry

DELIVERY_LOCK_CLASS = database.LOCK_CLASS + 2
BLOCKS_IN_FLIGHT = 3
# keys met before, as bits at two places each: a false alarm costs one exact comparison in SQL, never a row
FILTER_BITS = 1 << 27
SMALL_FILTER_BITS = 1 << 20
SMALL_FILE_BYTES = 4 << 20
_WRITE_OPTIONS = arrow_csv.WriteOptions(include_header=False)


@dataclass
class Memory:
    """What the loads of one connection remember of what they met; bounded, and never decides anything."""

    cells: conversion.Memory = field(default_factory=conversion.Memory)
    known: persons.Known = field(default_factory=persons.Known)


_memories: "weakref.WeakKeyDictionary[psycopg.Connection, Memory]" = weakref.WeakKeyDictionary()


@dataclass
class FileResult:
    """What became of one file; `message` says why it was rejected or left alone."""

    table: str
    path: str
    state: str = "loaded"
    message: str | None = None
    load_id: int | None = None
    rows_read: int = 0
    rows_loaded: int = 0
    rows_repeated: int = 0
    rows_quarantined: int = 0
    rows_flagged: int = 0


@dataclass
class LoadResult:
    """What became of one delivery."""

    delivery: str
    files: list[FileResult] = field(default_factory=list)
    problem: str | None = None

    @property
    def rows_loaded(self) -> int:
        return sum(file.rows_loaded for file in self.files)

    @property
    def rows_repeated(self) -> int:
        return sum(file.rows_repeated for file in self.files)

    @property
    def rows_quarantined(self) -> int:
        return sum(file.rows_quarantined for file in self.files)

    @property
    def rejected(self) -> list[str]:
        """One sentence for the delivery's problem, each refused file and each file without a contract."""
        messages = [file.message for file in self.files if file.message]
        return [self.problem, *messages] if self.problem else messages


def load(connection: psycopg.Connection, delivery: Delivery) -> LoadResult:
    """Load a delivery: every file of it that can be trusted, each row judged by its contract.

    A file that was loaded before is left as it is, so that a repeated call changes nothing. A file that cannot be
    trusted is written into the ledger as rejected with the reason; the others load.

    Args:
        connection: as loader, in autocommit.
    """
    result = LoadResult(delivery.name, problem=delivery.problem)
    with transaction_of(connection) as memory:
        # a second worker with the same delivery waits here and then finds it done
        connection.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", (DELIVERY_LOCK_CLASS, delivery.name))
        delivery_id = _write_delivery(connection, delivery)
        loaded = set(
            connection.execute(
                "select path, sha256 from audit.file where delivery_id = %s and state = 'loaded' and retry_of is null",
                (delivery_id,),
            ).fetchall()
        )
        for entry in delivery.entries:
            if (f"{delivery.name}/{entry.file_name}", entry.sha256) not in loaded:
                result.files.append(_load_file(connection, delivery, delivery_id, entry, memory))
    return result


@contextmanager
def transaction_of(connection: psycopg.Connection) -> Iterator[Memory]:
    """A transaction at whose end the persons found in it are stored; gives the memory of the connection's loads."""
    memory = _memories.setdefault(connection, Memory())
    try:
        with connection.transaction():
            persons.prepare(connection)
            yield memory
            persons.write(connection)
    except BaseException:
        memory.known.clear()
        raise


def _load_file(
    connection: psycopg.Connection, delivery: Delivery, delivery_id: int, entry: ManifestEntry, memory: Memory
) -> FileResult:
    path = f"{delivery.name}/{entry.file_name}"
    result = FileResult(entry.table, path)
    contract = contracts.load_all().get(entry.table)
    stored = None
    try:
        if contract is None or contract.system != delivery.system:
            result.state, result.message = (
                "no_contract",
                (
                    f"{path}: {delivery.system} has no contract for a table of this name; the file is left alone."
                    f" To load it, write contracts/{delivery.system}/<table>.yml"
                ),
            )
            _write_refused(connection, delivery, delivery_id, entry, result, contract, None, None)
            return result
        _check_entry(contract, delivery, entry)
        stored = archive.store(delivery.folder / entry.file_name)
        if stored.sha256 != entry.sha256:
            raise FileRejected(
                "sha256_differs",
                f"sha256 is {stored.sha256[:12]}…, the manifest says {entry.sha256[:12]}…; the file was changed"
                " or cut short. Ask the sender to export it again",
            )
        with connection.transaction():
            result.load_id = _write_file(connection, delivery, delivery_id, entry, contract, stored)
            _load_rows(connection, delivery, entry, contract, result, memory)
            ledger.record_change(connection, result.load_id, contract.table, delivery.business_date)
    except FileRejected as error:
        memory.known.clear()
        result = FileResult(entry.table, path, "rejected", _located(path, entry.file_name, str(error)))
        _write_refused(connection, delivery, delivery_id, entry, result, contract, error.reason, stored)
    except psycopg.DataError as error:
        # PostgreSQL's message may hold a cell, its code does not
        memory.known.clear()
        result = FileResult(
            entry.table,
            path,
            "rejected",
            f"{path}: PostgreSQL refused a value (code {error.sqlstate}); this is a fault of the loader, report it",
        )
        _write_refused(connection, delivery, delivery_id, entry, result, contract, "database_refused", stored)
    return result


def _located(path: str, name: str, message: str) -> str:
    return f"{path}: {message.removeprefix(name).removeprefix(':').lstrip(', ')}"


def _check_entry(contract: Contract, delivery: Delivery, entry: ManifestEntry) -> None:
    if entry.problem:
        raise FileRejected("manifest_unreadable", f"the manifest's line cannot be used: {entry.problem}")
    mode = contract.mode_on(delivery.business_date)
    if entry.mode != mode:
        raise FileRejected(
            "mode_differs", f"the manifest says {entry.mode}, the contract {mode} on {delivery.business_date}"
        )
    if contract.amount_column and entry.amount_sum is None:
        raise FileRejected("amount_sum_missing", f"the manifest gives no amount_sum of {contract.amount_column}")


def last_event_day(business_date: date, nn: int, exported_at) -> date:
    """Event days may not lie after it: the business date, of a re-export the day it was exported (Asia/Shanghai)."""
    return business_date if nn == 1 else max(business_date, exported_at.astimezone(settings.SHANGHAI).date())


def _load_rows(
    connection: psycopg.Connection,
    delivery: Delivery,
    entry: ManifestEntry,
    contract: Contract,
    result: FileResult,
    memory: Memory,
) -> None:
    """Read, judge and store a file's records, then hold them against the manifest. Raises: FileRejected."""
    last_day = last_event_day(delivery.business_date, delivery.nn, entry.exported_at)
    with reading.open_records(entry.sha256, entry.file_name, headers.words(contract)) as records:
        binding = headers.bind(contract, records.header, entry.file_name)
        judge = conversion.Judge(contract, binding, records.encoding, entry.file_name, last_day, memory.cells)
        amount, broken = store_blocks(
            connection,
            contract,
            delivery.business_date,
            map(judge.judge, records.blocks),
            result,
            memory.known,
            small=archive.path_of(entry.sha256).stat().st_size < SMALL_FILE_BYTES,
        )
    if result.rows_read != entry.row_count:
        raise FileRejected(
            "row_count_differs",
            f"row_count is {result.rows_read}, the manifest says {entry.row_count}. Ask the sender to export it again",
        )
    amount_sum = None
    if contract.amount_column:
        # a sender may or may not have counted the amount of a record whose fields cannot be told apart
        sums = [Decimal(cents).scaleb(-2) for cents in (amount, amount + broken)]
        if entry.amount_sum not in sums:
            raise FileRejected(
                "amount_sum_differs",
                f"amount_sum of {contract.amount_column} is {sums[0]}, the manifest says {entry.amount_sum}."
                " Ask the sender to export it again",
            )
        amount_sum = entry.amount_sum
    connection.execute(
        "update audit.file set rows_read = %s, rows_loaded = %s, rows_repeated = %s, rows_quarantined = %s,"
        " rows_flagged = %s, amount_sum = %s, encoding = %s, unknown_headers = %s where load_id = %s",
        (
            *(result.rows_read, result.rows_loaded, result.rows_repeated, result.rows_quarantined, result.rows_flagged),
            *(amount_sum, records.encoding, list(binding.unknown), result.load_id),
        ),
    )


def store_blocks(
    connection: psycopg.Connection,
    contract: Contract,
    business_date: date,
    judged: Iterator[Judged],
    result: FileResult,
    known: persons.Known,
    *,
    small: bool,
    original_load_id: int | None = None,
) -> tuple[int, int]:
    """Store judged blocks under `result.load_id` and count them into `result`; exact copies are taken out again.

    Args:
        small: the file is small, so a small filter of keys will do.
        original_load_id: of a retry, the load whose rows may be what a retried row copies.
    Returns: the records' amounts in cents: of those with readable structure, and of the others.
    """
    connection.execute("select raw.ensure_month(%s, %s)", (contract.table, business_date))
    repeats = _Repeats(SMALL_FILTER_BITS if small else FILTER_BITS)
    amount = broken = 0
    flagged = 0

    def counted() -> Iterator[Judged]:
        nonlocal amount, broken, flagged
        for block in judged:
            result.rows_read += block.rows
            result.rows_loaded += len(block.row_keys)
            result.rows_quarantined += len({problem.line for problem in block.problems})
            flagged += len({flag.line for flag in block.flags})
            amount, broken = amount + block.amount_cents, broken + block.broken_cents
            repeats.add(block)
            yield block

    def store(block: Judged) -> None:
        _store_block(connection, contract, business_date, result.load_id, block, known)

    if small:  # a thread would cost more than it saves
        for block in counted():
            store(block)
    else:
        _store_in_parallel(store, counted())
    lines = repeats.lines()
    if original_load_id is not None or len(lines):
        result.rows_repeated = _remove_repeated(
            connection, contract, business_date, result.load_id, lines, original_load_id
        )
        result.rows_loaded -= result.rows_repeated
    result.rows_flagged = flagged
    return amount, broken


def _store_in_parallel(store: Callable[[Judged], None], blocks: Iterator[Judged]) -> None:
    """Store blocks in order in another thread, while the next are judged in this one."""
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(1, "copy") as copier:
        try:
            for block in blocks:
                waiting.append(copier.submit(store, block))
                if len(waiting) > BLOCKS_IN_FLIGHT:
                    waiting.popleft().result()
            while waiting:
                waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class _Repeats:
    """Lines whose key was probably met before in the file: a Bloom filter of two bits per key, of fixed size."""

    def __init__(self, bits: int) -> None:
        self._bits = numpy.zeros(bits, bool) if bits <= SMALL_FILTER_BITS else None
        self._bytes = None if self._bits is not None else numpy.zeros(bits // 8, numpy.uint8)
        self._mask = bits - 1
        self._lines: list[numpy.ndarray] = []

    def add(self, block: Judged) -> None:
        keys = block.row_keys.view(numpy.uint64)
        if not len(keys):
            return
        first, second = keys & self._mask, (keys >> numpy.uint64(33)) & self._mask
        seen = self._test(first) & self._test(second)
        distinct, index = numpy.unique(keys, return_index=True)
        if len(distinct) < len(keys):
            later = numpy.ones(len(keys), bool)
            later[index] = False
            # whichever line comes first in the file stays: both are candidates, SQL finds the earlier one
            seen |= later | numpy.isin(keys, keys[later])
        self._set(first)
        self._set(second)
        if seen.any():
            self._lines.append(block.columns["line"].to_numpy()[seen])

    def lines(self) -> list[int]:
        return numpy.concatenate(self._lines).tolist() if self._lines else []

    def _test(self, places: numpy.ndarray) -> numpy.ndarray:
        if self._bits is not None:
            return self._bits[places]
        return (self._bytes[places >> numpy.uint64(3)] >> (places & numpy.uint64(7)).astype(numpy.uint8)) & 1 == 1

    def _set(self, places: numpy.ndarray) -> None:
        if self._bits is not None:
            self._bits[places] = True
        else:
            bits = numpy.left_shift(numpy.uint8(1), (places & numpy.uint64(7)).astype(numpy.uint8))
            numpy.bitwise_or.at(self._bytes, places >> numpy.uint64(3), bits)


def _store_block(
    connection: psycopg.Connection,
    contract: Contract,
    business_date: date,
    load_id: int,
    block: Judged,
    known: persons.Known,
) -> None:
    if len(block.row_keys):
        _copy_rows(connection, contract, business_date, load_id, block.columns)
    if block.problems:
        with connection.cursor().copy(
            "copy audit.quarantined_row (load_id, line, column_name, reason, wanted, business_key, contract_version)"
            " from stdin"
        ) as copy:
            for problem in block.problems:
                copy.write_row((load_id, *problem[:4], problem.key, contract.version))
    if block.flags:
        with connection.cursor().copy(
            "copy audit.flagged_cell (load_id, line, column_name, reason) from stdin"
        ) as copy:
            for flag in sorted(set(block.flags)):
                copy.write_row((load_id, *flag))
    for people in block.people:
        persons.find(connection, load_id, people, known)


def _copy_rows(connection, contract: Contract, business_date: date, load_id: int, columns) -> None:
    size = len(columns["line"])
    constants = {
        "load_id": pyarrow.repeat(pyarrow.scalar(load_id), size),
        "business_date": pyarrow.repeat(pyarrow.scalar(business_date.isoformat()), size),
    }
    names = [name for name, _ in contract.raw_columns]
    table = pyarrow.table([constants[name] if name in constants else columns[name] for name in names], names=names)
    buffer = io.BytesIO()
    arrow_csv.write_csv(table, buffer, _WRITE_OPTIONS)
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier("raw", contract.table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor().copy(statement) as copy:
        copy.write(buffer.getbuffer())


def _remove_repeated(
    connection, contract: Contract, business_date: date, load_id: int, lines: list[int], original: int | None
) -> int:
    """Take out rows that are exact copies of an earlier line: candidates share a key, all columns decide."""
    lineage = [name for name, _ in contracts.LINEAGE_COLUMNS]
    names = [sql.Identifier(name) for name, _ in contract.raw_columns if name not in lineage]
    keys = [sql.Identifier(contract.columns[part].raw_columns[0][0]) for part in contract.key]
    statement = sql.SQL(
        """
        with copies as (
            select later.line, min(earlier.line) as first_line
            from {table} as later
            inner join {table} as earlier on {keys}
            where later.load_id = %(load_id)s and later.business_date = %(business_date)s
                and (%(lines)s::integer[] is null or later.line = any(%(lines)s::integer[]))
                and earlier.business_date = %(business_date)s
                and (earlier.load_id = %(load_id)s and earlier.line < later.line or earlier.load_id = %(original)s)
                and ({later}) is not distinct from ({earlier})
            group by later.line
        ),
        gone as (
            delete from {table} as row using copies
            where row.load_id = %(load_id)s and row.business_date = %(business_date)s and row.line = copies.line
        )
        insert into audit.repeated_row (load_id, line, first_line) select %(load_id)s, line, first_line from copies
        """
    ).format(
        table=sql.Identifier("raw", contract.table),
        keys=sql.SQL(" and ").join(sql.SQL("earlier.{0} = later.{0}").format(key) for key in keys),
        later=sql.SQL(", ").join(sql.SQL("later.{}").format(name) for name in names),
        earlier=sql.SQL(", ").join(sql.SQL("earlier.{}").format(name) for name in names),
    )
    values = {
        "load_id": load_id,
        "business_date": business_date,
        "lines": lines if original is None else None,
        "original": original,
    }
    return connection.execute(statement, values).rowcount


def _write_delivery(connection: psycopg.Connection, delivery: Delivery) -> int:
    return connection.execute(
        "insert into audit.delivery (system, business_date, nn, manifest_sha256, arrived_at, problem)"
        " values (%s, %s, %s, %s, %s, %s) on conflict (system, business_date, nn) do update"
        " set (manifest_sha256, problem, loaded_at)"
        " = (excluded.manifest_sha256, excluded.problem, clock_timestamp()) returning delivery_id",
        (
            *(delivery.system, delivery.business_date, delivery.nn, delivery.manifest_sha256, settings.now()),
            delivery.problem,
        ),
    ).fetchone()[0]


def _write_file(
    connection, delivery: Delivery, delivery_id: int, entry: ManifestEntry, contract: Contract, stored: archive.Stored
) -> int:
    return connection.execute(
        "insert into audit.file (delivery_id, system, table_name, business_date, nn, path, sha256,"
        " size_bytes, modified_ns, mode, period_start, period_end, exported_at, manifest_row_count, manifest_amount_sum,"
        " contract_version, contract_sha256, state) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'loaded')"
        " returning load_id",
        (
            *(delivery_id, delivery.system, contract.table, delivery.business_date, delivery.nn),
            *(f"{delivery.name}/{entry.file_name}", stored.sha256, stored.size_bytes, stored.modified_ns),
            *(entry.mode, entry.period_start, entry.period_end, entry.exported_at, entry.row_count, entry.amount_sum),
            *(contract.version, contract.sha256),
        ),
    ).fetchone()[0]


def _write_refused(
    connection,
    delivery: Delivery,
    delivery_id: int,
    entry: ManifestEntry,
    result: FileResult,
    contract: Contract | None,
    reason: str | None,
    stored: archive.Stored | None,
) -> None:
    """Write a rejected file, or one without a contract; judged again, its entry is renewed."""
    if stored is None:
        stored = archive.Stored(entry.sha256, *_seen(delivery, entry))
    connection.execute(
        "insert into audit.file (delivery_id, system, table_name, business_date, nn, path, sha256,"
        " size_bytes, modified_ns, mode, period_start, period_end, exported_at, manifest_row_count, manifest_amount_sum,"
        " contract_version, contract_sha256, state, rejection_reason, rejection_message)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " on conflict (path, sha256, state) where retry_of is null do update"
        " set (size_bytes, modified_ns, contract_version, contract_sha256, rejection_reason, rejection_message,"
        "  loaded_at)"
        " = (excluded.size_bytes, excluded.modified_ns, excluded.contract_version, excluded.contract_sha256,"
        "    excluded.rejection_reason, excluded.rejection_message, clock_timestamp())",
        (
            *(delivery_id, delivery.system, entry.table, delivery.business_date, delivery.nn, result.path),
            *(stored.sha256, stored.size_bytes, stored.modified_ns, entry.mode, entry.period_start, entry.period_end),
            *(entry.exported_at, entry.row_count, entry.amount_sum),
            *((contract.version, contract.sha256) if contract else (None, None)),
            *(result.state, reason, result.message if reason else None),
        ),
    )


def _seen(delivery: Delivery, entry: ManifestEntry) -> tuple[int, int]:
    """Size and time of change of a file that was not archived; zeros when it is missing."""
    try:
        status = (delivery.folder / entry.file_name).lstat()
    except (OSError, ValueError):
        return 0, 0
    return status.st_size, status.st_mtime_ns
