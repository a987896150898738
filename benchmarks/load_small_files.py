"""Load of 6,000 small files (as many as 500 days of 12 files) against one psql process that copies each of them.

    .venv/bin/python benchmarks/load_small_files.py [--files 6000] [--limit-seconds 120]

The days are a synthetic city's without figures. The loader verifies, decodes, judges, archives and keeps the ledger, one
transaction per delivery; psql copies the finished rows of each file into a typed, logged table, one statement per file. The limit
is that of the whole load, in seconds. Needs an empty WAREHOUSE_HOME of its own (default: a temporary folder).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))
FIRST = date(2020, 1, 1)
FILES_A_DAY = 10.1  # ten daily tables, and the monthly ones


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--files", type=int, default=6_000)
    arguments.add_argument("--limit-seconds", type=float, default=120, help="fail above this")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="load_small_files_") as home:
        os.environ.setdefault("WAREHOUSE_HOME", home)
        from warehouse import embedded, pipeline, settings

        try:
            pipeline.init()
            sys.exit(_compare(given))
        finally:
            embedded.stop(settings.get())


def _compare(given: argparse.Namespace) -> int:
    from warehouse import database, pipeline, settings

    landing = settings.get().landing_folder
    landing.rmdir()
    figures = settings.get().home / "no_figures.csv"
    header = (PROJECT / "tests" / "fixtures" / "figures.csv").read_text(encoding="utf-8").splitlines()[0]
    figures.write_text(header + "\n", encoding="utf-8")
    last = FIRST + timedelta(days=round(given.files / FILES_A_DAY) - 1)
    pipeline.synth(figures, 1, FIRST, last, landing, lambda _: None)
    files = len([path for path in landing.glob("*/*/*/*") if path.name != "_MANIFEST.csv"])
    started = time.perf_counter()
    totals = pipeline.load(progress=lambda _: None)
    load = time.perf_counter() - started
    assert totals["rejected"] == [], totals["rejected"][:3]
    copy = _psql(settings.get().home / "finished", database.url())
    print(f"{files:,} files in {totals['deliveries']:,} deliveries, {totals['rows_loaded']:,} rows")
    print(f"load {load:.1f} s ({files / load:.0f} files a second), psql \\copy {copy:.1f} s, ratio {load / copy:.1f}")
    print(f"limit {given.limit_seconds:.0f} s")
    return 0 if load <= given.limit_seconds else 1


def _psql(folder: Path, url: str) -> float:
    """Copy the same rows again, one file and one statement for each loaded file."""
    from warehouse import database, embedded

    folder.mkdir()
    commands = []
    with database.connect(autocommit=True) as connection:
        connection.execute("create schema benchmark")
        loaded = connection.execute("select load_id, table_name, business_date from audit.file order by 1").fetchall()
        for table in sorted({table for _, table, _ in loaded}):
            connection.execute(f"create table benchmark.{table} (like raw.{table})")
        for load_id, table, day in loaded:
            path = folder / f"{load_id}.csv"
            rows = f"select * from raw.{table} where load_id = {load_id} and business_date = '{day}'"
            with path.open("wb") as file, connection.cursor().copy(f"copy ({rows}) to stdout (format csv)") as copy:
                for data in copy:
                    file.write(data)
            commands.append(f"\\copy benchmark.{table} from '{path}' (format csv)")
    script = folder / "copy.sql"
    script.write_text("\n".join(commands) + "\n")
    started = time.perf_counter()
    subprocess.run([embedded.binaries() / "psql", url, "-q", "-v", "ON_ERROR_STOP=1", "-f", script], check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
