"""kill -9 at any moment, then the same command again: nothing is lost, nothing is doubled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.build.snapshots import built_rows, differences
from tests.conftest import Warehouse
from tests.end_to_end.cities import AFTERWARDS, delivery_folders, land, tiny_city
from warehouse import pipeline
from warehouse.settings import PROJECT

pytestmark = pytest.mark.slow

LEDGER = (
    "select system, business_date, nn, table_name, state, rows_read, rows_loaded, rows_repeated, rows_quarantined,"
    " (select count(*) from audit.quarantined_row as q where q.load_id = file.load_id),"
    " (select count(*) from audit.repeated_row as r where r.load_id = file.load_id)"
    " from audit.file as file order by 1, 2, 3, 4"
)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return tiny_city(tmp_path_factory.mktemp("city") / "landing")


@pytest.fixture(scope="module")
def undisturbed(city, make_warehouse) -> dict:
    """What a run that nobody kills makes: the ledger, the rows of raw, all that is built, and the published marts."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = make_warehouse(patch)
        patch.setenv("WAREHOUSE_NOW", AFTERWARDS)
        land(city, delivery_folders(city), warehouse.landing)
        assert pipeline.run()["publication"] == 1
        return state(warehouse)


@pytest.fixture
def landed(city, warehouse, monkeypatch) -> Warehouse:
    monkeypatch.setenv("WAREHOUSE_NOW", AFTERWARDS)
    land(city, delivery_folders(city), warehouse.landing)
    return warehouse


def raw_counts(warehouse: Warehouse) -> dict[str, tuple]:
    """{raw table: (rows, distinct (load_id, line))}."""
    tables = warehouse.query(
        "select relname from pg_class where relnamespace = 'raw'::regnamespace and relkind in ('r', 'p')"
        " and not relispartition"
    )
    count = "select count(*), count(distinct {}) from raw.{}"
    return {
        table: warehouse.query(count.format("person_key" if table == "person" else "(load_id, line)", table))[0]
        for (table,) in tables
    }


def state(warehouse: Warehouse) -> dict:
    return {
        "ledger": warehouse.query(LEDGER),
        "raw": raw_counts(warehouse),
        "built": built_rows(with_lineage=False),
        "published": warehouse.query("select * from mart.indicator_value order by 2, 3, 4, 7"),
    }


def kill_when(warehouse: Warehouse, command: str, reached: Callable[[], bool]) -> bool:
    """Start a step in a process of its own and kill it as soon as `reached`; False when it ended before."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"from warehouse import pipeline; pipeline.{command}"],
        cwd=PROJECT, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while process.poll() is None and not reached():
        assert time.monotonic() < deadline, "the point to kill at was never reached"
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return alive


@pytest.mark.parametrize("deliveries", [0, 1, 7, 20, 36])
def test_a_killed_loader_run_again_loads_every_row_once(landed, undisturbed, deliveries):
    def reached() -> bool:
        return landed.query("select count(*) >= %s from audit.delivery", deliveries)[0][0] and (
            deliveries > 0 or landed.query("select exists (select from audit.load_range)")[0][0]
        )

    assert kill_when(landed, "load()", reached)
    balanced = "rows_read = rows_loaded + rows_repeated + rows_quarantined"
    assert landed.query(f"select count(*) from audit.file where not ({balanced})") == [(0,)]
    pipeline.load()
    assert landed.query(LEDGER) == undisturbed["ledger"]
    assert raw_counts(landed) == undisturbed["raw"]
    assert landed.query("select count(*) from vault.person") == landed.query("select count(*) from raw.person")


STAGES = {
    "while it loads": "select count(*) >= 12 from audit.delivery",
    "when dbt starts": "select exists (select from audit.build)",
    "while dbt builds the star": "select to_regclass('core.fct_payment') is not null",
    "while dbt builds the marts": "select to_regclass('marts.division') is not null",
    "after the build, before the candidate is frozen": "select exists (select from audit.build where finished_at is not null)",
    "while the gate judges": "select exists (select from audit.publication where checksum is not null)",
    "before it is published": "select exists (select from audit.validation_run)",
    "before the pages are written": "select exists (select from audit.publication where published_at is not null)",
}  # fmt: skip


def test_a_run_killed_at_every_stage_in_turn_ends_in_the_same_publication(landed, undisturbed):
    killed = [
        stage
        for stage, reached in STAGES.items()
        if kill_when(landed, "run()", lambda r=reached: landed.query(r)[0][0])
    ]
    assert set(STAGES) - set(killed) <= {"before it is published"}, "that moment is a few milliseconds long"
    pipeline.run()
    assert landed.query("select count(*) from mart.publication where is_current") == [(1,)]
    found = state(landed)
    assert found["ledger"] == undisturbed["ledger"]
    assert found["raw"] == undisturbed["raw"]
    assert differences(found["built"], undisturbed["built"]) == {}
    assert [row[1:] for row in found["published"]] == [row[1:] for row in undisturbed["published"]]
    (number,) = landed.query("select publication_id from mart.publication where is_current")[0]
    pages = {path.name for path in (landed.home / "reports" / str(number)).iterdir()}
    assert pages >= {"bulletin.zh.html", "bulletin.en.html", "quality.zh.html", "quality.en.html"}
