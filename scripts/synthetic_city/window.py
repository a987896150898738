"""The days that are generated, their months, and the periods figures are printed for."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01, the only form in which the generator calculates with days."""
    return (day - EPOCH).days


def day_from_number(number: int) -> date:
    """The date of a day number."""
    return EPOCH + timedelta(days=int(number))


def parse_period(text: str) -> tuple[date, date] | None:
    """First and last day of `2021`, `2021Q4` or `2021-12`; None for anything else."""
    if match := re.fullmatch(r"(\d{4})", text):
        year = int(match[1])
        return date(year, 1, 1), date(year, 12, 31)
    if match := re.fullmatch(r"(\d{4})Q([1-4])", text):
        year, first_month = int(match[1]), int(match[2]) * 3 - 2
        return date(year, first_month, 1), _month_end(year, first_month + 2)
    if match := re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text):
        year, month = int(match[1]), int(match[2])
        return date(year, month, 1), _month_end(year, month)
    return None


def _month_end(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """The business dates from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def start(self) -> int:
        """Day number of the first business date."""
        return day_number(self.first)

    @property
    def end(self) -> int:
        """Day number of the last business date."""
        return day_number(self.last)

    @cached_property
    def months(self) -> list[tuple[int, int]]:
        """(year, month) of every calendar month touched, in order."""
        count = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1
        offsets = range(self.first.month - 1, self.first.month - 1 + count)
        return [(self.first.year + offset // 12, offset % 12 + 1) for offset in offsets]

    @cached_property
    def month_first(self) -> np.ndarray:
        """Day number of the first business date in each month (n months)."""
        return np.array([max(self.start, day_number(date(y, m, 1))) for y, m in self.months])

    @cached_property
    def month_last(self) -> np.ndarray:
        """Day number of the last business date in each month (n months)."""
        return np.array([min(self.end, day_number(_month_end(y, m))) for y, m in self.months])

    @cached_property
    def month_share(self) -> np.ndarray:
        """Part of each calendar month that lies in the window, 0–1 (n months)."""
        length = np.array([_month_end(y, m).day for y, m in self.months])
        return (self.month_last - self.month_first + 1) / length

    @cached_property
    def snapshot_months(self) -> list[int]:
        """Indices of the months whose last calendar day is in the window."""
        return [i for i, (y, m) in enumerate(self.months) if _month_end(y, m) <= self.last]

    def month_of(self, day: np.ndarray) -> np.ndarray:
        """Index of the month of each day number in the window."""
        return np.searchsorted(self.month_first, day, side="right") - 1

    def months_within(self, first: date, last: date) -> list[int]:
        """Indices of the months that lie in a period."""
        return [i for i, (y, m) in enumerate(self.months) if first <= date(y, m, 1) and _month_end(y, m) <= last]

    def contains(self, first: date, last: date) -> bool:
        """Whether a period lies wholly between the first and the last business date."""
        return self.first <= first and last <= self.last
