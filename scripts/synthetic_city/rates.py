"""Whole cremations and deaths for printed rates, and cemeteries for a completion rate."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from scripts.synthetic_city.allocation import Constraint, largest_remainder, solve_groups, spread
from scripts.synthetic_city.figures import Figure, FiguresError
from scripts.synthetic_city.geography import CITY
from scripts.synthetic_city.plan import REFERENCE, Planner, previous_year
from scripts.synthetic_city.rate_search import NO_LIMIT, Row, choose, unit_candidates

FACILITY_KINDS = (("02", 1, 1), ("02", 0, 1), ("02", 1, 0), ("04", 1, 1), ("04", 0, 1), ("04", 1, 0))
"""Kinds of cemetery: facility type, planned, built (status 0)."""
SLICES = 5  # parts of a rate's rounding interval tried when a change on the previous year is printed too


def rate_constraints(
    numerator: np.ndarray, denominator: np.ndarray, low: Fraction, high: Fraction | None, *figures: str
) -> list[Constraint]:
    """low < 100 * numerator / denominator < high as sums of whole numbers; a rate has at least one case."""
    cells = np.concatenate([numerator, denominator])

    def weighted(bound: Fraction) -> np.ndarray:
        return np.concatenate(
            [np.full(len(numerator), 100 * bound.denominator), np.full(len(denominator), -bound.numerator)]
        )

    constraints = [Constraint.total(denominator, 1, None, *figures)]
    if low > 0:
        constraints.append(Constraint(cells, weighted(low), 1, None, figures))
    if high is not None:
        constraints.append(Constraint(cells, weighted(high), None, -1, figures))
        if high > 100 >= (low + high) / 2:  # no more than all
            constraints.append(Constraint(cells, weighted(Fraction(100)), None, 0, figures))
    return constraints


def plan_rates(planner: Planner) -> dict[str, np.ndarray]:
    """Deaths F02 and cremations F01 by (unit, month), such that counts, rates, ranks and changes all come out."""
    changes = planner.of("F05")
    if not changes:
        return _solve(planner, [], None)
    first = _solve(planner, [], None)
    try:
        return _solve(planner, changes, first)
    except FiguresError as error:
        last = error
    for part in range(SLICES):
        try:
            narrowed = _solve(planner, [], None, part)
            return _solve(planner, changes, narrowed, part)
        except FiguresError as error:
            last = error
    raise last


def _solve(
    planner: Planner, changes: list[Figure], base: dict[str, np.ndarray] | None, part: int | None = None
) -> dict[str, np.ndarray]:
    deaths = planner.noisy(
        planner.inhabitants * REFERENCE["F02"] * np.outer(planner.unit_share(), planner.death_season), 0.03
    )
    share = _rate_prior(planner)
    found = _search(planner, deaths, share, changes, base, part)
    if found is None:
        found = _programme(planner, deaths, share, changes, base, part)
    return {"F01": found[0], "F02": found[1]}


def _interval(figure: Figure, part: int | None) -> tuple[Fraction, Fraction | None]:
    """The rounding interval of a rate, or a slice of it for the rate of a year."""
    low, high = figure.low, figure.high
    if part is not None and high is not None and figure.period == str(figure.first.year):
        low, high = low + (high - low) * part / SLICES, low + (high - low) * (part + 1) / SLICES
    return low, high


def _rows(
    planner: Planner, changes: list[Figure], base: dict[str, np.ndarray] | None, part: int | None
) -> list[tuple[str, list[int], Row]]:
    """Division, months and row of every figure of deaths and cremations."""
    rows = []
    for figure in planner.of("F01", "F02"):
        low, high = figure.whole_numbers()
        bounds = {"cremations" if figure.indicator == "F01" else "deaths": (low, NO_LIMIT if high is None else high)}
        rows.append((figure.division, planner.months_of(figure), Row(frozenset(), **bounds)))
    for figure in planner.of("F03"):
        low, high = _interval(figure, part)
        high = Fraction(10**6) if high is None else high
        if high > 100 >= (low + high) / 2:
            high = Fraction(100) + Fraction(1, 10**9)
        rows.append((figure.division, planner.months_of(figure), Row(frozenset(), low=low, high=high)))
    for figure in changes:
        months, cremations, deaths, rate = _previous(planner, figure, base)
        rows.append((figure.division, months, Row(frozenset(), cremations=(cremations,) * 2, deaths=(deaths,) * 2)))
        high = Fraction(10**6) if figure.high is None else rate + figure.high
        rows.append((figure.division, planner.months_of(figure), Row(frozenset(), low=rate + figure.low, high=high)))
    return rows


def _search(
    planner: Planner, deaths: np.ndarray, share: np.ndarray, changes: list[Figure], base: dict[str, np.ndarray] | None,
    part: int | None,
) -> tuple[np.ndarray, np.ndarray] | None:  # fmt: skip
    """Cremations and deaths by (unit, month) from candidates of each county; None where that does not succeed."""
    rows = _rows(planner, changes, base, part)
    signature = np.array([[m in months for m in range(planner.months)] for _, months, _ in rows]).reshape(
        len(rows), planner.months
    )
    _, atom = np.unique(signature, axis=1, return_inverse=True) if len(rows) else (None, np.zeros(planner.months, int))
    atom = atom.ravel()
    atoms = int(atom.max()) + 1

    def by_atom(values: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(atom, row, atoms) for row in values])

    plausible, burnt = by_atom(deaths), by_atom(deaths * share)
    generator = planner.generator
    own: dict[str, list[Row]] = {}
    for division, months, row in rows:
        own.setdefault(division, []).append(replace(row, atoms=frozenset(int(a) for a in atom[months])))
    candidates = []
    for unit in range(planner.units):
        code = planner.geography.counties[unit] if unit < planner.geography.no_county else ""
        block = unit_candidates(own.get(code, []), burnt[unit], plausible[unit], generator)
        if block is None:
            return None
        candidates.append(block)
    picked = choose(candidates, own.get(CITY, []), generator)
    if picked is None:
        return None
    dead, cremated = np.zeros(deaths.shape, np.int64), np.zeros(deaths.shape, np.int64)
    for unit, (block, pick) in enumerate(zip(candidates, picked, strict=True)):
        for number in range(atoms):
            months = np.flatnonzero(atom == number)
            dead[unit, months] = largest_remainder(int(block.deaths[pick, number]), deaths[unit, months])
            weights = dead[unit, months] * share[unit, months]
            cremated[unit, months] = largest_remainder(int(block.cremations[pick, number]), weights, dead[unit, months])
    return cremated, dead


def _programme(
    planner: Planner, deaths: np.ndarray, share: np.ndarray, changes: list[Figure], base: dict[str, np.ndarray] | None,
    part: int | None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The same from an integer programme, which also takes periods that overlap and more cremations than deaths."""
    prior = np.stack([deaths * share, deaths])
    cell = np.arange(prior.size).reshape(prior.shape)
    constraints = []
    for figure in planner.of("F01", "F02"):
        at = np.ix_([0 if figure.indicator == "F01" else 1], planner.units_of(figure), planner.months_of(figure))
        constraints.append(Constraint.total(cell[at].ravel(), *figure.whole_numbers(), figure.figure_id))
    for figure in planner.of("F03"):
        constraints += rate_constraints(*_cells(planner, figure, cell), *_interval(figure, part), figure.figure_id)
    for figure in changes:
        constraints += _change_constraints(planner, figure, cell, base)
    groups = solve_groups(np.maximum(prior, 1e-3).ravel(), constraints)
    by_prior = spread(groups, prior.ravel()).reshape(prior.shape)
    weights = np.stack([by_prior[1] * share, prior[1]])
    most = np.stack([by_prior[1], np.full(prior[1].shape, np.iinfo(np.int64).max // prior.size)])
    values = spread(groups, weights.ravel(), most.ravel()).reshape(prior.shape)
    return values[0], values[1]


def _cells(planner: Planner, figure: Figure, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    at = np.ix_(planner.units_of(figure), planner.months_of(figure))
    return cell[0][at].ravel(), cell[1][at].ravel()


def _rate_prior(planner: Planner) -> np.ndarray:
    """A plausible rate 0–1 for each (unit, month): the printed one of the shortest period, else the unit's, else drawn."""
    rates = np.repeat(planner.generator.uniform(0.3, 0.8, planner.units)[:, None], planner.months, axis=1)
    for figure in sorted(
        planner.of("F03"), key=lambda figure: (figure.division != "410800", figure.first - figure.last)
    ):
        rates[planner.units_of(figure)] = np.clip(figure.middle / 100, 0, 1)
    for figure in sorted(
        planner.of("F03"), key=lambda figure: (figure.division != "410800", figure.first - figure.last)
    ):
        rates[np.ix_(planner.units_of(figure), planner.months_of(figure))] = np.clip(figure.middle / 100, 0, 1)
    return rates


def _previous(planner: Planner, figure: Figure, base: dict[str, np.ndarray]) -> tuple[list[int], int, int, Fraction]:
    """Months, cremations, deaths and rate of the calendar year a change is measured from."""
    first, last = previous_year(figure)
    if not planner.window.contains(first, last):
        raise FiguresError(
            [f"figure {figure.figure_id} (F05) needs the year {first.year}: start with --from {first} or drop the row"]
        )
    months = planner.window.months_within(first, last)
    at = np.ix_(planner.units_of(figure), months)
    cremations, deaths = int(base["F01"][at].sum()), int(base["F02"][at].sum())
    if deaths == 0:
        raise FiguresError(
            [f"figure {figure.figure_id} (F05): no deaths in {first.year} to compare with; drop the row"]
        )
    return months, cremations, deaths, Fraction(100 * cremations, deaths)


def _change_constraints(
    planner: Planner, figure: Figure, cell: np.ndarray, base: dict[str, np.ndarray]
) -> list[Constraint]:
    months, cremations, deaths, rate = _previous(planner, figure, base)
    at, name = np.ix_(planner.units_of(figure), months), figure.figure_id
    fixed = [
        Constraint.total(cell[0][at].ravel(), cremations, cremations, name),
        Constraint.total(cell[1][at].ravel(), deaths, deaths, name),
    ]
    high = None if figure.high is None else rate + figure.high
    return fixed + rate_constraints(*_cells(planner, figure, cell), rate + figure.low, high, name)


def plan_facilities(planner: Planner) -> np.ndarray:
    """Cemeteries by (kind, unit, month) for F06, F07 and F08; months without a figure are like the next one that has."""
    figures = planner.of("F06", "F07", "F08")
    anchors = sorted({planner.months_of(figure)[-1] for figure in figures}) or [planner.months - 1]
    per_kind = np.array([REFERENCE["F06"], REFERENCE["F06"] / 20, REFERENCE["F06"] / 20])
    per_kind = np.concatenate([per_kind, per_kind * REFERENCE["F07"] / REFERENCE["F06"]]) * planner.inhabitants
    share = np.append(planner.geography.share, 0)
    prior = planner.noisy(np.repeat(np.outer(per_kind, share)[:, :, None], len(anchors), axis=2), 0.02)
    prior = np.maximum(prior, 1e-3 * (share > 0)[None, :, None])
    cell = np.arange(prior.size).reshape(prior.shape)
    constraints = []
    for figure in figures:
        units, anchor = planner.units_of(figure), anchors.index(planner.months_of(figure)[-1])
        if figure.indicator in ("F06", "F07"):
            kinds = [0, 1] if figure.indicator == "F06" else [3, 4]
            cells = cell[np.ix_(kinds, units, [anchor])].ravel()
            constraints.append(Constraint.total(cells, *figure.whole_numbers(), figure.figure_id))
        else:
            built, planned = (
                cell[np.ix_([0, 3], units, [anchor])].ravel(),
                cell[np.ix_([2, 5], units, [anchor])].ravel(),
            )
            constraints += _completion(built, planned, figure)
    groups = solve_groups(prior.ravel(), constraints)
    values = spread(groups, prior.ravel()).reshape(prior.shape)
    following = [
        min([i for i, a in enumerate(anchors) if a >= m], default=len(anchors) - 1) for m in range(planner.months)
    ]
    return values[:, :, following]


def _completion(built: np.ndarray, unbuilt: np.ndarray, figure: Figure) -> list[Constraint]:
    """low < 100 * built / (built + unbuilt) < high."""
    cells = np.concatenate([built, unbuilt])
    constraints = [Constraint.total(cells, 1, None, figure.figure_id)]
    for bound, is_low in ((figure.low, True), (figure.high, False)):
        if bound is None:
            continue
        weights = np.concatenate(
            [
                np.full(len(built), 100 * bound.denominator - bound.numerator),
                np.full(len(unbuilt), -bound.numerator),
            ]
        )
        constraints.append(
            Constraint(cells, weights, 1 if is_low else None, None if is_low else -1, (figure.figure_id,))
        )
    return constraints
