"""The real divisions of the city, and the codes the senders write for them."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[2]
SEEDS = PROJECT / "dbt_project" / "seeds"
CITY = "410800"
CHANGED_TOWNSHIP = "410823108"  # 圪垱店镇, until it became a town 410823202
VILLAGES = 12  # villages we invent in each township: the last three digits of a code
# Codes of other cities' districts, for people who come from elsewhere (GB/T 2260).
OTHER_CITIES = ("410102000000", "410702000000", "140502000000", "411302000000", "610113000000", "340302000000")


def _read(path: Path) -> list[dict]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Place:
    """A township with the code in force and the older or legal code some senders still write."""

    code: str
    old_code: str
    unit: int


class Geography:
    """The 11 county-level units (index 0–10), and index 11 for what belongs to no county."""

    def __init__(self) -> None:
        self.counties = [row["code6"] for row in _read(SEEDS / "division_county.csv")]
        self.townships = _read(SEEDS / "division_township.csv")
        self.changes = _read(SEEDS / "division_change.csv")
        population = {
            row["code6"]: int(row["inhabitants"]) for row in _read(Path(__file__).parent / "data/population.csv")
        }
        inhabitants = np.array([population[code] for code in self.counties], float)
        self.share = inhabitants / inhabitants.sum()
        self.unit_of = {code: unit for unit, code in enumerate(self.counties)}

    @property
    def no_county(self) -> int:
        """Index of what counts for the city and for no county."""
        return len(self.counties)

    @property
    def units(self) -> int:
        """Number of counties, and one for no county."""
        return len(self.counties) + 1

    def streets(self, division: str) -> int:
        """街道 of a county or the city."""
        return sum(row["kind"] == "街道" for row in self._within(division))

    def rural_townships(self, division: str) -> list[dict]:
        """乡 of a county or the city, which could become towns."""
        return [row for row in self._within(division) if row["kind"] == "乡"]

    def township_count(self, division: str) -> int:
        """Townships and sub-districts without farms and other quasi units."""
        return sum(row["quasi_unit"] == "0" for row in self._within(division))

    def _within(self, division: str) -> list[dict]:
        return [row for row in self.townships if division in (CITY, row["county_code"])]

    @cached_property
    def places(self) -> list[Place]:
        """All townships that people live in; the last ones belong to no county."""
        old_codes = {row["new_code9"]: row["old_code9"] for row in self.changes if row["change_type"] in ("021", "023")}
        places = [
            Place(row["code9"], old_codes.get(row["code9"], row["code9"]), self.unit_of[row["county_code"]])
            for row in self.townships
            if row["quasi_unit"] == "0"
        ]
        return [*places, Place(CITY + "000", CITY + "000", self.no_county)]

    @cached_property
    def changed_place(self) -> int:
        """Index of the township that changes its code."""
        return next(i for i, place in enumerate(self.places) if place.code == CHANGED_TOWNSHIP)

    @cached_property
    def place_range(self) -> tuple[np.ndarray, np.ndarray]:
        """First place of each unit and number of places (both: n units)."""
        units = np.array([place.unit for place in self.places])
        first = np.array([np.flatnonzero(units == unit)[0] for unit in range(self.units)])
        return first, np.bincount(units, minlength=self.units)

    @cached_property
    def code_texts(self) -> list[str]:
        """12-digit codes by `place * VILLAGES + village`: codes in force, then the same with the older code."""
        texts = []
        for attribute in ("code", "old_code"):
            for place in self.places:
                village = 0 if place.unit == self.no_county else 1
                texts += [f"{getattr(place, attribute)}{village * (200 + number):03d}" for number in range(VILLAGES)]
        return texts

    def draw_addresses(self, generator: np.random.Generator, unit: np.ndarray) -> np.ndarray:
        """Addresses (`place * VILLAGES + village`) inside the given units (n)."""
        first, count = self.place_range
        place = first[unit] + np.floor(generator.random(len(unit)) * count[unit]).astype(np.int64)
        return place * VILLAGES + generator.integers(0, VILLAGES, len(unit))

    def code_index(
        self, generator: np.random.Generator, address: np.ndarray, day: np.ndarray, changed_on: int
    ) -> np.ndarray:
        """Which of `code_texts` is written for an address on a day (n).

        The changed township is written with its old code before the day of the change, and by some senders after it;
        townships run by the zone are written by every third sender with their legal code.
        """
        place = address // VILLAGES
        chance = generator.random(len(address))
        has_two_codes = np.array([place.code != place.old_code for place in self.places])[place]
        changed = place == self.changed_place
        writes_old = np.where(changed, (day < changed_on) | (chance < 0.15), chance < 0.35)
        # 乔庙镇 changed in 2018: its old code is out of use by now
        long_gone = np.array([place.old_code == "410823201" for place in self.places])[place]
        return address + np.where(has_two_codes & writes_old & ~long_gone, len(self.places) * VILLAGES, 0)
