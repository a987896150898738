"""Verified load of a million payment lines against `psql \\copy` of the same rows into a typed, logged table.

    .venv/bin/python benchmarks/load_million.py [--rows 1000000] [--persons 400000] [--runs 3]

Both sides are whole processes, run alternately on the same server. The loader verifies manifest and sha256, decodes GB18030
strictly, judges each cell, makes tokens, archives the file encrypted and writes the ledger; psql copies finished rows. Needs an
empty WAREHOUSE_HOME of its own (default: a temporary folder).
"""

import argparse
import csv
import hashlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))
DAY = "2021-06-30"
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国红玉兰凤琴海燕志文学㙍垱"
LOADER = """
import sys, time
started = time.perf_counter()
from datetime import date
from pathlib import Path
from warehouse import database, landing, raw
imported = time.perf_counter()
with database.connect("loader", autocommit=True) as connection:
    delivery = landing.read("assistance", date.fromisoformat(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
    result = raw.load(connection, delivery)
assert not result.rejected, result.rejected
done = time.perf_counter()
import re
# not getrusage: its peak begins with that of the process that started this one
peak_kib = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(result.rows_loaded, imported - started, done - imported, time.process_time(), peak_kib)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--persons", type=int, default=400_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--limit", type=float, default=2.5, help="fail above this ratio of the medians")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="load_million_") as home:
        os.environ.setdefault("WAREHOUSE_HOME", home)
        from warehouse import embedded, pipeline, settings

        try:
            pipeline.init()
            sys.exit(_compare(given))
        finally:
            embedded.stop(settings.get())


def _compare(given: argparse.Namespace) -> int:
    from warehouse import database, settings

    folder = settings.get().landing_folder / "assistance" / DAY
    first = _write_delivery(folder / "01", given.rows, given.persons)
    print(f"{given.rows:,} lines, {given.persons:,} persons, {first.stat().st_size / 1e6:.0f} MB of GB18030")
    loads, copies = [], []
    # the first load also meets every person for the first time and seals them into the vault
    elapsed, phases = _load(folder, 1)
    print(f"first load, all persons new: {elapsed:.2f} s ({phases})")
    with database.connect(autocommit=True) as connection:
        connection.execute("vacuum analyze raw.person")  # what autovacuum does within a minute of such a load
    finished = _export(settings.get().home / "finished.csv")
    for number in range(2, 2 + given.runs):
        _copy_folder(folder / "01", folder / f"{number:02}")
        _empty_raw()
        elapsed, phases = _load(folder, number)
        loads.append(elapsed)
        copies.append(_psql(finished, database.url()))
        print(f"run {number - 1}: load {elapsed:.2f} s ({phases}), psql \\copy {copies[-1]:.2f} s")
    ratio = statistics.median(loads) / statistics.median(copies)
    print(f"ratio of medians: {ratio:.2f} (limit {given.limit})")
    return 0 if ratio <= given.limit else 1


def _write_delivery(folder: Path, rows: int, persons: int) -> Path:
    """A file as the senders write it, most cells plain, every thousandth odd, and its manifest."""
    from tests.deliveries import with_check_character
    from warehouse import contracts

    contract = contracts.load_all()["payment_detail"]
    chance = random.Random(7)
    people = []
    for number in range(persons):
        day = f"{chance.randrange(1930, 2015)}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}"
        identifier = with_check_character(f"990{chance.randrange(1, 183):03}{day}{chance.randrange(1000):03}")
        name = chance.choice(SURNAMES) + "".join(chance.choices(GIVEN, k=2))
        people.append((f"R{number:09}", name, identifier, f"6228{chance.randrange(10**15):015}"))
    townships = [f"4108{county}{place:03}000" for county in ("02", "03", "11", "23", "82") for place in range(1, 20)]
    folder.mkdir(parents=True)
    path = folder / f"FFMX_410800_{DAY.replace('-', '')}.csv"
    total = 0
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(column.header for column in contract.columns.values())
        for number in range(rows):
            beneficiary, name, identifier, account = people[number % persons]
            programme = ("DBN", "CJ1", "DBC", "CJ2", "GL")[number // persons % 5]
            amount = 5 * chance.randrange(10, 200)
            total += amount
            odd = number % 1000 == 0
            writer.writerow(
                (
                    *(f"FF{DAY[:4]}{number:012}", f"B{number // 20_000:06}", "202106", "1"),
                    *("2021/6/30" if odd else "20210630", "1", "", programme, beneficiary, name),
                    *(identifier.lower() + " " if odd else identifier, chance.choice(townships), "1"),
                    *(f"{amount:,}.00元" if odd else f"{amount}.00", "", "", f"{amount}.00", account, "1", "1"),
                    *("410802000001", f"20210630{8 + number % 10:02}{number // 60 % 60:02}{number % 60:02}"),
                )
            )
    _write_manifest(folder, path, rows, total)
    return path


def _write_manifest(folder: Path, path: Path, rows: int, total: int) -> None:
    header = "file_name,table,mode,period_start,period_end,row_count,amount_sum,sha256,exported_at"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    line = f"{path.name},payment_detail,increment,{DAY},{DAY},{rows},{total}.00,{sha256},2021-07-01T00:30:00+08:00"
    (folder / "_MANIFEST.csv").write_text(f"{header}\n{line}\n", encoding="utf-8")


def _copy_folder(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).hardlink_to(path)


def _load(folder: Path, number: int) -> tuple[float, str]:
    started = time.perf_counter()
    command = [sys.executable, "-c", LOADER, DAY, str(number), str(folder / f"{number:02}")]
    done = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    elapsed = time.perf_counter() - started
    rows, imported, loaded, processor, memory = done.stdout.split()
    return elapsed, (
        f"imports {float(imported):.2f} s, load {float(loaded):.2f} s, processor {float(processor):.2f} s,"
        f" {int(rows):,} rows, peak {int(memory) / 1024:.0f} MiB"
    )


def _empty_raw() -> None:
    """Rows go, the persons stay: a usual day brings few new persons. The archived copy goes, so that it is written again."""
    import shutil

    from warehouse import database, settings

    with database.connect(autocommit=True) as connection:
        connection.execute("truncate raw.payment_detail")
        connection.execute("checkpoint")
    shutil.rmtree(settings.get().archive_folder)


def _export(path: Path) -> Path:
    """The finished rows as psql will copy them, and the table they go to."""
    from warehouse import database

    with database.connect(autocommit=True) as connection, path.open("wb") as file:
        connection.execute("create schema benchmark")
        connection.execute("create table benchmark.payment_detail (like raw.payment_detail)")
        with connection.cursor().copy("copy (select * from raw.payment_detail) to stdout (format csv)") as copy:
            for data in copy:
                file.write(data)
    return path


def _psql(path: Path, url: str) -> float:
    from warehouse import database, embedded

    with database.connect(autocommit=True) as connection:
        connection.execute("truncate benchmark.payment_detail")
        connection.execute("checkpoint")
    started = time.perf_counter()
    subprocess.run(
        [embedded.binaries() / "psql", url, "-qc", f"\\copy benchmark.payment_detail from '{path}' (format csv)"],
        check=True,
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
