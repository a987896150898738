"""Puts rows into raw as the loader does (typed, with their ledger entries), to test builds by themselves."""

import uuid
from datetime import date, timedelta

from psycopg import sql

from warehouse import contracts, database, ledger

BLANK = {
    "bigint": 1,
    "numeric(16, 2)": 100,
    "date": date(2021, 1, 1),
    "timestamp": "2021-01-01 08:00:00",
}


def person(number: int) -> uuid.UUID:
    """The token of the person with this number."""
    return uuid.UUID(int=number)


def deliver(
    table: str, business_date: date | str, rows: list[dict], *, nn: int = 1, state: str = "loaded", mode: str = ""
) -> int:
    """Deliver a table of a business date, as one loaded (or rejected) file of its delivery.

    Args:
        rows: raw columns that matter; required ones left out get a plain value, the others null.
        mode: default: what the contract says for that day.
    Returns: load_id.
    """
    day = date.fromisoformat(str(business_date))
    contract = contracts.load_all()[table]
    system = contract.system
    with database.connect("loader") as connection:
        (delivery_id,) = connection.execute(
            "insert into audit.delivery (system, business_date, nn, manifest_sha256, arrived_at)"
            " values (%s, %s, %s, 'test', now()) on conflict (system, business_date, nn) do update set problem = null"
            " returning delivery_id",
            (system, day, nn),
        ).fetchone()
        loaded = len(rows) if state == "loaded" else 0
        (load_id,) = connection.execute(
            "insert into audit.file (delivery_id, system, table_name, business_date, nn, path, sha256, size_bytes,"
            " modified_ns, mode, manifest_row_count, rows_read, rows_loaded, state, rejection_reason)"
            " values (%s, %s, %s, %s, %s, %s, 'test', 0, 0, %s, %s, %s, %s, %s, %s) returning load_id",
            (
                *(delivery_id, system, table, day, nn, f"{table}/{day}/{nn}", mode or contract.mode_on(day)),
                *(loaded, loaded, loaded, state, None if state == "loaded" else "row_count_differs"),
            ),
        ).fetchone()
        connection.execute("select raw.ensure_month(%s, %s)", (table, day))
        for line, row in enumerate(rows, start=2):
            values = _plain_row(contract) | row | {"load_id": load_id, "line": line, "business_date": day}
            connection.execute(
                sql.SQL("insert into {} ({}) values ({})").format(
                    sql.Identifier("raw", table),
                    sql.SQL(", ").join(map(sql.Identifier, values)),
                    sql.SQL(", ").join(sql.Placeholder() * len(values)),
                ),
                list(values.values()),
            )
        ledger.record_change(connection, load_id, table, day)
        for key in {value for row in rows for value in row.values() if isinstance(value, uuid.UUID)}:
            connection.execute(
                "insert into raw.person values (%s, '1950-02-03', '1', '410802', %s) on conflict do nothing",
                (key, load_id),
            )
    return load_id


def deliver_days(first: date | str, last: date | str, **rows_of_table: dict[str, list[dict]]) -> None:
    """Deliver every owed table of every day in a range: {table: {day: rows}}; an absent day is delivered empty."""
    day = date.fromisoformat(str(first))
    while day <= date.fromisoformat(str(last)):
        is_month_end = (day + timedelta(days=1)).day == 1
        for table, contract in contracts.load_all().items():
            due = contract.delivery["due"]
            rows = rows_of_table.get(table, {}).get(str(day), [])
            if due == "daily" or (due == "month_end" and is_month_end) or rows:
                deliver(table, day, rows)
        day += timedelta(days=1)


def _plain_row(contract: contracts.Contract) -> dict:
    row = {}
    for column in contract.columns.values():
        if not column.required:
            continue
        for name, kind in column.raw_columns:
            if name.endswith("_status") and column.person == "national_id":
                row[name] = "missing"
            elif kind == "text":
                row[name] = {"month": "202101", "year": "2021", "division": "410802001000"}.get(column.type, "1")
            elif kind != "uuid":
                row[name] = BLANK[kind]
    return row
