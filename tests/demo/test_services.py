"""A home's Airflow is configured for this home alone, and `make clean` removes only what was written."""

import json
import os
import stat
import subprocess
import sys
from configparser import ConfigParser

import psycopg
import pytest
import yaml

from scripts import compose_init, services
from warehouse import airflow_home, settings
from warehouse.errors import UsageError
from warehouse.settings import PROJECT

SERVICES = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")


@pytest.fixture
def configured(warehouse, monkeypatch) -> settings.Settings:
    for variable in [name for name in os.environ if name.startswith("AIRFLOW")]:  # the DAGs' tests leave theirs set
        monkeypatch.delenv(variable)
    return settings.get()


def read(configured: settings.Settings) -> ConfigParser:
    parser = ConfigParser()  # with interpolation, as Airflow reads it
    parser.read(configured.home / "airflow" / "airflow.cfg")
    return parser


def test_airflow_gets_its_own_database_beside_the_warehouse(configured, warehouse):
    airflow_home.configure(configured)
    url = read(configured)["database"]["sql_alchemy_conn"]
    assert url == warehouse.url.replace("postgresql://", "postgresql+psycopg2://") + "_airflow"
    with psycopg.connect(url.replace("+psycopg2", "")) as connection:
        assert connection.info.dbname == f"{warehouse.url.rsplit('/', 1)[1]}_airflow"


def test_a_database_of_the_users_is_taken_as_given(configured, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://u:p%40ss@elsewhere:5432/airflow")
    airflow_home.configure(configured)
    assert read(configured)["database"]["sql_alchemy_conn"].endswith("u:p%40ss@elsewhere:5432/airflow")


def test_secrets_are_for_the_owner_alone_and_survive_a_restart(configured):
    first = airflow_home.configure(configured)
    password, keys = first.password, (first.folder / "keys.json").read_text()
    second = airflow_home.configure(configured)
    assert (second.password, (second.folder / "keys.json").read_text()) == (password, keys)
    assert len(password) >= 12
    for name in ("airflow.cfg", "passwords.json", "keys.json"):
        assert stat.S_IMODE((first.folder / name).stat().st_mode) == 0o600, name


def test_two_homes_do_not_share_a_port_a_password_or_a_key(make_warehouse, monkeypatch):
    found = []
    for _ in range(2):
        make_warehouse(monkeypatch)
        airflow = airflow_home.configure(settings.get())
        ports = json.loads((airflow.folder / "ports.json").read_text())
        assert all(port < 32_768 for port in ports.values())
        found.append(
            {*ports.values(), airflow.password, *json.loads((airflow.folder / "keys.json").read_text()).values()}
        )
    assert not found[0] & found[1]


def test_airflow_listens_on_this_machine_only_and_runs_with_two_cores_in_mind(configured):
    airflow_home.configure(configured)
    found = read(configured)
    assert found["api"]["host"] == "127.0.0.1"
    assert (found["core"]["parallelism"], found["api"]["workers"]) == ("3", "1")
    assert found["dag_processor"]["parsing_processes"] == "1"


def test_an_airflow_that_ended_or_whose_number_is_somebody_elses_is_not_found(configured):
    assert airflow_home.find(configured) is None
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    folder = configured.home / "airflow"
    folder.mkdir()
    (folder / "process.json").write_text(json.dumps({"pid": other.pid, "born": 1.0}))
    assert airflow_home.find(configured) is None
    assert airflow_home.stop(configured) is False
    assert other.poll() is None, "a process of somebody else was stopped"
    other.communicate(b"\n")


def test_clean_removes_what_was_written_and_nothing_else(configured):
    (configured.home / "mine.txt").write_text("of the user")
    services.clean(configured)
    assert [path.name for path in configured.home.iterdir()] == ["mine.txt"]


def test_the_services_share_one_image_and_start_after_everything_is_prepared():
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    for name in SERVICES:
        service = compose["services"][name]
        assert service["image"] == compose["services"]["airflow-init"]["image"]
        assert service["restart"] == "unless-stopped", "each part is restarted by itself"
        assert service["depends_on"]["airflow-init"] == {"condition": "service_completed_successfully"}
        assert any(volume.endswith(":/var/lib/landing:ro") for volume in service["volumes"])
    named = {
        volume.split(":")[0] for name in (*SERVICES, "postgres") for volume in compose["services"][name]["volumes"]
    }
    assert {name for name in named if not name.startswith("$")} | {"landing"} == set(compose["volumes"])


def test_no_secret_of_the_services_has_a_default():
    import re

    text = (PROJECT / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", *compose_init.SECRETS):
        uses = re.findall(rf"\${{{name}[^}}]*}}", text)
        assert uses, name
        assert set(uses) == {f"${{{name}}}"}
        assert f"{name}=\n" in (PROJECT / ".env.example").read_text()


def test_empty_secrets_are_refused_by_name(monkeypatch):
    for variable in compose_init.SECRETS.values():
        monkeypatch.setenv(variable, "long enough to be a secret")
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "")
    with pytest.raises(UsageError, match="lacks AIRFLOW_JWT_SECRET "):
        compose_init.main()
