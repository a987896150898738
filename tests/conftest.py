"""Shared fixtures: one embedded PostgreSQL for the whole run, a fresh warehouse for each test that asks.

Every warehouse is a home and a database of its own, copied from a migrated template in a fraction of a second. With
WAREHOUSE_TEST_URL set (a server where databases may be made), that server is used instead of the embedded one.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from warehouse import database, embedded, pipeline, settings

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Warehouse:
    """A prepared, empty warehouse: the environment points at it while the test runs."""

    home: Path
    url: str

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def query(self, statement: str, *values, role: str | None = None) -> list[tuple]:
        """Rows of one statement, as the owner or as a role."""
        with database.connect(role, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the server that the whole run uses; the embedded one stops with the run."""
    if given := os.environ.get("WAREHOUSE_TEST_URL"):
        yield given
        return
    home = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_HOME", str(home))
        patch.delenv("WAREHOUSE_URL", raising=False)
        url = embedded.url(settings.get())
    yield url
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_HOME", str(home))
        embedded.stop(settings.get())


@pytest.fixture(scope="session")
def template_warehouse(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """(database name, home) of a migrated, empty warehouse that others are copied from."""
    home = tmp_path_factory.mktemp("template")
    name = f"template_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_HOME", str(home))
        patch.setenv("WAREHOUSE_URL", _with_database(postgres_url, name))
        pipeline.init()
    return name, home


@pytest.fixture(scope="session")
def make_warehouse(
    postgres_url: str, template_warehouse: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[pytest.MonkeyPatch], Warehouse]:
    """A function that makes a fresh warehouse and points the environment at it through the given monkeypatch."""
    template, template_home = template_warehouse

    def make(patch: pytest.MonkeyPatch) -> Warehouse:
        name = f"warehouse_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"create database {name} template {template}")
            # rights on the database itself are not copied with it
            connection.execute(f"revoke all on database {name} from public")
            connection.execute(f"grant connect on database {name} to {', '.join(database.ROLES)}")
            connection.execute(f"grant temporary, create on database {name} to builder")
            connection.execute(f"grant temporary on database {name} to loader")
        home = tmp_path_factory.mktemp("home")
        shutil.copytree(template_home, home, dirs_exist_ok=True)
        warehouse = Warehouse(home, _with_database(postgres_url, name))
        patch.setenv("WAREHOUSE_HOME", str(warehouse.home))
        patch.setenv("WAREHOUSE_URL", warehouse.url)
        for variable in ("WAREHOUSE_NOW", "WAREHOUSE_LANDING", "WAREHOUSE_KEYS", "WAREHOUSE_FIRST_BUSINESS_DATE"):
            patch.delenv(variable, raising=False)
        return warehouse

    return make


@pytest.fixture
def warehouse(make_warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A fresh, empty warehouse for one test."""
    return make_warehouse(monkeypatch)


@pytest.fixture(scope="module")
def module_warehouse(make_warehouse) -> Iterator[Warehouse]:
    """A fresh warehouse that the tests of one module share."""
    with pytest.MonkeyPatch.context() as patch:
        yield make_warehouse(patch)


def _with_database(url: str, name: str) -> str:
    return url.rsplit("/", 1)[0] + "/" + name
