"""Allowances of single persons: the old (GL), the disabled (CJ1, CJ2), orphans (GE), unattended children (SW), flood victims (ZH)."""

from dataclasses import dataclass

import numpy as np

from scripts.synthetic_city.figures import Figure
from scripts.synthetic_city.geography import Geography
from scripts.synthetic_city.lines import Lines, code, pay_days
from scripts.synthetic_city.people import People
from scripts.synthetic_city.plan import Planner
from scripts.synthetic_city.window import Window

QUARTERLY_COUNTIES = ("410803", "410804", "410825")  # some counties pay the old once a quarter; our choice
NOMINAL_DAY = {"GL": 15, "CJ": 20, "GE": 8, "SW": 8}
FLOOD_MONTHS = ((2021, 8), (2021, 9), (2021, 10))  # the flood of July 2021
ZH_PER_INHABITANT = 0.009  # people given disaster subsidies in a year
ZH_CENTS = 50_000


@dataclass(frozen=True)
class Stay:
    """People of one allowance: columns person, unit, address, first and last month."""

    person: np.ndarray
    unit: np.ndarray
    address: np.ndarray
    first: np.ndarray
    last: np.ndarray


class AllowancePayer:
    """Creates the people of each allowance and their lines."""

    def __init__(
        self, planner: Planner, people: People, lines: Lines, absolute_month: np.ndarray, generator: np.random.Generator
    ) -> None:
        self.planner, self.people, self.lines, self.generator = planner, people, lines, generator
        self.window: Window = planner.window
        self.geography: Geography = planner.geography
        self.absolute_month = absolute_month

    def pay(self, family: str, stays: np.ndarray) -> Stay:
        """Create and pay the people of one family of programmes.

        Args:
            stays: number of people by (unit, first month, last month).
        """
        unit, first, last = np.nonzero(stays)
        count = stays[unit, first, last]
        unit, first, last = (np.repeat(column, count) for column in (unit, first, last))
        order = self.generator.permutation(len(unit))
        unit, first, last = unit[order], first[order], last[order]
        person = self._create(family, first, last)
        stay = Stay(person, unit, self.geography.draw_addresses(self.generator, unit), first, last)
        who, month, months = self._months_paid(family, stay)
        programme, weight, keep = self._programmes(family, stay, who, month)
        for name, cents, rows in zip(programme, weight, keep, strict=True):
            self._add(name, family, stay, who[rows], month[rows], months[rows], cents[rows] * months[rows])
        return stay

    def _create(self, family: str, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        count, generator = len(first), self.generator
        opening = self.window.month_first[first]
        closing = self.window.month_last[last]
        if family == "GL":  # 80 by the first month paid; most who enter have just turned 80
            over = np.where(
                first > 0, generator.uniform(0.1, 1.0, count), np.minimum(generator.exponential(4.6, count), 26)
            )
            birth = opening - ((80 + over) * 365.25).astype(np.int64) - 32
            male = generator.random(count) < 0.42
        elif family == "CJ":
            birth = opening - (generator.triangular(8, 62, 92, count) * 365.25).astype(np.int64)
            male = generator.random(count) < 0.56
        else:  # under 18 until the last month paid
            oldest, youngest = closing - int(17.9 * 365.25), opening - 60
            youngest = np.maximum(youngest, oldest + 1)
            birth = oldest + (generator.random(count) ** 0.8 * (youngest - oldest)).astype(np.int64)
            male = generator.random(count) < 0.55
        return self.people.create(birth, male)

    def _months_paid(self, family: str, stay: Stay) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Index into the stay, month of payment and number of months of each line."""
        length = stay.last - stay.first + 1
        who = np.repeat(np.arange(len(stay.first)), length)
        month = np.arange(len(who)) - np.repeat(np.cumsum(length) - length, length) + stay.first[who]
        months = np.ones(len(who), np.int64)
        if family != "GL" or not self._may_pay_quarterly():
            return who, month, months
        calendar = np.array([m for _, m in self.window.months])
        quarter_end = calendar % 3 == 0
        counties = [self.geography.unit_of[county] for county in QUARTERLY_COUNTIES]
        quarterly = np.isin(stay.unit, counties) & self._ends_a_quarter_each_year(stay, quarter_end)
        is_paid = ~quarterly[who] | quarter_end[month]
        since_quarter_start = ((calendar - 1) % 3)[month]
        months = np.where(quarterly[who], np.minimum(since_quarter_start, month - stay.first[who]) + 1, 1)
        return who[is_paid], month[is_paid], months[is_paid]

    def _may_pay_quarterly(self) -> bool:
        """Only where no figure asks for recipients or money of less than a year."""
        figures: list[Figure] = self.planner.of("A10N", "A10M")
        return all((figure.last - figure.first).days >= 364 for figure in figures)

    def _ends_a_quarter_each_year(self, stay: Stay, quarter_end: np.ndarray) -> np.ndarray:
        """Whether a person paid at quarter ends only is still paid in every calendar year of the stay."""
        fits = np.ones(len(stay.first), bool)
        years = np.array([year for year, _ in self.window.months])
        for year in np.unique(years):
            inside = np.flatnonzero(years == year)
            touches = (stay.first <= inside[-1]) & (stay.last >= inside[0])
            ends = np.flatnonzero((years == year) & quarter_end)
            paid = np.zeros(len(stay.first), bool)
            for month in ends:
                paid |= (stay.first <= month) & (month <= stay.last)
            asked = any(figure.first.year == year for figure in self.planner.of("A10N"))
            if asked:
                fits &= paid | ~touches
        return fits

    def _programmes(
        self, family: str, stay: Stay, who: np.ndarray, month: np.ndarray
    ) -> tuple[list[str], list[np.ndarray], list[np.ndarray]]:
        """Programme, cents a month and rows of the lines of each programme."""
        everybody = np.arange(len(who))
        if family == "CJ":
            kind = self.generator.random(len(stay.person))[who]
            sixty = np.full(len(who), 6_000)
            return ["CJ1", "CJ2"], [sixty, sixty], [np.flatnonzero(kind < 0.50), np.flatnonzero(kind > 0.46)]
        if family == "GL":
            birth = self.people.birth_of(stay.person)
            age = (self.window.month_first[month] - birth[who]) / 365.25
            return ["GL"], [np.select([age >= 100, age >= 90], [30_000, 12_000], 6_000)], [everybody]
        if family == "GE":
            institution = self.generator.random(len(stay.person)) < 0.45
            return ["GE"], [np.where(institution, 135_000, 95_000)[who]], [everybody]
        due = 95_000 - self.generator.integers(0, 5, len(stay.person)) * 12_000
        return ["SW"], [due[who]], [everybody]

    def _add(
        self,
        programme: str,
        family: str,
        stay: Stay,
        who: np.ndarray,
        month: np.ndarray,
        months: np.ndarray,
        weight: np.ndarray,
    ) -> None:
        nominal = NOMINAL_DAY[family] + stay.unit[who] % 5
        self.lines.add(
            len(who), programme=code(programme), unit=stay.unit[who], month=month, months=months, person=stay.person[who],
            day=pay_days(self.generator, self.window.month_first[month], self.window.month_last[month], nominal),
            benefit=self.absolute_month[month] - months + 1, address=stay.address[who], weight=weight, covered=1,
        )  # fmt: skip

    def pay_flood_victims(self) -> None:
        """One line for each person given a disaster subsidy, in the months after the flood or those a figure asks for."""
        months = [i for i, month in enumerate(self.window.months) if month in FLOOD_MONTHS]
        for figure in self.planner.of("A07"):
            if figure.middle > 0 and not set(months) & set(self.planner.months_of(figure)):
                months += self.planner.months_of(figure)
        months = np.array(sorted(set(months)), np.int64)
        mean = self.planner.inhabitants * ZH_PER_INHABITANT / max(len(months), 1)
        count = np.maximum(np.rint(mean * self.planner.unit_share()), 1).astype(int)
        unit = np.tile(np.repeat(np.arange(len(count)), count), len(months))
        month = np.repeat(months, count.sum())
        age = self.generator.uniform(25, 85, len(unit)) * 365.25
        person = self.people.create(self.window.start - age.astype(np.int64), self.generator.random(len(unit)) < 0.6)
        self.lines.add(
            len(unit), programme=code("ZH"), unit=unit, month=month, benefit=self.absolute_month[month], person=person,
            day=pay_days(self.generator, self.window.month_first[month], self.window.month_last[month], 24 + unit % 4),
            address=self.geography.draw_addresses(self.generator, unit), single=True,
            weight=ZH_CENTS * self.generator.integers(1, 4, len(unit)),
        )  # fmt: skip


def add_bank_returns_and_reversals(
    lines: Lines, window: Window, generator: np.random.Generator, returned: float = 0.004, reversed_: float = 0.0008
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lines returned by the bank and paid again some days later, and lines paid twice and reversed, all within their month.

    Returns: the lines that become re-issues, the failed line each follows, and the new day (three columns).
    """
    columns = lines.columns()
    day, kind, month = columns["day"], columns["kind"], columns["month"]
    chance = generator.random(lines.size)
    last = window.month_last[month]
    base = (kind == 1) & (columns["weight"] > 0) & (day + 6 <= last)
    failed = np.flatnonzero(base & (chance < returned))
    twice = np.flatnonzero(base & (chance > 1 - reversed_))
    if base.sum() > 50:  # a small city has its share of them, too
        few = np.flatnonzero(base)[:: max(1, int(base.sum()) // 9)][:8]
        failed, twice = np.union1d(failed, few[::2]), np.union1d(twice, few[1::2])
    same = ("programme", "unit", "month", "benefit", "months", "household", "person", "address", "covered")

    def copy(rows: np.ndarray, **changed: np.ndarray | int) -> np.ndarray:
        return lines.add(len(rows), **{name: columns[name][rows] for name in same}, copies=rows, **changed)

    first = copy(failed, day=day[failed], status=2)
    second = copy(twice, day=day[twice])
    copy(twice, day=day[twice] + generator.integers(2, 6, len(twice)), kind=3, sign=-1, original=second)
    return failed, first, day[failed] + generator.integers(3, 6, len(failed))
