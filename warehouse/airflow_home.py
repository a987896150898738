"""The Airflow of a home: configured, started, watched and stopped by us, its database on the warehouse's server.

`airflow standalone` runs in a session of its own, because it leaves its children behind when only it is told to stop
(`docs/decisions/0007-airflow-wiring.md`). For more than one machine's worth, see docker-compose.yml.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from configparser import RawConfigParser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import psycopg.sql

from warehouse import database, embedded, settings
from warehouse.errors import WarehouseError
from warehouse.settings import Settings

USER = "admin"
START_SECONDS = 300
STOP_SECONDS = 20
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
PORTS = ("api", "task_logs", "trigger_logs")


class AirflowUnavailable(WarehouseError):
    """Airflow did not start or does not answer."""


@dataclass(frozen=True)
class Airflow:
    """A home's Airflow: where it writes and where it answers."""

    folder: Path
    url: str

    @property
    def password(self) -> str:
        """The password of USER, made at the first start."""
        return json.loads((self.folder / "passwords.json").read_text())[USER]

    @property
    def log(self) -> Path:
        return self.folder / "standalone.log"


def start(configured: Settings, progress: Callable[[str], None] = lambda _: None, *, paused: bool = False) -> Airflow:
    """Start the home's Airflow, or find it running, and wait until its four parts answer.

    Args:
        paused: DAGs seen for the first time wait until somebody unpauses them.
    Raises: AirflowUnavailable, naming the log, when a part is not healthy in time.
    """
    if running := find(configured):
        wait_until_healthy(running, progress)
        return running
    airflow = configure(configured, paused=paused)
    progress(f"starting Airflow at {airflow.url}")
    with airflow.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(configured),
            cwd=settings.PROJECT,
            start_new_session=True,
        )
    _write_secret(_process_file(configured), json.dumps({"pid": process.pid, "born": _born(process.pid)}))
    try:
        wait_until_healthy(airflow, progress, process)
    except AirflowUnavailable:
        stop(configured)
        raise
    return airflow


def stop(configured: Settings) -> bool:
    """Stop the home's Airflow with all its children; True if it ran."""
    session = _session(configured)
    if session is None:
        return False
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        deadline = time.monotonic() + seconds
        for pid in _members(session):
            _signal(pid, number)
        while _members(session):
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        else:
            _process_file(configured).unlink(missing_ok=True)
            return True
    raise AirflowUnavailable(f"Airflow's processes {_members(session)} do not end; end them by hand: kill -9 <id>")


def find(configured: Settings) -> Airflow | None:
    """The home's Airflow if its processes run; they may still be starting."""
    if _session(configured) is None:
        return None
    folder = configured.home / "airflow"
    return Airflow(folder, _url(_ports(folder)))


def health(airflow: Airflow) -> Mapping[str, str]:
    """State of each part: `healthy`, `unhealthy` or `unreachable`."""
    import httpx

    try:
        answer = httpx.get(f"{airflow.url}/api/v2/monitor/health", timeout=5, trust_env=False).raise_for_status().json()
    except httpx.HTTPError:
        return dict.fromkeys(COMPONENTS, "unreachable")
    return {name: (answer.get(name) or {}).get("status") or "unhealthy" for name in COMPONENTS}


def wait_until_healthy(
    airflow: Airflow, progress: Callable[[str], None], process: subprocess.Popen | None = None
) -> None:
    """Wait until all parts are healthy.

    Raises: AirflowUnavailable, naming the parts and the log, after START_SECONDS or when the process ends.
    """
    begin = time.monotonic()
    while True:
        states = health(airflow)
        unhealthy = [f"{name} {state}" for name, state in states.items() if state != "healthy"]
        if not unhealthy:
            progress(f"Airflow is up after {time.monotonic() - begin:.0f} s")
            return
        if process is not None and process.poll() is not None:
            raise AirflowUnavailable(f"Airflow ended with {process.returncode} while starting; see {airflow.log}")
        if time.monotonic() - begin > START_SECONDS:
            raise AirflowUnavailable(
                f"Airflow is not healthy after {START_SECONDS} s ({', '.join(unhealthy)}); see {airflow.log}"
            )
        time.sleep(0.5)


def configure(configured: Settings, *, paused: bool = False) -> Airflow:
    """Write the home's airflow.cfg and password, and make its database; safe to repeat."""
    folder = configured.home / "airflow"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ports = _free_ports(folder)
    keys = _keys(folder)
    passwords = folder / "passwords.json"
    if not passwords.exists():
        write_password(passwords, secrets.token_urlsafe(12))
    metadata = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") or make_metadata_database()
    options = {
        "core": {
            "dags_folder": settings.PROJECT / "dags",
            "executor": "LocalExecutor",
            "parallelism": 3,  # one load per system at once; the machine has two cores
            "load_examples": False,
            "dags_are_paused_at_creation": paused,
            "default_timezone": settings.SHANGHAI.key,
            "hostname_callable": "socket.gethostname",  # the default asks the network for our name
            "fernet_key": keys["fernet"],
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": passwords,
            "execution_api_server_url": f"{_url(ports)}/execution/",
        },
        "database": {"sql_alchemy_conn": metadata},
        "api": {
            "host": "127.0.0.1",
            "port": ports["api"],
            "base_url": _url(ports),
            "workers": 1,
            "secret_key": keys["api"],
            "instance_name": "Civil-affairs warehouse",
        },
        "api_auth": {"jwt_secret": keys["jwt"]},
        "scheduler": {"catchup_by_default": False},
        "dag_processor": {"parsing_processes": 1, "min_file_process_interval": 30, "refresh_interval": 60},
        "logging": {
            "worker_log_server_port": ports["task_logs"],
            "trigger_log_server_port": ports["trigger_logs"],
            "colored_console_log": False,
        },
    }
    parser = RawConfigParser()
    for section, values in options.items():
        # Airflow reads with interpolation, where a single % starts a reference
        parser[section] = {name: str(value).replace("%", "%%") for name, value in values.items()}
    with _open_secret(folder / "airflow.cfg") as file:
        parser.write(file)
    return Airflow(folder, _url(ports))


def environment(configured: Settings) -> dict[str, str]:
    """The environment of Airflow's processes and tasks: this home, the project's modules, no report to anybody."""
    return {
        **os.environ,
        "AIRFLOW_HOME": str(configured.home / "airflow"),
        "WAREHOUSE_HOME": str(configured.home),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(settings.PROJECT), os.environ.get("PYTHONPATH")))),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "GX_ANALYTICS_ENABLED": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1,localhost",  # tasks talk to the api server of this machine
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


def write_password(file: Path, password: str) -> None:
    """Write the file that Airflow's login reads, for nobody else to read."""
    _write_secret(file, json.dumps({USER: password}))


def make_metadata_database() -> str:
    """URL of Airflow's own database beside the warehouse's, made if it is not there and may be made."""
    known = database.parameters()
    name = "airflow" if settings.get().url is None else f"{known['dbname']}_airflow"
    login = {key: known[key] for key in ("host", "port", "user", "password")}
    try:
        with database.connect(autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        raise AirflowUnavailable(
            f"User {known['user']} may not make Airflow's database {name}. Have it made by an administrator, "
            "or name another one in AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
        ) from None
    user, password = quote(login["user"], safe=""), quote(login["password"], safe="")
    return f"postgresql+psycopg2://{user}:{password}@{login['host']}:{login['port']}/{quote(name, safe='')}"


def _free_ports(folder: Path) -> dict[str, int]:
    file = folder / "ports.json"
    wanted = json.loads(file.read_text()) if file.exists() else {}
    ports: dict[str, int] = {}
    for name in PORTS:
        port = embedded._free_port(wanted.get(name))
        while port in ports.values():
            port = embedded._free_port(None)
        ports[name] = port
    file.write_text(json.dumps(ports))
    return ports


def _ports(folder: Path) -> dict[str, int]:
    return json.loads((folder / "ports.json").read_text())


def _url(ports: Mapping[str, int]) -> str:
    return f"http://127.0.0.1:{ports['api']}"


def _keys(folder: Path) -> dict[str, str]:
    """Airflow's own secrets, made once: its parts must agree, and a restart must read what was written before."""
    from cryptography.fernet import Fernet

    file = folder / "keys.json"
    if not file.exists():
        made = {"fernet": Fernet.generate_key().decode(), "api": secrets.token_hex(32), "jwt": secrets.token_hex(64)}
        _write_secret(file, json.dumps(made))
    return json.loads(file.read_text())


def _process_file(configured: Settings) -> Path:
    return configured.home / "airflow" / "process.json"


def _session(configured: Settings) -> int | None:
    """The session of the home's Airflow, if one of its processes still runs."""
    file = _process_file(configured)
    if not file.exists():
        return None
    recorded = json.loads(file.read_text())
    # numbers of processes are used again: a leader born at another moment is somebody else's
    born = _born(recorded["pid"])
    if born is not None and born != recorded["born"]:
        return None
    return recorded["pid"] if _members(recorded["pid"]) else None


def _members(session: int) -> list[int]:
    """Processes of a session, zombies left out."""
    members = []
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError):
            if os.getsid(process.pid) == session and process.info["status"] != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
    return members


def _born(pid: int) -> float | None:
    """When a process started (seconds since 1970); None when there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _open_secret(path: Path):
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")


def _write_secret(path: Path, text: str) -> None:
    with _open_secret(path) as file:
        file.write(text)
