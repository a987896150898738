"""How many of everything, by county and month: the figures as constraints, solved near a plausible city."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from scripts.synthetic_city.allocation import Constraint, largest_remainder, solve_groups, spread
from scripts.synthetic_city.figures import Figure, FiguresError
from scripts.synthetic_city.geography import CITY, Geography
from scripts.synthetic_city.window import Window

# Per inhabitant: a year's count (flows) or the count at a day (stocks). Magnitudes of a Chinese prefecture of the north,
# used only for what the figures leave open and to tell how large the city is.
REFERENCE = {
    "F01": 0.0035, "F02": 0.00725, "C01": 0.0048, "C02": 0.0017, "C03": 1.2e-6, "C04": 2e-6, "A13": 7.6e-4,
    "P_DBC": 0.055, "P_DBN": 0.180, "P_TKC": 0.005, "P_TKN": 0.031, "P_LS": 0.006,
    "A08N": 1.15e-4, "A09N": 1.5e-4, "A10N": 0.0207, "A11N": 0.0172,
    "A14": 8.9e-4, "A15": 9e-5, "A16": 1.1e-4, "A17": 6e-4, "K12": 7.2e-4, "A18": 1.2e-4, "F06": 2e-6, "F07": 1.3e-5,
}  # fmt: skip
SMALL_CITY = 13_000  # inhabitants where no figure tells the size
DEATH_SEASON = np.array([1.26, 1.14, 1.04, 0.97, 0.93, 0.89, 0.88, 0.89, 0.90, 0.95, 1.02, 1.13])
MARRIAGE_SEASON = np.array([1.15, 1.05, 0.95, 0.80, 1.45, 0.95, 0.85, 0.95, 0.95, 1.15, 0.95, 0.80])
CROSS_PROVINCE_FROM = (2021, 6)  # Henan joined the pilot on 1 June 2021
COUNTS = {
    "F01": ["F01"], "F02": ["F02"], "C01": ["C01", "C03"], "C02": ["C02"], "C03": ["C03"], "C04": ["C04"], "C05": ["C05"],
    "A13": ["A13"], "A01": ["P_DBC", "P_DBN", "P_TKC", "P_TKN", "P_LS"], "A03P": ["P_DBC"], "A04P": ["P_DBN"],
    "A05P": ["P_TKC", "P_TKN"], "A06P": ["P_LS"],
}  # fmt: skip
MONEY = {
    "A02": ["DBC", "DBN", "TKC", "TKN", "TKH", "JB", "LS"], "A03M": ["DBC"], "A04M": ["DBN"], "A05M": ["TKC", "TKN", "TKH"],
    "A06M": ["LS"], "A07": ["ZH"], "A08M": ["GE"], "A09M": ["SW"], "A12": ["GE", "SW"], "A10M": ["GL"], "A11M": ["CJ"],
}  # fmt: skip
PERSONS = {"A08N": "GE", "A09N": "SW", "A10N": "GL", "A11N": "CJ"}
AT_STANDARD = ("TKC", "TKN", "TKH", "JB", "LS")
"""Programmes paid at a standard, while dibao tops income up: money is found there first."""
STOCKS = ("A14", "A15", "A16", "A17", "A18", "K12")
RATIOS = ("A19", "F03", "F04", "F05", "F06", "F07", "F08")
SUPPORTED = {*COUNTS, *MONEY, *PERSONS, *STOCKS, *RATIOS}


@dataclass
class Plan:
    """Counts by (unit, month) and, for stays, by (unit, first month, last month)."""

    counts: dict[str, np.ndarray]
    stays: dict[str, np.ndarray]
    stocks: dict[str, np.ndarray]
    facilities: np.ndarray = field(default_factory=lambda: np.zeros((0,)))


class Planner:
    """Turns figures into a plan; keeps what all solving steps share."""

    def __init__(
        self, figures: list[Figure], window: Window, geography: Geography, generator: np.random.Generator
    ) -> None:
        self.figures = [figure for figure in figures if figure.indicator in SUPPORTED]
        self.window, self.geography, self.generator = window, geography, generator
        self.units, self.months = geography.units, len(window.months)
        self.inhabitants = self._city_size()
        calendar_month = np.array([month - 1 for _, month in window.months])
        self.death_season = DEATH_SEASON[calendar_month] * window.month_share / 12
        self.marriage_season = MARRIAGE_SEASON[calendar_month] * window.month_share / 12
        self.even_season = window.month_share / 12

    def plan(self) -> Plan:
        """Solve everything but money, which needs the payment lines first."""
        from scripts.synthetic_city.rates import plan_facilities, plan_rates

        counts = plan_rates(self)
        counts |= self._plan_counts(["C01", "C02", "C03", "C04", "C05", "A13"])
        counts |= self._plan_counts(["P_DBC", "P_DBN", "P_TKC", "P_TKN", "P_LS"])
        stays = {family: self._plan_stays(indicator, family) for indicator, family in PERSONS.items()}
        stocks = {indicator: self._plan_stock(indicator) for indicator in STOCKS}
        return Plan(counts, stays, stocks, plan_facilities(self))

    def of(self, *indicators: str) -> list[Figure]:
        """The figures of some indicators."""
        return [figure for figure in self.figures if figure.indicator in indicators]

    def units_of(self, figure: Figure) -> np.ndarray:
        """Units a figure covers: all of them for the city."""
        return np.arange(self.units) if figure.division == CITY else np.array([self.geography.unit_of[figure.division]])

    def months_of(self, figure: Figure) -> list[int]:
        """Months of the window a figure covers."""
        return self.window.months_within(figure.first, figure.last)

    def unit_share(self) -> np.ndarray:
        """Plausible share of each unit, a little of it in no county (n units)."""
        return np.append(self.geography.share * 0.998, 0.002)

    def noisy(self, prior: np.ndarray, spread_: float = 0.08) -> np.ndarray:
        """The prior with a plausible scatter."""
        return prior * np.exp(self.generator.normal(0, spread_, prior.shape))

    def _city_size(self) -> float:
        """Inhabitants that the printed counts of persons and acts speak of: the median over them."""
        sizes = []
        for figure in self.figures:
            if figure.division != CITY or figure.middle <= 0:
                continue
            parts = COUNTS.get(figure.indicator, [figure.indicator])
            reference = sum(REFERENCE.get(part, 0) for part in parts)
            if reference < 5e-5:  # too rare to tell a size
                continue
            years = ((figure.last - figure.first).days + 1) / 365.25 if figure.indicator in COUNTS else 1
            sizes.append(figure.middle / reference / years)
        return float(np.median(sizes)) if sizes else SMALL_CITY

    def _plan_counts(self, measures: list[str]) -> dict[str, np.ndarray]:
        priors = np.stack([self._prior(measure) for measure in measures])
        constraints = []
        cell = np.arange(priors.size).reshape(priors.shape)
        for figure in self.figures:
            parts = [measures.index(part) for part in COUNTS.get(figure.indicator, []) if part in measures]
            if parts:
                cells = cell[np.ix_(parts, self.units_of(figure), self.months_of(figure))].ravel()
                constraints.append(Constraint.total(cells, *figure.whole_numbers(), figure.figure_id))
        most = np.full(priors.shape, np.inf)
        if "C05" in measures:
            townships = np.array([len(self.geography.rural_townships(code)) for code in self.geography.counties] + [0])
            row = measures.index("C05")
            most[row] = townships[:, None]
            names = [figure.figure_id for figure in self.of("C05")]
            for unit in range(self.units):
                constraints.append(Constraint.total(cell[row, unit], None, int(townships[unit]), *names))
        most = most.ravel()
        groups = solve_groups(priors.ravel(), constraints, most)
        values = spread(groups, priors.ravel(), most).reshape(priors.shape)
        return dict(zip(measures, values, strict=True))

    def _prior(self, measure: str) -> np.ndarray:
        if measure == "C05":
            prior = np.full((self.units, self.months), 1e-4)
            prior[self.geography.no_county] = 0
            if self.months > 1 or self.window.month_share[0] == 1:
                prior[self.geography.unit_of["410823"], self.months // 2] = 1
            return prior
        season = self.marriage_season if measure in ("C01", "C03") else self.even_season
        prior = self.inhabitants * REFERENCE[measure] * np.outer(self.unit_share(), season)
        if measure == "A13":  # the city's own station takes most
            prior *= 0.4
            prior[self.geography.no_county] = self.inhabitants * REFERENCE[measure] * 0.6 * season
        if measure in ("C01", "C02", "C03", "C04"):
            prior[self.geography.no_county] = 0  # every office sits in a county
        if measure == "C03":
            prior[:, [month < CROSS_PROVINCE_FROM for month in self.window.months]] = 0
        return self.noisy(prior)

    def _plan_stays(self, indicator: str, family: str) -> np.ndarray:
        months = self.months
        first, last = np.triu_indices(months)
        arrival = np.where(first == 0, 1.0, 0.012)
        departure = np.where(last == months - 1, 1.0, 0.010)
        shape = arrival * departure
        prior = self.inhabitants * REFERENCE[indicator] * np.outer(self.unit_share(), shape / shape.sum())
        prior = self.noisy(prior)
        cell = np.arange(prior.size).reshape(prior.shape)
        constraints = []
        for figure in self.of(indicator):
            inside = self.months_of(figure)
            present = np.flatnonzero((first <= inside[-1]) & (last >= inside[0]))
            cells = cell[np.ix_(self.units_of(figure), present)].ravel()
            constraints.append(Constraint.total(cells, *figure.whole_numbers(), figure.figure_id))
        groups = solve_groups(prior.ravel(), constraints)
        values = spread(groups, prior.ravel()).reshape(prior.shape)
        stays = np.zeros((self.units, months, months), np.int64)
        stays[:, first, last] = values
        return stays

    def _plan_stock(self, indicator: str) -> np.ndarray:
        snapshots = self.window.snapshot_months
        level = self.inhabitants * REFERENCE[indicator]
        share = self.unit_share()
        if indicator in ("A18", "K12"):  # residence and office are always in a county
            share = np.append(self.geography.share, 0)
        prior = np.repeat((level * share)[:, None], self.months, axis=1)
        figures = self.of(indicator)
        for figure in sorted(figures, key=lambda figure: figure.division != CITY):  # the city first, then its counties
            units, at = self.units_of(figure), self.months_of(figure)[-1]
            same = [other for other in figures if other.division == figure.division]
            points = sorted((self.months_of(other)[-1], other.middle) for other in same)
            path = np.interp(np.arange(self.months), [p[0] for p in points], [p[1] for p in points])
            total = prior[units, at].sum()
            if total > 0:
                prior[units] *= path / np.maximum(prior[units].sum(axis=0), 1e-9)
        prior = self.noisy(prior, 0.01)
        cell = np.arange(prior.size).reshape(prior.shape)
        constraints = [
            Constraint.total(
                cell[self.units_of(figure), self.months_of(figure)[-1]], *figure.whole_numbers(), figure.figure_id
            )
            for figure in figures
        ]
        groups = solve_groups(np.maximum(prior, 1e-6 * (prior > 0)).ravel(), constraints)
        values = spread(groups, prior.ravel()).reshape(prior.shape)
        if not figures:  # one group per cell is plausible, one for all is not: spread each month by itself
            values = np.stack(
                [largest_remainder(round(float(prior[:, m].sum())), prior[:, m]) for m in range(self.months)], 1
            )
        values[:, [m for m in range(self.months) if m not in snapshots]] = 0
        return values

    def plan_money(
        self, priors: dict[str, np.ndarray], heads: dict[str, np.ndarray], fixed: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Cents of each programme by (unit, month).

        Args:
            priors: plausible cents of each programme by (unit, month); 0 where nobody is paid.
            heads: person-times of each programme by (unit, month), for the average top-up A19.
            fixed: cents that count and are settled already, by programme; not in the result.
        """
        settled = {programme: priors[programme] for programme in AT_STANDARD} if not self.of("A05M", "A06M") else {}
        if settled:
            try:
                values = self._solve_money(priors, heads, fixed, settled)
                topped = sum(values[name].sum() for name in ("DBC", "DBN"))
                if 0.6 <= topped / max(sum(priors[name].sum() for name in ("DBC", "DBN")), 1) <= 1.15:
                    return values
            except FiguresError:
                pass  # the figures need other rates than the standards: nothing is settled below
        return self._solve_money(priors, heads, fixed, {})

    def _solve_money(
        self,
        priors: dict[str, np.ndarray],
        heads: dict[str, np.ndarray],
        fixed: dict[str, np.ndarray],
        settled: dict[str, np.ndarray],
    ) -> dict[str, np.ndarray]:
        """The cents of each programme; those of `settled` programmes are given."""
        given = {name: np.rint(amounts).astype(np.int64) for name, amounts in settled.items()}
        programmes = [name for name in priors if name not in given]
        prior = np.stack([priors[programme] for programme in programmes]).astype(float)
        cell = np.arange(prior.size).reshape(prior.shape)
        constraints = []
        for figure in self.figures:
            parts = MONEY.get(figure.indicator, [])
            at = np.ix_(self.units_of(figure), self.months_of(figure))
            if parts:
                low, high = figure.whole_numbers(100)
            elif figure.indicator == "A19":
                parts = ["DBC", "DBN"]
                persons = sum(int(heads[part][at].sum()) for part in parts)
                if persons == 0:
                    raise FiguresError(
                        [f"figure {figure.figure_id}: nobody is paid dibao in {figure.period}; drop the row"]
                    )
                low, high = figure.whole_numbers(100 * persons)
            else:
                continue
            done = sum(
                int(fixed[part][at].sum()) + int(given[part][at].sum() if part in given else 0) for part in parts
            )
            cells = np.concatenate([cell[programmes.index(part)][at].ravel() for part in parts if part not in given])
            constraints.append(
                Constraint.total(cells, low - done, None if high is None else high - done, figure.figure_id)
            )
        groups = solve_groups(prior.ravel(), constraints)
        values = spread(groups, prior.ravel()).reshape(prior.shape)
        return given | dict(zip(programmes, values, strict=True))


def previous_year(figure: Figure) -> tuple[date, date]:
    """The calendar year before a figure's period."""
    year = figure.first.year - 1
    return date(year, 1, 1), date(year, 12, 31)
