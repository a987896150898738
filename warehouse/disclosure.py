"""What a page for the public does not tell: counts of persons from 1 to 9, and the figures that would give them away.

The rule is the privacy rule for public marts (docs/explanation/privacy.md): zeros are told, 1 to 9 are not, and neither
is a figure from which one of them follows. A flow of the whole city over a year is what the bureau prints anyway, and
is told. A single hidden month of a year whose other months were told before can still be had by subtraction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

SMALLEST_TOLD = 10
UNITS_OF_PERSONS = frozenset({"人", "人次", "对", "件", "具", "户"})
# hidden together, because another indicator gives the second away when the first is known: A19 is money over
# A03P + A04P, A01 is A03P + A04P + A05P + A06P, F03 is F01 over F02
PAIRS = (("A03P", "A04P"), ("A05P", "A06P"), ("F01", "F02"))
# the indicator that a programme's person-times are, or are part of
INDICATOR_OF_PROGRAMME = {"DBC": "A03P", "DBN": "A04P", "TKC": "A05P", "TKN": "A05P", "LS": "A06P"}


@dataclass(frozen=True)
class Cell:
    """One value of a page: its state tells apart what is zero, missing, not due yet, not defined and not told."""

    value: Decimal | int | None
    state: str = "value"
    decimals: int = 0

    @property
    def is_told(self) -> bool:
        return self.state == "value" and self.value is not None

    @property
    def is_small(self) -> bool:
        return self.is_told and 0 < self.value < SMALLEST_TOLD

    def scaled(self, divisor: Decimal | int, decimals: int) -> "Cell":
        """The same in another unit."""
        return replace(self, value=self.value / divisor if self.value is not None else None, decimals=decimals)


NOT_TOLD = Cell(None, "not_told")


def hide_in_period(cells: Mapping[str, Cell], catalogue: Mapping[str, Mapping], grain: str) -> dict[str, Cell]:
    """The city's indicators of one period, without small counts of persons and what would give them away.

    Args:
        cells: by indicator.
        catalogue: by indicator, with `unit` and `basis`.
        grain: month, quarter or year.
    """
    hidden = {
        indicator
        for indicator, cell in cells.items()
        if cell.is_small
        and catalogue[indicator]["unit"] in UNITS_OF_PERSONS
        and (grain != "year" or catalogue[indicator]["basis"] == "stock")
    }
    hidden |= {indicator for pair in PAIRS if hidden & set(pair) for indicator in pair}
    return {indicator: NOT_TOLD if indicator in hidden else cell for indicator, cell in cells.items()}


def hide_programmes(person_times: Mapping[str, Cell], indicators: Mapping[str, Cell]) -> dict[str, Cell]:
    """Person-times by programme of one month: hidden where the programme's indicator is, or where they are small.

    Both tekun programmes are hidden when one is, because their sum is told.
    """
    hidden = {
        programme
        for programme, cell in person_times.items()
        if cell.is_small or indicators.get(INDICATOR_OF_PROGRAMME.get(programme, ""), cell).state == "not_told"
    }
    if hidden & {"TKC", "TKN"}:
        hidden |= {"TKC", "TKN"}
    return {programme: NOT_TOLD if programme in hidden else cell for programme, cell in person_times.items()}


def hide_counts_of_rates(units: Sequence[dict[str, Cell]]) -> list[dict[str, Cell]]:
    """Numerators and denominators of rates that are told themselves, one dictionary for each unit.

    Both go when one is small; and never those of a single unit, because the sum over all units is told.
    """
    hidden = {position for position, counts in enumerate(units) if any(cell.is_small for cell in counts.values())}
    told = [
        position
        for position, counts in enumerate(units)
        if position not in hidden and all(cell.is_told for cell in counts.values())
    ]
    if len(hidden) == 1 and told:
        hidden.add(min(told, key=lambda position: sum(cell.value for cell in units[position].values())))
    return [dict.fromkeys(counts, NOT_TOLD) if position in hidden else counts for position, counts in enumerate(units)]
