"""A table of finished texts, in the order of the business dates it is delivered on."""

import numpy as np
import pyarrow as pa

from scripts.synthetic_city import texts
from scripts.synthetic_city.shapes import Shape


class DailyTable:
    """All rows of a small table; `rows(day)` is what one business date brings."""

    def __init__(
        self, shape: Shape, day: np.ndarray, columns: dict[str, pa.Array], safe: np.ndarray | None = None
    ) -> None:
        """Keep rows sorted by business date.

        Args:
            day: business date of each of n rows (day numbers).
            columns: texts by contract column; valid_flag is 1 where it is not given.
            safe: whether the ID of a row may be made useless without moving a figure; default all.
        """
        count = len(day)
        if "valid_flag" in shape.headers:
            columns.setdefault("valid_flag", texts.constant("1", count))
        order = np.argsort(day, kind="stable")
        self.days = np.asarray(day)[order]
        table = pa.table({name: columns[name] for name in shape.columns})
        table = table.append_column("_safe", pa.array(np.ones(count, bool) if safe is None else safe))
        self.table = table.take(pa.array(order)).combine_chunks()

    def rows(self, day: int) -> pa.Table:
        """The rows of one business date."""
        start, stop = np.searchsorted(self.days, [day, day + 1])
        return self.table.slice(start, stop - start)


def office(counties: list[str], unit: np.ndarray, suffix: str) -> pa.Array:
    """Codes of offices: the county's six digits and a suffix; the city's own where there is no county (n)."""
    return texts.pick([county + suffix for county in counties] + ["410800" + suffix], unit)
