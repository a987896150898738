"""Turn the text of one cell into its contract's type, in the one form that PostgreSQL reads without a doubt, or say
why not.

What may stand in a cell is the exports' agreement (docs/explanation/exports.md): strict, nothing is guessed.
"""

import csv
import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from warehouse import contracts, settings
from warehouse.contracts import Column
from warehouse.errors import ContractError
from warehouse.identity import is_day

SEEDS = settings.PROJECT / "dbt_project" / "seeds"
FIRST_YEAR, LAST_YEAR = 1850, 2199
OPEN_ENDS = frozenset({(9999, 12, 31), (9999, 99, 99), (2099, 12, 31)})
IMPOSSIBLE_OPEN_END = (9999, 99, 99)
OPEN_SERIAL = "2958465"  # Excel's last day, 9999-12-31
# days since 1900; what could be a year is no serial (it would be a day of 1905); 73050 is 2099-12-31
YEARS = range(1900, 2100)
FIRST_SERIAL, LAST_SERIAL = 61, 73_050  # before 61, 1 March 1900, Excel's own calendar is wrong
SERIAL_EPOCH = date(1899, 12, 30)  # Excel counts a 29 February 1900
# a count has at most nine digits: no number of a person, account or telephone passes for one
MOST_INTEGER_DIGITS, MOST_DECIMAL_DIGITS = 9, 14
# what a wrong decoding leaves behind: the replacement character, and its bytes or unset memory read as GBK
UNREADABLE = ("\ufffd", "锟斤拷", "烫烫烫", "\0")

_MIDNIGHT = r"(?:[ T]0{1,2}:00(?::00(?:\.0+)?)?)?"
_DATES = (
    re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})" + _MIDNIGHT),
    re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})" + _MIDNIGHT),
    re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日" + _MIDNIGHT),
    re.compile(r"(\d{4})(\d{2})(\d{2})(?:000000| 00:00:00)?"),
)
_SERIAL = re.compile(r"(\d{2,5})(?:\.(\d+))?")
_TIME = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})?"
)
_TIME_14 = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})")
_MONTH = re.compile(r"(\d{4})(?:-|/|年)?(\d{1,2})月?")
_YEAR = re.compile(r"(\d{4})年?")
_INTEGER = re.compile(rf"-?\d{{1,{MOST_INTEGER_DIGITS}}}(?:\.0+)?")
_DECIMAL = re.compile(rf"-?\d{{1,{MOST_DECIMAL_DIGITS}}}(?:\.(\d+))?")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DIVISION = re.compile(r"(?:\d{6}|\d{9}|\d{12})")


@dataclass(frozen=True, slots=True)
class Cell:
    """A judged cell.

    Attributes:
        value: its canonical text; None for null.
        problem: why its row goes into quarantine; flag: why it is kept and flagged.
    """

    value: str | None
    problem: str | None = None
    flag: str | None = None


NULL = Cell(None)
WANTED = {
    "date": "a date such as 2021-06-04, 2021/6/4, 20210604, 2021年6月4日 or a spreadsheet's serial",
    "timestamp": "a time such as 20210604123000 or 2021-06-04 12:30:00",
    "month": "a month such as 202106",
    "year": "a year such as 2021",
    "integer": "a whole number",
    "decimal": "an amount with at most two decimals",
    "division": "a division code of 6, 9 or 12 digits, or a known name",
}


def wanted(column: Column, reason: str) -> str:
    """What the contract wants where `reason` was found, in words without any cell."""
    sentences = {
        "required_value_missing": "a value",
        "unreadable_characters": "readable characters; ask the sender to export it again",
        "event_after_business_date": "a day not after the business date (a re-export: not after the day of its export)",
        "filler_date": f"the real day, not {', '.join(column.never)}",
        "sign_contradicts_kind": "a negative amount for reversals and recoveries, else a positive one",
        "id_lost_digits": "the number as text; a spreadsheet rounded it to 15 digits",
        "unknown_code": f"a code of list {column.code_list}",
    }
    return sentences.get(reason) or WANTED.get(column.type, "a readable value")


def judge(column: Column, text: str) -> Cell:
    """Judge the text of a cell of a column that is not a person's; required and cross-column rules are judged
    elsewhere.
    """
    if is_null(column, text):
        return NULL
    try:
        return _JUDGES[column.type](column, text)
    except ValueError:
        return Cell(None, problem=f"unreadable_{_READ_AS.get(column.type, column.type)}")


def is_null(column: Column, text: str) -> bool:
    """Does the text mean: no value?"""
    return (stripped := text.strip(" \t\r\n\u3000\u00a0\ufeff")) in column.null_words or not stripped


def is_unreadable(text: str) -> bool:
    """Did a wrong decoding destroy the text?"""
    return any(mark in text for mark in UNREADABLE)


def read_date(text: str) -> str:
    """ISO text of a date. Raises: ValueError."""
    if found := _SERIAL.fullmatch(text):
        days, fraction = int(found[1]), found[2] or ""
        if not FIRST_SERIAL <= days <= LAST_SERIAL or days in YEARS or fraction.strip("0"):
            raise ValueError
        return (SERIAL_EPOCH + timedelta(days=days)).isoformat()
    for form in _DATES:
        if found := form.fullmatch(text):
            year, month, day = map(int, found.groups())
            return _day(year, month, day)
    raise ValueError


def read_time(text: str) -> str:
    """`YYYY-MM-DD HH:MM:SS[.ffffff]` in Asia/Shanghai. Raises: ValueError."""
    if found := _TIME_14.fullmatch(text):
        year, month, day, hour, minute, second = map(int, found.groups())
        return f"{_day(year, month, day)} {_clock(hour, minute, second)}"
    if found := _TIME.fullmatch(text):
        year, month, day, hour, minute = map(int, found.groups()[:5])
        second, fraction, zone = int(found[6] or 0), (found[7] or "")[:6].rstrip("0"), found[8]
        local = f"{_day(year, month, day)} {_clock(hour, minute, second)}" + (f".{fraction}" if fraction else "")
        if zone is None:
            return local
        instant = datetime.fromisoformat(f"{local}{'+00:00' if zone == 'Z' else zone}")
        return instant.astimezone(settings.SHANGHAI).replace(tzinfo=None).isoformat(sep=" ")
    if found := _SERIAL.fullmatch(text):
        if not FIRST_SERIAL <= int(found[1]) <= LAST_SERIAL or not found[2]:
            raise ValueError  # a whole serial is a day, and a day is no time
        instant = datetime.combine(SERIAL_EPOCH, datetime.min.time()) + timedelta(
            seconds=round(float(Decimal(text) * 86_400))
        )
        return instant.isoformat(sep=" ")
    raise ValueError


def read_amount(text: str) -> str:
    """Canonical text of an amount in yuan: `-1234.50`. Raises: ValueError."""
    text = unicodedata.normalize("NFKC", text).strip().removesuffix("元").strip().replace("−", "-")
    text = text.removeprefix("¥").removeprefix("+")
    if text.startswith("(") and text.endswith(")") and text[1:2] not in ("-", "("):
        text = "-" + text[1:-1].removesuffix("元")
    if "," in text:
        if not _THOUSANDS.fullmatch(text):
            raise ValueError
        text = text.replace(",", "")
    found = _DECIMAL.fullmatch(text)
    if not found or (found[1] or "")[2:].strip("0"):
        raise ValueError
    whole, _, decimals = text.partition(".")
    whole = ("-" if whole.startswith("-") else "") + (whole.lstrip("-").lstrip("0") or "0")
    amount = f"{whole}.{decimals[:2].ljust(2, '0')}"
    return "0.00" if amount == "-0.00" else amount


def cents(amount: str | None) -> int:
    """An amount's canonical text in cents; an unreadable one counts 0 (the manifest's rule)."""
    return int(amount.replace(".", "")) if amount else 0


@functools.cache
def division_names() -> Mapping[str, str]:
    """{name or alias: 12 digits} of the city's divisions; a name that two counties have only stands with its county's
    name.

    From the project's seeds, which dbt uses too. Raises: ContractError.
    """
    found: dict[str, set[str]] = {}

    def add(name: str, code: str) -> None:
        found.setdefault(name, set()).add(code.ljust(12, "0"))

    counties: dict[str, list[str]] = {}
    for row in _seed("division_county"):
        names = counties.setdefault(row["code6"], [row["name_zh"], row["full_name_zh"]])
        for name in names:
            for start in ("", "焦作市", "河南省焦作市"):
                add(start + name, row["code12"])
    places = [(row["code12"], row["name_zh"], row["county_code"]) for row in _seed("division_township")]
    for row in _seed("division_change"):
        if row["change_type"] != "021":  # the zone's statistical codes have the same names
            places.append((row["old_code9"], row["old_name"], row["county_code"]))
            places.append((row["new_code9"], row["new_name"], row["county_code"]))
    for code, name, county in places:
        for spelling in {name, *((name + "办事处", name[:-2] + "办事处") if name.endswith("街道") else ())}:
            add(spelling, code)
            for county_name in counties.get(county, ()):
                for start in ("", "焦作市", "河南省焦作市"):
                    add(start + county_name + spelling, code)
    for name in ("焦作市", "河南省焦作市", "焦作"):
        add(name, "410800")
    return {name: min(codes) for name, codes in found.items() if len(codes) == 1}


def _seed(name: str) -> list[dict[str, str]]:
    path = SEEDS / f"{name}.csv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise ContractError(
            f"{path}: cannot be read ({error.strerror}); it is part of the project, restore it"
        ) from None


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().lstrip("'")


def _day(year: int, month: int, day: int) -> str:
    if not FIRST_YEAR <= year <= LAST_YEAR or not is_day(year, month, day):
        raise ValueError
    return f"{year:04d}-{month:02d}-{day:02d}"


def _clock(hour: int, minute: int, second: int) -> str:
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError
    return f"{hour:02d}:{minute:02d}:{second:02d}"


def _judge_text(column: Column, text: str) -> Cell:
    return Cell(text.strip(" \t\r\n\u3000\u00a0\ufeff"))


def _judge_code(column: Column, text: str) -> Cell:
    code = _codes(column).get(_normal(text))
    return Cell(None, problem="unknown_code") if code is None else Cell(code)


@functools.cache
def _codes_of(code_list: str, aliases: tuple) -> Mapping[str, str]:
    codes = contracts.code_lists()[code_list]
    labels = {_normal(label): code for code, label in codes.items()}
    return {**labels, **dict(aliases), **{code: code for code in codes}}


def _codes(column: Column) -> Mapping[str, str]:
    return _codes_of(column.code_list, tuple(sorted(column.aliases.items())))


def _judge_division(column: Column, text: str) -> Cell:
    place = "".join(_normal(text).split())
    if _DIVISION.fullmatch(place) and place.strip("0"):
        return Cell(place.ljust(12, "0"))
    code = division_names().get(place)
    return Cell(None, flag="unknown_division") if code is None else Cell(code)


def _open_end(text: str) -> Cell | None:
    """Null, when a day or time means that something has not ended, in whatever form a day is written."""
    if text == OPEN_SERIAL:
        return NULL
    for form in (*_DATES, _TIME, _TIME_14):
        if found := form.fullmatch(text):
            day = tuple(map(int, found.groups()[:3]))
            if day in OPEN_ENDS:
                return Cell(None, flag="impossible_open_end" if day == IMPOSSIBLE_OPEN_END else None)
    return None


def _judge_date(column: Column, text: str) -> Cell:
    text = _normal(text)
    if column.open_ended and (end := _open_end(text)):
        return end
    day = read_date(text)
    return Cell(None, problem="filler_date") if day in column.never else Cell(day)


def _judge_time(column: Column, text: str) -> Cell:
    text = _normal(text)
    if column.open_ended and (end := _open_end(text)):
        return end
    time = read_time(text)
    return Cell(None, problem="filler_date") if time[:10] in column.never else Cell(time)


def _judge_month(column: Column, text: str) -> Cell:
    found = _MONTH.fullmatch(_normal(text))
    if not found or (len(found[2]) == 1 and len(found[0]) == 5):
        raise ValueError
    return Cell(_day(int(found[1]), int(found[2]), 1)[:7].replace("-", ""))


def _judge_year(column: Column, text: str) -> Cell:
    found = _YEAR.fullmatch(_normal(text))
    if not found:
        raise ValueError
    return Cell(_day(int(found[1]), 1, 1)[:4])


def _judge_integer(column: Column, text: str) -> Cell:
    number = _normal(text)
    if _THOUSANDS.fullmatch(number):
        number = number.replace(",", "")
    if not _INTEGER.fullmatch(number):
        raise ValueError
    return Cell(str(int(number.partition(".")[0])))


def _judge_amount(column: Column, text: str) -> Cell:
    return Cell(read_amount(text))


_JUDGES = {
    "text": _judge_text,
    "code": _judge_code,
    "division": _judge_division,
    "date": _judge_date,
    "timestamp": _judge_time,
    "month": _judge_month,
    "year": _judge_year,
    "integer": _judge_integer,
    "decimal": _judge_amount,
}
_READ_AS = {"timestamp": "time", "integer": "number", "decimal": "number", "month": "date", "year": "date"}
