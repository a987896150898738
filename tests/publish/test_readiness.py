"""May a publication go out? By the delivery calendar and the clock: wait, partial, never, and after a blocked gate."""

import shutil

import pytest

from tests.build.raw_rows import deliver, deliver_days
from warehouse import database, expectations, ledger, pipeline, publish, transform
from warehouse.errors import PublicationBlocked

BEFORE, AFTER = "2021-01-03T12:29:00+08:00", "2021-01-03T12:31:00+08:00"


@pytest.fixture
def gap(warehouse, monkeypatch):
    """Two days of which the second lacks the cremations; they may come until 12:30 of the morning after."""
    monkeypatch.setenv("WAREHOUSE_NOW", BEFORE)
    deliver_days("2021-01-01", "2021-01-01")
    for table in ("marriage_registration", "adoption_registration", "death_notice", "household_register", "household_member",
                  "payment_detail", "temporary_aid", "vagrant_rescue", "deceased_reception"):  # fmt: skip
        deliver(table, "2021-01-02", [])
    return warehouse


def judged(**options) -> ledger.Readiness:
    with database.connect("builder", autocommit=True) as connection:
        return ledger.readiness(connection, **options)


def test_a_publication_waits_for_every_system_until_the_deadline(gap):
    found = judged()
    assert not found.ready
    assert (
        found.reason
        == "waits until 2021-01-03 12:30 (Asia/Shanghai) for funeral/cremation_record of 2021-01-02 (missing)"
    )


def test_after_the_deadline_it_goes_out_as_partial_and_names_the_gap(gap, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_NOW", AFTER)
    found = judged()
    assert (found.ready, found.partial) == (True, True)
    assert "funeral/cremation_record of 2021-01-02 (missing)" in found.reason
    assert {system: str(day) for system, day in found.as_of.items()} == {
        "assistance": "2021-01-02", "civil_registration": "2021-01-02", "funeral": "2021-01-01",
    }  # fmt: skip


def test_a_contract_that_allows_no_partial_keeps_the_last_publication(gap, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_NOW", AFTER)
    gap.query("update audit.contract set may_publish_without = false where table_name = 'cremation_record'")
    found = judged()
    assert not found.ready
    assert "allows no partial publication" in found.reason


def test_the_delivery_that_came_late_ends_the_gap(gap):
    deliver("cremation_record", "2021-01-02", [])
    assert judged().reason == "every system is complete"


@pytest.mark.slow
def test_a_publication_tells_what_its_build_took_in_not_what_arrived_meanwhile(warehouse, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_NOW", BEFORE)
    deliver_days("2021-01-01", "2021-01-01")
    built = transform.build

    def while_a_load_goes_on(**options):
        done = built(**options)
        deliver_days("2021-01-02", "2021-01-02")
        return done

    monkeypatch.setattr(transform, "build", while_a_load_goes_on)
    candidate = pipeline.build()
    assert warehouse.query(
        "select as_of ->> 'funeral', is_partial from audit.publication where publication_id = %s", candidate
    ) == [("2021-01-01", False)]


@pytest.mark.slow
def test_a_gap_that_must_be_waited_for_is_refused_by_every_way_to_publish(gap, monkeypatch):
    transform.build()
    assert pipeline.build() is None
    candidate = publish.freeze(1, judged(of_build=True))
    with pytest.raises(PublicationBlocked, match="may still come"):
        pipeline.publish(candidate)
    gap.query("update build.delivery_calendar set may_publish_without = false where table_name = 'cremation_record'")
    monkeypatch.setenv("WAREHOUSE_NOW", AFTER)
    assert pipeline.build() is None


@pytest.mark.slow
def test_a_blocked_candidate_is_told_and_goes_out_when_the_rule_is_mended(warehouse, monkeypatch, tmp_path):
    monkeypatch.setenv("WAREHOUSE_NOW", BEFORE)
    deliver_days("2021-01-01", "2021-01-02")
    warehouse.landing.mkdir(exist_ok=True)
    folder = tmp_path / "expectations"
    for layer in expectations.LAYERS:
        (folder / layer).mkdir(parents=True)
    suite = folder / "marts" / "indicator.yml"
    shutil.copy(expectations.FOLDER / "marts" / "indicator.yml", suite)
    monkeypatch.setattr(expectations, "FOLDER", folder)
    monkeypatch.setattr(expectations, "missing", lambda *_: [])
    good = suite.read_text()
    suite.write_text(good.replace("min_value: 40", "min_value: 1000000"))
    with pytest.raises(PublicationBlocked):
        pipeline.run()
    assert "publication 1 is blocked" in pipeline.status()["readiness"].reason
    assert not pipeline.is_ready(), "nothing was mended, so Airflow does not try again"
    suite.write_text(good)
    assert pipeline.is_ready()
    assert pipeline.run()["publication"] == 1
