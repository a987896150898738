"""Counts of persons from 1 to 9 are not told, nor what would give them away."""

from warehouse.disclosure import Cell, hide_counts_of_rates, hide_in_period, hide_programmes

CATALOGUE = {
    "A03P": {"unit": "人次", "basis": "flow"},
    "A04P": {"unit": "人次", "basis": "flow"},
    "A15": {"unit": "人", "basis": "stock"},
    "C04": {"unit": "件", "basis": "flow"},
    "F06": {"unit": "个", "basis": "stock"},
}


def shown(cells: dict[str, Cell]) -> dict:
    return {name: cell.value if cell.is_told else cell.state for name, cell in cells.items()}


def in_period(grain: str, **values: int) -> dict:
    return shown(hide_in_period({name: Cell(value) for name, value in values.items()}, CATALOGUE, grain))


def test_zero_and_ten_are_told_one_and_nine_are_not():
    assert [in_period("month", C04=count)["C04"] for count in (0, 1, 9, 10)] == [0, "not_told", "not_told", 10]


def test_facilities_are_no_persons():
    assert in_period("month", F06=7) == {"F06": 7}


def test_a_year_of_the_city_is_told_but_a_stock_is_the_same_in_month_and_year():
    assert in_period("year", C04=7, A15=7) == {"C04": 7, "A15": "not_told"}


def test_what_another_indicator_gives_away_is_hidden_together():
    assert in_period("month", A03P=4, A04P=500) == {"A03P": "not_told", "A04P": "not_told"}


def test_a_missing_value_stays_missing():
    assert shown(hide_in_period({"C04": Cell(None, "missing")}, CATALOGUE, "month")) == {"C04": "missing"}


def test_a_programme_is_hidden_with_its_indicator_and_both_tekun_programmes_together():
    told = {code: Cell(100) for code in ("DBC", "TKN", "GE")} | {"TKC": Cell(3)}
    indicators = {"A03P": Cell(None, "not_told"), "A05P": Cell(103)}
    assert shown(hide_programmes(told, indicators)) == {
        "DBC": "not_told",
        "TKC": "not_told",
        "TKN": "not_told",
        "GE": 100,
    }


def test_the_counts_of_one_unit_cannot_be_had_from_the_total_of_all():
    units = [{"cremations": Cell(c), "deaths": Cell(d)} for c, d in ((4, 30), (20, 40), (15, 60))]
    hidden = [set(shown(counts).values()) == {"not_told"} for counts in hide_counts_of_rates(units)]
    assert hidden == [True, True, False]
