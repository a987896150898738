"""`make demo`: a synthetic city's days through Airflow, from the senders' folder to the published ranking.

All business dates but the last two are loaded as one range; the last two arrive as on ordinary mornings, noticed by the
asset watchers, each giving its own publication. What is done already is found and not done again.
"""

import errno
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Self

from rich.console import Console

from scripts.demo_result import show
from warehouse import airflow_home, contracts, database, pipeline, settings
from warehouse.airflow_client import Client, Run
from warehouse.errors import UsageError, WarehouseError
from warehouse.landing import MANIFEST
from warehouse.settings import PROJECT, Settings

FIGURES = PROJECT / "tests" / "fixtures" / "figures.csv"
DAILY_DATES = 2
SILENT_SECONDS = 900  # no step of the full city is silent for longer on two cores
SECONDS_BETWEEN_LINES = 5  # when something changed
SECONDS_OF_SILENCE = 20  # when nothing did

console = Console(highlight=False)
begin = time.monotonic()


class DemoFailed(WarehouseError):
    """A run failed or nothing moves any more; the message names the task and its log."""


@dataclass(frozen=True)
class City:
    """What the demo generates; `DEMO_FIGURES`, `DEMO_SEED`, `DEMO_FROM` and `DEMO_TO` make it another one."""

    figures: Path
    seed: int
    first: date
    last: date

    @classmethod
    def from_environment(cls) -> Self:
        given = os.environ
        try:
            city = cls(
                Path(given.get("DEMO_FIGURES") or FIGURES).resolve(),
                int(given.get("DEMO_SEED") or 1),
                date.fromisoformat(given.get("DEMO_FROM") or "2021-01-01"),
                date.fromisoformat(given.get("DEMO_TO") or "2022-01-31"),
            )
        except ValueError as error:
            raise UsageError(f"{error}; wanted DEMO_FROM and DEMO_TO as YYYY-MM-DD and DEMO_SEED as a number") from None
        if not city.figures.is_file():
            raise UsageError(f"DEMO_FIGURES is {city.figures}, which is no file")
        if city.range_end < city.first:
            raise UsageError(
                f"{city.first} to {city.last} is too short: the demo wants at least {DAILY_DATES + 1} days"
            )
        return city

    @property
    def range_end(self) -> date:
        """The last business date of the range; those after it arrive one by one."""
        return self.last - timedelta(days=DAILY_DATES)

    @property
    def daily_dates(self) -> list[date]:
        return [self.range_end + timedelta(days=number) for number in range(1, DAILY_DATES + 1)]

    def description(self) -> dict:
        return {
            "figures_sha256": hashlib.sha256(self.figures.read_bytes()).hexdigest(),
            "seed": self.seed,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
        }


def main() -> None:
    """Run what is not done yet, then show the result."""
    configured = settings.get()
    city = City.from_environment()
    require_own_home(configured, city)
    os.environ["WAREHOUSE_NOW"] = str(configured.home / "clock")
    set_clock(configured, at_morning_after(city.range_end, "06:00"))
    say("preparing PostgreSQL, keys and folders")
    pipeline.init()
    if is_published(city.last):
        say("this city is published already: nothing to do")
    else:
        with airflow_while(configured, lambda: generate(configured, city)) as airflow:
            run_through(Client(airflow), configured, city)
        say("stopped Airflow")
    set_clock(configured, at_morning_after(city.last, "06:00"))
    show(console, city.figures, configured)
    say("done")


def require_own_home(configured: Settings, city: City) -> None:
    """Refuse a home that holds something else: synthetic rows must not meet real ones, nor those of another city."""
    file = configured.home / "demo.json"
    if file.exists():
        if json.loads(file.read_text()) != city.description():
            raise UsageError(
                f"{configured.home} holds the demo of another city. Run: make clean, or set WAREHOUSE_HOME elsewhere"
            )
        return
    if any(configured.landing_folder.glob("*/*")):
        raise UsageError(
            f"{configured.landing_folder} holds deliveries of others. Set WAREHOUSE_HOME to an empty folder"
        )
    configured.home.mkdir(parents=True, exist_ok=True)


def generate(configured: Settings, city: City) -> None:
    """Write the city into the senders' folder, once; an interrupted writing begins again."""
    sender, unfinished = configured.home / "sender", configured.home / "sender.unfinished"
    if sender.exists():
        return
    shutil.rmtree(unfinished, ignore_errors=True)
    say(f"writing the deliveries of {city.first} to {city.last}")
    pipeline.synth(city.figures, city.seed, city.first, city.last, unfinished, say)
    (configured.home / "demo.json").write_text(json.dumps(city.description()))
    unfinished.rename(sender)


@contextmanager
def airflow_while(configured: Settings, work: Callable[[], None]) -> Iterator[airflow_home.Airflow]:
    """Start Airflow while `work` is done; stop it when the block ends, whatever happens."""
    airflow_home.stop(configured)  # one started by `make up` may run by another clock
    try:
        with ThreadPoolExecutor(1) as executor:
            # paused: the watchers must not begin before the range's runs are asked for
            starting = executor.submit(airflow_home.start, configured, say, paused=True)
            work()
            airflow = starting.result()
        yield airflow
    finally:
        airflow_home.stop(configured)


def run_through(client: Client, configured: Settings, city: City) -> None:
    """Deliver and wait: the range by one run for each system, then day by day."""
    loads = {f"load_{system}" for system in contracts.systems()}
    client.wait_for_dags(loads | {"publish", "bulletin", "watchdog"})
    sender, landing = configured.home / "sender", configured.landing_folder
    since = datetime.now(UTC)
    if not is_published(city.range_end):
        count = deliver(sender, landing, lambda _, day: day <= city.range_end)
        say(f"delivered {count} folders up to {city.range_end}; one run for each system loads them")
        for dag_id in sorted(loads):
            client.start_run(dag_id, {"from": city.first.isoformat(), "to": city.range_end.isoformat()})
    for dag_id in sorted(loads | {"publish", "bulletin", "watchdog"}):
        client.unpause(dag_id)
    wait(client, lambda: is_published(city.range_end), since, f"publication of the range up to {city.range_end}")
    for day in city.daily_dates:
        set_clock(configured, at_morning_after(day, "00:31"))
        count = deliver(sender, landing, lambda _, due, day=day: due <= day)
        say(f"{day}: {count} deliveries landed; the watchers take over")
        wait(client, lambda day=day: is_published(day), since, f"publication of {day}")
    wait(client, lambda: is_written(client, since), since, "bulletin and quality report")


def deliver(sender: Path, landing: Path, is_due: Callable[[str, date], bool]) -> int:
    """Move the deliveries whose system and business date are due into landing, oldest first; returns how many."""
    moved = 0
    for folder in sorted(sender.glob("*/????-??-??/??"), key=lambda path: path.parts[-2:]):
        if is_due(folder.parts[-3], date.fromisoformat(folder.parts[-2])):
            move(folder, landing / folder.relative_to(sender))
            moved += 1
    return moved


def move(folder: Path, target: Path) -> None:
    """Move one delivery; on another file system the manifest follows last, as a sender writes it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns(MANIFEST), dirs_exist_ok=True)
        shutil.copy2(folder / MANIFEST, target / f".{MANIFEST}")
        (target / f".{MANIFEST}").rename(target / MANIFEST)
        shutil.rmtree(folder)


def wait(client: Client, is_done: Callable[[], bool], since: datetime, what: str) -> None:
    """Wait until `is_done`, telling how far things are.

    Raises: DemoFailed, when a run since `since` failed, or nothing moved for SILENT_SECONDS.
    """
    say(f"waiting for the {what}")
    told, told_at, moved_at = None, 0.0, time.monotonic()
    while not is_done():
        runs = [run for dag_id in watched() for run in client.runs(dag_id, since)]
        if failed := next((run for run in runs if run.state == "failed"), None):
            raise DemoFailed(explain(client, failed))
        now, state = time.monotonic(), standing(client, runs)
        if state != told:
            moved_at = now
        if now - told_at > (SECONDS_OF_SILENCE if state == told else SECONDS_BETWEEN_LINES):
            say(state if state != told else f"still at it, for {now - moved_at:.0f} s: {state}")
            told, told_at = state, now
        if now - moved_at > SILENT_SECONDS:
            raise DemoFailed(f"Nothing has moved for {SILENT_SECONDS} s while waiting for the {what}; {state}")
        time.sleep(1)


def watched() -> list[str]:
    """The DAGs whose failure is the demo's; the watchdog runs by the real day's time and is not among them."""
    return [*(f"load_{system}" for system in contracts.systems()), "publish", "bulletin"]


def standing(client: Client, runs: list[Run]) -> str:
    """What is loaded and which tasks run, in one line."""
    with database.connect("auditor", autocommit=True) as connection:
        deliveries, rows = connection.execute(
            "select (select count(*) from audit.delivery), coalesce(sum(rows_loaded), 0) from audit.file"
        ).fetchone()
    running = sorted({place for run in runs if not run.finished for place in client.running_tasks(run)})
    return f"{deliveries} deliveries and {rows:,} rows loaded; running: {', '.join(running) or 'nothing'}"


def explain(client: Client, run: Run) -> str:
    """Which task of a failed run failed, why, and where its log lies."""
    reasons = []
    for task_id, log in client.failed_tasks(run):
        reasons.append(f"{run.dag_id}.{task_id} failed: {reason(log)}. Its log: {log}")
    return "\n".join(reasons) or f"{run.dag_id} failed in run {run.run_id}"


def reason(log: Path) -> str:
    """The exception at the end of a task's log (JSON lines)."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    for line in reversed(lines):
        with_error = json.loads(line) if line.startswith("{") else {}
        if details := with_error.get("error_detail"):
            return f"{details[0]['exc_type']}: {details[0]['exc_value']}"
    return "no reason stands in its log"


def is_published(day: date) -> bool:
    """Is a publication out in which every system is complete up to `day`?"""
    with database.connect("bi_reader", autocommit=True) as connection:
        row = connection.execute("select as_of from mart.publication where is_current").fetchone()
    return row is not None and all(row[0].get(system, "") >= day.isoformat() for system in contracts.systems())


def is_written(client: Client, since: datetime) -> bool:
    """Have the pages of the last publication been written?"""
    publishes, bulletins = client.runs("publish", since), client.runs("bulletin", since)
    if not all(run.finished for run in publishes + bulletins):
        return False
    with database.connect("bi_reader", autocommit=True) as connection:
        (published_at,) = connection.execute("select published_at from mart.publication where is_current").fetchone()
    return any(run.started_at and run.started_at > published_at for run in bulletins)


def at_morning_after(day: date, clock: str) -> datetime:
    """Shanghai time of the morning after a business date."""
    return datetime.fromisoformat(f"{day + timedelta(days=1)}T{clock}:00").replace(tzinfo=settings.SHANGHAI)


def set_clock(configured: Settings, instant: datetime) -> None:
    """Move the pipeline's clock; readers never see half a line."""
    new = configured.home / "clock.new"
    new.write_text(instant.isoformat())
    new.rename(configured.home / "clock")


def say(message: str) -> None:
    """One line of progress with the seconds since the start."""
    console.print(f"[dim]{time.monotonic() - begin:5.0f} s[/]  ", end="")
    console.print(message, markup=False, soft_wrap=True)


if __name__ == "__main__":
    # ended by another program, the demo stops Airflow as it does after Ctrl-C
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        main()
    except WarehouseError as failure:
        console.print("[bold red]The demo stopped.[/] ", end="")
        console.print(str(failure), markup=False, soft_wrap=True)
        sys.exit(failure.exit_code)
