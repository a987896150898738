"""A few questions to a home's Airflow over its REST API: which DAGs are there, start a run, how do runs fare."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from warehouse.airflow_home import USER, Airflow, AirflowUnavailable

SECONDS_TO_PARSE = 120
ATTEMPTS = 5  # on a busy machine an answer may take longer than a request waits
FINISHED = ("success", "failed")


@dataclass(frozen=True)
class Run:
    """A DAG run; `state` is queued, running, success or failed."""

    dag_id: str
    run_id: str
    state: str
    started_at: datetime | None

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


class Client:
    """Speaks to one Airflow as its administrator; on an error, AirflowUnavailable names the log."""

    def __init__(self, airflow: Airflow) -> None:
        self._airflow = airflow
        # trust_env: a proxy of the user's must not stand between us and our own machine
        self._http = httpx.Client(base_url=airflow.url, timeout=30, trust_env=False)
        self._log_in()

    def wait_for_dags(self, names: set[str]) -> None:
        """Wait until Airflow has parsed the files of all `names`.

        Raises: AirflowUnavailable, with the import errors, when a file cannot be imported or it takes too long.
        """
        deadline = time.monotonic() + SECONDS_TO_PARSE
        while missing := names - {dag["dag_id"] for dag in self._ask("GET", "/api/v2/dags?limit=100")["dags"]}:
            errors = self._ask("GET", "/api/v2/importErrors")["import_errors"]
            if errors or time.monotonic() > deadline:
                reasons = [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]
                raise AirflowUnavailable(f"Airflow does not know {', '.join(sorted(missing))}. {'; '.join(reasons)}")
            time.sleep(0.5)

    def start_run(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run with parameters; returns its run id."""
        body = {"logical_date": None, "conf": dict(conf)}
        return self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        self._ask("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def runs(self, dag_id: str, since: datetime) -> list[Run]:
        """Runs that were due at or after `since`, newest first."""
        answer = self._ask(
            "GET",
            f"/api/v2/dags/{dag_id}/dagRuns",
            params={"run_after_gte": since.isoformat(), "order_by": "-run_after", "limit": 100},
        )
        return [Run(dag_id, run["dag_run_id"], run["state"], _instant(run["start_date"])) for run in answer["dag_runs"]]

    def running_tasks(self, run: Run) -> list[str]:
        """`dag.task` of each task of a run that runs now; the DAG alone between two tasks."""
        answer = self._ask("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances")
        tasks = [f"{run.dag_id}.{task['task_id']}" for task in answer["task_instances"] if task["state"] == "running"]
        return tasks or [run.dag_id]

    def failed_tasks(self, run: Run) -> list[tuple[str, Path]]:
        """(task, its newest log file) of each failed task of a run."""
        answer = self._ask("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances")
        folder = self._airflow.folder / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}"
        return [
            (task["task_id"], folder / f"task_id={task['task_id']}" / f"attempt={task['try_number']}.log")
            for task in answer["task_instances"]
            if task["state"] == "failed"
        ]

    def _log_in(self) -> None:
        credentials = {"username": USER, "password": self._airflow.password}
        token = self._request("POST", "/auth/token", json=credentials).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        return self._request(method, path, **options).json()

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        attempt = 1
        while True:
            try:
                return self._http.request(method, path, **options).raise_for_status()
            except httpx.HTTPStatusError as error:
                answer = f"{error.response.status_code} to {method} {path}: {error.response.text[:500]}"
                raise AirflowUnavailable(f"Airflow answers {answer}. See {self._airflow.log}") from None
            except httpx.HTTPError as error:
                # a question may be asked again; starting a run twice would be two runs
                if method != "GET" or attempt == ATTEMPTS:
                    kind = type(error).__name__
                    message = f"Airflow does not answer {method} {path} ({kind}); see {self._airflow.log}"
                    raise AirflowUnavailable(message) from None
            attempt += 1
            time.sleep(1)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
