"""The project's own rules for marts: a city whose figures agree passes, and each disagreement is found by its rule."""

import pytest

from tests import marts
from warehouse import expectations, publish, quality
from warehouse.errors import PublicationBlocked

VALUE, CITY, COUNTY = "marts.indicator_value", "division_code = '410800'", "division_code = '410802'"


@pytest.fixture(scope="module")
def suites(tmp_path_factory):
    """The project's suites for marts alone: there is no star here."""
    folder = tmp_path_factory.mktemp("expectations")
    (folder / "marts").symlink_to(expectations.FOLDER / "marts")
    return folder


def test_a_city_whose_figures_agree_passes(warehouse, suites):
    assert quality.check(marts.candidate(), suites).result == "passed"


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("identities.person_times_parts", f"update {VALUE} set numerator = numerator + 1 where indicator = 'A03P' and {COUNTY}"),
        ("identities.funds_parts", f"update {VALUE} set numerator = numerator + 0.01 where indicator = 'A04M' and {COUNTY}"),
        ("identities.child_funds_parts", f"update {VALUE} set numerator = 0 where indicator = 'A08M' and {COUNTY}"),
        ("identities.funds_agree", "update marts.assistance_monthly set amount_yuan = amount_yuan + 1 where programme_code = 'DBC'"),
        ("identities.person_times_agree", "delete from marts.assistance_monthly where programme_code = 'LS'"),
        ("identities.cross_province_part", f"update {VALUE} set numerator = 1000000 where indicator = 'C03' and {COUNTY}"),
        ("identities.counts_not_negative", f"update {VALUE} set numerator = -1 where indicator = 'F01' and {COUNTY}"),
        ("identities.counties_within_city", f"update {VALUE} set numerator = 1 where indicator = 'C01' and {CITY}"),
        ("identities.persons_within_city", f"update {VALUE} set numerator = 1 where indicator = 'A10N' and {CITY}"),
        ("identities.offices_have_a_county", f"update {VALUE} set numerator = numerator + 1 where indicator = 'C02' and {CITY}"),
        ("identities.catalogued", "delete from marts.indicator where indicator = 'C05'"),
        ("identities.plain_values", f"update {VALUE} set value = value + 1 where indicator = 'C01' and {COUNTY}"),
        ("identities.ratios", f"update {VALUE} set value = value / 100 where indicator = 'F03' and {CITY}"),
        ("identities.city_has_no_rank", f"update {VALUE} set value = 1, state = 'value' where indicator = 'F04' and {CITY}"),
        ("identities.year_is_sum", f"update {VALUE} set numerator = numerator + 1, value = value + 1 where indicator = 'C01' and grain = 'year' and {CITY}"),
        ("identities.competition_rank", "update marts.cremation_ranking set rank = 2 where rank = 1"),
        ("identities.rank_agrees", f"update {VALUE} set value = 12 - value where indicator = 'F04' and {COUNTY}"),
        ("identities.rate_agrees", f"update marts.cremation_ranking set cremations = cremations + 1 where {COUNTY}"),
        ("identities.grid_is_full", f"delete from {VALUE} where indicator = 'C05' and {COUNTY} and period = '2021-12'"),
        ("identities.ranking_is_full", f"delete from marts.cremation_ranking where {COUNTY} and period = '2021-12'"),
        ("indicator_value.value_present", f"update {VALUE} set value = null where indicator = 'C01' and {COUNTY}"),
        ("indicator_value.value_absent", f"update {VALUE} set state = 'missing' where indicator = 'C01' and {COUNTY}"),
        ("indicator_value.states", f"update {VALUE} set state = 'unknown' where indicator = 'C01' and {COUNTY}"),
        ("indicator_value.divisions", f"delete from {VALUE} where division_code = '410871'"),
        ("indicator_value.grains", f"delete from {VALUE} where grain = 'quarter'"),
        ("division.codes", "update marts.division set division_code = '410899' where division_code = '410871'"),
        ("assistance_monthly.lines_at_least_persons", "update marts.assistance_monthly set persons = payment_lines + 1"),
    ],
)  # fmt: skip
def test_a_disagreement_is_found_by_its_rule(warehouse, tmp_path, rule, change):
    suite = tmp_path / "marts" / f"{rule.partition('.')[0]}.yml"  # alone, for time; that the others miss blocks as well
    suite.parent.mkdir()
    suite.symlink_to(expectations.FOLDER / "marts" / suite.name)
    marts.make_marts()
    warehouse.query(change)
    candidate = publish.freeze(marts.finished_build(), marts.READY)
    with pytest.raises(PublicationBlocked):
        quality.check(candidate, tmp_path)
    assert warehouse.query("select status from audit.validation_result where rule_id = %s", f"marts.{rule}") == [
        ("failed",)
    ]
