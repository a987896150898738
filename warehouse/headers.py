"""Bind the headers of a file to the columns of its contract: by name, synonym or name without its unit, in any
order.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.contracts import Contract
from warehouse.errors import FileRejected

_UNIT = re.compile(r"\(([^()]*)\)$")
# only these may be left out; any other bracket tells columns apart (证件号码(男), 姓名(曾用名)) or changes the value's size (万元)
_UNITS = re.compile(
    r"(?:单位[:：]?)?(?:元|人民币|人|人次|户|个|具|对|件|例|月|岁|床|张|座|处|穴|套|平方米|㎡|m2|亩|%)(?:/(?:人|月|年|具|人次|人月))*"
)
_LONG_NUMBER = re.compile(r"\d{6,}")
_LONGEST_SHOWN_HEADER = 40


class HeaderWords(frozenset):
    """Normalised headers and synonyms of a contract without their units; `columns` counts the contract's columns,
    `required` holds the headers of those that must be there (those with synonyms aside: any of them may stand there).
    """

    columns: int = 0
    required: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Binding:
    """Which header position holds which column, and the headers that no column has (never their cells)."""

    positions: Mapping[str, int]
    unknown: tuple[str, ...]


def words(contract: Contract) -> HeaderWords:
    """What may stand in the contract's header line."""
    found = HeaderWords(
        without_unit(normalise(header))
        for column in contract.columns.values()
        for header in (column.header, *column.synonyms)
    )
    found.columns = len(contract.columns)
    found.required = frozenset(
        without_unit(normalise(column.header))
        for column in contract.columns.values()
        if column.required and not column.synonyms
    )
    return found


def normalise(header: str) -> str:
    """NFKC (full-width brackets become half-width ones) without any space."""
    return "".join(unicodedata.normalize("NFKC", header).replace("\ufeff", "").split())


def without_unit(header: str) -> str:
    """A normalised header without the unit in brackets at its end: 发放合计(元) becomes 发放合计."""
    unit = _UNIT.search(header)
    return header if unit is None or not _UNITS.fullmatch(unit.group(1)) else header[: unit.start()]


def bind(contract: Contract, header: list[str], name: str) -> Binding:
    """Find the contract's columns in a file's header.

    Args:
        header: the texts as sent.
        name: of the file, for messages.
    Raises: FileRejected, when a required column is missing or two headers stand for one column.
    """
    meanings = {
        without_unit(normalise(text)): column.name
        for column in contract.columns.values()
        for text in (column.header, *column.synonyms)
    }
    positions: dict[str, int] = {}
    unknown = []
    for position, text in enumerate(header):
        column = meanings.get(without_unit(normalise(text)))
        if column is None:
            unknown.append(_shown(text))
        elif column in positions:
            raise FileRejected(
                "header_ambiguous",
                f"{name}: headers {positions[column] + 1} and {position + 1} both stand for"
                f" {contract.columns[column].header}; wanted one",
            )
        else:
            positions[column] = position
    missing = [
        column.header for column in contract.columns.values() if column.required and column.name not in positions
    ]
    if missing:
        raise FileRejected(
            "column_missing",
            f"{name}: no column {', '.join(missing)}, which is required. If they were renamed, add synonyms to"
            f" contracts/{contract.system}/{contract.table}.yml",
        )
    return Binding(positions, tuple(unknown))


def _shown(header: str) -> str:
    # a file without a header line shows its first record here
    return "<hidden>" if _LONG_NUMBER.search(header) else normalise(header)[:_LONGEST_SHOWN_HEADER]
