"""Connections to the warehouse's PostgreSQL and its numbered migrations.

The server is the one `WAREHOUSE_URL` names, or the embedded one of the home. A step takes on the role it needs.
"""

import re
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from warehouse import embedded, settings
from warehouse.errors import DatabaseUnavailable, UsageError

MIGRATIONS = settings.PROJECT / "database"
ROLES = ("loader", "builder", "publisher", "bi_reader", "auditor", "vault_reader")
OLDEST_SERVER_VERSION = 150_000
# advisory locks are (CLASS, id): one number for all of the warehouse, so that they meet no other program's
LOCK_CLASS = 4108
MIGRATION_LOCK, BUILD_LOCK, PUBLISH_LOCK = 1, 2, 3


def url() -> str:
    """The server's connection URL (starts the embedded server if it is the one and it is down)."""
    configured = settings.get()
    if configured.url is not None:
        return configured.url.get_secret_value()
    return embedded.url(configured)


def parameters() -> dict[str, str]:
    """host, port, user, password and dbname, for clients that want them apart (dbt, SQLAlchemy, Airflow)."""
    try:
        found = conninfo_to_dict(url())
    except psycopg.ProgrammingError:
        raise UsageError("WAREHOUSE_URL cannot be read; wanted postgresql://user:password@host:port/database") from None
    defaults = {"host": "127.0.0.1", "port": "5432", "user": "postgres", "password": "", "dbname": "postgres"}
    return defaults | {name: str(value) for name, value in found.items() if value is not None}


def connect(role: str | None = None, *, autocommit: bool = False) -> psycopg.Connection:
    """A connection acting as `role` (one of ROLES), or as the owner of the warehouse when None.

    Raises: DatabaseUnavailable, when no server answers or the login may not become `role`.
    """
    known = parameters()
    try:
        connection = psycopg.connect(
            **known, application_name=f"warehouse {role or 'owner'}", connect_timeout=10, autocommit=True
        )
        connection.execute("set timezone = 'Asia/Shanghai'")
        if role:
            connection.execute(psycopg.sql.SQL("set role {}").format(psycopg.sql.Identifier(role)))
        connection.autocommit = autocommit
    except psycopg.OperationalError as error:
        where = f"{known['host']}:{known['port']}"
        # psycopg gives no SQL state for a refused start of a session; the server's own words tell the kind
        if "authentication failed" in str(error) or "no password supplied" in str(error):
            problem = f"PostgreSQL at {where} does not take the password of user {known['user']}."
        elif "does not exist" in str(error):
            problem = f"PostgreSQL at {where} has no database {known['dbname']}, or no user {known['user']}."
        else:
            problem = f"No PostgreSQL answers at {where}."
        raise DatabaseUnavailable(f"{problem} Check WAREHOUSE_URL, or unset it to use the embedded server.") from None
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue):
        raise DatabaseUnavailable(
            f"User {known['user']} may not become role {role}. Run: warehouse init (needs CREATEROLE once), "
            f"or have an administrator grant {role} to {known['user']}."
        ) from None
    return connection


def migrate(folder: Path = MIGRATIONS) -> list[str]:
    """Apply the migrations not applied yet, each in a transaction of its own, in the order of their numbers.

    Returns: the names applied now.
    Raises: DatabaseUnavailable, when the server is older than PostgreSQL 15.
    """
    applied = []
    with connect() as connection:
        if connection.info.server_version < OLDEST_SERVER_VERSION:
            raise DatabaseUnavailable(
                f"The server is PostgreSQL {connection.info.server_version // 10_000}; wanted 15 or newer"
            )
        connection.execute("select pg_advisory_xact_lock(%s, %s)", (LOCK_CLASS, MIGRATION_LOCK))
        connection.execute(
            "create table if not exists public.warehouse_migration"
            " (name text primary key, applied_at timestamptz not null default now())"
        )
        done = {name for (name,) in connection.execute("select name from public.warehouse_migration")}
        for path in sorted(folder.glob("[0-9][0-9][0-9]_*.sql")):
            if path.name in done:
                continue
            connection.execute(path.read_text(encoding="utf-8"))
            connection.execute("insert into public.warehouse_migration (name) values (%s)", (path.name,))
            applied.append(path.name)
    return applied


def is_migrated() -> bool:
    """Has `warehouse init` prepared this database?"""
    with connect() as connection:
        return connection.execute("select to_regclass('public.warehouse_migration')").fetchone()[0] is not None


def without_password(text: str) -> str:
    """`text` with the password of any connection URL in it hidden; for messages and logs."""
    return re.sub(r"(://[^:/@\s]+:)[^@\s]+@", r"\1***@", text)
