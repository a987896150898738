"""Deaths, the documents about them, and what funeral homes record."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scripts.synthetic_city import texts
from scripts.synthetic_city.daily import DailyTable, office
from scripts.synthetic_city.geography import OTHER_CITIES, Geography
from scripts.synthetic_city.people import People, Register
from scripts.synthetic_city.shapes import Shape
from scripts.synthetic_city.texts import NO_DAY
from scripts.synthetic_city.window import Window

OUTSIDE = 99  # unit of the residents of other cities: they are in no figure of deaths and cremations
SOURCE_CHANCE = (0.93, 0.50, 0.15, 0.10, 0.002)  # police, health, funeral, village, court


@dataclass(frozen=True)
class Pool:
    """Persons known elsewhere who die: person, unit, month, and whether the police must report it."""

    person: np.ndarray
    unit: np.ndarray
    month: np.ndarray


@dataclass
class Deaths:
    """Columns by death: person, unit, address, day (as the first source reports it), has_id, reported (in notices)."""

    person: np.ndarray
    unit: np.ndarray
    address: np.ndarray
    day: np.ndarray
    has_id: np.ndarray


class DeathWriter:
    """Draws deaths and cremations to the planned counts, then writes their tables."""

    def __init__(self, window: Window, geography: Geography, people: People, generator: np.random.Generator) -> None:
        self.window, self.geography, self.people, self.generator = window, geography, people, generator

    def draw_deaths(self, counts: np.ndarray, known: Pool) -> Deaths:
        """People who die, so many by (unit, month); known persons come first.

        Raises: nothing; a known person finds no room where the plan has too few deaths and then lives on.
        """
        generator = self.generator
        unit, month = (
            np.repeat(column, counts.ravel()) for column in np.divmod(np.arange(counts.size), counts.shape[1])
        )
        first, last = self.window.month_first[month], self.window.month_last[month]
        day = first + np.floor(generator.random(len(unit)) * (last - first + 1)).astype(np.int64)
        person = np.full(len(unit), -1)
        group = unit * counts.shape[1] + month
        for who, at in zip(known.person, known.unit * counts.shape[1] + known.month, strict=True):
            start, stop = np.searchsorted(group, [at, at + 1])
            free = start + np.flatnonzero(person[start:stop] < 0)
            if len(free):
                person[free[0]] = who
        new = np.flatnonzero(person < 0)
        person[new] = self._create(day[new])
        has_id = (unit != self.geography.no_county) & (generator.random(len(unit)) > 0.002)
        has_id |= np.isin(person, known.person)
        return Deaths(person, unit, self.geography.draw_addresses(generator, unit), day, has_id)

    def _create(self, day: np.ndarray) -> np.ndarray:
        generator, count = self.generator, len(day)
        chance = generator.random(count)
        age = np.clip(generator.normal(78, 11, count), 30, 104)
        age = np.where(chance < 0.10, generator.uniform(35, 66, count), age)
        age = np.where(chance < 0.02, generator.uniform(0.1, 40, count), age)
        return self.people.create(day - (age * 365.25).astype(np.int64), generator.random(count) < 0.54)

    def outsiders(self, count: int) -> Deaths:
        """Deaths of people from other cities."""
        day = self.generator.integers(self.window.start, self.window.end + 1, count)
        unit = np.full(count, OUTSIDE)
        address = self.generator.integers(0, len(OTHER_CITIES), count)
        return Deaths(self._create(day), unit, address, day, np.ones(count, bool))

    def earlier(self, count: int) -> Deaths:
        """Deaths before the window that are reported in it."""
        day = self.window.start - self.generator.integers(1, 60, count)
        unit = self.generator.choice(self.geography.no_county, count, p=self.geography.share)
        return Deaths(
            self._create(day), unit, self.geography.draw_addresses(self.generator, unit), day, np.ones(count, bool)
        )

    def hukou(self, deaths: Deaths, rows: np.ndarray, changed_on: int) -> pa.Array:
        """Code of the household register's place, in the form senders use; empty where it is unknown."""
        unit, address = deaths.unit[rows], deaths.address[rows]
        local = unit != OUTSIDE
        codes = self.geography.code_texts
        index = self.geography.code_index(self.generator, np.where(local, address, 0), deaths.day[rows], changed_on)
        text = texts.pick(codes, index)
        other = texts.pick(list(OTHER_CITIES), np.where(local, 0, address))
        return texts.where(unit == self.geography.no_county, "", texts.where(local, text, other))

    def notices(
        self, shape: Shape, deaths: Deaths, register: Register, changed_on: int, certain: np.ndarray, known: np.ndarray
    ) -> DailyTable:
        """Documents about the deaths: one to three sources each, the first in rank with the day that counts.

        Args:
            certain: persons whose death the police report.
            known: persons paid an allowance, whose month of death must be told exactly.
        """
        generator, window, count = self.generator, self.window, len(deaths.person)
        sources = generator.random((count, 5)) < np.array(SOURCE_CHANCE)
        sources[np.isin(deaths.person, certain), 0] = True
        sources[~sources.any(axis=1), 0] = True
        single = ~deaths.has_id
        sources[single] = np.arange(5) == sources[single].argmax(axis=1)[:, None]
        row, source = np.nonzero(sources)
        is_first = np.append(True, row[1:] != row[:-1])
        is_single = np.bincount(row, minlength=count)[row] == 1
        day = deaths.day[row].copy()
        shift = generator.integers(-3, 4, len(row)) * (generator.random(len(row)) < 0.06) * ~is_first
        other = np.minimum(day + shift, window.end)
        same_month = other.astype("datetime64[D]").astype("datetime64[M]") == day.astype("datetime64[D]").astype(
            "datetime64[M]"
        )
        day = np.where(same_month, other, day)
        exact = np.isin(deaths.person[row], known)
        precision = np.where(is_single & ~exact & (generator.random(len(row)) < 0.01), 1, 0)
        january = deaths.day[row].astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12 == 0
        only_year = is_single & ~exact & january & (generator.random(len(row)) < 0.01) & (day >= window.start)
        year_end = (deaths.day[row].astype("datetime64[D]").astype("datetime64[Y]") + 1).astype("datetime64[D]").astype(
            int
        ) - 1
        later = day + np.floor(generator.random(len(row)) * (np.minimum(year_end, window.end) - day + 1)).astype(
            np.int64
        )
        day, precision = np.where(only_year, later, day), np.where(only_year, 2, precision)
        lag = np.select(
            [source == 0, source == 1, source == 2], [generator.gamma(2, 3, len(row)), generator.integers(0, 3, len(row)),
            generator.integers(1, 5, len(row))], generator.integers(3, 30, len(row)),
        )  # fmt: skip
        lag = np.where(generator.random(len(row)) < 0.03, generator.integers(30, 120, len(row)), lag).astype(np.int64)
        delivered = np.clip(day + lag, window.start, window.end)
        person, has_id = deaths.person[row], deaths.has_id[row]
        named = has_id | (deaths.unit[row] != self.geography.no_county)
        birth = register.birth[person]
        serial = np.arange(len(row))
        home = self.hukou(deaths, row, changed_on)
        ethnic = np.where((person * 7919) % 1000 < 15, 1, np.where((person * 7919) % 1000 < 18, 2, 0))
        columns = {
            "death_notice_id": texts.padded("SW", serial + 1, 9),
            "source_sys": texts.whole(source + 1),
            "death_cert_no": texts.where(source <= 1, texts.padded("41", person, 10), ""),
            "name": texts.where(named, register.names.take(pa.array(person)), ""),
            "id_no": texts.where(has_id, register.numbers.take(pa.array(person)), ""),
            "sex": texts.where(register.male[person], "1", "2"),
            "birth_date": texts.days(np.where(named, birth, NO_DAY)),
            "death_date": texts.days(day),
            "death_date_precision": texts.pick(["D", "M", "Y"], precision),
            "death_place_type": texts.pick(["01", "02", "03", "04", "09"], generator.integers(0, 5, len(row))),
            "death_place_code": home, "hukou_code": home, "residence_code": home,
            "death_cause": texts.pick(["01", "02", "03", "04", "07"], np.minimum(generator.geometric(0.5, len(row)) - 1, 4)),
            "hukou_cancel_date": texts.days(np.where(source == 0, delivered, NO_DAY)),
            "ethnic": texts.pick(["01", "03", "11"], ethnic),
            "operating_org_code": office(self.geography.counties, np.minimum(deaths.unit[row], 11), "5501"),
            "source_updated_at": texts.stamps(delivered, 61_200 + serial % 18_000),
        }  # fmt: skip
        return DailyTable(shape, delivered, columns, safe=is_single & has_id & ~np.isin(person, certain))

    def draw_cremations(self, counts: np.ndarray, deaths: Deaths, known: Pool) -> tuple[Deaths, np.ndarray]:
        """Who is cremated and on which day, so many by (unit, month).

        Known persons (without any notice) come first, then the dead of the month and of the last days before; where
        they are too few, people whose death nobody has reported.
        Returns: the dead, and the day of each cremation.
        """
        generator, window = self.generator, self.window
        chosen, days, extra_unit, extra_day, extra_person = [], [], [], [], []
        free = np.ones(len(deaths.person), bool)
        for unit, month in np.ndindex(*counts.shape):
            wanted, first, last = int(counts[unit, month]), window.month_first[month], window.month_last[month]
            mine = known.person[(known.unit == unit) & (known.month == month)][:wanted]
            extra_person += list(mine)
            extra_unit += [unit] * len(mine)
            extra_day += [(first + last) // 2] * len(mine)
            wanted -= len(mine)
            here = np.flatnonzero(free & (deaths.unit == unit) & (deaths.day >= first - 3) & (deaths.day <= last))
            taken = np.sort(generator.permutation(here)[:wanted])
            free[taken] = False
            chosen.append(taken)
            days.append(np.clip(deaths.day[taken] + generator.integers(1, 4, len(taken)), first, last))
            missing = wanted - len(taken)
            if missing:
                day = generator.integers(first, last + 1, missing)
                extra_day += list(day)
                extra_unit += [unit] * missing
                extra_person += list(self._create(day))
        taken = np.concatenate(chosen)
        unit = np.array(extra_unit, np.int64)
        extra = Deaths(
            np.array(extra_person, np.int64), unit, self.geography.draw_addresses(generator, unit),
            np.array(extra_day, np.int64), unit != self.geography.no_county,
        )  # fmt: skip
        dead = merge(take(deaths, taken), extra)
        return dead, np.concatenate([*days, np.array(extra_day, np.int64)])


def take(deaths: Deaths, rows: np.ndarray) -> Deaths:
    """Some of the deaths."""
    return Deaths(**{name: column[rows] for name, column in vars(deaths).items()})


def merge(*parts: Deaths) -> Deaths:
    """Deaths put together."""
    return Deaths(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})
