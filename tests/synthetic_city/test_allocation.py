"""The solver meets every interval in whole numbers, or says which figures contradict each other."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.synthetic_city.allocation import Constraint, largest_remainder, solve_groups, spread
from scripts.synthetic_city.checks import competition_ranks
from scripts.synthetic_city.figures import FiguresError
from scripts.synthetic_city.people import id_numbers
from scripts.synthetic_city.rate_search import Row, choose, unit_candidates
from scripts.synthetic_city.rates import rate_constraints
from tests.synthetic_city.reference import check_character


def interval(hundredths: int) -> tuple[Fraction, Fraction]:
    return Fraction(2 * hundredths - 1, 200), Fraction(2 * hundredths + 1, 200)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(5, 4_000))
def test_any_two_rates_of_a_year_and_of_a_month_in_it_come_out(year: int, month: int, deaths: int):
    prior = np.concatenate([np.full(12, deaths / 24), np.full(12, deaths / 12)])
    cremations, dead = np.arange(12), np.arange(12, 24)
    constraints = rate_constraints(cremations, dead, *interval(year), "Y")
    constraints += rate_constraints(cremations[5:6], dead[5:6], *interval(month), "M")
    values = spread(solve_groups(prior, constraints), prior)
    for wanted, top, bottom in ((year, values[:12].sum(), values[12:].sum()), (month, values[5], values[17])):
        rate = Decimal(100 * int(top)) / Decimal(int(bottom))
        assert rate.quantize(Decimal("0.01"), ROUND_HALF_UP) == Decimal(wanted) / 100
        assert 0 <= top <= bottom


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 50_000), min_size=12, max_size=12), st.integers(0, 400_000))
def test_months_quarters_and_the_year_of_two_counties_are_met_together(months: list[int], share: int):
    prior = np.full(24, 1_000.0)
    cell = np.arange(24).reshape(2, 12)
    constraints = [Constraint.total(cell[:, m], months[m], months[m], f"M{m}") for m in (0, 3, 7)]
    quarter = sum(months[3:6])
    constraints.append(Constraint.total(cell[:, 3:6].ravel(), quarter, quarter + 9, "Q2"))
    low = min(share, months[0])
    constraints.append(Constraint.total(cell[0, :1], low, low, "C0"))
    total = sum(months)
    constraints.append(Constraint.total(cell.ravel(), total, total, "Y"))
    values = spread(solve_groups(prior, constraints), prior)
    assert all(c.low <= c.activity(values) <= c.high for c in constraints)


def test_figures_that_contradict_each_other_are_named():
    constraints = [Constraint.total(np.arange(3), 10, 10, "YEAR"), Constraint.total(np.arange(1), 11, 11, "MONTH")]
    with pytest.raises(FiguresError, match="MONTH, YEAR"):
        solve_groups(np.ones(3), constraints)


@given(st.integers(0, 10**12), st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_largest_remainders_lose_nothing(total: int, weights: list[float]):
    parts = largest_remainder(total, np.array(weights))
    assert int(parts.sum()) == total
    assert (parts >= 0).all()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.data())
def test_caps_hold_where_they_have_room(caps: list[int], data: st.DataObject):
    total = data.draw(st.integers(0, sum(caps)))
    parts = largest_remainder(total, np.ones(len(caps)), np.array(caps))
    assert int(parts.sum()) == total
    assert (parts <= caps).all()


def test_equal_rates_share_a_rank_and_the_next_is_skipped():
    assert competition_ranks({"a": Fraction(100), "b": Fraction(100), "c": Fraction(50)}) == {"a": 1, "b": 1, "c": 3}


@given(st.integers(-43_000, 19_000), st.booleans(), st.integers(0, 4_000))
def test_numbers_have_the_right_check_character_birth_date_and_sex(day: int, male: bool, rank: int):
    (number,) = id_numbers(np.array([day]), np.array([male]), np.array([rank])).to_pylist()
    born = np.datetime64(day, "D").astype(object)
    assert number[6:14] == f"{born:%Y%m%d}"
    assert int(number[16]) % 2 == male
    assert number[17] == check_character(number[:17])


def rounded(cremations: np.ndarray, deaths: np.ndarray) -> Decimal:
    return (Decimal(100 * int(cremations.sum())) / Decimal(int(deaths.sum()))).quantize(Decimal("0.01"), ROUND_HALF_UP)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([8, 60, 400, 3_000]))
def test_rates_of_months_their_quarters_the_year_and_the_city_come_out_together(seed: int, size: int):
    generator = np.random.default_rng(seed)
    deaths = generator.integers(size // 2 + 1, size + 2, (4, 6))
    cremations = generator.binomial(deaths, generator.random((4, 1)))
    periods = [[0], [2], [0, 1, 2], [3, 4, 5], [0, 1, 2, 3, 4, 5]]

    def row(top: np.ndarray, bottom: np.ndarray, period: list[int]) -> Row:
        low, high = interval(int(rounded(top[period], bottom[period]) * 100))
        return Row(frozenset(period), low=low, high=min(high, Fraction(100) + Fraction(1, 10**9)))

    candidates, start = [], deaths * np.exp(generator.normal(0, 0.1, deaths.shape))
    for top, bottom, plausible in zip(cremations, deaths, start, strict=True):
        rows = [row(top, bottom, period) for period in periods]
        block = unit_candidates(rows, plausible * (top.sum() / bottom.sum()), plausible, generator)
        assert block is not None
        candidates.append(block)
        for burnt, dead in zip(block.cremations, block.deaths, strict=True):
            assert (burnt >= 0).all()
            for period in periods:
                assert rounded(burnt[period], dead[period]) == rounded(top[period], bottom[period])
    year = row(cremations.sum(0), deaths.sum(0), periods[-1])
    picked = choose(candidates, [year], generator)
    if picked is not None:
        burnt = sum(block.cremations[pick] for block, pick in zip(candidates, picked, strict=True))
        dead = sum(block.deaths[pick] for block, pick in zip(candidates, picked, strict=True))
        assert rounded(burnt, dead) == rounded(cremations.sum(0), deaths.sum(0))
