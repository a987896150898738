"""Check: is a candidate publication fit to leave? The only module that knows Great Expectations.

The gate judges what was built (staging of the affected business dates, core) and the frozen marts of one candidate, and
fails closed: a missing suite, an expectation that errors, a lost result or changed rows block like a broken rule. It
reads as `builder` in read-only sessions and keeps counts only; no cell enters a verdict.
"""

import json
import logging
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from warehouse import database, expectations, frozen
from warehouse.errors import PublicationBlocked, PublicationConflict
from warehouse.expectations import Fault, Result, Suite, Verdict

log = logging.getLogger(__name__)

# counts without cells: SUMMARY lists unexpected values unless their number is 0
RESULT_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


def check(publication_id: int, folder: Path | None = None) -> Verdict:
    """Judge a candidate publication and keep every verdict in audit.validation_result.

    Args: folder: where the suites stand; default: `expectations/`.
    Returns: the verdict, when the publication may go out; a published one is not judged again and has no results.
    Raises: PublicationBlocked, naming the broken rules; PublicationConflict, when a newer build took the place of
        what the candidate was frozen from, or one is running.
    """
    started_at = datetime.now(UTC)
    with database.connect("builder", autocommit=True) as connection, _no_build(connection):
        publication = frozen.publication(connection, publication_id)
        if publication["published_at"] is not None:
            run = connection.execute(
                "select run_id from audit.latest_validation_run where publication_id = %s", (publication_id,)
            ).fetchone()
            return Verdict(publication_id, run[0] if run else 0, publication["gate_result"], ())
        _require_newest_build(connection, publication)
        usable, faults, files_sha256 = expectations.load(folder or expectations.FOLDER)
        faults += expectations.missing(usable, _required(connection))
        judged = [result for fault in faults for result in [expectations.fault_result(fault)]]
        judged += _judge(connection, usable, publication_id)
        promised = len(faults) + sum(len(suite.expectations) for suite in usable)
        if len(judged) != promised or not usable:
            message = f"{len(judged)} of {promised} verdicts came back from {len(usable)} suites"
            judged.append(expectations.fault_result(Fault("gate", "results_missing", message)))
        return _decide(publication, judged, started_at, files_sha256, len(usable))


def rules_changed(connection: psycopg.Connection, publication_id: int) -> bool:
    """Were the expectations changed since a publication was judged?"""
    row = connection.execute(
        "select suites_sha256 from audit.latest_validation_run where publication_id = %s", (publication_id,)
    ).fetchone()
    return row is not None and row[0] != expectations.load(expectations.FOLDER)[2]


@contextmanager
def _no_build(connection: psycopg.Connection) -> Iterator[None]:
    """Hold builds off while the gate reads what they write."""
    key = (database.LOCK_CLASS, database.BUILD_LOCK)
    if not connection.execute("select pg_try_advisory_lock_shared(%s, %s)", key).fetchone()[0]:
        raise PublicationConflict("A build is running; check its candidate when it has ended")
    try:
        yield
    finally:
        connection.execute("select pg_advisory_unlock_shared(%s, %s)", key)


def _require_newest_build(connection: psycopg.Connection, publication: Mapping) -> None:
    newest = connection.execute("select max(build_id) from audit.build").fetchone()[0]
    if newest != publication["build_id"]:
        raise PublicationConflict(
            f"Publication {publication['publication_id']} was frozen from build {publication['build_id']}, but staging"
            f" and core hold build {newest} now. Check the candidate of that build: warehouse build"
        )


def _required(connection: psycopg.Connection) -> list[str]:
    """What must have a suite (`layer.table`): every frozen mart, every table of the star, every staging view."""
    built = connection.execute(
        "select relnamespace::regnamespace::text || '.' || relname from pg_class"
        " where relnamespace in (select oid from pg_namespace where nspname in ('staging', 'core'))"
        " and relkind in ('r', 'p', 'v', 'm') order by 1"
    ).fetchall()
    return [*(f"marts.{mart}" for mart in frozen.marts(connection)), *(name for (name,) in built)]


def _judge(connection: psycopg.Connection, usable: Iterable[Suite], publication_id: int) -> list[Result]:
    """Let Great Expectations validate every suite."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx  # seconds to import, so only here
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from sqlalchemy import URL

    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "great_expectations"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # its messages may hold cells: verdicts are ours to tell
    known = database.parameters()
    address = URL.create(
        "postgresql+psycopg2",
        *(known[name] for name in ("user", "password", "host")),
        int(known["port"]),
        known["dbname"],
    )
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_postgres(
        "warehouse",
        connection_string=address.render_as_string(hide_password=False),
        create_temp_table=False,
        kwargs={"connect_args": {"options": "-c role=builder -c default_transaction_read_only=on -c jit=off"}},
    )
    judged = []
    for suite in usable:
        query = _query(connection, suite, publication_id)
        try:
            batch = source.add_query_asset(suite.name, query=query).add_batch_definition_whole_table("all").get_batch()
            found = batch.validate(gx.ExpectationSuite(**_document(suite)), result_format=RESULT_FORMAT).results
        except Exception as error:  # whatever went wrong, the suite did not pass: fail closed
            log.warning("suite %s could not be judged: %s", suite.name, type(error).__name__)
            judged += [_unjudged(suite, number, type(error).__name__) for number in range(len(suite.expectations))]
            continue
        by_id = {result.expectation_config.meta["id"]: result for result in found}
        judged += [
            _result(suite, number, by_id.get(expectation["meta"]["id"]))
            for number, expectation in enumerate(suite.expectations)
        ]
    return judged


def _document(suite: Suite) -> dict:
    """What Great Expectations is given: our query is ours, everything else its own."""
    return {"name": suite.name, "expectations": [dict(expectation) for expectation in suite.expectations]}


def _query(connection: psycopg.Connection, suite: Suite, publication_id: int) -> str:
    """The rows that a suite judges."""
    if suite.query is not None:
        counted = suite.query.replace("{publication_id}", str(int(publication_id)))
        return f"select * from ({counted}) as counted"  # noqa: S608 -- Great Expectations wants a select first
    if suite.layer == "marts":
        return f"select * from store.{suite.table} where publication_id = {int(publication_id)}"  # noqa: S608
    if suite.layer == "staging":
        return f"select * from staging.{suite.table}{_affected(connection, suite.table)}"  # noqa: S608 -- a file's name
    return f"select * from {suite.layer}.{suite.table}"  # noqa: S608 -- a file's name


def _affected(connection: psycopg.Connection, view: str) -> str:
    """A where clause for the business dates that this build took in, as literals, so that partitions are left out."""
    table = view.removeprefix("stg_")
    dates = [
        f"date '{day}'"
        for (day,) in connection.execute(
            "select business_date from build.affected where table_name = %s order by 1", (table,)
        )
    ]
    untouched = connection.execute(
        "select exists (select from build.in_force where table_name = %s"
        " and (table_name, business_date) not in (select table_name, business_date from build.affected))",
        (table,),
    ).fetchone()[0]
    if not untouched:
        return ""
    return f" where business_date in ({', '.join(dates)})" if dates else " where false"


def _result(suite: Suite, number: int, found) -> Result:
    """Our verdict from one of Great Expectations' results (None: it gave none)."""
    if found is None:
        return _unjudged(suite, number, "no result came back")
    raised = found.exception_info or {}
    if raised.get("raised_exception", bool(raised)):
        return _unjudged(suite, number, _exception_class(raised))
    counts = found.result or {}
    return _named(
        suite,
        number,
        "passed" if found.success else "failed",
        element_count=counts.get("element_count"),
        unexpected_count=counts.get("unexpected_count"),
        observed=_number(counts.get("observed_value")),
    )


def _unjudged(suite: Suite, number: int, problem: str) -> Result:
    return _named(suite, number, "error", problem=problem)


def _named(suite: Suite, number: int, status: str, **counts) -> Result:
    expectation = suite.expectations[number]
    kwargs, meta = expectation.get("kwargs") or {}, expectation["meta"]
    column = kwargs.get("column") or ", ".join(
        filter(None, (kwargs.get("column_A"), kwargs.get("column_B"), *kwargs.get("column_list", ())))
    )
    return Result(
        rule_id=f"{suite.name}.{meta['id']}",
        suite=suite.name,
        layer=suite.layer,
        table_name=suite.table,
        position=number,
        expectation_type=expectation["type"],
        column_name=column or None,
        severity=expectation["severity"],
        status=status,
        why=meta["why"],
        wanted={name: value for name, value in kwargs.items() if not name.startswith(("column", "condition_parser"))},
        source=meta.get("source"),
        **counts,
    )


def _number(value: object) -> Decimal | None:
    """An aggregate as a number; anything else could be a cell and is left out."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(str(value)) if math.isfinite(value) else None


def _exception_class(raised: Mapping) -> str:
    """The kind of error, without its message, which may quote a cell."""
    details = raised if "exception_traceback" in raised else next(iter(raised.values()), {})
    last_line = str(details.get("exception_traceback") or "").strip().rpartition("\n")[2]
    named = re.match(r"[\w.]+(?=:|$)", last_line)
    return f"raised {named.group().rpartition('.')[2]}" if named else "raised an error"


def _decide(
    publication: Mapping, judged: list[Result], started_at: datetime, files_sha256: str, suite_count: int
) -> Verdict:
    """Hold the rows against their checksum once more, keep the verdicts, and set the candidate's state; all or nothing.

    Raises: PublicationBlocked.
    """
    publication_id = publication["publication_id"]
    with database.connect("publisher") as connection:
        connection.execute("select pg_advisory_xact_lock(%s, %s)", (database.LOCK_CLASS, database.PUBLISH_LOCK))
        found = frozen.checksum(connection, publication_id)
        if found != publication["checksum"]:
            message = "the frozen rows are not those that were frozen; build a new candidate: warehouse build"
            judged.append(expectations.fault_result(Fault("gate", "checksum_differs", message)))
        outcome = expectations.outcome(judged)
        (run_id,) = connection.execute(
            "insert into audit.validation_run"
            " (publication_id, started_at, checksum, suites_sha256, suites, results, result)"
            " values (%s, %s, %s, %s, %s, %s, %s) returning run_id",
            (publication_id, started_at, found, files_sha256, suite_count, len(judged), outcome),
        ).fetchone()
        _keep(connection, run_id, publication_id, judged)
        connection.execute(
            "update audit.publication set state = case %(outcome)s when 'blocked' then 'blocked' else 'checked' end,"
            " gate_result = %(outcome)s, checked_at = clock_timestamp(),"
            " decided_at = case %(outcome)s when 'blocked' then clock_timestamp() end"
            " where publication_id = %(publication_id)s and published_at is null",
            {"outcome": outcome, "publication_id": publication_id},
        )
        verdict = Verdict(publication_id, run_id, outcome, tuple(judged))
        if verdict.blocking:
            connection.execute(
                "insert into audit.publication_log (action, to_publication_id, reason) values ('block', %s, %s)",
                (publication_id, ", ".join(result.rule_id for result in verdict.blocking)),
            )
    log.info(json.dumps({"publication": publication_id, "gate": outcome, "rules": len(judged)}))
    if verdict.blocking:
        raise PublicationBlocked(expectations.message(verdict))
    return verdict


def _keep(connection: psycopg.Connection, run_id: int, publication_id: int, judged: Iterable[Result]) -> None:
    rows = [
        asdict(result)
        | {
            "run_id": run_id,
            "publication_id": publication_id,
            "success": result.success,
            "wanted": Jsonb(dict(result.wanted or {})),
        }
        for result in judged
    ]
    columns = tuple(rows[0])
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into audit.validation_result ({', '.join(columns)})"  # noqa: S608 -- the fields of Result
            f" values ({', '.join(f'%({column})s' for column in columns)})",
            rows,
        )
