"""On each publication: the bulletin for the public and the quality report for those who answer for the data."""

from datetime import datetime, timedelta

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from warehouse import pipeline
from warehouse.settings import SHANGHAI

PUBLICATION = Asset("publication")
SWEEP = CronTriggerTimetable("8/10 * * * *", timezone=SHANGHAI.key)  # makes up for a lost event


@dag(
    description="Writes bulletin and quality report of every new publication",
    schedule=AssetOrTimeSchedule(timetable=SWEEP, assets=[PUBLICATION]),
    start_date=datetime(2021, 1, 1, tzinfo=SHANGHAI),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=30)},
    tags=["publish"],
)
def bulletin() -> None:
    @task
    def publications(*, triggering_asset_events, dag_run) -> list[int | None]:
        """Those that started this run (events that come together share one run); by hand: the current one; by the sweep:
        what was not written.
        """
        events = [event for several in triggering_asset_events.values() for event in several]
        if not events and dag_run.run_type == "manual":
            return [None]
        return sorted({event.extra["publication_id"] for event in events} | set(pipeline.unwritten_publications()))

    numbers = publications()
    # the pages' paths stay out of XCom: a path is no message between tasks
    task(pipeline.bulletin, do_xcom_push=False).expand(publication_id=numbers)
    task(pipeline.report, do_xcom_push=False).expand(publication_id=numbers)


bulletin()
