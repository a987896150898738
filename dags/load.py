"""One load DAG per sending system: starts when a manifest lands or by the sweep; a range of dates is one run."""

from datetime import datetime, timedelta

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, Param, dag, task

from warehouse import pipeline
from warehouse.settings import CONTRACTS, SHANGHAI
from warehouse.triggers import LandedManifests

# a folder of contracts is a system; reading the contracts themselves would cost this file a third of a second per parse
SYSTEMS = sorted(folder.name for folder in CONTRACTS.iterdir() if folder.is_dir())
SWEEP = CronTriggerTimetable("*/10 * * * *", timezone=SHANGHAI.key)  # makes up for lost events
BUSINESS_DATE = {"type": ["null", "string"], "format": "date"}


def load_dag(system: str) -> None:
    """Wire the load of one system; the ledger decides what is new, so a run without a range takes all that waits."""
    landed = Asset(f"landed_{system}", watchers=[AssetWatcher(f"manifests_of_{system}", LandedManifests(system))])
    loaded = Asset(f"loaded_{system}")

    @dag(
        dag_id=f"load_{system}",
        description=f"Loads the deliveries of {system} that wait in the landing folder",
        schedule=AssetOrTimeSchedule(timetable=SWEEP, assets=[landed]),
        start_date=datetime(2021, 1, 1, tzinfo=SHANGHAI),
        catchup=False,
        max_active_runs=1,
        params={
            "from": Param(None, **BUSINESS_DATE, description="first business date (YYYY-MM-DD); empty: the earliest"),
            "to": Param(None, **BUSINESS_DATE, description="last business date (YYYY-MM-DD); empty: the newest"),
        },
        default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
        render_template_as_native_obj=True,  # an empty parameter arrives as None, not as the word
        tags=["load"],
    )
    def wiring() -> None:
        load = task(pipeline.load, outlets=[loaded], multiple_outputs=False)
        load(systems=[system], first="{{ params['from'] }}", last="{{ params['to'] }}")

    wiring()


for name in SYSTEMS:
    load_dag(name)
