"""Build: raw → staging ► core (star) ► marts. The only module that knows dbt.

The ledger says what a build may see and what changed; dbt builds in schemas nobody is served from. A build that is
killed at any moment leaves its changes pending, so the next one takes them in again and ends in the same rows.
"""

import contextlib
import hashlib
import logging
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from warehouse import database, ledger, settings
from warehouse.errors import BuildFailed

log = logging.getLogger(__name__)

PROJECT_FOLDER = settings.PROJECT / "dbt_project"
# a change of these tables moves rows of every fact to another county, so all is built anew
REBUILDING_TABLES = ("division_change",)
# what decides the rows a model gives: a change of one of these makes the next build a full one
MODEL_FILES = ("models/**/*.sql", "macros/**/*.sql", "seeds/*.csv", "dbt_project.yml")
WORK_MEMORY = "128MB"  # sorts of a full build stay in memory longer; two models at a time


@dataclass(frozen=True)
class Build:
    """What a build did.

    Attributes:
        build_id: number in audit.build; that of the last finished build when nothing had changed.
        changed: False when nothing had changed since the last finished build; dbt did not run.
        full_refresh: built from nothing instead of from what changed.
        seconds: wall time.
        results: status (success, pass, warn) by dbt node.
    """

    build_id: int
    changed: bool
    full_refresh: bool
    seconds: float
    results: Mapping[str, str] = field(default_factory=dict)


def build(full_refresh: bool = False) -> Build:
    """Take in what changed since the last finished build, or everything.

    One build runs at a time: a second one waits, then finds nothing to do.

    Args:
        full_refresh: build from nothing; the rows must come out the same. Happens by itself for the first build,
            after a change of the models and after a change of divisions.
    Raises: BuildFailed, naming the failing models and tests; its changes stay pending.
    """
    started = time.monotonic()
    with database.connect("builder", autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s, %s)", (database.LOCK_CLASS, database.BUILD_LOCK))
        fingerprint = _fingerprint()
        is_other_model = _built_fingerprint(connection) != fingerprint
        if not (full_refresh or is_other_model or ledger.has_pending_changes(connection)):
            return Build(_last_build(connection), False, False, time.monotonic() - started)
        scope = ledger.open_build(
            connection, full_refresh=full_refresh or is_other_model, code_commit=_commit(), lock_sha256=_lock_sha256()
        )
        is_full = scope.full_refresh or _needs_rebuild(connection, scope)
        if is_full:
            _forget_fingerprint(connection)
        try:
            results = _run_dbt(
                "build", "--exclude-resource-type", "unit_test", *(["--full-refresh"] if is_full else [])
            )
        except BuildFailed as error:
            ledger.close_build(connection, scope.build_id, problem=str(error))
            raise
        _set_fingerprint(connection, fingerprint)
        ledger.close_build(connection, scope.build_id)
    seconds = time.monotonic() - started
    log.info("build %d: %d models and tests in %.1f s%s", scope.build_id, len(results), seconds, " (full)" * is_full)
    return Build(scope.build_id, True, is_full, seconds, results)


def models_changed(connection: psycopg.Connection) -> bool:
    """Were the models changed since the last finished build? False before the first."""
    built = _built_fingerprint(connection)
    return built is not None and built != _fingerprint()


def run_unit_tests() -> Mapping[str, str]:
    """Run dbt's unit tests on the models as they stand in the database (build first). They touch no table.

    Returns: status by unit test. Raises: BuildFailed, naming the failing ones.
    """
    return _run_dbt("test", "--select", "test_type:unit")


def _run_dbt(*arguments: str) -> dict[str, str]:
    from dbt.cli.main import dbtRunner  # slow to import

    folder = settings.get().home / "dbt"
    with _environment():
        done = dbtRunner().invoke(
            [
                *arguments,
                *("--project-dir", str(PROJECT_FOLDER), "--profiles-dir", str(PROJECT_FOLDER)),
                *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
                *("--log-level", "none", "--log-level-file", "info", "--no-send-anonymous-usage-stats"),
            ]
        )
    nodes = getattr(done.result, "results", None) or []
    results = {result.node.name: str(result.status) for result in nodes}
    if not done.success:
        failed = [
            f"{result.node.resource_type} {result.node.name} ({result.status}"
            + (f", {result.failures} rows" if result.failures else "")
            + ")"
            for result in nodes
            if str(result.status) in ("error", "fail", "runtime error")
        ]
        where = f"See {folder / 'logs' / 'dbt.log'}"
        if not failed:
            raise BuildFailed(f"dbt did not start: {type(done.exception).__name__}. {where}")
        raise BuildFailed(f"dbt: {'; '.join(failed)}. The published marts stay as they are. {where}")
    return results


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """What dbt_project/profiles.yml and the models read, for the duration of a run.

    PGOPTIONS hands over the pipeline's clock: a dbt var would make dbt parse the whole project anew on every run.
    """
    known = database.parameters()
    options = {
        "warehouse.pipeline_now": settings.now().isoformat(timespec="seconds"),
        "timezone": "Asia/Shanghai",
        "work_mem": WORK_MEMORY,
        "jit": "off",  # costs more than it saves on queries of a few seconds
    }
    wanted = {
        "DBT_HOST": known["host"],
        "DBT_PORT": known["port"],
        "DBT_USER": known["user"],
        "DBT_ENV_SECRET_PASSWORD": known["password"],
        "DBT_DBNAME": known["dbname"],
        "DBT_THREADS": str(settings.get().dbt_threads),
        "PGAPPNAME": "warehouse dbt",
        "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in options.items()),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _needs_rebuild(connection: psycopg.Connection, scope: ledger.Scope) -> bool:
    """A change of divisions moves rows of every fact; the ledger then says that the build was a full one."""
    changed = connection.execute(
        "select exists (select from build.affected where table_name = any(%s))", (list(REBUILDING_TABLES),)
    ).fetchone()[0]
    if changed:
        connection.execute("update audit.build set full_refresh = true where build_id = %s", (scope.build_id,))
    return changed


def _fingerprint() -> str:
    """SHA-256 over the files that decide the models' rows."""
    digest = hashlib.sha256()
    paths = {path for pattern in MODEL_FILES for path in PROJECT_FOLDER.glob(pattern)}
    for path in sorted(paths):
        digest.update(str(path.relative_to(PROJECT_FOLDER)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _built_fingerprint(connection: psycopg.Connection) -> str | None:
    (comment,) = connection.execute(
        "select obj_description(to_regnamespace('intermediate'), 'pg_namespace')"
    ).fetchone()
    return comment.rpartition(" ")[2] if comment else None


def _set_fingerprint(connection: psycopg.Connection, fingerprint: str) -> None:
    # a comment lives and dies with the models it speaks of
    connection.execute(
        sql.SQL("comment on schema intermediate is {}").format(
            sql.Literal(f"修正后的中间层 · Repaired rows and measures; built by models {fingerprint}")
        )
    )


def _forget_fingerprint(connection: psycopg.Connection) -> None:
    """A full build that is killed halfway leaves tables of two kinds: the next one must be full as well."""
    if connection.execute("select to_regnamespace('intermediate')").fetchone()[0] is not None:
        connection.execute("comment on schema intermediate is null")


def _last_build(connection: psycopg.Connection) -> int:
    return connection.execute("select max(build_id) from audit.build where finished_at is not null").fetchone()[0]


def _commit() -> str | None:
    """The commit this code is at; None outside a git repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(settings.PROJECT), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _lock_sha256() -> str:
    lock = settings.PROJECT / "uv.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else ""
