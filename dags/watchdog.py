"""Every day after the last deadline: fail, naming the deliveries that never came (no delivery, no event)."""

from datetime import datetime

from airflow.sdk import CronTriggerTimetable, dag, task

from warehouse import pipeline
from warehouse.settings import SHANGHAI

# 12:30 is the contracts' latest deadline (due 00:30, late after 12 hours); a test holds the two together
AFTER_THE_LAST_DEADLINE = CronTriggerTimetable("35 12 * * *", timezone=SHANGHAI.key)


@dag(
    description="Fails when a delivery is overdue, and names it",
    schedule=AFTER_THE_LAST_DEADLINE,
    start_date=datetime(2021, 1, 1, tzinfo=SHANGHAI),
    catchup=False,
    max_active_runs=1,
    tags=["watch"],
)
def watchdog() -> None:
    task(pipeline.overdue)()


watchdog()
