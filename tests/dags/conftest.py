"""An Airflow of the test run: its own home, and its own database on the run's PostgreSQL."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from warehouse.settings import PROJECT


@pytest.fixture(scope="session")
def airflow_variables(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> dict[str, str]:
    """The environment in which Airflow may be imported; nothing may have imported it before with another."""
    name = f"airflow_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    url = postgres_url.replace("postgresql://", "postgresql+psycopg2://").rsplit("/", 1)[0]
    return {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"{url}/{name}",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }


@pytest.fixture(scope="session")
def airflow(airflow_variables: dict[str, str]) -> Iterator[None]:
    """Airflow's configuration in this process, its tables made."""
    assert "airflow.settings" not in sys.modules, "Airflow was imported before its environment was set"
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in airflow_variables.items():
            patch.setenv(variable, value)
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, timeout=300)
        yield


@pytest.fixture(scope="session")
def dag_bag(airflow):
    return parse_dags()


def parse_dags():
    """All DAGs of the project, parsed by Airflow."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(PROJECT / "dags", bundle_path=PROJECT / "dags", bundle_name="dags-folder")
