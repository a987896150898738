"""START HERE: the steps in order. The command line and the DAGs call these functions and nothing below them.

landing ──load──► raw ──build──► staging ► core ► marts ──check──► publish ──► mart.* ──► bulletin, report

Every step may be run again at any time: the ledger decides what is new. Each imports what it needs when it runs, so
that a DAG file that wires them parses in milliseconds.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

log = logging.getLogger(__name__)
Progress = Callable[[str], None]


def init() -> dict:
    """Prepare database, keys and folders: migrations, roles, raw tables from the contracts. Safe to repeat.

    Returns: {"migrations": names applied now, "tables": raw tables made or widened now}.
    """
    from warehouse import database, identity, raw_tables, settings

    configured = settings.get()
    for folder in (configured.landing_folder, configured.archive_folder, configured.reports_folder):
        folder.mkdir(parents=True, exist_ok=True)
    migrations = database.migrate()
    with database.connect() as connection:
        identity.ensure_keys(connection)
        tables = raw_tables.ensure(connection)
    return {"migrations": migrations, "tables": tables}


def synth(figures: Path, seed: int, first: date, last: date, out: Path, progress: Progress = log.info) -> None:
    """Write the synthetic city's deliveries of the business dates first..last that add up to a figures file."""
    import sys

    from warehouse.settings import PROJECT

    if str(PROJECT) not in sys.path:
        sys.path.insert(0, str(PROJECT))
    from scripts.synthetic_city.cli import generate
    from scripts.synthetic_city.figures import FiguresError
    from warehouse.errors import UsageError

    try:
        generate(figures=figures, seed=seed, first_day=first, last_day=last, out=out, progress=progress)
    except (FiguresError, FileNotFoundError, FileExistsError) as error:
        raise UsageError(str(error)) from None


def load(
    systems: Iterable[str] | None = None,
    first: date | str | None = None,
    last: date | str | None = None,
    progress: Progress = log.info,
) -> dict:
    """Load what has landed and is not in the ledger: one transaction per delivery, oldest business date first.

    Args:
        systems: names of sending systems; None for all.
        first, last: business dates (inclusive, ISO text or date); None for open.
    Returns: {"deliveries", "rows_loaded", "rows_repeated", "rows_quarantined": counts, "rejected": one sentence per
        file that was refused}.
    Raises: UsageError, when a system has no contract or a day cannot be read.
    """
    from warehouse import contracts, database, identity, landing, ledger, raw, raw_tables
    from warehouse.errors import UsageError

    chosen = tuple(systems) if systems else contracts.systems()
    if unknown := sorted(set(chosen) - set(contracts.systems())):
        raise UsageError(f"No contract of a system {', '.join(unknown)}; there are {', '.join(contracts.systems())}")
    first, last = _day(first), _day(last)
    if first and last and first > last:
        raise UsageError(f"The first business date {first} lies after the last, {last}")
    counted = ("rows_loaded", "rows_repeated", "rows_quarantined")
    totals = {"deliveries": 0, **dict.fromkeys(counted, 0), "rejected": []}
    with database.connect() as connection:
        identity.require_same_keys(connection)
        raw_tables.ensure(connection)
    for sentence in landing.left_alone(chosen):
        log.warning("left alone: %s", sentence)
    with ledger.open_load(chosen, first, last), database.connect("loader", autocommit=True) as connection:
        deliveries = landing.pending(connection, chosen, first, last)
        for position, delivery in enumerate(deliveries, start=1):
            result = raw.load(connection, delivery)
            totals["deliveries"] += 1
            for name in counted:
                totals[name] += getattr(result, name)
            totals["rejected"] += list(result.rejected)
            for message in result.rejected:
                log.warning(message)
            if position % 50 == 0 or position == len(deliveries):
                progress(f"{position} of {len(deliveries)} deliveries, {totals['rows_loaded']:,} rows loaded")
    return totals


def is_ready() -> bool:
    """Is something loaded, or were models or rules changed, so that a publication may go out? Says why not in the log."""
    from warehouse import database, ledger

    with database.connect("builder", autocommit=True) as connection:
        readiness = ledger.readiness(connection, renewed=_renewed(connection))
    log.info("%s: %s", "ready" if readiness.ready else "not ready", readiness.reason)
    return readiness.ready


def _renewed(connection) -> str | None:
    """Why a publication is due although nothing new was loaded; None when it is not."""
    from warehouse import ledger, quality, transform

    if transform.models_changed(connection):
        return "the models changed"
    blocked = ledger.blocked_publication(connection)
    return "the rules that blocked it changed" if blocked and quality.rules_changed(connection, blocked) else None


def build(full_refresh: bool = False) -> int | None:
    """Build the star and the marts from what is loaded, and freeze them as a candidate publication.

    Returns: the candidate's publication number (a blocked one, when nothing changed since); None when nothing is loaded
        that is not published, or what the build took in may not go out yet.
    Raises: BuildFailed.
    """
    from warehouse import database, ledger, publish, transform

    with database.connect("builder", autocommit=True) as connection:
        build_id = None if full_refresh or transform.models_changed(connection) else ledger.undecided_build(connection)
        if build_id is None:
            blocked = ledger.blocked_publication(connection)
            if not (
                full_refresh
                or blocked
                or ledger.has_pending_changes(connection)
                or transform.models_changed(connection)
            ):
                log.info("nothing is loaded that is not published")
                return None
            build_id = transform.build(full_refresh=full_refresh).build_id
        # a load may have gone on meanwhile: what the build took in decides, and is what the publication tells
        readiness = ledger.readiness(connection, of_build=True)
    if not readiness.ready:
        log.info("no candidate: %s", readiness.reason)
        return None
    return publish.freeze(build_id, readiness)


def check(publication_id: int) -> int:
    """Judge a candidate publication by the expectations; the verdicts are kept in audit.validation_result.

    Raises: PublicationBlocked, naming the broken rules.
    """
    from warehouse import quality

    quality.check(publication_id)
    return publication_id


def publish(publication_id: int) -> int:
    """Make a checked candidate the current publication: one pointer row flips.

    Raises: PublicationBlocked, when its gate verdict is missing or bad; PublicationConflict, when it changed since.
    """
    from warehouse import publish as publishing

    publishing.publish(publication_id)
    return publication_id


def roll_back(publication_id: int, reason: str) -> int:
    """Move the pointer back to an earlier publication; the reason goes into the log."""
    from warehouse import publish as publishing

    publishing.roll_back(publication_id, reason)
    return publication_id


def bulletin(publication_id: int | None = None) -> Path | None:
    """Write the bulletin's pages of a publication (default: the current one)."""
    from warehouse import bulletin as pages
    from warehouse import database

    with database.connect("bi_reader", autocommit=True) as connection:
        publication_id = publication_id or _current(connection)
        return pages.write(publication_id, connection) if publication_id else None


def report(publication_id: int | None = None) -> Path | None:
    """Write the quality report's pages of a publication (default: the current one)."""
    from warehouse import audit, database

    with database.connect("auditor", autocommit=True) as connection:
        publication_id = publication_id or _current(connection)
        return audit.write_report(publication_id, connection) if publication_id else None


def run(systems: Iterable[str] | None = None, progress: Progress = log.info) -> dict:
    """Do all that is pending, without Airflow: load, build, check, publish, bulletin, report.

    Returns: the load's totals, with "publication": its number or None, and "reason" when nothing was published.
    """
    from warehouse import database, ledger

    totals = load(systems, progress=progress)
    totals["publication"] = None
    with database.connect("builder", autocommit=True) as connection:
        # asked for by hand, a blocked candidate is judged once more: what broke it may lie outside of the project
        again = "judged once more" if ledger.blocked_publication(connection) else None
        readiness = ledger.readiness(connection, renewed=_renewed(connection) or again)
    totals["reason"] = readiness.reason
    candidate = None
    if readiness.ready:
        progress("building the star and the marts")
        candidate = build()
    if candidate is None:
        for unwritten in unwritten_publications():
            progress(f"writing the pages of publication {unwritten}")
            bulletin(unwritten)
            report(unwritten)
        return totals
    progress(f"checking publication {candidate}")
    check(candidate)
    publish(candidate)
    progress(f"published {candidate}; writing bulletin and quality report")
    bulletin(candidate)
    report(candidate)
    totals["publication"] = candidate
    return totals


def unwritten_publications() -> list[int]:
    """The current publication, if its pages are not there: a run was killed between publishing and writing."""
    from warehouse import database, settings

    with database.connect("bi_reader", autocommit=True) as connection:
        current = _current(connection)
    folder = settings.get().reports_folder / str(current)
    names = [f"{page}.{language}.html" for page in ("bulletin", "quality") for language in ("zh", "en")]
    return [current] if current and not all((folder / name).exists() for name in names) else []


def status() -> dict:
    """Where the warehouse stands: current publication, as-of dates, what waits and why, what is quarantined."""
    from warehouse import database, landing, ledger
    from warehouse.errors import WarehouseError

    try:
        left_alone = landing.left_alone()
    except WarehouseError as error:
        left_alone = [str(error)]
    with database.connect("auditor", autocommit=True) as connection:
        readiness = ledger.readiness(connection)
        return {
            "left_alone": left_alone,
            "without_contract": ledger.files_without_contract(connection),
            "publication": ledger.current_publication(connection),
            "readiness": readiness,
            "overdue": ledger.overdue(connection),
            "rejected": ledger.rejected_files(connection),
            "quarantined_rows": ledger.quarantined_rows(connection),
        }


def overdue() -> list[str]:
    """Deliveries that should have come by the pipeline's clock and did not.

    Raises: WarehouseError, naming them, when there are any: the watchdog's task fails visibly.
    """
    from warehouse import database, ledger
    from warehouse.errors import WarehouseError

    with database.connect("auditor", autocommit=True) as connection:
        late = ledger.overdue(connection)
    if late:
        raise WarehouseError(
            f"{len(late)} deliveries are overdue: {'; '.join(late[:10])}{' …' if len(late) > 10 else ''}."
            " Ask their senders; see: warehouse status"
        )
    return late


def _current(connection) -> int | None:
    row = connection.execute("select publication_id from mart.publication where is_current").fetchone()
    return row[0] if row else None


def _day(value: date | str | None) -> date | None:
    from warehouse.errors import UsageError

    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise UsageError(f"'{value}' is no business date; wanted YYYY-MM-DD") from None


def figures(against: Path) -> list:
    """Compare the current publication with a figures file; see `warehouse.figures.Comparison`."""
    from warehouse import database
    from warehouse import figures as comparing

    with database.connect("bi_reader", autocommit=True) as connection:
        return comparing.compare(against, connection)


def history() -> list[dict]:
    """Publications and what became of them, newest first."""
    from warehouse import publish as publishing

    return publishing.history()


def quarantine_summary() -> list[dict]:
    """Quarantined rows counted by system, table, column and reason."""
    from warehouse import database, quarantine

    with database.connect("auditor", autocommit=True) as connection:
        return quarantine.summary(connection)


def quarantine_show(file: str, line: int | None = None) -> list[dict]:
    """Why rows of a file are in quarantine; no cell in clear."""
    from warehouse import database, quarantine

    with database.connect("auditor", autocommit=True) as connection:
        return quarantine.show(connection, file, line)


def quarantine_retry():
    """Judge quarantined rows again whose contract has changed since; see `warehouse.quarantine.RetryResult`."""
    from warehouse import database, quarantine, raw_tables

    with database.connect() as connection:
        raw_tables.ensure(connection)
    with database.connect("loader", autocommit=True) as connection:
        return quarantine.retry(connection)
