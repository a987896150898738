"""Freeze a build as a candidate publication, make it current, roll back: append rows, then flip one pointer.

Readers see `mart.*`, fixed views over `store.*` that follow the one row of `store.current`. The frozen rows carry a
checksum, so that what goes out is what the gate judged. Why: `docs/explanation/architecture.md`, "Publish".
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from warehouse import database, frozen, settings
from warehouse.errors import BuildFailed, PublicationBlocked, PublicationConflict, UsageError
from warehouse.ledger import Readiness

log = logging.getLogger(__name__)

# a reader who began a long session on a publication may finish it: architecture.md, "Versions are kept"
KEPT_AT_LEAST = timedelta(hours=48)


def freeze(build_id: int, readiness: Readiness) -> int:
    """Copy the marts of a finished build into `store` as a candidate publication, in one transaction.

    Args:
        build_id: the newest build; asked again for the same build, the same candidate comes back.
        readiness: as-of dates and gaps that go with the publication.
    Returns: the publication's number.
    Raises: PublicationConflict, when the build is not the newest finished one or another build runs;
        BuildFailed, when a mart or one of its columns is missing.
    """
    with database.connect("builder") as connection:
        known = connection.execute(
            "select publication_id from audit.publication where build_id = %s and checksum is not null", (build_id,)
        ).fetchone()
        if known:
            return known[0]
        _hold_builds_off(connection)
        _require_newest_build(connection, build_id)
        (publication_id,) = connection.execute(
            "insert into audit.publication (build_id, is_partial, gaps, as_of) values (%s, %s, %s, %s)"
            " returning publication_id",
            (
                *(build_id, readiness.partial),
                Jsonb(
                    [
                        {
                            "system": gap.system,
                            "table": gap.table,
                            "business_date": gap.business_date.isoformat(),
                            "state": gap.state,
                            "late_at": gap.late_at.isoformat(),
                            "may_publish_without": gap.may_publish_without,
                        }
                        for gap in readiness.gaps
                    ]
                ),
                Jsonb({system: day.isoformat() for system, day in readiness.as_of.items()}),
            ),
        ).fetchone()
        row_counts = {mart: _copy(connection, mart, publication_id) for mart in frozen.marts(connection)}
        connection.execute(
            "update audit.publication set row_counts = %s, checksum = %s where publication_id = %s",
            (Jsonb(row_counts), frozen.checksum(connection, publication_id), publication_id),
        )
        _write_log(connection, "freeze", None, publication_id, f"build {build_id}")
    return publication_id


def publish(publication_id: int) -> bool:
    """Make a checked candidate the current publication.

    Under one lock: checksum and gate verdict are read again, the pointer moves if nobody moved it since, the log says
    so.

    Returns: True when it became current now, False when it had been published before (nothing changes then).
    Raises: PublicationBlocked, when its gate verdict is missing, incomplete or bad, or it has a gap that must be waited
        for; PublicationConflict, when its rows are not those that were checked, a newer publication is out, or it was rolled back.
    """
    with database.connect("publisher") as connection:
        seq, current = _pointer(connection)
        connection.execute("select pg_advisory_xact_lock(%s, %s)", (database.LOCK_CLASS, database.PUBLISH_LOCK))
        candidate = frozen.publication(connection, publication_id)
        if candidate["state"] == "rolled_back":
            raise PublicationConflict(
                f"Publication {publication_id} was rolled back. To bring it back on purpose run:"
                f" warehouse roll-back {publication_id} --reason …"
            )
        if candidate["published_at"] is not None:
            return False
        newest = connection.execute(
            "select max(publication_id) from audit.publication where published_at is not null"
        ).fetchone()[0]
        if newest is not None and newest > publication_id:
            raise PublicationConflict(
                f"Publication {newest} is newer than {publication_id} and was published already; check and publish"
                " a newer candidate instead"
            )
        _require_gaps_allowed(candidate)
        frozen.require_unchanged(connection, candidate)
        _require_verdict(connection, candidate)
        _move_pointer(connection, seq, publication_id)
        connection.execute("update audit.publication set state = 'superseded' where publication_id = %s", (current,))
        connection.execute(
            "update audit.publication set state = 'published', published_at = now(), decided_at = now()"
            " where publication_id = %s",
            (publication_id,),
        )
        _write_log(connection, "publish", current, publication_id, f"gate: {candidate['gate_result']}")
    drop_old()
    return True


def roll_back(publication_id: int, reason: str) -> None:
    """Move the pointer back to a publication that was out before.

    Args: reason: why, for the log that auditors read.
    Raises: UsageError, when no reason is given; PublicationConflict, when the publication was never published, is
        current already, its rows are gone or are no longer those that were published.
    """
    if not reason.strip():
        raise UsageError("A roll back needs a reason for the log: warehouse roll-back NUMBER --reason …")
    with database.connect("publisher") as connection:
        seq, current = _pointer(connection)
        connection.execute("select pg_advisory_xact_lock(%s, %s)", (database.LOCK_CLASS, database.PUBLISH_LOCK))
        target = frozen.publication(connection, publication_id)
        if target["published_at"] is None:
            raise PublicationConflict(
                f"Publication {publication_id} was never published (it is {target['state']}); see: warehouse history"
            )
        if publication_id == current:
            raise PublicationConflict(f"Publication {publication_id} is the current one already")
        frozen.require_unchanged(connection, target)
        _move_pointer(connection, seq, publication_id)
        connection.execute(
            "update audit.publication set state = case when publication_id > %(target)s then 'rolled_back'"
            " else 'superseded' end where publication_id = %(current)s",
            {"target": publication_id, "current": current},
        )
        connection.execute(
            "update audit.publication set state = 'published' where publication_id = %s", (publication_id,)
        )
        _write_log(connection, "roll_back", current, publication_id, reason.strip())


def history() -> list[dict]:
    """Publications, newest first: the columns of `mart.publication` and `log`, its entries in words, oldest first."""
    with database.connect("auditor", autocommit=True) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        return cursor.execute(
            "select publication.*, coalesce((select array_agg("
            "    to_char(entry.happened_at, 'YYYY-MM-DD HH24:MI') || ' ' || entry.action || ' by ' || entry.done_by"
            "    || ': ' || entry.reason order by entry.entry_id)"
            "  from audit.publication_log as entry where entry.to_publication_id = publication.publication_id or"
            "  (entry.action in ('roll_back', 'drop') and entry.from_publication_id = publication.publication_id)"
            " ), '{}') as log"
            " from mart.publication as publication order by publication_id desc"
        ).fetchall()


def drop_old() -> list[int]:
    """Remove the rows of publications beyond the kept ones; never of the current one, never before 48 hours.

    Kept are the `WAREHOUSE_KEPT_PUBLICATIONS` newest published ones; blocked and abandoned candidates go after 48
    hours. The log and the verdicts stay. Returns: the publications whose rows were removed.
    """
    with database.connect("publisher") as connection:
        connection.execute("select pg_advisory_xact_lock(%s, %s)", (database.LOCK_CLASS, database.PUBLISH_LOCK))
        old = [
            publication_id
            for (publication_id,) in connection.execute(
                "with numbered as ("
                "  select publication_id, greatest(created_at, decided_at, (select max(happened_at) from"
                "      audit.publication_log where from_publication_id = publication.publication_id)) as last_used,"
                "    published_at is not null as was_published,"
                "    row_number() over (partition by published_at is not null order by publication_id desc) as age"
                "  from audit.publication as publication where dropped_at is null"
                ")"
                " select publication_id from numbered"
                " where publication_id is distinct from (select publication_id from store.current)"
                "   and last_used < clock_timestamp() - %(at_least)s"
                "   and (age > %(kept)s or (not was_published"
                "        and publication_id < (select max(publication_id) from audit.publication)))"
                " order by publication_id",
                {"kept": settings.get().kept_publications, "at_least": KEPT_AT_LEAST},
            )
        ]
        for mart in frozen.marts(connection) if old else ():
            connection.execute(
                sql.SQL("delete from {} where publication_id = any(%s)").format(sql.Identifier("store", mart)), (old,)
            )
        for publication_id in old:
            connection.execute(
                "update audit.publication set dropped_at = now() where publication_id = %s", (publication_id,)
            )
            _write_log(connection, "drop", publication_id, None, "older than what is kept")
    return old


def _require_gaps_allowed(candidate: Mapping) -> None:
    """A partial publication goes out only when its gaps' time is over and their contracts allow it."""
    now = settings.now()
    for gap in candidate["gaps"]:
        waits = datetime.fromisoformat(gap["late_at"]) > now
        if waits or not gap["may_publish_without"]:
            why = "may still come" if waits else "did not come, and its contract allows no partial publication"
            raise PublicationBlocked(
                f"Publication {candidate['publication_id']} does not go out: {gap['system']}/{gap['table']} of"
                f" {gap['business_date']} {why}. See: warehouse status"
            )


def _hold_builds_off(connection: psycopg.Connection) -> None:
    """No build may change the marts until this transaction ends."""
    free = connection.execute(
        "select pg_try_advisory_xact_lock(%s, %s)", (database.LOCK_CLASS, database.BUILD_LOCK)
    ).fetchone()[0]
    if not free:
        raise PublicationConflict("A build is running; freeze its marts when it has ended: warehouse build")


def _require_newest_build(connection: psycopg.Connection, build_id: int) -> None:
    newest, finished = connection.execute(
        "select max(build_id), bool_or(finished_at is not null) filter (where build_id = %s) from audit.build",
        (build_id,),
    ).fetchone()
    if not finished:
        raise PublicationConflict(f"Build {build_id} is unknown or did not finish; run: warehouse build")
    if newest != build_id:
        raise PublicationConflict(
            f"The marts may hold build {newest}, which began after build {build_id}; run: warehouse build"
        )


def _copy(connection: psycopg.Connection, mart: str, publication_id: int) -> int:
    """Append a mart's rows to its frozen table. Returns: how many."""
    served, built = (
        [
            name
            for (name,) in connection.execute(
                "select attname::text from pg_attribute where attrelid = to_regclass(%s) and attnum > 0"
                " and not attisdropped and attname <> 'publication_id' order by attnum",
                (f"{schema}.{mart}",),
            )
        ]
        for schema in ("store", "marts")
    )
    if set(served) != set(built):
        raise BuildFailed(
            f"marts.{mart} has the columns {', '.join(sorted(built)) or '(none: no such table)'}, but store.{mart}"
            f" serves {', '.join(sorted(served))}. Mend dbt_project/models/marts/{mart}.sql, or serve the new shape"
            " with a numbered file in database/."
        )
    columns = sql.SQL(", ").join(map(sql.Identifier, served))
    return connection.execute(
        sql.SQL("insert into {} (publication_id, {}) select %s, {} from {}").format(
            sql.Identifier("store", mart), columns, columns, sql.Identifier("marts", mart)
        ),
        (publication_id,),
    ).rowcount


def _pointer(connection: psycopg.Connection) -> tuple[int, int | None]:
    return connection.execute("select seq, publication_id from store.current").fetchone()


def _move_pointer(connection: psycopg.Connection, expected_seq: int, publication_id: int) -> None:
    moved = connection.execute(
        "update store.current set publication_id = %s, seq = seq + 1 where seq = %s", (publication_id, expected_seq)
    ).rowcount
    if moved != 1:
        raise PublicationConflict(
            f"Another publication went out while {publication_id} was being published; see: warehouse history"
        )


def _require_verdict(connection: psycopg.Connection, publication: Mapping) -> None:
    """The newest check of this publication judged these very rows, all its results are kept, and none blocks."""
    publication_id = publication["publication_id"]
    run = connection.execute(
        "select run.checksum, run.result, run.results, count(result.rule_id),"
        "   count(*) filter (where severity = 'critical' and status <> 'passed' and waiver is null)"
        " from audit.latest_validation_run as run"
        " left join audit.validation_result as result using (run_id)"
        " where run.publication_id = %s group by run.run_id, run.checksum, run.result, run.results",
        (publication_id,),
    ).fetchone()
    if run is None:
        raise PublicationBlocked(f"Publication {publication_id} was not checked; run: warehouse check {publication_id}")
    checked, result, promised, kept, blocking = run
    if result == "blocked" or publication["gate_result"] == "blocked" or blocking:
        raise PublicationBlocked(
            f"The gate blocked publication {publication_id}; see: warehouse check {publication_id}"
        )
    if checked != publication["checksum"] or promised != kept:
        raise PublicationBlocked(
            f"The verdict on publication {publication_id} is not whole: {kept} of {promised} results are kept"
            f"{'' if checked == publication['checksum'] else ', and it judged other rows'}."
            f" Run: warehouse check {publication_id}"
        )


def _write_log(
    connection: psycopg.Connection, action: str, from_publication: int | None, to_publication: int | None, reason: str
) -> None:
    connection.execute(
        "insert into audit.publication_log (action, from_publication_id, to_publication_id, reason)"
        " values (%s, %s, %s, %s)",
        (action, from_publication, to_publication, reason),
    )
    log.info(json.dumps({"action": action, "from": from_publication, "to": to_publication, "reason": reason}))
