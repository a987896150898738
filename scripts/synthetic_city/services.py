"""Assistance beside payments: temporary aid, rescue of vagrants, and the monthly lists of people."""

import numpy as np
import pyarrow as pa

from scripts.synthetic_city import texts
from scripts.synthetic_city.daily import DailyTable, office
from scripts.synthetic_city.geography import OTHER_CITIES, Geography
from scripts.synthetic_city.people import People, Register
from scripts.synthetic_city.registrations import repeat_cells, working_days
from scripts.synthetic_city.shapes import Shape
from scripts.synthetic_city.texts import NO_DAY
from scripts.synthetic_city.window import Window

CATEGORIES = {"A14": "03", "A15": "05", "A16": "06", "A17": "07"}
OPEN_ENDS = ("", "9999-12-31", "99991231", "9999-99-99", "2099-12-31")


class AidWriter:
    """Table temporary_aid: persons and money as planned."""

    def __init__(self, window: Window, geography: Geography, people: People, generator: np.random.Generator) -> None:
        self.window, self.geography, self.people, self.generator = window, geography, people, generator

    def draw(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split the persons of each (unit, month) into decisions of 1 to 4 persons.

        Returns: cell of each decision and its plausible cents.
        """
        generator = self.generator
        unit, month = repeat_cells(counts)
        starts = generator.random(len(unit)) < 0.55
        cell = unit * counts.shape[1] + month
        starts |= np.append(True, cell[1:] != cell[:-1])[: len(cell)]
        decision = np.cumsum(starts) - 1
        self.persons = np.bincount(decision, minlength=int(starts.sum()))
        self.unit, self.month = unit[starts], month[starts]
        self.day = working_days(self.window, generator, self.month)
        count = len(self.unit)
        age = (generator.uniform(24, 78, count) * 365.25).astype(np.int64)
        self.person = self.people.create(self.day - age, generator.random(count) < 0.58)
        self.weights = self.persons * generator.choice([50_000, 60_000, 80_000, 100_000], count)
        return self.unit * counts.shape[1] + self.month, self.weights

    def table(self, shape: Shape, register: Register, cents: np.ndarray, changed_on: int) -> DailyTable:
        """The paid decisions, and some that are approved and not paid."""
        generator = self.generator
        count = len(self.unit)
        unpaid = np.flatnonzero(generator.random(count) < 0.01) if count > 100 else np.arange(min(count, 1))
        rows = np.concatenate([np.arange(count), unpaid])
        paid = np.arange(len(rows)) < count
        unit, day, person = self.unit[rows], self.day[rows], self.person[rows]
        away = unit == self.geography.no_county
        index = self.geography.code_index(generator, self.geography.draw_addresses(generator, unit), day, changed_on)
        other = texts.pick(list(OTHER_CITIES), generator.integers(0, len(OTHER_CITIES), len(rows)))
        serial = np.arange(len(rows)) + 1
        columns = {
            "aid_id": texts.padded("LS", serial, 9), "name": register.names.take(pa.array(person)),
            "id_no": register.numbers.take(pa.array(person)),
            "hukou_code": texts.where(away, other, texts.pick(self.geography.code_texts, index)),
            "local_flag": texts.where(away, "0", "1"), "aid_type": texts.pick(["1", "2"], generator.integers(0, 2, len(rows))),
            "cause": texts.pick(["01", "02", "03", "04", "05", "09"], generator.integers(0, 6, len(rows))),
            "aid_mode": texts.pick(["1", "1", "1", "2"], generator.integers(0, 4, len(rows))),
            "persons": texts.whole(self.persons[rows]), "amount": texts.money(cents[rows]),
            "accept_date": texts.days(day - 9), "approve_date": texts.days(day - 3),
            "pay_date": texts.days(np.where(paid, day, NO_DAY)),
            "operating_org_code": office(self.geography.counties, unit, "2200"),
            "source_updated_at": texts.stamps(day, 61_000 + serial % 20_000),
        }  # fmt: skip
        return DailyTable(shape, day, columns)


class RescueWriter:
    """Table vagrant_rescue: episodes by station and day of arrival; persons come again, many have no number."""

    def __init__(self, window: Window, geography: Geography, people: People, generator: np.random.Generator) -> None:
        self.window, self.geography, self.people, self.generator = window, geography, people, generator

    def draw(self, counts: np.ndarray) -> None:
        """Draw episodes and who they are about."""
        generator = self.generator
        self.unit, month = repeat_cells(counts)
        first, last = self.window.month_first[month], self.window.month_last[month]
        self.day = first + np.floor(generator.random(len(month)) * (last - first + 1)).astype(np.int64)
        known = max(1, int(len(month) * 0.7))
        age = (generator.triangular(9, 45, 80, known) * 365.25).astype(np.int64)
        people = self.people.create(self.window.start - age, generator.random(known) < 0.8)
        self.person = people[generator.integers(0, known, len(month))] if len(month) else np.zeros(0, np.int64)

    def table(self, shape: Shape, register: Register) -> DailyTable:
        """Episodes; those still open when they are first sent are sent again with their end."""
        generator, end = self.generator, self.window.end
        count = len(self.unit)
        stay = np.minimum(generator.geometric(0.4, count) - 1, 9)
        begin = generator.integers(7 * 3600, 20 * 3600, count)
        out = self.day + stay
        open_first = np.flatnonzero((stay > 0) & (out <= end))
        rows = np.concatenate([np.arange(count), open_first])
        is_open = np.arange(len(rows)) >= count
        still_open = (out > end)[rows] | is_open
        delivered = np.where(is_open, self.day[rows], np.where(out[rows] > end, self.day[rows], out[rows]))
        no_number = ((self.person * 31) % 10 < 3)[rows]
        nameless = ((self.person * 31) % 50 < 2)[rows]
        age = (self.day - register.birth[self.person])[rows] / 365.25
        station = np.array([county + "4101" for county in self.geography.counties] + ["4108004101"])
        columns = {
            "episode_id": texts.padded("JZ", rows + 1, 8), "station_code": texts.pick(list(station), self.unit[rows]),
            "in_time": texts.times(self.day[rows], begin[rows]),
            "out_time": texts.times(
                np.where(still_open, NO_DAY, out[rows]), np.where(stay[rows] > 0, 32_400, np.minimum(begin[rows] + 7_200, 86_399))
            ),
            "name": texts.where(nameless, "无名氏", register.names.take(pa.array(self.person[rows]))),
            "id_no": texts.where(no_number | nameless, "", register.numbers.take(pa.array(self.person[rows]))),
            "minor_flag": texts.where(age < 18, "1", "0"),
            "aid_mode": texts.pick(["01", "02", "03", "04", "05"], np.minimum(generator.geometric(0.6, count) - 1, 4)[rows]),
            "hukou_code": texts.pick(["", *OTHER_CITIES], (self.person[rows] * 17) % 7),
            "out_to": texts.where(still_open, "", texts.pick(["01", "02", "03", "04"], (rows * 13) % 4)),
            "operating_org_code": texts.pick(list(station), self.unit[rows]),
            "source_updated_at": texts.stamps(delivered, np.where(is_open, 75_000, 80_000) + rows % 5_000),
        }  # fmt: skip
        return DailyTable(shape, delivered, columns)


class StockRoster:
    """People on a monthly list, so many by (unit, month): the longest on it leave first."""

    def __init__(self, counts: np.ndarray, snapshots: list[int]) -> None:
        self.first: list[int] = []
        self.unit: list[int] = []
        self.last: list[int] = []
        for unit in range(len(counts)):
            present: list[int] = []
            for month in snapshots:
                wanted = int(counts[unit, month])
                while len(present) > wanted:
                    self.last[present.pop(0)] = month - 1
                while len(present) < wanted:
                    present.append(len(self.first))
                    self.first.append(month)
                    self.unit.append(unit)
                    self.last.append(len(counts[unit]))
        self.first, self.unit, self.last = (np.array(c, np.int64) for c in (self.first, self.unit, self.last))

    def present(self, month: int) -> np.ndarray:
        """Indices of the people on the list of a month."""
        return np.flatnonzero((self.first <= month) & (month <= self.last))


class MonitorWriter:
    """Snapshots of low_income_monitor: four categories as planned, others beside them, and people who have left."""

    def __init__(
        self, shape: Shape, window: Window, geography: Geography, people: People, generator: np.random.Generator,
        stocks: dict[str, np.ndarray],
    ) -> None:  # fmt: skip
        self.shape, self.window, self.geography, self.generator = shape, window, geography, generator
        self.rosters = []
        for indicator, category in CATEGORIES.items():
            roster = StockRoster(stocks[indicator], window.snapshot_months)
            count = len(roster.first)
            age = (generator.uniform(5, 84, count) * 365.25).astype(np.int64)
            person = people.create(window.start - age, generator.random(count) < 0.52)
            self.rosters.append((category, roster, person, geography.draw_addresses(generator, roster.unit)))

    def rows(self, month: int, register: Register, changed_on: int) -> pa.Table:
        """The list at the end of a month."""
        day = int(self.window.month_last[month])
        parts = []
        for category, roster, person, address in self.rosters:
            here = roster.present(month)
            parts.append((here, person[here], address[here], category, roster.first[here], np.zeros(len(here), bool)))
            left = np.flatnonzero(roster.last == month - 1)
            parts.append((left, person[left], address[left], category, roster.first[left], np.ones(len(left), bool)))
            other = {"03": "01", "05": "02", "06": "04", "07": "08"}[category]
            some = here[::9]
            parts.append((some, person[some], address[some], other, roster.first[some], np.zeros(len(some), bool)))
        person, address = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
        sizes = [len(part[0]) for part in parts]
        first, left = (np.concatenate([part[i] for part in parts]) for i in (4, 5))
        category = np.repeat([part[3] for part in parts], sizes)
        identified = np.where(
            first > 0, self.window.month_first[np.maximum(first, 0)], self.window.start - 20 - person % 300
        )
        has_alert = person % 3 == 0
        disposed = has_alert & (person % 2 == 0)
        index = self.geography.code_index(self.generator, address, np.full(len(person), day), changed_on)
        open_end = texts.pick(list(OPEN_ENDS), np.where(person % 40 < 5, person % 40, 0))
        unit = np.array([place.unit for place in self.geography.places])[address // 12]
        columns = {
            "person_id": texts.padded("DS", person, 9), "id_no": register.numbers.take(pa.array(person)),
            "name": register.names.take(pa.array(person)), "hukou_code": texts.pick(self.geography.code_texts, index),
            "category": pa.array(category.astype(object), pa.string()), "identified_date": texts.days(identified),
            "alert_source": texts.where(has_alert, texts.pick(["01", "02", "03", "04"], person % 4), ""),
            "alert_date": texts.days(np.where(has_alert, identified + 3, NO_DAY)),
            "disposal": texts.where(disposed, texts.pick(["02", "03", "04", "09"], person % 4), ""),
            "disposal_date": texts.days(np.where(disposed, identified + 12, NO_DAY)),
            "exit_date": texts.where(left, texts.days(np.full(len(person), day - 5)), open_end),
            "exit_reason": texts.where(left, texts.pick(["01", "02", "03", "09"], person % 4), ""),
            "valid_flag": texts.constant("1", len(person)),
            "operating_org_code": office(self.geography.counties, unit, "2200"),
            "source_updated_at": texts.stamps(np.maximum(identified, day - 30), 60_000 + person % 20_000),
        }  # fmt: skip
        return pa.table({name: columns[name] for name in self.shape.columns})


class ChildWriter:
    """Snapshots of child_welfare: the children paid as orphans and unattended, and those left behind in the villages."""

    def __init__(
        self, shape: Shape, window: Window, geography: Geography, people: People, generator: np.random.Generator,
        orphans: object, unattended: object, left_behind: np.ndarray,
    ) -> None:  # fmt: skip
        self.shape, self.window, self.geography = shape, window, geography
        roster = StockRoster(left_behind, window.snapshot_months)
        count = len(roster.first)
        child = people.create(
            window.end - (generator.uniform(2, 15.9, count) * 365.25).astype(np.int64), generator.random(count) < 0.53
        )
        self.person = np.concatenate([orphans.person, unattended.person, child])
        self.unit = np.concatenate([orphans.unit, unattended.unit, roster.unit])
        self.first = np.concatenate([orphans.first, unattended.first, roster.first])
        self.last = np.concatenate([orphans.last, unattended.last, roster.last])
        institution = np.where(orphans.person % 9 < 4, 0, 1)
        self.kind = np.concatenate([institution, np.full(len(unattended.person), 2), np.full(count, 4)])

    def rows(self, month: int, register: Register) -> pa.Table:
        """The list at the end of a month; a child whose allowance ended this month or before is shown with its end."""
        rows = np.flatnonzero((self.first <= month) & ((self.kind != 4) | (month <= self.last)))
        person, kind, unit = self.person[rows], self.kind[rows], self.unit[rows]
        day = int(self.window.month_last[month])
        ended = (self.last[rows] < month) & (kind != 4)
        end_day = self.window.month_last[np.minimum(self.last[rows], len(self.window.months) - 1)]
        begin = np.where(
            self.first[rows] > 0, self.window.month_first[self.first[rows]],
            np.maximum(self.window.start - 30 - person % 900, register.birth[person] + 20),
        )  # fmt: skip
        money = np.select([kind == 0, kind == 4], [135_000, 0], 95_000)
        open_end = texts.pick(list(OPEN_ENDS), np.where(person % 40 < 5, person % 40, 0))
        columns = {
            "child_id": texts.padded("ET", person, 9), "name": register.names.take(pa.array(person)),
            "id_no": texts.where(person % 97 == 0, "", register.numbers.take(pa.array(person))),
            "birth_date": texts.days(register.birth[person]),
            "child_kind": texts.pick(["01", "02", "03", "04", "05", "06"], kind), "begin_date": texts.days(begin),
            "end_date": texts.where(ended, texts.days(end_day), open_end),
            "end_reason": texts.where(ended, texts.pick(["01", "03", "05"], person % 3), ""),
            "org_code": texts.where(kind == 0, office(self.geography.counties, unit, "2601"), ""),
            "standard_amt": texts.where(kind == 4, "", texts.money(money)),
            "offset_amt": texts.where(kind == 2, texts.money(person % 5 * 12_000), ""),
            "in_school": texts.where((day - register.birth[person]) > 6.5 * 365, "1", "0"),
            "valid_flag": texts.constant("1", len(rows)),
            "operating_org_code": office(self.geography.counties, unit, "2600"),
            "source_updated_at": texts.stamps(np.where(ended, end_day, np.maximum(begin, day - 300)), 60_000 + person % 20_000),
        }  # fmt: skip
        return pa.table({name: columns[name] for name in self.shape.columns})
