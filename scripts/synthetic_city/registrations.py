"""Civil registration: marriages and divorces, adoptions, changes of divisions."""

import numpy as np
import pyarrow as pa

from scripts.synthetic_city import texts
from scripts.synthetic_city.daily import DailyTable, office
from scripts.synthetic_city.geography import OTHER_CITIES, Geography
from scripts.synthetic_city.people import People, Register
from scripts.synthetic_city.shapes import Shape
from scripts.synthetic_city.texts import NO_DAY
from scripts.synthetic_city.window import Window, day_from_number, day_number

ACTS = ("IA", "IB", "ICA", "ICB", "ID")
PREFIX = ("J", "L", "BJ", "BL", "C")
UNCOUNTED = {"ICA": 0.12, "ICB": 0.03, "ID": 0.001, "refused": 0.003}
"""Acts beside the counted ones, for each marriage: reissues, annulments, and applications not approved."""


def repeat_cells(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit and month of every single case counted by (unit, month)."""
    unit, month = np.divmod(np.arange(counts.size), counts.shape[1])
    return np.repeat(unit, counts.ravel()), np.repeat(month, counts.ravel())


def working_days(window: Window, generator: np.random.Generator, month: np.ndarray) -> np.ndarray:
    """A working day in each month; days that sound lucky get more (n)."""
    days = np.empty(len(month), np.int64)
    for at in np.unique(month):
        choices = np.arange(window.month_first[at], window.month_last[at] + 1)
        weekday = (choices + 3) % 7  # 1970-01-01 was a Thursday
        dates = [day_from_number(day) for day in choices]
        lucky = [
            6.0 if (d.month, d.day) in ((2, 14), (5, 20), (5, 21), (7, 7), (8, 14), (9, 9)) else 1.0 for d in dates
        ]
        weights = np.where(weekday < 5, 1.0, 0.02) * lucky
        rows = np.flatnonzero(month == at)
        days[rows] = generator.choice(choices, len(rows), p=weights / weights.sum())
    return days


class MarriageWriter:
    """Table marriage_registration."""

    def __init__(self, window: Window, geography: Geography, people: People, generator: np.random.Generator) -> None:
        self.window, self.geography, self.people, self.generator = window, geography, people, generator

    def draw(self, counts: dict[str, np.ndarray]) -> None:
        """Draw couples and days: C01 (without cross-province ones), C03 cross-province, C02 divorces, and what does not count."""
        parts = []
        for act, cross, measure in ((0, 0, "C01"), (0, 1, "C03"), (1, 0, "C02")):
            unit, month = repeat_cells(counts[measure])
            parts.append((unit, month, act, cross, 1))
        marriages = len(parts[0][0]) + len(parts[1][0])
        for name, share in UNCOUNTED.items():
            count = round(marriages * share) or (1 if marriages >= 12 else 0)
            unit = self.generator.choice(self.geography.no_county, count, p=self.geography.share)
            month = self.generator.integers(0, len(self.window.months), count)
            act = 0 if name == "refused" else ACTS.index(name)
            parts.append((unit, month, act, 0, 2 if name == "refused" else 1))
        self.unit = np.concatenate([part[0] for part in parts])
        month = np.concatenate([part[1] for part in parts])
        sizes = [len(part[0]) for part in parts]
        self.act, self.cross, self.check = (np.repeat([part[i] for part in parts], sizes) for i in (2, 3, 4))
        self.day = working_days(self.window, self.generator, month)
        count = len(self.unit)
        marrying = np.isin(self.act, (0,))
        age = np.where(marrying, 22.2 + self.generator.gamma(2.2, 2.6, count), 27 + self.generator.gamma(3, 4, count))
        self.husband = self.people.create(self.day - (age * 365.25).astype(np.int64), np.ones(count, bool))
        younger = np.maximum(age - self.generator.normal(1.5, 2, count), np.where(marrying, 20.2, 22))
        self.wife = self.people.create(self.day - (younger * 365.25).astype(np.int64), np.zeros(count, bool))

    def table(self, shape: Shape, register: Register, changed_on: int) -> DailyTable:
        """The acts, delivered on their day or, some, a day later."""
        generator, count, day = self.generator, len(self.unit), self.day
        county = np.array([int(code) for code in self.geography.counties])[self.unit]
        year = day.astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
        serial = np.arange(count) + 1
        number = texts.join(
            texts.pick(list(PREFIX), self.act),
            texts.whole(county),
            "-",
            texts.whole(year),
            "-",
            texts.padded("", serial, 6),
        )
        delivered = np.minimum(day + (generator.random(count) < 0.05), self.window.end)
        divorce = self.act == 1
        applied = np.where(divorce, day - 30 - generator.integers(1, 29, count), NO_DAY)
        old = texts.join(
            texts.pick(["J", "J", "J", "L", "J"], self.act), texts.whole(county), "-", texts.whole(year - 4), "-",
            texts.padded("", serial, 6),
        )  # fmt: skip
        columns = {
            "cert_no": number, "op_type": texts.pick(list(ACTS), self.act), "reg_date": texts.days(day),
            "office_code": office(self.geography.counties, self.unit, "3301"),
            "cross_province_flag": texts.whole(self.cross),
            "divorce_apply_date": texts.days(applied),
            "cooling_off_end": texts.days(np.where(divorce, applied + 30, NO_DAY)),
            "orig_cert_no": texts.where(self.act == 0, "", old),
            "check_code": texts.whole(self.check),
            "operating_org_code": office(self.geography.counties, self.unit, "3300"),
            "source_updated_at": texts.stamps(delivered, 54_000 + serial % 20_000),
        }  # fmt: skip
        for side, person in (("m", self.husband), ("f", self.wife)):
            address = self.geography.draw_addresses(generator, self.unit)
            index = self.geography.code_index(generator, address, day, changed_on)
            away = (generator.random(count) < 0.08) | (self.cross == 1)
            other = texts.pick(list(OTHER_CITIES), generator.integers(2, len(OTHER_CITIES), count))
            columns[f"name_{side}"] = register.names.take(pa.array(person))
            columns[f"id_type_{side}"] = texts.constant("1", count)
            columns[f"id_no_{side}"] = register.numbers.take(pa.array(person))
            columns[f"birth_{side}"] = texts.days(register.birth[person])
            columns[f"hukou_code_{side}"] = texts.where(away, other, texts.pick(self.geography.code_texts, index))
        return DailyTable(shape, delivered, columns)


class AdoptionWriter:
    """Table adoption_registration."""

    def __init__(self, window: Window, geography: Geography, people: People, generator: np.random.Generator) -> None:
        self.window, self.geography, self.people, self.generator = window, geography, people, generator

    def draw(self, counts: np.ndarray) -> None:
        """Draw families: counted adoptions by (unit, month), and two acts of other kinds for each five."""
        generator = self.generator
        unit, month = repeat_cells(counts)
        others = -(-len(unit) * 2 // 5)
        self.unit = np.concatenate([unit, generator.choice(self.geography.no_county, others, p=self.geography.share)])
        month = np.concatenate([month, generator.integers(0, len(self.window.months), others)])
        self.kind = np.concatenate([np.ones(len(unit), int), np.arange(others) % 3 + 2])
        count = len(self.unit)
        self.day = working_days(self.window, generator, month)
        age = (generator.uniform(31, 48, count) * 365.25).astype(np.int64)
        self.adopter = self.people.create(self.day - age, np.ones(count, bool))
        self.spouse = self.people.create(self.day - age + 300, np.zeros(count, bool))
        self.child = self.people.create(
            self.day - (generator.uniform(0.3, 13, count) * 365.25).astype(np.int64), generator.random(count) < 0.4
        )

    def table(self, shape: Shape, register: Register) -> DailyTable:
        """The acts."""
        count = len(self.unit)
        rows = np.arange(count)
        columns = {
            "adopt_cert_no": texts.join("SY", texts.days(self.day, "%Y"), texts.padded("", rows + 1, 6)),
            "op_type": texts.whole(self.kind), "reg_date": texts.days(self.day),
            "office_code": office(self.geography.counties, self.unit, "3301"),
            "adopter_name": register.names.take(pa.array(self.adopter)),
            "adopter_id_no": register.numbers.take(pa.array(self.adopter)),
            "adopter_spouse_id_no": texts.where(rows % 3 > 0, register.numbers.take(pa.array(self.spouse)), ""),
            "adoptee_name": register.names.take(pa.array(self.child)),
            "adoptee_id_no": texts.where(rows % 4 == 1, "", register.numbers.take(pa.array(self.child))),
            "adoptee_birth": texts.days(register.birth[self.child]),
            "adoptee_kind": texts.whole(np.where(rows % 4 == 1, 2, rows % 3 + 3)),
            "assessment_result": texts.constant("1", count), "foreign_flag": texts.constant("0", count),
            "operating_org_code": office(self.geography.counties, self.unit, "3300"),
            "source_updated_at": texts.stamps(self.day, 60_000 + rows),
        }  # fmt: skip
        return DailyTable(shape, self.day, columns)


def changed_township_day(window: Window, geography: Geography, counts: np.ndarray) -> int:
    """The day from which the renamed township's new code is in use; the window's first day if it does not change in it."""
    months = np.flatnonzero(counts[geography.unit_of["410823"]])
    return int(_effective_day(window, months[0])) if len(months) else window.start


def _effective_day(window: Window, month: int) -> int:
    return int((window.month_first[month] + window.month_last[month]) // 2)


def division_changes(shape: Shape, window: Window, geography: Geography, counts: np.ndarray) -> DailyTable:
    """Townships (乡) that become towns, so many by (unit, month), and a correction of a name that is none."""
    records = []
    for unit in range(geography.no_county):
        county = geography.counties[unit]
        known = [row for row in geography.changes if row["new_code9"] == "410823108" and row["change_type"] == "023"]
        renamed = [(row["old_code9"], row["old_name"], row["new_code9"], row["new_name"]) for row in known]
        taken = {int(row["code9"][6:]) for row in geography.townships if row["county_code"] == county}
        free = (number for number in range(110, 200) if number not in taken)
        candidates = renamed if county == "410823" else []
        candidates = candidates + [
            (row["code9"], row["name_zh"], f"{county}{next(free):03d}", row["name_zh"][:-1] + "镇")
            for row in geography.rural_townships(county)
        ]
        position = 0
        for month in np.flatnonzero(counts[unit]):
            for _ in range(int(counts[unit, month])):
                old_code, old_name, code, name = candidates[position]
                day = _effective_day(window, month)
                first = (old_code, "豫民行批〔2020〕3号", day_number(window.first.replace(year=2020, month=6, day=4)))
                doc = (
                    first
                    if old_code == "410823202"
                    else (old_code, f"豫民行批〔{window.first.year - 1}〕{position + 20}号", day - 200)
                )
                records.append(("023", old_code, old_name, code, name, county, doc[1], doc[2], day))
                position += 1
    for month in np.flatnonzero(counts.any(axis=0))[:1]:
        day = min(_effective_day(window, month) + 2, window.end)
        records.append(("022", "410823108", "圪当店镇", "410823108", "圪垱店镇", "410823", "", NO_DAY, day))
    kind, old_code, old_name, code, name, county, document, approved, day = (
        map(list, zip(*records, strict=True)) if records else [[] for _ in range(9)]
    )
    text = pa.string()
    columns = {
        "change_id": texts.padded("BG", np.arange(len(records)) + 1, 6), "change_type": pa.array(kind, text),
        "pre_code": pa.array([f"{c}000" for c in old_code], text), "pre_name": pa.array(old_name, text),
        "post_code": pa.array([f"{c}000" for c in code], text), "post_name": pa.array(name, text),
        "post_parent_code": pa.array([f"{c}000000" for c in county], text), "approval_doc": pa.array(document, text),
        "approval_date": texts.days(np.array(approved, np.int64)), "effective_date": texts.days(np.array(day, np.int64)),
    }  # fmt: skip
    return DailyTable(shape, np.array(day, np.int64), columns)
