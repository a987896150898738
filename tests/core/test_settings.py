"""Settings come from the environment at each call; the pipeline's clock can be set."""

from datetime import UTC, datetime

import pytest

from warehouse import database, settings
from warehouse.errors import UsageError


def test_the_clock_is_an_instant_or_a_file_that_holds_one(monkeypatch, tmp_path):
    monkeypatch.setenv("WAREHOUSE_NOW", "2022-02-01T06:00:00+08:00")
    assert settings.now() == datetime(2022, 1, 31, 22, tzinfo=UTC)
    clock = tmp_path / "clock"
    monkeypatch.setenv("WAREHOUSE_NOW", str(clock))
    clock.write_text("2022-02-01T00:31:00+08:00\n")
    assert settings.now() == datetime(2022, 1, 31, 16, 31, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2022-02-01T06:00:00"])
def test_a_clock_that_cannot_be_read_is_refused(monkeypatch, text):
    monkeypatch.setenv("WAREHOUSE_NOW", text)
    with pytest.raises(UsageError, match="2022-02-01T06:00:00\\+08:00"):
        settings.now()


def test_home_moves_everything_that_is_written(monkeypatch, tmp_path):
    for name in ("LANDING", "KEYS"):
        monkeypatch.delenv(f"WAREHOUSE_{name}", raising=False)
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path))
    found = settings.get()
    folders = (
        found.landing_folder,
        found.archive_folder,
        found.postgres_folder,
        found.reports_folder,
        found.keys_folder,
    )
    assert all(folder.parent == tmp_path for folder in folders)


def test_the_password_of_a_url_is_not_shown(monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://me:secret@localhost:5432/db")
    assert "secret" not in repr(settings.get())
    assert "secret" not in database.without_password("cannot reach postgresql://me:secret@localhost:5432/db")
    assert database.parameters()["password"] == "secret"


def test_the_clock_that_the_demo_left_in_its_home_is_that_homes_clock(monkeypatch, tmp_path):
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path))
    monkeypatch.delenv("WAREHOUSE_NOW", raising=False)
    assert settings.now().year >= 2026
    (tmp_path / "clock").write_text("2022-02-01T06:00:00+08:00")
    assert settings.now().isoformat() == "2022-01-31T22:00:00+00:00"
    monkeypatch.setenv("WAREHOUSE_NOW", "2023-01-01T00:00:00+08:00")
    assert settings.now().year == 2022


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("WAREHOUSE_KEPT_PUBLICATIONS", "0", "greater than or equal to 2"),
        ("WAREHOUSE_FIRST_BUSINESS_DATE", "soon", "WAREHOUSE_FIRST_BUSINESS_DATE"),
        ("WAREHOUSE_NOW", "/no/such/file", "No such file"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(monkeypatch, variable, value, told):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=told):
        settings.now()
