"""Compare published indicators with a figures file: does the warehouse reproduce what was printed?

The rule (roles `indicator` and `rank`): round(value / scale, decimals), half up, equals the printed value; where the
comparison is `>=`, the unrounded value / scale is at least the printed one. Figures of indicators that the publication
does not hold are listed and counted apart.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from warehouse.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

ROLES = ("indicator", "rank")
COLUMNS = ("figure_id", "role", "indicator", "period", "division_code", "value", "scale", "decimals", "comparison")
GRAINS = {r"\d{4}": "year", r"\d{4}Q[1-4]": "quarter", r"\d{4}-(0[1-9]|1[0-2])": "month"}
WORDS = {
    "missing": "no data: a delivery it needs is missing",
    "not_due": "not due yet",
    "not_defined": "not defined",
}


@dataclass(frozen=True)
class Comparison:
    """One printed figure beside the published one.

    Attributes:
        wanted: as printed, in the printed unit. published: unrounded, in the indicator's unit; None without a value.
        shown: `published` as it would be printed (divided by the scale and rounded half up), None without a value.
        equal: is the figure reproduced? None when its indicator is not in the publication.
        reason: why it is not; empty when it is.
    """

    figure_id: str
    indicator: str
    name_zh: str
    period: str
    division: str
    unit: str
    comparison: str
    wanted: Decimal
    published: Decimal | None
    shown: Decimal | None
    equal: bool | None
    reason: str


def compare(path: Path, connection: psycopg.Connection) -> list[Comparison]:
    """Hold the current publication against a figures file, in the file's order.

    Args: connection: may read `mart.*`.
    Raises: UsageError, when the file cannot be read or there is no publication yet.
    """
    figures = _read(path)
    catalogue = dict(connection.execute("select indicator, unit from mart.indicator").fetchall())
    if not catalogue:
        raise UsageError("Nothing is published yet; run: warehouse run")
    cells = {
        cell[:4]: cell[4:]
        for cell in connection.execute(
            "select indicator, grain, period, division_code, value, state from mart.indicator_value"
            " where indicator = any(%s)",
            (sorted({figure["indicator"] for figure in figures}),),
        )
    }
    return [_compared(figure, catalogue, cells) for figure in figures]


def judge(value: Decimal, wanted: Decimal, scale: Decimal, decimals: int, comparison: str) -> tuple[Decimal, bool]:
    """The published value as it would be printed, and whether it reproduces the printed one."""
    scaled = value / scale
    shown = scaled.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return shown, scaled >= wanted if comparison == ">=" else shown == wanted


def all_reproduced(compared: Iterable[Comparison]) -> bool:
    """Is every figure of the publication's indicators reproduced, and is there at least one?"""
    counted = Counter(figure.equal for figure in compared)
    return counted[False] == 0 and counted[True] > 0


def summary(compared: Sequence[Comparison]) -> str:
    """`92 of 92 figures reproduced`, and how many belong to indicators that this publication does not hold."""
    counted = Counter(figure.equal for figure in compared)
    text = f"{counted[True]} of {counted[True] + counted[False]} figures reproduced"
    return f"{text}; {counted[None]} not in this publication" if counted[None] else text


def table(compared: Iterable[Comparison]) -> "Table":
    """The comparison for a terminal: a line per figure, those that differ in red."""
    from rich.table import Table

    lines = Table("figure", "indicator", "period", "division", "printed", "published", "unrounded", "")
    for figure in compared:
        style = {True: None, False: "bold red", None: "dim"}[figure.equal]
        lines.add_row(
            *(figure.figure_id, f"{figure.indicator} {figure.name_zh}", figure.period, figure.division),
            f"{'≥ ' if figure.comparison == '>=' else ''}{figure.wanted} {figure.unit}",
            "-" if figure.shown is None else f"{figure.shown}",
            "-" if figure.published is None else f"{figure.published:.6f}".rstrip("0").rstrip("."),
            "✓" if figure.equal else figure.reason,
            style=style,
        )
    return lines


def _compared(figure: Mapping, catalogue: Mapping, cells: Mapping) -> Comparison:
    value, state = cells.get(
        tuple(figure[name] for name in ("indicator", "grain", "period", "division_code")), (None, None)
    )
    shown, equal = None, False
    if figure["indicator"] not in catalogue:
        equal, reason = None, "not in this publication"
    elif state is None:
        reason = "the publication has no such period or division"
    elif value is None:
        reason = WORDS[state]
    else:
        shown, equal = judge(value, figure["value"], figure["scale"], figure["decimals"], figure["comparison"])
        reason = "" if equal else "differs"
    return Comparison(
        figure_id=figure["figure_id"],
        indicator=figure["indicator"],
        name_zh=figure["name_zh"],
        period=figure["period"],
        division=figure["division_code"],
        unit=figure["unit"],
        comparison=figure["comparison"],
        wanted=figure["value"],
        published=value,
        shown=shown,
        equal=equal,
        reason=reason,
    )


def _read(path: Path) -> list[dict]:
    """The rows to reproduce, with numbers as Decimal and the grain of their period."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read as a UTF-8 CSV ({type(error).__name__})") from None
    if absent := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise UsageError(f"{path}: the columns {', '.join(absent)} are missing; wanted those of figures.csv")
    return [_figure(path, row) for row in rows if row["role"] in ROLES]


def _figure(path: Path, row: Mapping[str, str]) -> dict:
    where = f"{path}, figure {row['figure_id']}"
    grain = next((grain for form, grain in GRAINS.items() if re.fullmatch(form, row["period"])), None)
    if grain is None:
        raise UsageError(f"{where}: period is '{row['period']}', wanted 2021, 2021Q4 or 2021-12")
    if row["comparison"] not in ("=", ">="):
        raise UsageError(f"{where}: comparison is '{row['comparison']}', wanted = or >=")
    try:
        numbers = {"value": Decimal(row["value"]), "scale": Decimal(row["scale"]), "decimals": int(row["decimals"])}
    except (InvalidOperation, ValueError):
        raise UsageError(f"{where}: value, scale and decimals must be numbers") from None
    if numbers["scale"] <= 0:
        raise UsageError(f"{where}: scale is {numbers['scale']}, wanted more than 0")
    return {"name_zh": "", "unit": "", **row, **numbers, "grain": grain}
