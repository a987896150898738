"""A published small city, written straight into the frozen marts and the ledger, for the tests of the pages.

Its catalogue and divisions are the project's own seeds; its values follow from simple sums that the tests know.
"""

import calendar
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import psycopg
from psycopg.types.json import Jsonb

from warehouse import contracts
from warehouse.settings import PROJECT, SHANGHAI

SEEDS = PROJECT / "dbt_project" / "seeds"
CITY = "410800"
CHECKSUM = "ab" * 32
# county: cremations and deaths of 2021, then of January 2022
CREMATIONS = {
    "410883": (2610, 2610, 250, 250),
    "410871": (846, 1178, 113, 113),
    "410802": (1748, 2462, 226, 263),
    "410821": (513, 1811, 144, 178),
    "410811": (1190, 2174, 129, 201),
    "410882": (1305, 3116, 161, 326),
    "410825": (959, 2901, 119, 264),
    "410804": (403, 1015, 51, 116),
    "410803": (421, 879, 65, 148),
    "410822": (698, 2611, 97, 283),
    "410823": (1550, 4787, 143, 440),
}
PROGRAMMES = ("DBC", "DBN", "TKC", "TKN", "TKH", "JB", "LS", "ZH", "GL", "CJ1", "CJ2", "GE", "SW")


@dataclass(frozen=True)
class Period:
    grain: str
    name: str
    start: date
    end: date


def seed(name: str) -> list[dict]:
    """Rows of one of the project's seeds."""
    with (SEEDS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def publish(
    connection: psycopg.Connection,
    *,
    gaps: tuple[dict, ...] = (),
    values: dict[tuple[str, str], tuple[Decimal | None, str]] | None = None,
    person_times: dict[str, int] | None = None,
    name_of_first_unit: str = "孟州市",
) -> int:
    """Publish 2021 and January 2022 of the small city; months of 2022 after January are not due yet.

    Args:
        gaps: as `mart.publication.gaps`.
        values: {(indicator, period): (value, state)} of the city that differ from the simple sums.
        person_times: of a programme in January 2022, where it differs.
    Returns: the publication's number.
    """
    (build_id,) = connection.execute(
        "insert into audit.build (full_refresh, finished_at) values (true, clock_timestamp()) returning build_id"
    ).fetchone()
    connection.execute("update audit.change set build_id = %s where build_id is null", (build_id,))
    as_of = {"assistance": "2022-01-31", "civil_registration": "2022-01-31", "funeral": "2022-01-31"}
    as_of |= {gap["system"]: "2022-01-29" for gap in gaps}
    (publication_id,) = connection.execute(
        "insert into audit.publication (build_id, is_partial, gaps, as_of) values (%s, %s, %s, %s)"
        " returning publication_id",
        (build_id, bool(gaps), Jsonb(list(gaps)), Jsonb(as_of)),
    ).fetchone()
    _write(connection, "indicator", publication_id, _catalogue())
    _write(connection, "division", publication_id, _divisions())
    _write(connection, "indicator_value", publication_id, _values(values or {}))
    _write(connection, "cremation_ranking", publication_id, _ranking(name_of_first_unit))
    _write(connection, "assistance_monthly", publication_id, _assistance(person_times or {}))
    connection.execute(
        "update audit.publication set row_counts = '{}', checksum = %s, state = 'published', gate_result = 'passed',"
        " checked_at = %s, decided_at = %s, published_at = %s where publication_id = %s",
        (CHECKSUM, *[datetime(2022, 2, 1, 1, 5, tzinfo=UTC)] * 3, publication_id),
    )
    connection.execute("update store.current set publication_id = %s, seq = seq + 1", (publication_id,))
    return publication_id


def deliver(
    connection: psycopg.Connection,
    system: str,
    business_date: date,
    *,
    nn: int = 1,
    without: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
    rejected: dict[str, tuple[str, str]] | None = None,
    hours_late: int = 0,
    **counts: dict[str, int],
) -> dict[str, int]:
    """Enter a delivery into the ledger as the loader does: ten rows read and loaded in each table that is owed.

    Args:
        without, only: tables left out, or the only ones delivered.
        rejected: {table: (reason, message)}.
        hours_late: added to 00:40 of the next day.
        counts: by table, columns of audit.file that differ.
    Returns: {table: load_id}.
    """
    arrived = datetime.combine(business_date, time(0, 40), SHANGHAI) + timedelta(days=1, hours=hours_late)
    (delivery_id,) = connection.execute(
        "insert into audit.delivery (system, business_date, nn, manifest_sha256, arrived_at)"
        " values (%s, %s, %s, %s, %s) returning delivery_id",
        (system, business_date, nn, f"{system}{business_date}{nn}", arrived),
    ).fetchone()
    owed = [
        name
        for name, contract in contracts.of_system(system).items()
        if contract.delivery["due"] == "daily"
        or (contract.delivery["due"] == "month_end" and (business_date + timedelta(days=1)).day == 1)
    ]
    loads = {}
    for table in only or [name for name in owed if name not in without]:
        reason, message = (rejected or {}).get(table, (None, None))
        file = {
            "delivery_id": delivery_id, "system": system, "table_name": table, "business_date": business_date,
            "nn": nn, "path": f"{system}/{business_date}/{nn:02}/{table}", "sha256": f"{table}{business_date}{nn}",
            "size_bytes": 1, "modified_ns": 1, "mode": "increment", "exported_at": arrived, "manifest_row_count": 10,
            "rows_read": 10, "rows_loaded": 10, "state": "rejected" if reason else "loaded",
            "rejection_reason": reason, "rejection_message": message,
        } | counts.get(table, {})  # fmt: skip
        (loads[table],) = connection.execute(
            f"insert into audit.file ({', '.join(file)}) values ({', '.join(['%s'] * len(file))}) returning load_id",
            list(file.values()),
        ).fetchone()
        if not reason:
            connection.execute(
                "insert into audit.change (load_id, table_name, business_date) values (%s, %s, %s)",
                (loads[table], table, business_date),
            )
    return loads


def quarantine(connection: psycopg.Connection, load_id: int, line: int, column: str, reason: str) -> None:
    """Put one line of a file into quarantine."""
    connection.execute(
        "insert into audit.quarantined_row (load_id, line, column_name, reason, wanted, business_key, contract_version)"
        " values (%s, %s, %s, %s, 'a date', 'key-of-the-row', 1)",
        (load_id, line, column, reason),
    )


def judge(connection: psycopg.Connection, publication_id: int, verdicts: list[dict]) -> None:
    """Store one check of the gate with its verdicts."""
    (run_id,) = connection.execute(
        "insert into audit.validation_run"
        " (publication_id, started_at, checksum, suites_sha256, suites,"
        " results, result)"
        " values (%s, now(), %s, %s, 1, %s, 'warning') returning run_id",
        (publication_id, CHECKSUM, "cd" * 32, len(verdicts)),
    ).fetchone()
    for position, given in enumerate(verdicts):
        verdict = {
            "run_id": run_id, "publication_id": publication_id, "rule_id": f"core.fct_death.{position}",
            "suite": "core.fct_death", "layer": "core", "table_name": "fct_death", "position": position,
            "expectation_type": "expect_column_values_to_not_be_null", "column_name": "died_on",
            "severity": "critical", "success": given.get("status", "passed") == "passed", "status": "passed",
            "element_count": 100, "unexpected_count": 0, "why": "a death without a day is in no month",
        } | given  # fmt: skip
        connection.execute(
            f"insert into audit.validation_result ({', '.join(verdict)}) values ({', '.join(['%s'] * len(verdict))})",
            list(verdict.values()),
        )


def city_value(indicator: str, period: Period) -> Decimal:
    """The simple sum: position of the indicator x days of the period, with cents."""
    position = next(int(row["position"]) for row in _catalogue() if row["indicator"] == indicator)
    return Decimal(position * ((period.end - period.start).days + 1)) + Decimal("0.125")


def periods() -> Iterator[Period]:
    for year, months in ((2021, range(1, 13)), (2022, range(1, 3))):
        for month in months:
            last = calendar.monthrange(year, month)[1]
            yield Period("month", f"{year}-{month:02}", date(year, month, 1), date(year, month, last))
    for quarter in range(4):
        end = date(2021, quarter * 3 + 3, 30 if quarter in (1, 2) else 31)
        yield Period("quarter", f"2021Q{quarter + 1}", date(2021, quarter * 3 + 1, 1), end)
    yield Period("quarter", "2022Q1", date(2022, 1, 1), date(2022, 3, 31))
    yield Period("year", "2021", date(2021, 1, 1), date(2021, 12, 31))
    yield Period("year", "2022", date(2022, 1, 1), date(2022, 12, 31))


def _write(connection: psycopg.Connection, mart: str, publication_id: int, rows: list[dict]) -> None:
    columns = list(rows[0])
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into store.{mart} (publication_id, {', '.join(columns)}) values (%s{', %s' * len(columns)})",
            [(publication_id, *(row[column] for column in columns)) for row in rows],
        )


def _catalogue() -> list[dict]:
    wanted = (
        "indicator",
        "name_zh",
        "name_en",
        "definition",
        "unit",
        "basis",
        "finest_geography",
        "decimals",
        "source_tables",
        "position",
    )
    return [
        {name: row[name] for name in wanted} | {"source_tables": row["source_tables"].split()}
        for row in seed("indicator_catalogue.csv")
    ]


def _divisions() -> list[dict]:
    counties = [
        {
            "division_code": row["code6"],
            "name_zh": row["name_zh"],
            "name_en": row["name_en"],
            "kind": row["kind"],
            "is_city": False,
            "position": position,
        }
        for position, row in enumerate(seed("division_county.csv"), start=1)
    ]
    city = {"division_code": CITY, "name_zh": "焦作市", "name_en": "Jiaozuo", "kind": "地级市", "is_city": True}
    return [*counties, city | {"position": 0}]


def _values(given: dict) -> list[dict]:
    rows = []
    for entry in _catalogue():
        for period in periods():
            key = (entry["indicator"], period.name)
            is_due = period.name not in ("2022-02", "2022Q1", "2022")
            value, state = given.get(
                key, (city_value(entry["indicator"], period), "value") if is_due else (None, "not_due")
            )
            rows.append(
                {
                    "indicator": entry["indicator"],
                    "grain": period.grain,
                    "period": period.name,
                    "period_start": period.start,
                    "period_end": period.end,
                    "division_code": CITY,
                    "numerator": value,
                    "denominator": None,
                    "value": value,
                    "state": state,
                }
            )
    return rows


def _ranking(name_of_first_unit: str) -> list[dict]:
    names = {row["code6"]: row for row in seed("division_county.csv")}
    rates = {code: round(Decimal(100 * now) / of, 2) for code, (_, _, now, of) in CREMATIONS.items()}
    rows = []
    for order, (code, (cremated, died, cremated_now, died_now)) in enumerate(CREMATIONS.items(), start=1):
        before, now = Decimal(100 * cremated) / died, Decimal(100 * cremated_now) / died_now
        rows.append(
            {
                "grain": "month",
                "period": "2022-01",
                "period_start": date(2022, 1, 1),
                "division_code": code,
                "name_zh": name_of_first_unit if order == 1 else names[code]["name_zh"],
                "name_en": names[code]["name_en"],
                "cremations": cremated_now,
                "deaths": died_now,
                "rate_percent": now,
                "rank": 1 + sum(rate > rates[code] for rate in rates.values()),
                "previous_year_rate_percent": before,
                "change_points": now - before,
                "shown_order": order,
                "state": "value",
            }
        )
    return rows


def _assistance(person_times: dict[str, int]) -> list[dict]:
    rows = []
    for period in periods():
        if period.grain != "month":
            continue
        for position, programme in enumerate(PROGRAMMES, start=1):
            count = 1000 * position + period.start.month
            if period.name == "2022-01":
                count = person_times.get(programme, count)
            rows.append(
                {
                    "period": period.name,
                    "period_start": period.start,
                    "programme_code": programme,
                    "division_code": CITY,
                    "person_times": count,
                    "amount_yuan": Decimal(count) * Decimal("255.25"),
                    "payment_lines": count,
                    "persons": count,
                }
            )
    return rows
