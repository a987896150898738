"""The landing trigger: fires once for what has landed whole and is not loaded, and nothing ends its watch."""

import asyncio
import json
from contextlib import aclosing
from datetime import date

import pytest

from tests.deliveries import DeliveryWriter, row
from warehouse import database, landing, ledger, raw

pytestmark = pytest.mark.airflow

SECONDS = 0.05
LONG_ENOUGH = 40 * SECONDS  # many scans without an event: there is none


@pytest.fixture
def funeral(airflow, warehouse):
    """A function that makes the trigger of one system, as the triggerer does: from its serialised form."""
    from airflow.sdk._shared.module_loading import import_string

    from warehouse.triggers import LandedManifests

    def make():
        path, arguments = LandedManifests("funeral", SECONDS).serialize()
        return import_string(path)(**json.loads(json.dumps(arguments)))

    return make


def delivery(warehouse, day: str, nn: int = 1) -> DeliveryWriter:
    writer = DeliveryWriter(warehouse.landing, "funeral", date.fromisoformat(day), nn)
    cremation = row(
        "cremation_record", cremation_id=f"C{day}-{nn}", start_time=f"{day} 09:00:00", end_time=f"{day} 10:00:00"
    )
    return writer.add_rows("cremation_record", [cremation])


def load_all() -> None:
    with database.connect("loader", autocommit=True) as connection:
        for landed in landing.pending(connection, ("funeral",)):
            raw.load(connection, landed)


def watch(trigger, *steps) -> list[dict | None]:
    """Run the trigger; before each expected event call a step. The payload of each, None when there was none."""

    async def run():
        payloads = []
        async with aclosing(trigger.run()) as events:
            waiting = None
            for step in steps:
                if step is not None:
                    await asyncio.to_thread(step)
                waiting = waiting or asyncio.ensure_future(anext(events))
                done, _ = await asyncio.wait({waiting}, timeout=LONG_ENOUGH)
                payloads.append(waiting.result().payload if done else None)
                waiting = None if done else waiting
            if waiting:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        await trigger.cleanup()
        return payloads

    return asyncio.run(run())


def test_a_delivery_fires_once(funeral, warehouse):
    delivery(warehouse, "2021-06-04").write()
    assert watch(funeral(), None, None) == [
        {"system": "funeral", "deliveries": 1, "first": "2021-06-04", "last": "2021-06-04"},
        None,
    ]


def test_deliveries_that_land_together_are_one_event_that_can_be_serialised(funeral, warehouse):
    for day in ("2021-06-05", "2021-06-03", "2021-06-04"):
        delivery(warehouse, day).write()
    (payload,) = watch(funeral(), None)
    assert json.loads(json.dumps(payload)) == {
        "system": "funeral",
        "deliveries": 3,
        "first": "2021-06-03",
        "last": "2021-06-05",
    }


def test_a_folder_without_manifest_is_still_being_written(funeral, warehouse):
    writer = delivery(warehouse, "2021-06-04")
    first, second = watch(funeral(), None, writer.write)
    assert first is None
    assert second["deliveries"] == 1


@pytest.mark.parametrize(
    "folder", ["2021-13-01/01", "2021-6-4/01", "yesterday/01", "2021-06-04/1", "2021-06-04/001", "2021-06-04/x1"]
)
def test_a_malformed_folder_is_no_delivery(folder, funeral, warehouse):
    written = delivery(warehouse, "2021-06-04").write()
    target = warehouse.landing / "funeral" / folder
    target.parent.mkdir(exist_ok=True)
    written.rename(target)
    assert watch(funeral(), None) == [None]


def test_another_system_is_not_its_business(funeral, warehouse):
    delivery(warehouse, "2021-06-04").write()
    (warehouse.landing / "funeral").rename(warehouse.landing / "assistance")
    assert watch(funeral(), None) == [None]


def test_a_re_export_fires_again(funeral, warehouse):
    delivery(warehouse, "2021-06-04").write()
    first, second = watch(funeral(), None, lambda: delivery(warehouse, "2021-06-04", nn=2).write())
    assert first["deliveries"] == second["deliveries"] == 1


def test_what_is_loaded_does_not_fire_after_a_restart_and_what_landed_meanwhile_does(funeral, warehouse):
    delivery(warehouse, "2021-06-04").write()
    load_all()
    delivery(warehouse, "2021-06-05").write()
    assert watch(funeral(), None, None) == [
        {"system": "funeral", "deliveries": 1, "first": "2021-06-05", "last": "2021-06-05"},
        None,
    ]


def test_it_is_silent_while_a_load_of_its_system_runs_and_tells_the_rest_afterwards(funeral, warehouse):
    delivery(warehouse, "2021-06-04").write()
    load = ledger.open_load(("civil_registration", "funeral"), None, None)
    load.__enter__()
    during, after = watch(funeral(), None, lambda: load.__exit__(None, None, None))
    assert during is None
    assert after["deliveries"] == 1


def test_a_load_of_another_system_does_not_silence_it(funeral, warehouse):
    delivery(warehouse, "2021-06-04").write()
    with ledger.open_load(("assistance",), None, None):
        assert watch(funeral(), None)[0]["deliveries"] == 1


def test_a_lost_connection_does_not_end_the_watch(funeral, warehouse):
    def lose_connection():
        ended = warehouse.query(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name = 'warehouse loader'"
        )
        assert ended == [(True,)]
        delivery(warehouse, "2021-06-04").write()

    assert [payload and payload["deliveries"] for payload in watch(funeral(), None, lose_connection)] == [None, 1]


def test_an_error_that_lasts_is_logged_once_and_does_not_end_the_watch(funeral, warehouse):
    delivery(warehouse, "2021-06-04").write()
    warehouse.query("revoke select on audit.delivery from loader")

    def mend():
        warehouse.query("grant select on audit.delivery to loader")

    trigger, warnings = funeral(), []
    trigger.log.warning = lambda message, *values, **_: warnings.append(message % values)
    assert [payload and payload["deliveries"] for payload in watch(trigger, None, mend)] == [None, 1]
    assert warnings == ["scanning for funeral failed, trying again: InsufficientPrivilege"]
