"""The demo's own rules: what it may write into, how deliveries move, what it says when a run failed."""

import json
from datetime import date
from pathlib import Path

import pytest

from scripts import demo
from warehouse import settings
from warehouse.errors import UsageError
from warehouse.settings import SHANGHAI


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    for variable in ("DEMO_FIGURES", "DEMO_SEED", "DEMO_FROM", "DEMO_TO", "WAREHOUSE_URL", "WAREHOUSE_LANDING"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def delivered(folder: Path, name: str) -> Path:
    delivery = folder / name
    delivery.mkdir(parents=True)
    (delivery / "data.csv").write_text("data")
    (delivery / "_MANIFEST.csv").write_text("manifest")
    return delivery


def test_the_full_city_is_the_default_and_its_last_two_dates_come_one_by_one(home):
    city = demo.City.from_environment()
    assert (city.first, city.range_end) == (date(2021, 1, 1), date(2022, 1, 29))
    assert city.daily_dates == [date(2022, 1, 30), date(2022, 1, 31)]
    assert city.figures.is_file()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DEMO_FROM", "yesterday"), ("DEMO_SEED", "x"), ("DEMO_FIGURES", "/nowhere"), ("DEMO_TO", "2021-01-01")],
)
def test_a_city_that_cannot_be_made_is_misuse(home, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError):
        demo.City.from_environment()


def test_a_home_with_deliveries_of_others_is_refused(home):
    delivered(home / "landing", "funeral/2021-06-04/01")
    with pytest.raises(UsageError, match="deliveries of others"):
        demo.require_own_home(settings.get(), demo.City.from_environment())


def test_a_home_with_another_city_is_refused_and_with_the_same_city_is_not(home, monkeypatch):
    city = demo.City.from_environment()
    demo.require_own_home(settings.get(), city)
    (home / "demo.json").write_text(json.dumps(city.description()))
    delivered(home / "landing", "funeral/2021-06-04/01")
    demo.require_own_home(settings.get(), city)
    monkeypatch.setenv("DEMO_SEED", "2")
    with pytest.raises(UsageError, match="another city"):
        demo.require_own_home(settings.get(), demo.City.from_environment())


def test_only_what_is_due_is_delivered_whole_and_once(tmp_path):
    sender, landing = tmp_path / "sender", tmp_path / "landing"
    for name in ("funeral/2021-06-04/01", "funeral/2021-06-04/02", "funeral/2021-06-05/01", "assistance/2021-06-04/01"):
        delivered(sender, name)
    (sender / "planted.csv").write_text("kind\n")

    def is_due(system: str, day: date) -> bool:
        return system == "funeral" and day == date(2021, 6, 4)

    assert demo.deliver(sender, landing, is_due) == 2
    assert demo.deliver(sender, landing, is_due) == 0
    landed = sorted(str(path.parent.relative_to(landing)) for path in landing.rglob("_MANIFEST.csv"))
    assert landed == ["funeral/2021-06-04/01", "funeral/2021-06-04/02"]


def test_on_another_file_system_the_manifest_comes_last(tmp_path, monkeypatch):
    folder, target = delivered(tmp_path / "sender", "01"), tmp_path / "landing" / "01"
    seen = []
    rename = Path.rename

    def refuse_folders(path, to):
        if path == folder:
            raise OSError(demo.errno.EXDEV, "Invalid cross-device link")
        seen.append((path.name, Path(to).name, sorted(entry.name for entry in target.iterdir())))
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", refuse_folders)
    demo.move(folder, target)
    assert seen == [("._MANIFEST.csv", "_MANIFEST.csv", ["._MANIFEST.csv", "data.csv"])]
    assert sorted(path.name for path in target.iterdir()) == ["_MANIFEST.csv", "data.csv"]
    assert not folder.exists()


def test_the_clock_is_one_that_the_pipeline_reads(home, monkeypatch):
    home.mkdir()
    monkeypatch.setenv("WAREHOUSE_NOW", str(home / "clock"))
    demo.set_clock(settings.get(), demo.at_morning_after(date(2022, 1, 30), "00:31"))
    assert settings.now().astimezone(SHANGHAI).isoformat() == "2022-01-31T00:31:00+08:00"


def test_the_reason_of_a_failed_task_is_read_from_its_log(tmp_path):
    log = tmp_path / "attempt=1.log"
    lines = [
        {"event": "Task started"},
        {"event": "Task failed", "error_detail": [{"exc_type": "PublicationBlocked", "exc_value": "rule 7"}]},
        {"event": "Task instance in failure state"},
    ]
    log.write_text("\n".join(json.dumps(line) for line in lines))
    assert demo.reason(log) == "PublicationBlocked: rule 7"
    assert demo.reason(tmp_path / "none.log") == "no reason stands in its log"
