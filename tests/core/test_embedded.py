"""The embedded PostgreSQL: TCP with a password, two homes side by side, back after a kill -9."""

import os
import signal
import stat

import psycopg
import pytest

from warehouse import embedded, settings


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path / "home"))
    yield settings.get()
    embedded.stop(settings.get())


def test_it_starts_on_demand_and_keeps_its_port(home):
    first = embedded.url(home)
    assert embedded.is_running(home)
    assert embedded.url(home) == first
    assert embedded.stop(home)
    assert not embedded.is_running(home)
    assert not embedded.stop(home)
    assert embedded.url(home) == first


def test_it_wants_the_password_and_the_password_file_is_private(home):
    url = embedded.url(home)
    password = (home.keys_folder / "postgres_password").read_text()
    assert stat.S_IMODE((home.keys_folder / "postgres_password").stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url.replace(password, "wrong"))


def test_two_homes_live_side_by_side(home, tmp_path, monkeypatch):
    other = home.model_copy(update={"home": tmp_path / "other"})
    try:
        with psycopg.connect(embedded.url(home)) as one, psycopg.connect(embedded.url(other)) as two:
            ports = {connection.execute("show port").fetchone()[0] for connection in (one, two)}
        assert len(ports) == 2
        assert all(int(port) < 32768 for port in ports)
    finally:
        embedded.stop(other)


def test_it_comes_back_after_kill_9(home):
    embedded.url(home)
    pid = int((home.postgres_folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    with psycopg.connect(embedded.url(home)) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_its_log_shows_no_value_of_a_failing_statement(home):
    with psycopg.connect(embedded.url(home), autocommit=True) as connection:
        for statement in ("select 'SECRETCELL'::date", "select * from nowhere where name = 'SECRETCELL'"):
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
        with pytest.raises(psycopg.Error):
            connection.execute("select * from nowhere where name = %s", ("SECRETCELL",))
    log = (home.postgres_folder / "server.log").read_text()
    assert "nowhere" in log
    assert "where name" not in log
