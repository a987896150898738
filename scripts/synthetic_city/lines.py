"""Payment lines as columns of numbers: built in chunks, given their cents once all money is known."""

from dataclasses import dataclass

import numpy as np

PROGRAMMES = ("DBC", "DBN", "TKC", "TKN", "TKH", "JB", "ZH", "GL", "CJ1", "CJ2", "GE", "SW")
MONEY_OF = {"CJ1": "CJ", "CJ2": "CJ"}
NONE = -1
COLUMNS = {
    "programme": np.int8, "unit": np.int8, "month": np.int8, "day": np.int32, "benefit": np.int32, "months": np.int8,
    "kind": np.int8, "status": np.int8, "household": np.int32, "person": np.int32, "address": np.int32,
    "covered": np.int8, "weight": np.float64, "cents": np.int64, "copies": np.int64, "sign": np.int8, "original": np.int64,
    "single": np.bool_,
}  # fmt: skip
"""
day: day number of the payment; benefit: first month paid for, year * 12 + month - 1; household, person: indices, household
NONE for allowances of persons; covered: 0 is written empty; weight: plausible cents, 0 where `cents` is fixed or the amount is
`sign` times that of line `copies`; original: the line a reversal, recovery or re-issue belongs to; single: nobody's only line.
"""
DEFAULTS = {
    "months": 1, "kind": 1, "status": 1, "household": NONE, "covered": 0, "weight": 0.0, "cents": 0, "copies": NONE, "sign": 1,
    "original": NONE, "single": False,
}  # fmt: skip


@dataclass
class Lines:
    """Payment lines; the index of a line is its position over all chunks added."""

    chunks: list[dict[str, np.ndarray]]
    size: int = 0

    def add(self, count: int, **columns: np.ndarray | int | float) -> np.ndarray:
        """Append lines; single values hold for all of them, columns not named take their default.

        Returns: indices of the new lines (count).
        """
        chunk = {}
        for name, kind in COLUMNS.items():
            value = columns.pop(name) if name in columns else DEFAULTS[name]
            chunk[name] = np.broadcast_to(np.asarray(value, kind), (count,))
        if columns:
            raise TypeError(f"unknown columns: {sorted(columns)}")
        self.chunks.append(chunk)
        self.size += count
        return np.arange(self.size - count, self.size)

    def columns(self) -> dict[str, np.ndarray]:
        """All lines, column by column."""
        return {name: np.concatenate([chunk[name] for chunk in self.chunks]) for name in COLUMNS}


def code(programme: str) -> int:
    """Index of a programme."""
    return PROGRAMMES.index(programme)


def pay_days(
    generator: np.random.Generator, first: np.ndarray, last: np.ndarray, nominal: np.ndarray, width: int = 2
) -> np.ndarray:
    """Days of payment: a nominal day of the month, some days wide, kept between the month's first and last day (n)."""
    day = first + np.minimum(nominal - 1, last - first) + generator.integers(0, width, len(first))
    return np.minimum(day, last)


def price(lines: dict[str, np.ndarray], cells: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Cents of each line such that the weighted lines of each cell add up to its total.

    Args:
        lines: the columns.
        cells: cell of each line (n).
        totals: cents of each cell that its weighted lines share.
    Returns: cents (n); whole yuan but for one line of each cell.
    """
    weighted = np.flatnonzero(lines["weight"] > 0)
    cell, weight = cells[weighted], lines["weight"][weighted]
    sums = np.bincount(cell, weight, len(totals))
    factor = np.divide(totals, sums, out=np.zeros(len(totals)), where=sums > 0)
    exact = weight * factor[cell]
    unit = np.where((totals >= 20_000 * np.bincount(cell, minlength=len(totals)))[cell] | (exact >= 1000), 100, 1)
    amounts = (np.floor(exact / unit) * unit).astype(np.int64)
    rest = totals - np.bincount(cell, amounts, len(totals)).astype(np.int64)
    order = np.lexsort((-(exact - amounts) / unit, cell))  # the largest remainders of a cell first
    ordered = cell[order]
    position = np.arange(len(order)) - np.searchsorted(ordered, ordered, side="left")
    whole = rest[ordered] // 100
    fits = position < whole
    amounts[order[fits]] += 100
    count = np.bincount(ordered, minlength=len(totals))
    given = np.minimum(rest // 100, count) * 100
    first_of_cell = order[position == 0]
    amounts[first_of_cell] += (rest - given)[cell[first_of_cell]]
    cents = lines["cents"].copy()
    cents[weighted] = amounts
    copies = np.flatnonzero(lines["copies"] != NONE)
    cents[copies] = cents[lines["copies"][copies]] * lines["sign"][copies]
    return cents
