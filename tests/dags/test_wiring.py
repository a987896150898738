"""DAGs wire and do no work: they parse fast, import nothing heavy, and follow the contracts' systems and deadlines."""

import copy
import itertools
import json
import subprocess
import sys
from datetime import datetime, timedelta

import pytest

from warehouse import contracts
from warehouse.settings import PROJECT, SHANGHAI

pytestmark = pytest.mark.airflow

HEAVY = ("pandas", "numpy", "pyarrow", "psycopg", "psycopg2", "dbt", "great_expectations", "openpyxl", "altair")
MOST_SECONDS_PER_FILE = 0.1
PARSE = """
import importlib.util, json, sys, time
import airflow.sdk, airflow.triggers.base, warehouse.settings  # what the dag processor holds before it parses
before = set(sys.modules)
seconds = []
for attempt in range(3):  # the fastest of three: another test may be running
    begin = time.perf_counter()
    spec = importlib.util.spec_from_file_location("parsed", sys.argv[1])
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    seconds.append(time.perf_counter() - begin)
modules = sorted({name.split(".")[0] for name in set(sys.modules) - before})
print(json.dumps({"seconds": min(seconds), "modules": modules}))
"""


def test_every_file_imports_clean(dag_bag):
    assert dag_bag.import_errors == {}


def test_there_is_a_load_dag_for_each_system_of_the_contracts_and_one_dag_for_each_later_step(dag_bag):
    loads = {f"load_{system}" for system in contracts.systems()}
    assert set(dag_bag.dags) == loads | {"publish", "bulletin", "watchdog"}


@pytest.mark.parametrize("path", sorted((PROJECT / "dags").glob("*.py")), ids=lambda path: path.name)
def test_a_file_parses_in_milliseconds_and_imports_nothing_heavy(path, airflow):
    found = subprocess.run(
        [sys.executable, "-c", PARSE, str(path)], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    parsed = json.loads(found.stdout.splitlines()[-1])
    assert parsed["seconds"] < MOST_SECONDS_PER_FILE
    assert not set(parsed["modules"]) & set(HEAVY)


def test_no_dag_makes_up_for_the_past_or_runs_twice_at_once(dag_bag):
    for dag in dag_bag.dags.values():
        assert dag.catchup is False, dag.dag_id
        assert dag.max_active_runs == 1, dag.dag_id


def test_loading_and_publishing_are_swept_for_at_least_every_hour(dag_bag):
    for dag_id, dag in dag_bag.dags.items():
        if not dag_id.startswith("load_") and dag_id != "publish":
            continue
        expression = dag.timetable.timetable.expression
        assert _longest_pause(expression) <= timedelta(hours=1), f"{dag_id}: {expression}"


def test_publishing_starts_when_any_system_was_loaded(dag_bag):
    for system in contracts.systems():
        (outlet,) = dag_bag.dags[f"load_{system}"].get_task("load").outlets
        condition = dag_bag.dags["publish"].timetable.asset_condition
        assert type(condition).__name__ == "AssetAny"
        assert outlet.name in {asset.name for asset in condition.objects}


def test_pages_are_written_when_a_publication_went_out(dag_bag):
    (outlet,) = dag_bag.dags["publish"].get_task("publish").outlets
    (awaited,) = dag_bag.dags["bulletin"].timetable.asset_condition.objects
    assert awaited.name == outlet.name


def test_a_candidate_is_published_only_after_its_check(dag_bag):
    publish = dag_bag.dags["publish"]
    order = ["is_ready", "build", "check", "publish"]
    assert [task.task_id for task in publish.topological_sort()] == order
    for earlier, later in itertools.pairwise(order):
        assert later in publish.get_task(earlier).downstream_task_ids
        assert publish.get_task(later).trigger_rule == "all_success"


def test_a_blocked_gate_is_not_tried_again(dag_bag):
    assert dag_bag.dags["publish"].get_task("check").retries == 0


def test_a_range_takes_iso_dates_and_nothing_else(dag_bag):
    from airflow.sdk.exceptions import ParamValidationError

    params = copy.deepcopy(dag_bag.dags["load_funeral"].params)
    assert params.validate() == {"from": None, "to": None}
    params.update({"from": "2021-01-01", "to": "2021-12-31"})
    assert params.validate() == {"from": "2021-01-01", "to": "2021-12-31"}
    for wrong in ("2021-13-01", "yesterday", 20210101):
        with pytest.raises(ParamValidationError):
            params["from"] = wrong


def test_the_watchdog_looks_soon_after_the_last_deadline_of_the_contracts(dag_bag):
    day = datetime(2022, 1, 1, tzinfo=SHANGHAI)
    deadlines = []
    for contract in contracts.load_all().values():
        due = datetime.strptime(contract.delivery["due_time"], "%H:%M")  # noqa: DTZ007 -- a time of day
        deadlines.append(day + timedelta(hours=due.hour + contract.delivery["late_after_hours"], minutes=due.minute))
    minute, hour = dag_bag.dags["watchdog"].timetable.expression.split()[:2]
    looks = day.replace(hour=int(hour), minute=int(minute))
    assert timedelta(0) < looks - max(deadlines) <= timedelta(hours=1)


def _longest_pause(expression: str) -> timedelta:
    from croniter import croniter

    ticks = croniter(expression, datetime(2022, 1, 1, tzinfo=SHANGHAI))
    times = [ticks.get_next(datetime) for _ in range(30)]
    return max(later - earlier for earlier, later in itertools.pairwise(times))
