"""The ledger's questions: what waits to be built, may it go out, and what may a build see.

The ledger decides what is new, never a file's age: a late, failed or out-of-order delivery cannot be skipped.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import psycopg

from warehouse import database, settings

RANGE_LOCK_CLASS = database.LOCK_CLASS + 1


@dataclass(frozen=True)
class Gap:
    """A table that a system owes for a business date and that is not in force (state: missing or rejected)."""

    system: str
    table: str
    business_date: date
    state: str
    late_at: datetime
    may_publish_without: bool


@dataclass(frozen=True)
class Readiness:
    """May what is loaded be published now?

    Attributes:
        pending: something loaded is in no finished build yet, or the newest build is not published yet.
        ready: a publication may go out now.
        partial: it would go out with gaps.
        reason: one sentence for the log and `warehouse status`.
        as_of: last business date up to which nothing is missing, by system.
        gaps: what is missing up to the newest business date, oldest first.
    """

    pending: bool
    ready: bool
    partial: bool
    reason: str
    as_of: Mapping[str, date]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class Scope:
    """What a build takes in. `affected_dates` counts table x business date pairs."""

    build_id: int
    full_refresh: bool
    affected_dates: int


def readiness(connection: psycopg.Connection, *, renewed: str | None = None, of_build: bool = False) -> Readiness:
    """Judge by the delivery calendar and the pipeline's clock whether a publication may go out.

    A publication waits for the newest business date of every system until the contracts' late_after; then it goes out
    as partial if every missing table's contract allows it.

    Args:
        renewed: why something is to be published although nothing new was loaded (the models changed).
        of_build: judge what the newest build took in at its start, not what has arrived since; it counts as pending.
    """
    now = settings.now()
    source = "build" if of_build else "audit"
    as_of = dict(connection.execute(f"select system, as_of_date from {source}.system_as_of order by system").fetchall())  # noqa: S608
    gaps = tuple(
        Gap(*row)
        for row in connection.execute(
            "select system, table_name, business_date, state, late_at, may_publish_without"  # noqa: S608
            f" from {source}.delivery_calendar where state <> 'loaded' order by business_date, system, table_name"
        )
    )
    pending = of_build or bool(renewed) or _is_pending(connection)

    def judged(ready: bool, reason: str) -> Readiness:
        return Readiness(pending, ready, bool(gaps), reason, as_of, gaps)

    if not pending:
        if blocked := blocked_publication(connection):
            return judged(
                False,
                f"publication {blocked} is blocked by the gate and the last good one stays; its broken rules:"
                f" warehouse report {blocked}. Mend the data, the model or the rule, then: warehouse run",
            )
        return judged(False, "nothing is loaded that is not published")
    if not of_build and (loads := open_loads(connection)):
        return judged(False, f"a load is running ({loads}); one backlog is one publication")
    waiting = [gap for gap in gaps if gap.late_at > now]
    if waiting:
        until = max(gap.late_at for gap in waiting).astimezone(settings.SHANGHAI)
        return judged(False, f"waits until {until:%Y-%m-%d %H:%M} (Asia/Shanghai) for {describe(waiting)}")
    forbidden = [gap for gap in gaps if not gap.may_publish_without]
    if forbidden:
        return judged(
            False,
            f"{describe(forbidden)} did not come and its contract allows no partial publication; the last one stays",
        )
    because = f" ({renewed})" if renewed else ""
    if gaps:
        return judged(True, f"goes out as partial without {describe(gaps)}{because}")
    return judged(True, f"every system is complete{because}")


def _is_pending(connection: psycopg.Connection) -> bool:
    return connection.execute(
        "select exists (select from audit.change where build_id is null)"
        " or exists (select from audit.build where finished_at is not null"
        "   and build_id > coalesce((select max(build_id) from audit.publication where decided_at is not null), 0))"
    ).fetchone()[0]


def blocked_publication(connection: psycopg.Connection) -> int | None:
    """The candidate of the newest build, if the gate blocked it."""
    row = connection.execute(
        "select publication_id from audit.publication where state = 'blocked'"
        " and build_id = (select max(build_id) from audit.build where finished_at is not null)"
    ).fetchone()
    return row[0] if row else None


def describe(gaps: list[Gap] | tuple[Gap, ...], most: int = 5) -> str:
    """Gaps in words: `funeral/cremation_record of 2021-03-05 (missing)`; the first `most` of them."""
    words = [f"{gap.system}/{gap.table} of {gap.business_date} ({gap.state})" for gap in gaps[:most]]
    more = len(gaps) - most
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")


@contextmanager
def open_load(systems: tuple[str, ...], first: date | None, last: date | None) -> Iterator[int]:
    """Mark a load as running while the block runs. If the process dies, its session lock goes and the mark with it."""
    with database.connect("loader", autocommit=True) as connection:
        (range_id,) = connection.execute(
            "insert into audit.load_range (systems, first_business_date, last_business_date) values (%s, %s, %s)"
            " returning range_id",
            (list(systems), first, last),
        ).fetchone()
        connection.execute("select pg_advisory_lock(%s, %s)", (RANGE_LOCK_CLASS, range_id))
        try:
            yield range_id
        finally:
            connection.execute(
                "update audit.load_range set closed_at = clock_timestamp() where range_id = %s", (range_id,)
            )


def open_loads(connection: psycopg.Connection) -> str:
    """The loads running now, in words; empty when none runs."""
    rows = connection.execute(
        "select array_to_string(systems, ', ') from audit.load_range as load"
        " where closed_at is null and exists (select from pg_locks where locktype = 'advisory'"
        " and database = (select oid from pg_database where datname = current_database())"
        " and classid = %s and objid = load.range_id and granted)",
        (RANGE_LOCK_CLASS,),
    ).fetchall()
    return "; ".join(systems for (systems,) in rows)


def record_change(connection: psycopg.Connection, load_id: int, table: str, business_date: date) -> None:
    """Note, in the load's own transaction, that rows of a table and business date changed."""
    connection.execute(
        "insert into audit.change (load_id, table_name, business_date) values (%s, %s, %s)",
        (load_id, table, business_date),
    )


def open_build(
    connection: psycopg.Connection, *, full_refresh: bool, code_commit: str | None, lock_sha256: str
) -> Scope:
    """Freeze what a build may see: files in force, the delivery calendar, what changed since the last finished build.

    Args:
        connection: as builder, in no transaction; committed here. The caller holds the build lock.
    """
    with connection.transaction():
        connection.execute("set local transaction isolation level repeatable read")
        first = not connection.execute(
            "select exists (select from audit.build where finished_at is not null)"
        ).fetchone()[0]
        (build_id,) = connection.execute(
            "insert into audit.build (full_refresh, code_commit, lock_sha256) values (%s, %s, %s) returning build_id",
            (full_refresh or first, code_commit, lock_sha256),
        ).fetchone()
        for table in ("in_force", "affected", "delivery_calendar", "system_as_of", "change"):
            connection.execute(f"delete from build.{table}")  # noqa: S608 -- names stand above
        connection.execute(
            "insert into build.in_force (load_id, table_name, business_date, nn, mode)"
            " select load_id, table_name, business_date, nn, mode from audit.in_force"
        )
        connection.execute(
            "insert into build.delivery_calendar (system, table_name, business_date, late_at, may_publish_without, state)"
            " select system, table_name, business_date, late_at, may_publish_without, state from audit.delivery_calendar"
        )
        connection.execute(
            "insert into build.system_as_of (system, as_of_date)"
            " select system, as_of_date from audit.system_as_of where as_of_date is not null"
        )
        connection.execute(
            "insert into build.change (change_id) select change_id from audit.change where build_id is null"
        )
        affected = connection.execute(
            "insert into build.affected (table_name, business_date)"
            " select distinct table_name, business_date from audit.change where build_id is null"
        ).rowcount
    connection.execute("analyze build.in_force")
    return Scope(build_id, full_refresh or first, affected)


def close_build(connection: psycopg.Connection, build_id: int, problem: str | None = None) -> None:
    """End a build: on success its changes are taken in; on failure they stay pending for the next build."""
    with connection.transaction():
        if problem is None:
            connection.execute(
                "update audit.change set build_id = %s where change_id in (select change_id from build.change)",
                (build_id,),
            )
        connection.execute(
            "update audit.build set finished_at = case when %(problem)s::text is null then clock_timestamp() end,"
            " problem = %(problem)s where build_id = %(build_id)s",
            {"problem": problem, "build_id": build_id},
        )


def has_pending_changes(connection: psycopg.Connection) -> bool:
    """Is something loaded that no finished build has taken in?"""
    return connection.execute("select exists (select from audit.change where build_id is null)").fetchone()[0]


def undecided_build(connection: psycopg.Connection) -> int | None:
    """The newest build, if its marts still stand: it finished, took in all that is loaded, and awaits a decision."""
    row = connection.execute(
        "select build_id from audit.build"
        " where build_id = (select max(build_id) from audit.build) and finished_at is not null"
        " and not exists (select from audit.change where build_id is null)"
        " and build_id not in (select build_id from audit.publication where decided_at is not null)"
    ).fetchone()
    return row[0] if row else None


def current_publication(connection: psycopg.Connection) -> dict | None:
    """The current publication as a dictionary of `mart.publication`'s columns; None before the first."""
    cursor = connection.execute("select * from mart.publication where is_current")
    row = cursor.fetchone()
    return dict(zip((column.name for column in cursor.description), row, strict=True)) if row else None


def overdue(connection: psycopg.Connection) -> list[str]:
    """Deliveries due by the pipeline's clock that are not in force: `funeral 2021-03-05: cremation_record (missing)`.

    Days after the newest delivered one count too: a day on which nobody delivers is a fault as well.
    """
    rows = connection.execute(
        "with days as ("
        "  select day::date as business_date from audit.system_as_of as span,"
        "    generate_series(span.last_day + 1, (%(now)s at time zone 'Asia/Shanghai')::date, interval '1 day') as day"
        "  group by 1"
        "), silent as ("
        "  select contract.system, days.business_date, 'missing' as state,"
        "    string_agg(contract.table_name, ', ' order by contract.table_name) as tables"
        "  from days cross join audit.contract as contract"
        "  where contract.due = 'daily' and"
        "    (days.business_date + 1 + contract.due_time + contract.late_after) at time zone 'Asia/Shanghai' <= %(now)s"
        "  group by 1, 2"
        ")"
        " select system, business_date, string_agg(table_name, ', ' order by table_name), state"
        " from audit.delivery_calendar where state <> 'loaded' and late_at <= %(now)s group by 1, 2, 4"
        " union all select system, business_date, tables, state from silent order by 2, 1, 4",
        {"now": settings.now()},
    ).fetchall()
    return [f"{system} {business_date}: {tables} ({state})" for system, business_date, tables, state in rows]


def rejected_files(connection: psycopg.Connection) -> list[str]:
    """Why files and manifests were refused whose day still lacks a trusted export; one sentence each."""
    return [
        message
        for (message,) in connection.execute(
            "select message from ("
            "  select file.rejection_message as message, file.business_date, file.system from audit.file as file"
            "  inner join audit.delivery_calendar as calendar using (load_id) where calendar.state = 'rejected'"
            "  union all select problem || '. Ask the sender to export it again', business_date, system"
            "  from audit.delivery where problem is not null"
            ") as refused order by business_date, system, message"
        )
    ]


def files_without_contract(connection: psycopg.Connection) -> list[str]:
    """Files that were left alone because no contract speaks of their table: system and table, counted."""
    rows = connection.execute(
        "select system, table_name, count(*) from audit.file where state = 'no_contract' group by 1, 2 order by 1, 2"
    )
    return [
        f"{system}/{table}: {count} files; to load them, write contracts/{system}/{table}.yml"
        for system, table, count in rows
    ]


def quarantined_rows(connection: psycopg.Connection) -> int:
    """Rows in quarantine that no retry has released."""
    return connection.execute(
        "select count(distinct (load_id, line)) from audit.quarantined_row where released_by is null"
    ).fetchone()[0]
