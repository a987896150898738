"""The command line `warehouse`: one verb per step, thin over `warehouse/pipeline.py`.

Exit codes: 0 done, 1 failed (the message says what to do next), 2 misused.
"""

import logging
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from warehouse import database, pipeline
from warehouse.errors import DatabaseUnavailable, WarehouseError

app = typer.Typer(
    help="Civil-affairs warehouse: deliveries in, published indicators out. Start with `warehouse init`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
quarantine_app = typer.Typer(help="Rows that could not be taken in: list, show, judge again.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")

console = Console()
errors = Console(stderr=True)

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]


def main() -> None:
    """Entry point of the script `warehouse`."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        app()
    except WarehouseError as error:
        _fail(error)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        if database.is_migrated():
            raise
        _fail(DatabaseUnavailable("This database is not prepared yet; run: warehouse init"))
    except OSError as error:
        if error.filename is None:
            raise
        _fail(WarehouseError(f"{error.filename}: {error.strerror}. Mend the folder, or set WAREHOUSE_HOME to another"))


def _fail(error: WarehouseError) -> NoReturn:
    errors.print(f"[bold red]{type(error).__name__}[/]: ", end="")
    errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
    sys.exit(error.exit_code)


def _progress(message: str) -> None:
    errors.print(f"[dim]{datetime.now():%H:%M:%S}[/] {message}", highlight=False)  # noqa: DTZ005 -- the user's own clock


def _date(value: datetime | None) -> date | None:
    return value.date() if value else None


@app.command()
def init() -> None:
    """Prepare database, keys and folders; safe to repeat. Example: warehouse init"""
    done = pipeline.init()
    console.print(f"migrations applied: {', '.join(done['migrations']) or 'none'}")
    console.print(f"raw tables made or widened: {', '.join(done['tables']) or 'none'}")


@app.command()
def synth(
    figures: Annotated[Path, typer.Option(help="CSV with the columns of docs/reference/figures.md", exists=True)],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="first business date")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="last business date")],
    out: Annotated[Path, typer.Option(help="folder for the deliveries")],
    seed: Annotated[int, typer.Option(help="another seed gives another city with the same figures")] = 1,
) -> None:
    """Write a synthetic city's deliveries that add up to a figures file.

    Example: warehouse synth --figures figures.csv --from 2021-01-01 --to 2022-01-31 --out /tmp/city
    """
    pipeline.synth(figures, seed, first.date(), last.date(), out, _progress)


@app.command()
def load(
    system: Annotated[list[str] | None, typer.Option(help="only this sending system (may be repeated)")] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="first business date")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="last business date")] = None,
) -> None:
    """Load what has landed. Example: warehouse load --system funeral --from 2021-03-01 --to 2021-03-31"""
    _print_load(pipeline.load(system, _date(first), _date(last), _progress))


@app.command()
def build(
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="rebuild everything from raw")] = False,
) -> None:
    """Build star and marts into a candidate publication. Example: warehouse build"""
    candidate = pipeline.build(full_refresh)
    console.print(f"candidate publication {candidate}" if candidate else "no candidate; warehouse status says why")


@app.command()
def check(publication: Annotated[int, typer.Argument(help="number of the candidate")]) -> None:
    """Judge a candidate by the expectations; blocks on a broken critical one. Example: warehouse check 3"""
    pipeline.check(publication)
    console.print(f"publication {publication} may go out")


@app.command()
def publish(publication: Annotated[int, typer.Argument(help="number of the checked candidate")]) -> None:
    """Make a checked candidate current. Example: warehouse publish 3"""
    pipeline.publish(publication)
    console.print(f"published {publication}")


@app.command("roll-back")
def roll_back(
    publication: Annotated[int, typer.Argument(help="number of the earlier publication")],
    reason: Annotated[str, typer.Option(help="why; goes into the log that auditors read")],
) -> None:
    """Move readers back to an earlier publication. Example: warehouse roll-back 2 --reason "wrong rates in 3" """
    pipeline.roll_back(publication, reason)
    console.print(f"rolled back to {publication}")


@app.command()
def run(
    system: Annotated[list[str] | None, typer.Option(help="only this sending system (may be repeated)")] = None,
) -> None:
    """Do all that is pending, without Airflow: load, build, check, publish, bulletin, report. Example: warehouse run"""
    totals = pipeline.run(system, _progress)
    _print_load(totals)
    if totals["publication"]:
        console.print(f"published {totals['publication']} ({totals['reason']})")
    else:
        console.print(f"not published: {totals['reason']}")


@app.command()
def status() -> None:
    """Where the warehouse stands, and why it waits if it does. Example: warehouse status"""
    now = pipeline.status()
    current, readiness = now["publication"], now["readiness"]
    if current:
        partial = ", partial" if current["is_partial"] else ""
        console.print(
            f"publication {current['publication_id']} of {current['published_at']:%Y-%m-%d %H:%M}{partial} is current"
        )
    else:
        console.print("no publication yet")
    for system, as_of in readiness.as_of.items():
        console.print(f"  {system}: complete up to {as_of}")
    console.print(f"next publication: {readiness.reason}", highlight=False)
    for title, lines in (
        *(("overdue", now["overdue"]), ("rejected", now["rejected"])),
        *(("left alone", now["left_alone"]), ("without a contract", now["without_contract"])),
    ):
        for line in lines[:20]:
            console.print(f"  {title}: {line}", markup=False, highlight=False)
        if len(lines) > 20:
            console.print(f"  … and {len(lines) - 20} more {title}")
    console.print(f"rows in quarantine: {now['quarantined_rows']:,} (warehouse quarantine list)")


@app.command()
def figures(
    against: Annotated[Path, typer.Option(help="figures file to compare the current publication with", exists=True)],
) -> None:
    """Compare the published indicators with a figures file; exits 1 if one differs.

    Example: warehouse figures --against tests/fixtures/figures.csv
    """
    from warehouse import figures as comparing

    compared = pipeline.figures(against)
    console.print(comparing.table(compared))
    console.print(comparing.summary(compared))
    if not comparing.all_reproduced(compared):
        raise typer.Exit(1)


@app.command()
def bulletin(publication: Annotated[int | None, typer.Argument(help="default: the current one")] = None) -> None:
    """Write the bulletin's pages. Example: warehouse bulletin"""
    _print_page(pipeline.bulletin(publication))


@app.command()
def report(publication: Annotated[int | None, typer.Argument(help="default: the current one")] = None) -> None:
    """Write the quality report's pages. Example: warehouse report"""
    _print_page(pipeline.report(publication))


@app.command()
def history() -> None:
    """Publications and what became of them, newest first. Example: warehouse history"""
    table = Table("publication", "state", "decided", "partial", "gate")
    for row in pipeline.history():
        decided = f"{row['decided_at']:%Y-%m-%d %H:%M}" if row["decided_at"] else "-"
        table.add_row(
            str(row["publication_id"]), row["state"], decided, "yes" if row["is_partial"] else "no", row["gate_result"]
        )
    console.print(table)


@app.command()
def stop() -> None:
    """Stop the embedded PostgreSQL of this home. Example: warehouse stop"""
    from warehouse import embedded, settings

    console.print("stopped" if embedded.stop(settings.get()) else "was not running")


@quarantine_app.command("list")
def quarantine_list() -> None:
    """Count quarantined rows by system, table, column and reason. Example: warehouse quarantine list"""
    table = Table("system", "table", "column", "reason", "rows")
    for row in pipeline.quarantine_summary():
        table.add_row(row["system"], row["table_name"], row["column_name"], row["reason"], f"{row['rows']:,}")
    console.print(table)


@quarantine_app.command("show")
def quarantine_show(
    place: Annotated[str, typer.Argument(help="FILE or FILE:LINE, as messages name it")],
) -> None:
    """Why rows are in quarantine; no cell in clear. Example: warehouse quarantine show FFMX_410800_20210105.csv:18"""
    file, _, line = place.rpartition(":") if place.rpartition(":")[2].isdigit() else (place, "", "")
    table = Table("file", "NN", "line", "column", "reason", "wanted", "key")
    for row in pipeline.quarantine_show(file, int(line) if line else None):
        table.add_row(
            row["file"],
            f"{row['nn']:02}",
            str(row["line"]),
            row["column_name"],
            row["reason"],
            row["wanted"],
            row["business_key"],
        )
    console.print(table)


@quarantine_app.command("retry")
def quarantine_retry() -> None:
    """Judge quarantined rows again whose contract has changed. Example: warehouse quarantine retry"""
    result = pipeline.quarantine_retry()
    console.print(f"{result.judged:,} rows judged again, {result.released:,} let in; `warehouse run` publishes them")


def _print_load(totals: dict) -> None:
    console.print(
        f"{totals['deliveries']:,} deliveries: {totals['rows_loaded']:,} rows loaded,"
        f" {totals['rows_repeated']:,} repeated, {totals['rows_quarantined']:,} quarantined"
    )
    for message in totals["rejected"]:
        errors.print(f"rejected: {message}", markup=False, highlight=False, soft_wrap=True)


def _print_page(path: Path | None) -> None:
    if path is None:
        raise WarehouseError("There is no publication yet; run: warehouse run")
    console.print(str(path), soft_wrap=True, highlight=False)
