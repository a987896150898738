"""Days of a small city through the DAGs themselves: a range, a late system, a lost event, a blocked gate."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from scripts.demo import deliver
from scripts.synthetic_city.cli import generate
from tests.conftest import Warehouse
from tests.dags.conftest import parse_dags
from warehouse import contracts, expectations
from warehouse.settings import PROJECT

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

FIRST, RANGE_END, LATE_DAY, LAST_DAY = (date(2022, 1, day) for day in (1, 3, 4, 5))


@dataclass
class Days:
    """The city's senders, the landing folder, the clock and the DAGs of one warehouse."""

    warehouse: Warehouse
    sender: Path
    clock: Path
    states: dict[str, dict[str, str]] = field(default_factory=dict)

    def deliver(self, is_due: Callable[[str, date], bool]) -> int:
        return deliver(self.sender, self.warehouse.landing, is_due)

    def set_clock(self, instant: str) -> None:
        self.clock.write_text(instant)

    def run(self, dag_id: str, conf: dict | None = None) -> dict[str, str]:
        """Run a DAG to its end; the state of each task."""
        # parsed anew: a run renders its parameters into the DAG object, where the next run here would find them
        run = parse_dags().dags[dag_id].test(run_conf=conf)
        return {instance.task_id: str(instance.state) for instance in run.get_task_instances()}

    def load(self, *systems: str, conf: dict | None = None) -> None:
        for system in systems or contracts.systems():
            assert self.run(f"load_{system}", conf) == {"load": "success"}

    def publication(self) -> tuple:
        """(number, newest as-of date, partial) of the current publication."""
        rows = self.warehouse.query(
            "select publication_id, (select max(value) from jsonb_each_text(as_of)), is_partial"
            " from mart.publication where is_current"
        )
        return rows[0] if rows else (None, None, None)


@pytest.fixture(scope="module")
def days(airflow, module_warehouse, tmp_path_factory) -> Days:
    """The range is loaded and published; the two days after it are still with their senders."""
    folder = tmp_path_factory.mktemp("city")
    with pytest.MonkeyPatch.context() as patch:
        nothing_to_meet = folder / "figures.csv"
        header = (PROJECT / "tests" / "fixtures" / "figures_small.csv").read_text(encoding="utf-8").splitlines()[0]
        nothing_to_meet.write_text(header + "\n", encoding="utf-8")
        generate(nothing_to_meet, 1, FIRST, LAST_DAY, folder / "sender", progress=lambda _: None)
        clock = folder / "clock"
        patch.setenv("WAREHOUSE_NOW", str(clock))
        made = Days(module_warehouse, folder / "sender", clock)
        made.set_clock("2022-01-04T06:00:00+08:00")
        made.deliver(lambda _, day: day <= RANGE_END)
        made.load(conf={"from": FIRST.isoformat(), "to": RANGE_END.isoformat()})
        made.states["range"] = made.run("publish")
        made.states["pages"] = made.run("bulletin")
        yield made


def test_a_range_is_one_run_for_each_system_and_one_publication(days):
    assert days.states["range"] == dict.fromkeys(("is_ready", "build", "check", "publish"), "success")
    ranges = days.warehouse.query("select distinct first_business_date, last_business_date from audit.load_range")
    assert ranges[0] == (FIRST, RANGE_END)
    assert days.warehouse.query("select count(*) from audit.publication where published_at is not null")[0][0] >= 1


def test_the_pages_of_a_publication_are_written(days):
    assert set(days.states["pages"].values()) == {"success"}
    assert {path.suffix for path in (days.warehouse.home / "reports").rglob("*.*")} >= {".html"}


def test_nothing_new_is_no_publication(days):
    before = days.publication()
    assert days.run("publish")["is_ready"] == "success"
    assert days.run("publish")["publish"] == "skipped"
    assert days.publication() == before


def test_a_day_waits_for_its_last_system_and_an_event_that_was_lost_is_made_up_for(days):
    before = days.publication()
    late, *others = contracts.systems()
    days.set_clock("2022-01-05T00:31:00+08:00")
    days.deliver(lambda system, day: system in others and day <= LATE_DAY)
    days.load(*others)
    assert days.run("publish")["build"] == "skipped"
    assert days.publication() == before, "one system has not delivered and its deadline has not passed"

    days.deliver(lambda _, day: day <= LATE_DAY)
    days.load(late)  # no event and no range: this is what the sweep starts
    assert days.run("publish")["publish"] == "success"
    number, as_of, partial = days.publication()
    assert (number, as_of, partial) == (number, LATE_DAY.isoformat(), False)
    assert number > before[0]


def test_a_blocked_gate_fails_its_task_names_the_rule_and_leaves_the_last_publication(days, monkeypatch, tmp_path):
    before = days.publication()
    without_marts = tmp_path / "expectations"
    shutil.copytree(expectations.FOLDER, without_marts)
    shutil.rmtree(without_marts / "marts")
    days.set_clock("2022-01-06T00:31:00+08:00")
    days.deliver(lambda _, day: day <= LAST_DAY)
    days.load()
    with monkeypatch.context() as broken:
        broken.setattr(expectations, "FOLDER", without_marts)
        states = days.run("publish")
    assert (states["build"], states["check"], states["publish"]) == ("success", "failed", "upstream_failed")
    assert days.publication() == before


def test_the_watchdog_fails_when_a_delivery_never_came(days):
    days.set_clock("2022-01-10T12:35:00+08:00")
    assert days.run("watchdog") == {"overdue": "failed"}
