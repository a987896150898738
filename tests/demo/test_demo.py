"""`make demo` with a small city in a real Airflow: the range as one run, two ordinary mornings, what is left behind."""

import csv
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg
import pytest

from scripts import demo
from warehouse import airflow_home, contracts, database, embedded, settings
from warehouse.airflow_client import Client
from warehouse.settings import PROJECT

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(900)]

FIGURES = PROJECT / "tests" / "fixtures" / "figures_small.csv"
RANGE = {"from": "2022-01-01", "to": "2022-01-29"}


@dataclass
class Demo:
    """A finished demo: what it printed and the home it left."""

    home: Path
    output: str
    figures: int

    def again(self) -> tuple[str, float]:
        begin = time.monotonic()
        return run(), time.monotonic() - begin

    def published(self) -> list[tuple]:
        with database.connect("bi_reader", autocommit=True) as connection:
            return connection.execute(
                "select publication_id, as_of, is_partial from mart.publication"
                " where published_at is not null order by publication_id"
            ).fetchall()

    def runs(self) -> list[tuple]:
        """(DAG, kind of run, parameters) of all finished runs in Airflow's own database."""
        known = database.parameters() | {"dbname": "airflow"}
        with psycopg.connect(**known) as connection:
            return connection.execute(
                "select dag_id, run_type, conf from dag_run where state = 'success' order by run_after"
            ).fetchall()


def run() -> str:
    found = subprocess.run(
        [sys.executable, "-m", "scripts.demo"], cwd=PROJECT, capture_output=True, text=True, timeout=800
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Demo:
    """The demo of one month that has some of the small city's figures; stopped when the tests are done."""
    folder = tmp_path_factory.mktemp("demo")
    with FIGURES.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if row["period"] == "2022-01" and row["role"] in ("indicator", "rank")]
    with (folder / "figures.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, reader.fieldnames)
        writer.writeheader()
        writer.writerows(rows)
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("WAREHOUSE_URL", "WAREHOUSE_NOW", "WAREHOUSE_LANDING", "WAREHOUSE_KEYS", "DEMO_SEED"):
            patch.delenv(variable, raising=False)
        for variable in [name for name in os.environ if name.startswith("AIRFLOW")]:
            patch.delenv(variable)
        patch.setenv("WAREHOUSE_HOME", str(folder / "home"))
        patch.setenv("DEMO_FIGURES", str(folder / "figures.csv"))
        patch.setenv("DEMO_FROM", RANGE["from"])
        patch.setenv("DEMO_TO", "2022-01-31")
        try:
            yield Demo(folder / "home", run(), len(rows))
        finally:
            airflow_home.stop(settings.get())
            embedded.stop(settings.get())


def test_it_ends_with_every_figure_the_ranking_and_where_to_go_next(finished):
    assert f"{finished.figures} of {finished.figures} reproduced" in finished.output
    for words in ("Cremation ranking 2022-01", "解放区", "make up", "make down", "make clean", "bulletin", "report"):
        assert words in finished.output
    pages = list((finished.home / "reports").rglob("*.html"))
    assert pages
    assert all(str(page) in finished.output for page in pages if f"/{finished.published()[-1][0]}/" in str(page))


def test_the_range_is_one_run_for_each_system(finished):
    ranges = [(dag_id, conf) for dag_id, kind, conf in finished.runs() if kind == "manual"]
    assert sorted(ranges) == [(f"load_{system}", RANGE) for system in contracts.systems()]


def test_the_range_and_each_of_the_last_two_dates_give_a_publication_of_their_own(finished):
    found = [(set(as_of.values()), partial) for _, as_of, partial in finished.published()]
    assert found == [({day}, False) for day in ("2022-01-29", "2022-01-30", "2022-01-31")]


def test_the_last_two_dates_were_noticed_by_the_watchers(finished):
    noticed = [dag_id for dag_id, kind, _ in finished.runs() if kind == "asset_triggered"]
    for system in contracts.systems():
        assert noticed.count(f"load_{system}") >= 2


def test_every_publication_has_its_pages(finished):
    for publication_id, _, _ in finished.published():
        assert list((finished.home / "reports" / str(publication_id)).glob("*.html"))


def test_airflow_is_stopped_with_all_its_processes(finished):
    assert airflow_home.find(settings.get()) is None
    folder = str(finished.home / "airflow")
    assert [p.pid for p in psutil.process_iter() if folder in _environment(p).get("AIRFLOW_HOME", "")] == []


def test_a_second_demo_finds_its_work_done(finished):
    before = finished.published()
    output, seconds = finished.again()
    assert "published already" in output
    assert f"{finished.figures} of {finished.figures} reproduced" in output
    assert finished.published() == before
    assert seconds < 60


def test_with_a_dead_triggerer_a_correction_is_published_all_the_same(finished):
    configured = settings.get()
    published = len(finished.published())
    airflow = airflow_home.start(configured)
    client = Client(airflow)
    (triggerer,) = [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"][-1:] == ["triggerer"]
        and _environment(process).get("AIRFLOW_HOME") == str(airflow.folder)
        and process.parent()
        and process.parent().cmdline()[-1:] == ["standalone"]
    ]
    for process in (*triggerer.children(recursive=True), triggerer):
        process.kill()
    since = datetime.now(UTC)
    folder = configured.landing_folder / "funeral" / "2022-01-31"
    demo.shutil.copytree(folder / "01", folder / "02")
    client.start_run("load_funeral", {})  # what the sweep starts, without waiting for its minute
    deadline = time.monotonic() + 300
    while len(finished.published()) == published and time.monotonic() < deadline:
        time.sleep(1)
    assert len(finished.published()) == published + 1
    assert [run.dag_id for run in client.runs("publish", since) if run.state == "failed"] == []
    airflow_home.stop(configured)


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return {}
