"""Quarantined rows: why they wait, and conversion them again when their contract has changed.

The rows themselves stand only in the archived files; a retry reads those lines again. What it lets in becomes a load
of its own (`retry_of`), so that the balance of the first one stays as it was.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy
import psycopg
import pyarrow
from psycopg.rows import dict_row

from warehouse import contracts, conversion, headers, ledger, raw, reading
from warehouse.contracts import Contract
from warehouse.conversion import Judged
from warehouse.reading import Block


@dataclass
class RetryResult:
    """Rows judged again, and how many of them were let in."""

    judged: int = 0
    released: int = 0


def summary(connection: psycopg.Connection) -> list[dict]:
    """Waiting rows counted by system, table_name, column_name and reason."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select file.system, file.table_name, waiting.column_name, waiting.reason, count(*) as rows"
            " from audit.quarantined_row as waiting inner join audit.file as file using (load_id)"
            " where waiting.released_by is null group by 1, 2, 3, 4 order by 5 desc, 1, 2, 3, 4"
        ).fetchall()


def show(connection: psycopg.Connection, file: str, line: int | None = None) -> list[dict]:
    """Why rows of the files of this name wait, or one of its lines; no cell in clear."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select file.path as file, file.nn, waiting.line, waiting.column_name, waiting.reason, waiting.wanted,"
            " coalesce(waiting.business_key, '') as business_key"
            " from audit.quarantined_row as waiting inner join audit.file as file using (load_id)"
            " where waiting.released_by is null and (file.path = %(file)s or right(file.path, length(%(file)s) + 1)"
            " = '/' || %(file)s) and waiting.line = coalesce(%(line)s, waiting.line) order by 1, 2, 3, 4",
            {"file": file, "line": line},
        ).fetchall()


def retry(connection: psycopg.Connection) -> RetryResult:
    """Judge waiting rows again whose contract is another than the one they were judged by; one transaction per file.

    Args:
        connection: as loader, in autocommit.
    """
    result = RetryResult()
    known = contracts.load_all()
    waiting = connection.execute(
        "select load_id, table_name from audit.file where rows_quarantined > 0 and state = 'loaded'"
        " and retry_of is null and exists (select from audit.quarantined_row as waiting"
        "   where waiting.load_id = file.load_id and waiting.released_by is null)"
        " and contract_sha256 <> all(%s) order by business_date, load_id",
        ([contract.sha256 for contract in known.values()],),
    ).fetchall()
    for load_id, table in waiting:
        if table in known:
            with raw.transaction_of(connection) as memory:
                _retry_file(connection, load_id, known[table], memory, result)
    return result


def _retry_file(
    connection: psycopg.Connection, load_id: int, contract: Contract, memory: raw.Memory, result: RetryResult
) -> None:
    with connection.cursor(row_factory=dict_row) as cursor:
        file = cursor.execute("select * from audit.file where load_id = %s for update", (load_id,)).fetchone()
    lines = numpy.array(
        connection.execute(
            "select distinct line from audit.quarantined_row where load_id = %s and released_by is null order by 1",
            (load_id,),
        ).fetchall()
    ).ravel()
    result.judged += len(lines)
    with connection.transaction() as attempt:
        released = _release(connection, file, contract, lines, memory)
        if not released:
            raise psycopg.Rollback(attempt)
    result.released += released
    # the rows that stay were judged by this contract now
    connection.execute("update audit.file set contract_sha256 = %s where load_id = %s", (contract.sha256, load_id))


def _release(
    connection: psycopg.Connection, file: dict, contract: Contract, lines: numpy.ndarray, memory: raw.Memory
) -> int:
    """Load those of the lines that the contract lets in now; returns how many."""
    load_id, business_date = file["load_id"], file["business_date"]
    entry = raw.FileResult(contract.table, file["path"], load_id=_copy_entry(connection, file, contract))
    last_day = raw.last_event_day(business_date, file["nn"], file["exported_at"])
    released: list[int] = []
    with reading.open_records(file["sha256"], file["path"], headers.words(contract)) as records:
        binding = headers.bind(contract, records.header, file["path"])
        judge = conversion.Judge(contract, binding, records.encoding, file["path"], last_day, memory.cells)
        judged = _judged_again(judge, records.blocks, lines, released)
        raw.store_blocks(
            connection, contract, business_date, judged, entry, memory.known, small=True, original_load_id=load_id
        )
    if released:
        connection.execute(
            "update audit.quarantined_row set released_by = %s where load_id = %s and line = any(%s)",
            (entry.load_id, load_id, released),
        )
        connection.execute(
            "update audit.file set rows_read = %s, rows_loaded = %s, rows_repeated = %s, rows_flagged = %s"
            " where load_id = %s",
            (len(released), entry.rows_loaded, entry.rows_repeated, entry.rows_flagged, entry.load_id),
        )
        ledger.record_change(connection, entry.load_id, contract.table, business_date)
    return len(released)


def _judged_again(
    judge: conversion.Judge, blocks: Iterator[Block], lines: numpy.ndarray, released: list[int]
) -> Iterator[Judged]:
    """The waiting lines that are let in now; those that stay keep the reasons they had."""
    for block in blocks:
        wanted = numpy.isin(block.lines, lines)
        if not wanted.any():
            continue
        columns = [column.filter(pyarrow.array(wanted)) for column in block.columns]
        judged = judge.judge(Block(columns, block.lines[wanted]))
        released.extend(judged.columns["line"].to_pylist())
        yield dataclasses.replace(judged, problems=[])


def _copy_entry(connection: psycopg.Connection, file: dict, contract: Contract) -> int:
    names = (
        "delivery_id, system, table_name, business_date, nn, path, sha256, size_bytes, modified_ns, mode,"
        " period_start, period_end, exported_at, manifest_row_count, encoding"
    )
    return connection.execute(
        f"insert into audit.file ({names}, state, retry_of, contract_version, contract_sha256)"  # noqa: S608
        f" select {names}, 'loaded', load_id, %s, %s from audit.file where load_id = %s returning load_id",
        (contract.version, contract.sha256, file["load_id"]),
    ).fetchone()[0]
