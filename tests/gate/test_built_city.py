"""The project's rules for staging and the star, on a city that was really loaded and built."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.cities import tiny_city
from warehouse import expectations, pipeline, quality
from warehouse.errors import PublicationBlocked
from warehouse.settings import PROJECT

PLANTED = "11010519491231002X"


@pytest.fixture(scope="module")
def city(module_warehouse):
    """(warehouse, candidate) of the days up to a month's end."""
    tiny_city(module_warehouse.landing)
    pipeline.load()
    return module_warehouse, pipeline.build()


@contextmanager
def changed(warehouse, table: str, statement: str) -> Iterator[None]:
    """A table of the star with a change, which is undone afterwards."""
    warehouse.query(f"create table public.backup as table {table}")
    try:
        warehouse.query(statement)
        yield
    finally:
        warehouse.query(f"delete from {table}")
        warehouse.query(f"insert into {table} select * from public.backup")
        warehouse.query("drop table public.backup")


def test_every_model_of_staging_and_the_star_has_a_suite():
    suites, _, _ = expectations.load()
    judged = {suite.name for suite in suites}
    models = PROJECT / "dbt_project" / "models"
    built = [f"staging.{path.stem}" for path in (models / "staging").glob("*/*.sql")]
    built += [f"core.{path.stem}" for path in (models / "core").glob("*.sql")]
    assert len(built) > 30
    assert [name for name in built if name not in judged] == []


@pytest.mark.slow
def test_a_city_as_generated_passes_every_rule(city):
    warehouse, candidate = city
    verdict = quality.check(candidate)
    assert verdict.result in ("passed", "warning")
    assert [
        result.describe() for result in verdict.results if result.severity == "critical" and not result.success
    ] == []
    assert len(verdict.results) >= 200
    counted = {
        layer: warehouse.query(
            "select count(*) from audit.validation_result where layer = %s and element_count > 0", layer
        )[0][0]
        for layer in expectations.LAYERS
    }
    assert min(counted.values()) > 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "change", "rules"),
    [
        ("core.fct_payment", "delete from core.fct_payment", {"reconciliation.payments_lost", "reconciliation.yuan_lost"}),
        (
            "core.fct_payment",
            "update core.fct_payment set amount_yuan = amount_yuan + 0.01 where payment_id ="
            " (select min(payment_id) from core.fct_payment where is_paid)",
            {"reconciliation.yuan_lost"},
        ),
        (
            "core.fct_death",
            "insert into core.fct_death select (jsonb_populate_record(death,"
            " jsonb_build_object('death_notice_id', death_notice_id || '-again'))).* from core.fct_death as death",
            {"fct_death.person_once"},
        ),
        ("core.fct_death", "update core.fct_death set county_code = '410899'", {"fct_death.county_code"}),
        ("core.fct_household_snapshot", "delete from core.fct_household_snapshot", {"reconciliation.households_lost"}),
        ("core.fct_cremation", f"update core.fct_cremation set county_code = '{PLANTED}'", {"fct_cremation.county_code"}),
    ],
)  # fmt: skip
def test_what_was_lost_doubled_or_misplaced_in_the_star_blocks(city, tmp_path, table, change, rules):
    warehouse, candidate = city
    (tmp_path / "core").mkdir()
    for name in {rule.partition(".")[0] for rule in rules}:  # alone, for time; that the others miss blocks as well
        (tmp_path / "core" / f"{name}.yml").symlink_to(expectations.FOLDER / "core" / f"{name}.yml")
    with changed(warehouse, table, change), pytest.raises(PublicationBlocked) as raised:
        quality.check(candidate, Path(tmp_path))
    failed = {
        rule.removeprefix("core.")
        for (rule,) in warehouse.query(
            "select rule_id from audit.validation_result where status = 'failed' and severity = 'critical'"
            " and run_id = (select max(run_id) from audit.validation_run)"
        )
    }
    assert failed == rules
    assert PLANTED not in str(raised.value)
    ((leaks,),) = warehouse.query(
        "select count(*) from audit.validation_result as result where result::text like %s", f"%{PLANTED}%"
    )
    assert leaks == 0
