"""Read a file of printed figures and turn each into an interval its exports must hit."""

import csv
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

from scripts.synthetic_city.window import Window, parse_period

REQUIRED_COLUMNS = {
    "figure_id",
    "role",
    "indicator",
    "period",
    "division_code",
    "value",
    "scale",
    "decimals",
    "comparison",
}
RATES = {"F03", "F08"}


class FiguresError(ValueError):
    """The figures cannot be met; each problem names the row, what was wanted and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Figure:
    """One row to reproduce: the unrounded quantity must lie in [low, high), high None for `>=`."""

    figure_id: str
    indicator: str
    division: str
    period: str
    first: date
    last: date
    value: Fraction
    low: Fraction
    high: Fraction | None
    repeats: str

    @property
    def middle(self) -> float:
        """A typical value inside the interval."""
        return float(self.low) * 1.02 if self.high is None else float((self.low + self.high) / 2)

    def whole_numbers(self, unit: int = 1) -> tuple[int, int | None]:
        """Smallest and largest whole number of 1/unit in the interval, away from its edges if there is room."""
        low, high = self.low * unit, None if self.high is None else self.high * unit
        smallest = -(-low.numerator // low.denominator)
        if high is None:
            return max(smallest, 0), None
        largest = -(-high.numerator // high.denominator) - 1
        if smallest == low and largest > smallest:
            smallest += 1  # a reader who rounds with binary floats may fall off the edge itself
        return max(smallest, 0), largest


def read_figures(path: Path, window: Window) -> list[Figure]:
    """The rows with role indicator or rank, as intervals.

    Raises: FiguresError, when a row cannot be read or its period is not wholly in the window.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = REQUIRED_COLUMNS - set(reader.fieldnames or [])
        if missing:
            raise FiguresError([f"{path}: columns missing: {', '.join(sorted(missing))}; use those of figures.csv"])
        rows = [row for row in reader if row["role"] in ("indicator", "rank")]
    figures, problems = [], []
    for row in rows:
        try:
            figure = _parse(row)
        except ValueError as error:
            problems.append(f"{path.name}, figure {row['figure_id']}: {error}")
            continue
        if not window.contains(figure.first, figure.last):
            problems.append(
                f"{path.name}, figure {figure.figure_id} ({figure.indicator}): period {figure.period} is not wholly between "
                f"--from {window.first} and --to {window.last}; widen them to {min(figure.first, window.first)}.."
                f"{max(figure.last, window.last)} or drop the row"
            )
        figures.append(figure)
    if problems:
        raise FiguresError(problems)
    return figures


def _parse(row: dict) -> Figure:
    period = parse_period(row["period"])
    if period is None:
        raise ValueError(f"period {row['period']!r} is none of YYYY, YYYYQn, YYYY-MM; correct it")
    try:
        value, scale, decimals = Fraction(row["value"]), Fraction(row["scale"]), int(row["decimals"])
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            "value, scale and decimals must be numbers for an indicator or rank; correct the row"
        ) from None
    if row["comparison"] not in ("=", ">="):
        raise ValueError(f"comparison {row['comparison']!r} is neither = nor >=; correct it")
    if scale <= 0:
        raise ValueError(f"scale {row['scale']} must be positive; correct it")
    half = Fraction(1, 2 * 10**decimals)
    exact = row["comparison"] == "="
    if exact and (value * 10**decimals).denominator != 1:
        raise ValueError(f"value {row['value']} has more than {decimals} decimals, nothing rounds to it; correct it")
    return Figure(
        figure_id=row["figure_id"],
        indicator=row["indicator"],
        division=row["division_code"],
        period=row["period"],
        first=period[0],
        last=period[1],
        value=value,
        low=(value - half) * scale if exact else value * scale,
        high=(value + half) * scale if exact else None,
        repeats=row.get("repeats") or "",
    )
