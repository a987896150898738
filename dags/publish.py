"""Whenever a system was loaded: build, check, and only then publish, if the ledger has something unpublished."""

from datetime import datetime, timedelta

from airflow.sdk import Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from warehouse import pipeline
from warehouse.settings import CONTRACTS, SHANGHAI

LOADED = [Asset(f"loaded_{folder.name}") for folder in sorted(CONTRACTS.iterdir()) if folder.is_dir()]
PUBLICATION = Asset("publication")  # dags/bulletin.py waits for it
SWEEP = CronTriggerTimetable(
    "5/10 * * * *", timezone=SHANGHAI.key
)  # also finds that a late delivery is now past waiting for


@dag(
    description="Builds what is loaded and unpublished, checks the candidate and publishes it",
    schedule=AssetOrTimeSchedule(timetable=SWEEP, assets=AssetAny(*LOADED)),
    start_date=datetime(2021, 1, 1, tzinfo=SHANGHAI),
    catchup=False,
    max_active_runs=1,
    tags=["publish"],
)
def publish() -> None:
    is_ready = task.short_circuit(pipeline.is_ready)  # its log says what is waited for
    build = task.short_circuit(  # None: nothing left to do
        pipeline.build,
        retries=1,
        retry_delay=timedelta(seconds=30),
        execution_timeout=timedelta(minutes=30),  # dbt was seen to hang after its last test; its changes stay pending
    )
    check = task(pipeline.check)  # raises PublicationBlocked, naming the broken rules; the last good one stays

    @task(task_id="publish", outlets=[PUBLICATION], retries=1, retry_delay=timedelta(seconds=30))
    def flip(publication_id: int, *, outlet_events) -> int:
        outlet_events[PUBLICATION].extra = {"publication_id": publication_id}
        return pipeline.publish(publication_id)

    candidate = build()
    is_ready() >> candidate
    flip(check(candidate))


publish()
