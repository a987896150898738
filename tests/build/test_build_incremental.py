"""A build takes in what changed; built from nothing, in any order and after any kill the rows are the same."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.build.raw_rows import deliver, person
from tests.build.snapshots import built_rows, differences
from warehouse import database, settings, transform
from warehouse.errors import BuildFailed

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setenv("WAREHOUSE_NOW", "2021-04-02T06:00:00+08:00")


def payment(number: int, stamp: str = "2021-01-01", **cells) -> dict:
    return {
        "payment_id": f"P{number}", "programme_code": "GE", "pay_kind": "1", "bank_status": "1", "month_count": 1,
        "pay_date": "2021-01-10", "total_amt": "600.00", "domicile_code": "410802001000", "valid_flag": "1",
        "id_no_key": person(number), "id_no_status": "valid", "source_updated_at": f"{stamp} 08:00:00",
    } | cells  # fmt: skip


def household(number: int, **cells) -> dict:
    return {"household_id": f"H{number}", "assist_type": "01", "household_status": "1",
            "domicile_code": "410802001000", "residence_code": "410803001000", "valid_flag": "1"} | cells  # fmt: skip


def member(number: int, household_number: int, **cells) -> dict:
    return {"person_id": f"M{number}", "household_id": f"H{household_number}", "covered_flag": "1", "sex": "0",
            "valid_flag": "1", "id_no_key": person(number), "id_no_status": "valid"} | cells  # fmt: skip


# (table, business date, nn, rows): a history with every way in which a delivery can change the past
HISTORY = [
    ("payment_detail", "2021-01-10", 1, [payment(1), payment(2), payment(3)]),
    ("household_register", "2021-01-31", 1, [household(1), household(2)]),
    ("household_member", "2021-01-31", 1, [member(1, 1), member(2, 2)]),
    # a correction moves a payment to another month and county
    ("payment_detail", "2021-02-10", 1, [payment(1, "2021-02-10", pay_date="2021-02-10", domicile_code="410803001000"),
                                         payment(4, pay_date="2021-02-10", total_amt="-600.00", pay_kind="3")]),
    # a re-export drops a line and brings another
    ("payment_detail", "2021-01-10", 2, [payment(1), payment(3, total_amt="700.00"), payment(5)]),
    # voided by a newer stamp; an older stamp arrives later and changes nothing
    ("payment_detail", "2021-02-11", 1, [payment(5, "2021-02-11", valid_flag="0")]),
    ("payment_detail", "2021-02-12", 1, [payment(5, "2020-12-01", total_amt="1.00")]),
    ("household_register", "2021-02-10", 1, [household(2, household_status="2", source_updated_at="2021-02-10")]),
    ("household_register", "2021-02-28", 1, [household(1)]),
    ("household_member", "2021-02-28", 1, [member(1, 1)]),
    # the January snapshot again: one household more
    ("household_register", "2021-01-31", 2, [household(1), household(2), household(3)]),
    ("household_member", "2021-01-31", 2, [member(1, 1), member(2, 2), member(3, 3)]),
    ("death_notice", "2021-02-10", 1, [{"death_notice_id": "N1", "source_sys": "2", "id_no_key": person(1),
                                        "id_no_status": "valid", "death_date": "2021-02-01",
                                        "death_date_precision": "D", "hukou_code": "410802001000"}]),
    ("death_notice", "2021-03-10", 1, [{"death_notice_id": "N2", "source_sys": "1", "id_no_key": person(1),
                                        "id_no_status": "valid", "death_date": "2021-01-31",
                                        "death_date_precision": "D", "hukou_code": "410803001000"}]),
]  # fmt: skip


def test_step_by_step_in_any_order_and_from_nothing_give_the_same_rows(make_warehouse):
    histories = []
    for seed in (None, 1):
        with pytest.MonkeyPatch.context() as patch:
            make_warehouse(patch)
            patch.setenv("WAREHOUSE_NOW", "2021-04-02T06:00:00+08:00")
            steps = list(HISTORY)
            if seed is not None:
                random.Random(seed).shuffle(steps)
            # builds after the first, the middle and the last deliveries: incremental but for the first
            for position, step in enumerate(steps, start=1):
                deliver(step[0], step[1], step[3], nn=step[2])
                if position in (1, 5, 6, 9, len(steps)):
                    was_full = transform.build().full_refresh
                    assert was_full == (position == 1)
            incremental = built_rows()
            assert transform.build(full_refresh=True).full_refresh
            assert differences(incremental, built_rows()) == {}
            histories.append(built_rows(with_lineage=False))
    assert differences(*histories) == {}
    assert ("P5",) not in {row[:1] for row in histories[0]["core.fct_payment"]}


def test_nothing_new_is_no_build(module_warehouse):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_NOW", "2021-04-02T06:00:00+08:00")
        deliver("payment_detail", "2021-01-10", [payment(1)])
        first = transform.build()
        again = transform.build()
    assert first.changed
    assert not again.changed
    assert again.build_id == first.build_id
    assert module_warehouse.query("select count(*) from audit.build") == [(1,)]


def test_a_change_of_divisions_rebuilds_everything(module_warehouse):
    deliver("payment_detail", "2021-01-11", [payment(9, domicile_code="410821777000")], nn=1)
    transform.build()
    deliver(
        "division_change", "2021-01-12",
        [{"change_id": "X1", "change_type": "021", "pre_code": "410821777", "post_code": "410825001",
          "pre_name": "甲", "post_name": "温泉街道", "effective_date": "2021-01-12"}],
    )  # fmt: skip
    assert transform.build().full_refresh
    assert module_warehouse.query("select county_code from core.fct_payment where payment_id = 'P9'") == [("410825",)]


def test_one_stamp_with_two_contents_is_a_conflict_and_a_repeat_is_none(module_warehouse):
    deliver("payment_detail", "2021-01-18", [payment(50), payment(51)])
    deliver("payment_detail", "2021-01-19", [payment(50, total_amt="650.00"), payment(51)])
    transform.build()
    assert module_warehouse.query(
        "select business_key, contents, cardinality(load_ids) from intermediate.int_correction_conflict"
        " where business_key in ('P50', 'P51')"
    ) == [("P50", 2, 2)]
    deliver("payment_detail", "2021-01-19", [payment(51)], nn=2)  # the re-export takes the conflict back
    transform.build()
    assert module_warehouse.query(
        "select count(*) from intermediate.int_correction_conflict where business_key = 'P50'"
    ) == [(0,)]


def test_a_failed_build_names_the_model_and_its_changes_stay_pending(module_warehouse):
    deliver("death_notice", "2021-01-15", [{"death_notice_id": "N7", "source_sys": "1", "death_date": "2021-01-02"}])
    module_warehouse.query("revoke select on raw.cremation_record from builder")
    with pytest.raises(BuildFailed, match="model fct_cremation "):
        transform.build()
    assert module_warehouse.query("select count(*) > 0 from audit.change where build_id is null") == [(True,)]
    assert module_warehouse.query("select problem like '%%model fct_cremation %%' from audit.build"
                                  " order by build_id desc limit 1") == [(True,)]  # fmt: skip
    module_warehouse.query("grant select on raw.cremation_record to builder")
    transform.build()
    assert module_warehouse.query("select count(*) from core.fct_death where death_notice_id = 'N7'") == [(1,)]


@pytest.mark.parametrize("seconds", [4, 7, 9, 11])
def test_a_killed_build_run_again_gives_the_same_rows(module_warehouse, seconds):
    deliver("payment_detail", f"2021-02-{seconds + 10}",
            [payment(1, "2021-02-10", pay_date=f"2021-03-{seconds + 10}"), payment(100 + seconds)])  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", "from warehouse import transform; transform.build()"],
        cwd=settings.PROJECT, env=os.environ | {"WAREHOUSE_NOW": "2021-04-02T06:00:00+08:00"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    transform.build()
    incremental = built_rows()
    transform.build(full_refresh=True)
    assert differences(incremental, built_rows()) == {}
    assert module_warehouse.query(
        "select count(*) from core.fct_payment where payment_id = %s", f"P{100 + seconds}"
    ) == [(1,)]


def test_a_second_build_waits_for_the_first(module_warehouse):
    with database.connect("builder", autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s, %s)", (database.LOCK_CLASS, database.BUILD_LOCK))
        process = subprocess.Popen(
            [sys.executable, "-c", "from warehouse import transform; print(transform.build().changed)"],
            cwd=settings.PROJECT, env=os.environ, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(4)
        assert process.poll() is None
    output, _ = process.communicate(timeout=60)
    assert output.strip() == "False"
