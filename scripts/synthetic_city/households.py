"""Assisted households, their members, and the lines they are paid by, to the person-time."""

from dataclasses import dataclass

import numpy as np

from scripts.synthetic_city.geography import Geography
from scripts.synthetic_city.lines import NONE, Lines, code, pay_days
from scripts.synthetic_city.people import People
from scripts.synthetic_city.window import Window, day_number

POOLS = ("DBC", "DBN", "TKC", "TKN")
ASSIST_TYPE = ("01", "02", "03", "03", "05", "06")
"""Register code of each kind of household: the four pools, then the marginal and the hard-hit ones nobody pays."""
TYPICAL_CENTS = (28_500, 15_800, 80_000, 50_000)
"""A person's month: dibao tops income up to 600 and 377 yuan, tekun pays 800 and 500 (standards in force in 2021)."""
CEILING = (60_000, 37_700, 80_000, 50_000)
MONTHLY_EXIT = 0.006
NOISE_FROM = 60  # person-times a month from which a pool also has reversals, bank returns and recoveries across months


@dataclass
class Households:
    """Columns by household: kind (index into ASSIST_TYPE), unit, address, covered, size, cents a person is due a month,
    months first and last paid (NONE for never), day of entry and exit (day numbers), first member."""

    kind: np.ndarray
    unit: np.ndarray
    address: np.ndarray
    covered: np.ndarray
    size: np.ndarray
    cents: np.ndarray
    first: np.ndarray
    last: np.ndarray
    entry: np.ndarray
    exit: np.ndarray
    begin: np.ndarray
    head: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)


class HouseholdBuilder:
    """Creates households pool by pool so that the counted person-times of each month are exactly what was planned."""

    def __init__(self, window: Window, geography: Geography, people: People, generator: np.random.Generator) -> None:
        self.window, self.geography, self.people, self.generator = window, geography, people, generator
        self._parts: list[dict[str, np.ndarray]] = []
        self._size = 0
        self.member_household: list[np.ndarray] = []
        self.absolute_month = np.array([year * 12 + month - 1 for year, month in window.months])

    def pay(self, counts: dict[str, np.ndarray], lines: Lines) -> None:
        """Create the households of the four programmes and their lines.

        Args:
            counts: person-times `P_<pool>` by (unit, month).
        """
        for kind, pool in enumerate(POOLS):
            for unit in range(self.geography.units):
                self._pay_pool(kind, unit, counts[f"P_{pool}"][unit].copy(), lines)

    def add_unpaid(self, kind: int, unit: np.ndarray) -> np.ndarray:
        """Households in the register that no line pays; always there. Returns: their indices."""
        count = len(unit)
        covered = self._sizes(1, count)
        return self._add(kind, unit, covered, np.full(count, NONE), np.full(count, NONE))

    def finish(self) -> Households:
        """All households as columns."""
        return Households(**{name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]})

    def _sizes(self, kind: int, count: int) -> np.ndarray:
        shares = [0.56, 0.24, 0.12, 0.05, 0.03] if kind < 2 or kind > 3 else [0.96, 0.04]
        return self.generator.choice(np.arange(1, len(shares) + 1), count, p=shares)

    def _add(self, kind: int, unit: np.ndarray, covered: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        count, generator, window = len(covered), self.generator, self.window
        unit = np.broadcast_to(unit, (count,))
        size = covered + np.where(generator.random(count) < 0.03, 1, 0)
        typical, ceiling = (*TYPICAL_CENTS, 0, 0)[kind], (*CEILING, 0, 0)[kind]
        cents = np.full(count, typical)
        if kind < 2:
            cents = np.clip(
                np.rint(generator.normal(typical, typical * 0.35, count) / 500) * 500, 6_000, ceiling * 0.97
            )
        never, later = first == NONE, first > 0
        before = window.start - generator.integers(40, 3_600, count)
        month_first = window.month_first[np.maximum(first, 0)]
        entry = np.where(
            later, np.maximum(month_first - generator.integers(1, 20, count), window.start), window.start - 1
        )
        gone = (last < len(window.months) - 1) & ~never
        next_first = window.month_first[np.minimum(np.maximum(last, 0) + 1, len(window.months) - 1)]
        leaves = np.minimum(next_first + generator.integers(0, 4, count), window.end)
        members = np.repeat(np.arange(count), size)
        head = self._create_members(kind, size, members)
        self.member_household.append(members + self._size)
        self._parts.append(
            {
                "kind": np.full(count, kind), "unit": unit, "address": self.geography.draw_addresses(generator, unit),
                "covered": covered, "size": size, "cents": cents.astype(np.int64), "first": first, "last": last,
                "entry": entry, "exit": np.where(gone, leaves, window.end + 400), "head": head,
                "begin": np.where(later, entry, before),
            }
        )  # fmt: skip
        self._size += count
        return np.arange(self._size - count, self._size)

    def _create_members(self, kind: int, size: np.ndarray, members: np.ndarray) -> np.ndarray:
        generator = self.generator
        starts = np.cumsum(size) - size
        position = np.arange(len(members)) - starts[members]
        reference = day_number(self.window.first)
        if kind in (2, 3):
            ages = generator.uniform(61, 90, len(members))
        else:
            head_age = generator.uniform(35, 82, len(size))[members]
            ages = np.select(
                [position == 0, position == 1], [head_age, np.maximum(head_age + generator.normal(-2, 3, len(members)), 22)],
                np.maximum(head_age - generator.uniform(20, 35, len(members)), 1),
            )  # fmt: skip
        family = self.people.draw_surnames(len(size))[members]
        surname = np.where(position == 1, self.people.draw_surnames(len(members)), family)
        male = np.where(position == 0, generator.random(len(members)) < 0.66, generator.random(len(members)) < 0.47)
        birth = reference - (ages * 365.25).astype(np.int64) - 1
        return self.people.create(birth, male, surname)[starts] if len(members) else starts

    def _pay_pool(self, kind: int, unit: int, wanted: np.ndarray, lines: Lines) -> None:
        months = len(wanted)
        if not wanted.any():
            return
        if wanted.min() >= NOISE_FROM and months >= 3:
            wanted -= self._pay_stories(kind, unit, int(wanted.min()), lines)
        gone_persons = np.concatenate([[0], np.cumsum(wanted[:-1])]) * MONTHLY_EXIT
        needed = int((gone_persons + wanted).max()) + 8
        covered = self._sizes(kind, needed)
        covered = covered[: int(np.searchsorted(np.cumsum(covered), needed)) + 1]
        cumulated = np.concatenate([[0], np.cumsum(covered)])
        start = np.searchsorted(cumulated, gone_persons)
        stop = np.searchsorted(cumulated, cumulated[start] + wanted, side="right") - 1
        rest = wanted - (cumulated[stop] - cumulated[start])
        used = np.zeros((months, len(covered)), bool)
        for month in range(months):
            used[month, start[month] : stop[month]] = True
        paid = used.any(axis=0)
        covered, used = covered[paid], used[:, paid]
        first = used.argmax(axis=0)
        last = months - 1 - used[::-1].argmax(axis=0)
        households = self._add(kind, unit, covered, first, last)
        month, which = np.nonzero(used)
        self._add_lines(kind, unit, households[which], which, month, np.ones(len(month), int), lines)
        late = np.flatnonzero(rest > 0)
        if len(late):
            newcomers = self._add(kind, unit, np.ones(len(late), int), late, late)
            self._add_lines(kind, unit, newcomers, np.arange(len(late)), late, rest[late], lines)

    def _add_lines(
        self,
        kind: int,
        unit: int,
        households: np.ndarray,
        which: np.ndarray,
        month: np.ndarray,
        count: np.ndarray,
        lines: Lines,
    ) -> np.ndarray:
        """One line for each (household of the last part added, month); several months at once are arrears."""
        part, window = self._parts[-1], self.window
        nominal = 5 + (unit * 5 + kind) % 6 + which % 2
        return lines.add(
            len(month), programme=kind, unit=unit, month=month, months=count, kind=np.where(count > 1, 2, 1),
            day=pay_days(self.generator, window.month_first[month], window.month_last[month], nominal),
            benefit=self.absolute_month[month] - count + 1, household=households, person=part["head"][which],
            address=part["address"][which], covered=part["covered"][which],
            weight=part["cents"][which] * part["covered"][which] * count,
        )  # fmt: skip

    def _pay_stories(self, kind: int, unit: int, least: int, lines: Lines) -> np.ndarray:
        """Households of one person whose payments cross months: returns, reversals, recoveries, arrears, no answer yet.

        Returns: the person-times they take of each month (months).
        """
        generator, window, months = self.generator, self.window, len(self.window.months)
        count = max(5, 5 * (least // 3_000))
        taken = np.zeros(months, np.int64)
        households = self._add(kind, unit, np.ones(count, int), np.zeros(count, int), np.full(count, months - 1))
        part = self._parts[-1]
        for which, household in enumerate(households):
            story, turn = which % 5, int(generator.integers(1, months - 1))
            amount = int(part["cents"][which])
            common = {
                "programme": kind, "unit": unit, "household": household, "person": part["head"][which],
                "address": part["address"][which], "covered": 1,
            }  # fmt: skip

            def pay(month: int, common: dict = common, **columns: int) -> int:
                nominal = 6 + unit % 5 + (3 if columns.get("kind", 1) != 1 else 0)
                first, last = window.month_first[month], window.month_last[month]
                columns.setdefault("benefit", self.absolute_month[month])
                day = min(first + nominal - 1, last)
                return int(lines.add(1, month=month, day=day, **common, **columns)[0])

            normal = set(range(months))
            if story == 0:  # paid twice, the second taken back a month later
                wrong = pay(turn, cents=amount)
                pay(turn + 1, cents=-amount, kind=3, original=wrong, benefit=self.absolute_month[turn])
                taken[turn] += 1
                taken[turn + 1] -= 1
            elif story == 1:  # returned by the bank, paid again a month later
                failed = pay(turn, cents=amount, status=2)
                again = {"kind": 5, "original": failed, "benefit": self.absolute_month[turn]}
                pay(turn + 1, cents=amount, **again)
                normal -= {turn}
                taken[turn + 1] += 1
            elif story == 2:  # approved late: three months at once
                normal = set(range(turn + 1, months))
                pay(turn, cents=3 * amount, kind=2, months=3, benefit=self.absolute_month[turn] - 2)
                taken[turn] += 3
            elif story == 3:  # paid a month too long, the money recovered; the person-time stays
                normal = set(range(turn))
                overpaid = pay(turn, cents=amount)
                taken[turn] += 1
                pay(turn + 1, cents=-amount, kind=4, original=overpaid, benefit=self.absolute_month[turn])
            else:  # the bank has not answered for the last month
                normal -= {months - 1}
                pay(months - 1, cents=amount, status=0)
            for month in sorted(normal):
                pay(month, weight=amount)
                taken[month] += 1
        return taken


def add_supplements(
    households: Households, window: Window, generator: np.random.Generator, lines: Lines, absolute_month: np.ndarray
) -> None:
    """Care subsidies (TKH) of a quarter of the tekun households each month, and price subsidies (JB) of all in some months."""
    months = np.arange(len(window.months))
    price_months = [m for m, (_, month) in enumerate(window.months) if month == 10] or [len(months) // 2]
    paid = np.flatnonzero((households.kind < 4) & (households.first != NONE))
    care = paid[(households.kind[paid] >= 2) & (generator.random(len(paid)) < 0.25)]
    for programme, chosen, at, cents, nominal in (
        ("TKH", care, months, 24_000, 11), ("JB", paid, np.array(price_months), 2_000, 13),
    ):  # fmt: skip
        month, which = np.meshgrid(at, chosen, indexing="ij")
        month, which = month.ravel(), which.ravel()
        active = (households.first[which] <= month) & (month <= households.last[which])
        month, which = month[active], which[active]
        covered = households.covered[which] if programme == "JB" else np.ones(len(which), int)
        lines.add(
            len(which), programme=code(programme), unit=households.unit[which], month=month, benefit=absolute_month[month],
            day=pay_days(generator, window.month_first[month], window.month_last[month], np.full(len(which), nominal)),
            household=which, person=households.head[which], address=households.address[which], covered=covered,
            weight=cents * covered,
        )  # fmt: skip
