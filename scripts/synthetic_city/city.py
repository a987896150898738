"""The city put together: plan, people, tables, and then one business date after another."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from scripts.synthetic_city.allowances import QUARTERLY_COUNTIES, AllowancePayer, Stay, add_bank_returns_and_reversals
from scripts.synthetic_city.deaths import DeathWriter, Pool, merge, take
from scripts.synthetic_city.figures import Figure, FiguresError
from scripts.synthetic_city.funerals import Facilities, receptions_and_cremations
from scripts.synthetic_city.geography import Geography
from scripts.synthetic_city.households import POOLS, HouseholdBuilder, add_supplements
from scripts.synthetic_city.lines import MONEY_OF, PROGRAMMES, Lines, price
from scripts.synthetic_city.people import People
from scripts.synthetic_city.plan import Plan, Planner
from scripts.synthetic_city.registers import HouseholdWriter, PaymentWriter
from scripts.synthetic_city.registrations import AdoptionWriter, MarriageWriter, changed_township_day, division_changes
from scripts.synthetic_city.services import AidWriter, ChildWriter, MonitorWriter, RescueWriter
from scripts.synthetic_city.shapes import Shape
from scripts.synthetic_city.window import Window

MONEY_FAMILIES = ("DBC", "DBN", "TKC", "TKN", "TKH", "JB", "ZH", "GL", "CJ", "GE", "SW", "LS")
MARGINAL_HOUSEHOLDS = 0.0003  # households on the edge of dibao, and hard-hit by expenses, per inhabitant


class City:
    """Everything that happens, ready to be written."""

    def __init__(
        self,
        figures: list[Figure],
        window: Window,
        seed: int,
        shapes: dict[str, Shape],
        progress: Callable[[str], None],
    ) -> None:
        self.window, self.shapes = window, shapes
        self.geography = Geography()
        self.seed = seed
        planner = Planner(figures, window, self.geography, self.generator("plan"))
        progress(f"a city of about {planner.inhabitants:,.0f} inhabitants, {len(planner.figures)} figures to meet")
        plan = planner.plan()
        self.changed_on = changed_township_day(window, self.geography, plan.counts["C05"])
        self.people = People(self.generator("people"))
        progress("people, households and payment lines")
        self._draw_civil(plan)
        self._draw_assistance(planner, plan)
        self._draw_deaths(plan)
        self.register = self.people.freeze()
        progress("tables")
        self._write_tables(plan)

    def generator(self, purpose: str) -> np.random.Generator:
        """Random numbers of one purpose: a change in one table leaves the others as they were."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    def _draw_civil(self, plan: Plan) -> None:
        common = (self.window, self.geography, self.people)
        self.marriages = MarriageWriter(*common, self.generator("marriages"))
        self.marriages.draw(plan.counts)
        self.adoptions = AdoptionWriter(*common, self.generator("adoptions"))
        self.adoptions.draw(plan.counts["C04"])

    def _draw_assistance(self, planner: Planner, plan: Plan) -> None:
        window, geography, people = self.window, self.geography, self.people
        lines = Lines([])
        builder = HouseholdBuilder(window, geography, people, self.generator("households"))
        builder.pay(plan.counts, lines)
        self._add_unpaid_households(builder, planner, plan)
        households = builder.finish()
        generator = self.generator("payments")
        add_supplements(households, window, generator, lines, builder.absolute_month)
        payer = AllowancePayer(planner, people, lines, builder.absolute_month, self.generator("allowances"))
        self.stays = {family: payer.pay(family, plan.stays[family]) for family in ("GL", "CJ", "GE", "SW")}
        payer.pay_flood_victims()
        self.aid = AidWriter(window, geography, people, self.generator("aid"))
        aid_cells, aid_weights = self.aid.draw(plan.counts["P_LS"])
        self.rescue = RescueWriter(window, geography, people, self.generator("rescue"))
        self.rescue.draw(plan.counts["A13"])
        returned, failed, paid_again = add_bank_returns_and_reversals(lines, window, generator)
        columns = lines.columns()
        columns["kind"][returned], columns["day"][returned], columns["original"][returned] = 5, paid_again, failed
        cents, aid_cents = self._price(planner, plan, columns, aid_cells, aid_weights)
        columns["cents"] = cents
        self.lines, self.aid_cents = columns, aid_cents
        elsewhere = plan.stocks["A18"]
        self.households = HouseholdWriter(
            window, geography, households, np.concatenate(builder.member_household), elsewhere, self.generator("homes")
        )
        self.monitor = MonitorWriter(
            self.shapes["low_income_monitor"], window, geography, people, self.generator("monitor"), plan.stocks
        )
        self.children = ChildWriter(
            self.shapes["child_welfare"], window, geography, people, self.generator("children"), self.stays["GE"],
            self.stays["SW"], plan.stocks["K12"],
        )  # fmt: skip
        self.facilities = Facilities(self.shapes["facility_register"], window, geography, plan.facilities)

    def _add_unpaid_households(self, builder: HouseholdBuilder, planner: Planner, plan: Plan) -> None:
        marginal = round(planner.inhabitants * MARGINAL_HOUSEHOLDS) + 2
        generator = self.generator("marginal")
        for kind in (4, 5):
            builder.add_unpaid(kind, generator.choice(self.geography.no_county, marginal, p=self.geography.share))
        wanted = plan.stocks["A18"].max(axis=1)
        paid = sum(int(plan.counts[f"P_{pool}"].min(axis=1).sum()) for pool in POOLS)
        if paid < 6 * wanted.sum():  # too few are paid all the time: approved ones that wait for their first payment
            neighbours = np.repeat((np.arange(len(wanted)) + 1) % self.geography.no_county, wanted)
            if len(neighbours):
                builder.add_unpaid(1, neighbours)

    def _price(
        self, planner: Planner, plan: Plan, lines: dict[str, np.ndarray], aid_cells: np.ndarray, aid_weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cents of every payment line and of every aid decision."""
        shape = (self.geography.units, len(self.window.months))
        family = np.array([MONEY_FAMILIES.index(MONEY_OF.get(name, name)) for name in PROGRAMMES])[lines["programme"]]
        size = shape[0] * shape[1]
        cells = family * size + lines["unit"].astype(np.int64) * shape[1] + lines["month"]
        total = len(MONEY_FAMILIES) * size
        weights = np.bincount(cells, lines["weight"], total)
        fixed_rows = (lines["weight"] == 0) & (lines["copies"] < 0) & (lines["status"] == 1)
        fixed = np.rint(np.bincount(cells[fixed_rows], lines["cents"][fixed_rows], total)).astype(np.int64)
        aid_family = MONEY_FAMILIES.index("LS") * size
        weights[aid_family : aid_family + size] = np.bincount(aid_cells, aid_weights, size)
        as_dict = {name: weights[i * size : (i + 1) * size].reshape(shape) for i, name in enumerate(MONEY_FAMILIES)}
        fixed_dict = {name: fixed[i * size : (i + 1) * size].reshape(shape) for i, name in enumerate(MONEY_FAMILIES)}
        heads = {pool: plan.counts[f"P_{pool}"] for pool in POOLS}
        money = planner.plan_money(as_dict, heads, fixed_dict)
        totals = np.concatenate([money[name].ravel() for name in MONEY_FAMILIES])
        heads_paid = np.bincount(cells[lines["weight"] > 0], minlength=total)
        heads_paid[aid_family : aid_family + size] = np.bincount(aid_cells, minlength=size)
        if (short := (totals < heads_paid)).any():
            names = sorted({MONEY_FAMILIES[i // size] for i in np.flatnonzero(short)})
            raise FiguresError(
                [f"programmes {', '.join(names)}: the figures leave less than a cent a head; raise the money"]
            )
        cents = price(lines, cells, totals)
        aid_columns = {
            "weight": aid_weights.astype(float), "cents": np.zeros(len(aid_cells), np.int64),
            "copies": np.full(len(aid_cells), -1), "sign": np.ones(len(aid_cells), np.int64),
        }  # fmt: skip
        return cents, price(aid_columns, aid_cells, totals[aid_family : aid_family + size])

    def _draw_deaths(self, plan: Plan) -> None:
        self.death_writer = DeathWriter(self.window, self.geography, self.people, self.generator("deaths"))
        known, self.certain, undeclared = _who_of_the_old_dies(
            self.stays["GL"], self.window, self.geography, self.generator("old")
        )
        self.known_dead = known.person
        writer = self.death_writer
        self.deaths = writer.draw_deaths(plan.counts["F02"], known)
        self.dead, self.cremated_on = writer.draw_cremations(plan.counts["F01"], self.deaths, undeclared)
        count = len(self.deaths.person)
        self.outsiders = writer.outsiders(-(-count // 80))
        self.earlier = writer.earlier(-(-count // 200))
        rows = self.generator("kept").permutation(
            np.setdiff1d(np.arange(count), np.flatnonzero(np.isin(self.deaths.person, self.dead.person)))
        )
        self.kept = take(self.deaths, rows[: -(-len(rows) // 30)])

    def _write_tables(self, plan: Plan) -> None:
        shapes, register, changed_on = self.shapes, self.register, self.changed_on

        reported = merge(self.deaths, self.outsiders, self.earlier)
        received, cremated = receptions_and_cremations(
            self.death_writer, shapes, self.dead, self.cremated_on, self.outsiders, self.kept, register, changed_on
        )
        self.daily = {
            "marriage_registration": self.marriages.table(shapes["marriage_registration"], register, changed_on),
            "adoption_registration": self.adoptions.table(shapes["adoption_registration"], register),
            "death_notice": self.death_writer.notices(
                shapes["death_notice"], reported, register, changed_on, self.certain, self.known_dead
            ),
            "division_change": division_changes(
                shapes["division_change"], self.window, self.geography, plan.counts["C05"]
            ),
            "temporary_aid": self.aid.table(shapes["temporary_aid"], register, self.aid_cents, changed_on),
            "vagrant_rescue": self.rescue.table(shapes["vagrant_rescue"], register),
            "deceased_reception": received,
            "cremation_record": cremated,
        }
        self.payments = PaymentWriter(self.window, self.geography, self.lines, self._marks(), self.generator("sending"))

    def _marks(self) -> np.ndarray:
        """Which lines are paid for a month after death, by what is known of the death: index into MARKS of each line."""
        lines, window = self.lines, self.window
        absolute = np.array([year * 12 + month - 1 for year, month in window.months])
        size = len(self.register.birth)
        month = {"notice": np.full(size, 10**6), "cremation": np.full(size, 10**6)}
        reported = np.isin(self.deaths.person, self.known_dead)
        month["notice"][self.deaths.person[reported]] = absolute[window.month_of(self.deaths.day[reported])]
        unreported = ~np.isin(self.dead.person, self.deaths.person)
        month["cremation"][self.dead.person[unreported]] = absolute[window.month_of(self.cremated_on[unreported])]
        person, last = lines["person"], lines["benefit"] + lines["months"] - 1
        counts = (lines["status"] == 1) & np.isin(lines["kind"], (1, 2, 5))
        sure = np.isin(person, self.certain) & counts
        in_month = np.isin(person, self.known_dead) & (lines["benefit"] == month["notice"][person]) & counts
        after_cremation = counts & (last > month["cremation"][person])
        return np.select([sure & (last > month["notice"][person]), after_cremation, in_month], [1, 3, 2], 0)

    def tables(self, day: int) -> Iterator[tuple[Shape, str, pa.Table]]:
        """Contract, mode and rows of every table delivered for a business date."""
        month = int(self.window.month_of(np.array([day]))[0])
        is_month_end = month in self.window.snapshot_months and day == self.window.month_last[month]
        for name, shape in self.shapes.items():
            table = self._rows(name, shape, day, month, is_month_end)
            if table is not None and shape.is_due(is_month_end, table.num_rows > 0):
                yield shape, shape.delivery_mode(is_month_end), table

    def _rows(self, name: str, shape: Shape, day: int, month: int, is_month_end: bool) -> pa.Table | None:
        if name in self.daily:
            return self.daily[name].rows(day)
        if name == "payment_detail":
            return self.payments.rows(shape, self.register, day, self.changed_on)
        if name == "household_register":
            return self.households.register_rows(shape, self.register, day, is_month_end, self.changed_on)
        if name == "household_member":
            return self.households.member_rows(shape, self.register, day, is_month_end)
        if not is_month_end:
            return None
        if name == "low_income_monitor":
            return self.monitor.rows(month, self.register, self.changed_on)
        if name == "child_welfare":
            return self.children.rows(month, self.register)
        return self.facilities.rows(month) if name == "facility_register" else None


def _who_of_the_old_dies(
    stay: Stay, window: Window, geography: Geography, generator: np.random.Generator
) -> tuple[Pool, np.ndarray, Pool]:
    """Recipients of the old-age allowance who die.

    Most who leave the list die in their last paid month; a few died one to three months before it and are paid after
    death (cross-check X01), a few of those are only known from their cremation (X02).
    Returns: the dead with notices, those of them the police report for certain, and the dead without any notice.
    """
    months = len(window.months)
    leaving = generator.permutation(np.flatnonzero(stay.last < months - 1))
    # a line for a whole quarter would be paid partly before and partly after death
    quarterly = np.isin(stay.unit, [geography.unit_of[county] for county in QUARTERLY_COUNTIES])
    early = leaving[((stay.last - stay.first) >= 1)[leaving] & ~quarterly[leaving]]
    paid_after = early[: max(min(len(early), 3), len(early) // 40)]
    undeclared = paid_after[1::3]
    paid_after = np.setdiff1d(paid_after, undeclared)
    others = np.setdiff1d(leaving, np.concatenate([paid_after, undeclared]))
    others = others[: int(len(others) * 0.6)]

    def died(rows: np.ndarray, months_before: np.ndarray) -> Pool:
        month = np.maximum(stay.last[rows] - months_before, stay.first[rows])
        return Pool(stay.person[rows], stay.unit[rows], month)

    before = generator.integers(1, 4, len(paid_after))
    after, plain = died(paid_after, before), died(others, np.zeros(len(others), int))
    known = Pool(*(np.concatenate([getattr(after, c), getattr(plain, c)]) for c in ("person", "unit", "month")))
    return known, after.person, died(undeclared, np.ones(len(undeclared), int))
