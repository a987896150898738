"""What one small city's deliveries become in the marts. The rules one by one are unit tests in dbt_project/models."""

from decimal import Decimal

import pytest

from tests.build.raw_rows import deliver, deliver_days, person
from warehouse import transform

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def city(module_warehouse):
    """January 2021 complete, with a few events of each kind; built."""
    patch = pytest.MonkeyPatch()
    patch.setenv("WAREHOUSE_NOW", "2021-02-02T06:00:00+08:00")
    deaths = [
        {"death_notice_id": f"N{number}", "source_sys": "1", "id_no_key": person(number), "id_no_status": "valid",
         "death_date": "2021-01-05", "death_date_precision": "D", "hukou_code": "410823202205"}
        for number in range(1, 5)
    ]  # fmt: skip
    second_source = deaths[0] | {"death_notice_id": "W1", "source_sys": "2", "death_date": "2021-01-04"}
    without_county = deaths[0] | {"death_notice_id": "N9", "id_no_key": None, "id_no_status": "missing",
                                  "hukou_code": None}  # fmt: skip
    elsewhere = deaths[0] | {"death_notice_id": "N8", "id_no_key": person(8), "hukou_code": "320102000000"}
    payment = {"payment_id": "P1", "programme_code": "DBN", "pay_kind": "1", "bank_status": "1", "month_count": 3,
               "covered_persons": 2, "pay_date": "2021-01-10", "total_amt": "1200.00",
               "domicile_code": "410811060000"}  # fmt: skip
    deliver_days(
        "2021-01-01", "2021-01-31",
        death_notice={"2021-01-06": [*deaths, without_county, elsewhere], "2021-01-20": [second_source]},
        deceased_reception={"2021-01-07": [{"dead_id": "D1", "hukou_code": "410823108000"}]},
        cremation_record={
            "2021-01-08": [
                {"cremation_id": f"C{number}", "dead_id": f"D{number}", "cremation_type": "0", "status": "2",
                 "start_time": "2021-01-08 09:00:00"} for number in (1, 2)
            ]
        },
        payment_detail={
            "2021-01-10": [payment],
            "2021-01-11": [payment | {"payment_id": "P2", "pay_kind": "3", "month_count": 1, "total_amt": "-400.00"}],
        },
        temporary_aid={"2021-01-12": [{"aid_id": "L1", "persons": 4, "amount": "800.00", "pay_date": "2021-01-12",
                                       "hukou_code": "110000000000"}]},
    )  # fmt: skip
    transform.build()
    yield module_warehouse
    patch.undo()


def value(city, indicator: str, division: str, period: str = "2021-01") -> tuple:
    rows = city.query(
        "select value, state from marts.indicator_value where indicator = %s and division_code = %s and period = %s",
        *(indicator, division, period),
    )
    assert len(rows) == 1
    return rows[0]


def test_deaths_are_persons_and_their_county_follows_the_successor_of_an_old_code(city):
    assert value(city, "F02", "410823") == (4, "value")


def test_the_city_holds_deaths_without_a_county_but_not_residents_of_elsewhere(city):
    assert value(city, "F02", "410800") == (5, "value")


def test_a_cremation_without_reception_counts_in_the_city_alone(city):
    assert value(city, "F01", "410823") == (1, "value")
    assert value(city, "F01", "410800") == (2, "value")


def test_the_citys_rate_is_sum_by_sum(city):
    assert value(city, "F03", "410823") == (Decimal(25), "value")
    assert value(city, "F03", "410800") == (Decimal(40), "value")


def test_a_county_without_deaths_has_no_rate_and_no_rank(city):
    assert value(city, "F03", "410802") == (None, "not_defined")
    assert value(city, "F04", "410802") == (None, "not_defined")
    assert value(city, "F04", "410823") == (1, "value")
    assert value(city, "F04", "410800") == (None, "not_defined")


def test_person_times_net_the_reversal_and_the_zones_township_counts_in_the_zone(city):
    assert value(city, "A04P", "410871") == (2 * 3 - 2, "value")
    assert value(city, "A04M", "410871") == (Decimal(800), "value")
    assert value(city, "A04P", "410811") == (0, "value")


def test_the_city_total_holds_aid_to_residents_of_elsewhere(city):
    assert value(city, "A06P", "410800") == (4, "value")
    assert value(city, "A01", "410800") == (8, "value")
    assert value(city, "A02", "410800") == (Decimal(1600), "value")


def test_a_quarter_that_has_not_ended_is_not_due(city):
    assert value(city, "F02", "410800", "2021Q1") == (None, "not_due")


def test_every_indicator_stands_in_every_cell_of_the_grid_once(city):
    assert city.query(
        "select count(*), count(distinct (indicator, grain, period, division_code)) from marts.indicator_value"
    ) == [(40 * 3 * 12, 40 * 3 * 12)]


def test_a_payment_leads_to_its_file_and_line(city):
    assert city.query(
        "select file.table_name, file.business_date::text, payment.line from core.fct_payment as payment"
        " inner join audit.file as file using (load_id) where payment_id = 'P2'"
    ) == [("payment_detail", "2021-01-11", 2)]


def test_every_column_of_core_and_marts_is_explained_in_both_languages(city):
    undocumented = city.query(
        "select relname, attname from pg_attribute inner join pg_class on oid = attrelid"
        " where relnamespace in ('core'::regnamespace, 'marts'::regnamespace) and relkind = 'r' and attnum > 0"
        " and not attisdropped and coalesce(col_description(attrelid, attnum), '') !~ '[一-龥].*·.*[A-Za-z]'"
    )
    assert undocumented == []


def test_the_unit_tests_of_the_models_pass(city):
    results = transform.run_unit_tests()
    assert len(results) >= 36
    assert set(results.values()) <= {"pass", "success"}


def test_a_missing_day_makes_the_month_missing_once_its_time_is_over(warehouse, monkeypatch):
    deliver_days("2021-01-01", "2021-01-30")
    for table in ("death_notice", "marriage_registration"):
        deliver(table, "2021-01-31", [])
    monkeypatch.setenv("WAREHOUSE_NOW", "2021-02-01T12:29:00+08:00")
    transform.build()
    assert value(warehouse, "F02", "410800") == (0, "value")
    assert value(warehouse, "F01", "410800") == (None, "not_due")
    assert value(warehouse, "A14", "410800") == (None, "not_due")
    monkeypatch.setenv("WAREHOUSE_NOW", "2021-02-01T12:31:00+08:00")
    transform.build(full_refresh=True)
    assert value(warehouse, "F01", "410800") == (None, "missing")
    assert value(warehouse, "A14", "410800") == (None, "missing")
