"""Judge blocks of records by their contract: canonical values, tokens instead of persons, and what is wrong, by line.

Each column's distinct cells are judged once and the verdicts are taken to the rows; verdicts of frequent cells are
remembered from block to block. Nothing here knows the database.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy
import pyarrow
from pyarrow import compute

from warehouse import cells, contracts, identity, reading
from warehouse.cells import Cell
from warehouse.contracts import Column, Contract
from warehouse.headers import Binding
from warehouse.reading import Block

WHOLE_ROW = "(record)"  # stands for the column of a problem that is the record's
MOST_REMEMBERED_CELLS = 20_000  # of one column
MOST_REMEMBERED_TOKENS = 80_000
MALE = "男"
_TRIMMED = " \t\r\n\u3000\u00a0\ufeff"
# texts that are their own normal form: the unified ideographs of NFKC, and plain digits
_PLAIN_TEXTS: Mapping[str, Callable[[pyarrow.StringArray], pyarrow.BooleanArray]] = {
    "name": lambda texts: compute.match_substring_regex(texts, r"^[\x{4e00}-\x{9fff}]+$"),
    "account": compute.ascii_is_decimal,
}


class OddNumber(NamedTuple):
    """A judged national ID cell that is not a valid number in normal form."""

    token: str | None
    status: str = "missing"
    problem: str | None = None
    flags: tuple[str, ...] = ()
    number: str | None = None


@dataclass(frozen=True)
class People:
    """The persons of one column of a block: n distinct tokens, their numbers of 18 characters and, if a column of names
    stands beside it, their names as sent.
    """

    keys: list[str]
    numbers: list[str]
    name: Callable[[int], str | None]


class Problem(NamedTuple):
    """Why a row goes into quarantine; `key` holds its key parts if they can be shown."""

    line: int
    column: str
    reason: str
    wanted: str
    key: str | None


class Flag(NamedTuple):
    """A doubtful cell of a row that counts."""

    line: int
    column: str
    reason: str


@dataclass
class Memory:
    """Verdicts of cells met before, of one run. Bounded; forgetting costs time, never a different verdict."""

    verdicts: dict[tuple[str, str], dict[str, Cell]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    tokens_of: dict[str, identity.Tokens] = field(
        default_factory=lambda: {purpose: identity.Tokens(purpose) for purpose in identity.PURPOSES}
    )


@dataclass(frozen=True)
class Judged:
    """A judged block.

    Attributes:
        columns: the kept rows' raw columns by name, all canonical text, with `line` as integers.
        rows: records judged, broken ones included. amount_cents: their sum; broken_cents: of those with broken
        structure. row_keys: a hash of each kept row's key.
    """

    columns: dict[str, pyarrow.Array]
    rows: int
    problems: list[Problem]
    flags: list[Flag]
    people: list[People]
    amount_cents: int
    broken_cents: int
    row_keys: numpy.ndarray


class Judge:
    """Judges the blocks of one file.

    Args:
        contract, binding: what the columns are and where they stand.
        encoding, name: of the file.
        last_event_day: event days may not lie after it.
        memory: shared by the files of a run.
    """

    def __init__(
        self, contract: Contract, binding: Binding, encoding: str, name: str, last_event_day: date, memory: Memory
    ) -> None:
        self._contract, self._binding, self._encoding, self._name = contract, binding, encoding, name
        self._last_event_day, self._memory = last_event_day, memory
        self._tokens = memory.tokens_of
        columns = contract.columns.values()
        # documents' types must be judged before the documents
        self._ordered = sorted(columns, key=lambda column: column.person == "national_id")

    def judge(self, block: Block) -> Judged:
        """Judge one block. Raises: FileRejected, when a cell is not in the file's encoding."""
        self._check_unknown(block)
        size = len(block.lines)
        outputs: dict[str, pyarrow.Array] = {}
        bad: list[tuple[int, str, str]] = []
        doubtful: list[tuple[int, str, str]] = []
        people: list[People] = []
        amount = 0
        names: dict[str, tuple[numpy.ndarray, list[str]]] = {}
        for column in self._ordered:
            indices, distinct = self._texts(block, column, size)
            if column.person == "name":
                names[column.name] = (indices, distinct)
            if column.person == "national_id":
                self._judge_numbers(column, indices, distinct, outputs, bad, doubtful, people, names)
            elif column.person:
                self._judge_person(column, indices, distinct, outputs, bad, doubtful)
            else:
                found = self._judge_column(column, indices, distinct, outputs, bad, doubtful)
                if column.name == self._contract.amount_column and size:
                    cents = numpy.array([cells.cents(cell.value) for cell in found], numpy.int64)
                    amount += int(cents[indices].sum())
        self._check_signs(outputs, bad)
        return self._assemble(block, outputs, bad, doubtful, people, amount)

    def _texts(self, block: Block, column: Column, size: int) -> tuple[numpy.ndarray, pyarrow.StringArray]:
        position = self._binding.positions.get(column.name)
        if position is None:
            return numpy.zeros(size, numpy.int32), pyarrow.array([""], pyarrow.string())
        indices, distinct = reading.texts(block.columns[position], self._encoding, self._name)
        return indices.to_numpy(zero_copy_only=False), distinct

    def _check_unknown(self, block: Block) -> None:
        """Cells of unknown columns and of broken records are not kept, but their encoding is judged with the file's."""
        known = set(self._binding.positions.values())
        for position, column in enumerate(block.columns):
            if position not in known:
                reading.texts(column, self._encoding, self._name)
        for record in block.broken:
            for cell in record.fields:
                reading.decode(cell, self._encoding, self._name)

    def _judge_column(self, column: Column, indices, distinct, outputs, bad, doubtful) -> list[Cell]:
        if column.type == "text" and (values := self._plain_texts(column, distinct)) is not None:
            outputs[column.name] = _take(values, indices)
            return []
        if (
            column.type == "timestamp"
            and not column.never
            and not column.open_ended
            and (values := _plain_times(distinct)) is not None
            and not (column.event_day and compute.max(values).as_py()[:10] > self._last_event_day.isoformat())
        ):
            outputs[column.name] = _take(values, indices)
            return []
        remembered = self._memory.verdicts.setdefault((self._contract.sha256, column.name), {})
        if len(remembered) > MOST_REMEMBERED_CELLS:
            remembered.clear()
        found = []
        for text in distinct.to_pylist():
            cell = remembered.get(text)
            if cell is None:
                cell = remembered[text] = self._settle(column, text)
            found.append(cell)
        if column.event_day:
            last = self._last_event_day.isoformat()
            found = [
                Cell(None, problem="event_after_business_date")
                if cell.value is not None and cell.value[:10] > last
                else cell
                for cell in found
            ]
        outputs[column.name] = _take(pyarrow.array([cell.value for cell in found], pyarrow.string()), indices)
        _collect(column, indices, {index: cell.problem for index, cell in enumerate(found) if cell.problem}, bad)
        _collect(column, indices, {index: cell.flag for index, cell in enumerate(found) if cell.flag}, doubtful)
        return found

    def _plain_texts(self, column: Column, distinct: pyarrow.StringArray) -> pyarrow.StringArray | None:
        """Trimmed texts with nulls, when no cell needs a verdict of its own."""
        if _may_be_unreadable(distinct) or (not column.name.endswith("_code") and _may_hold_numbers(distinct)):
            return None
        values = compute.utf8_trim(distinct, characters=_TRIMMED)
        empty = compute.is_in(values, value_set=pyarrow.array([*column.null_words, ""], pyarrow.string()))
        if not compute.any(empty).as_py():
            return values
        return None if column.required else compute.if_else(empty, None, values)

    def _settle(self, column: Column, text: str) -> Cell:
        """A cell's verdict by its own rules, its column's being required or not included."""
        if cells.is_unreadable(text) and (column.required or column.type == "text"):
            return self._unreadable(column)
        cell = cells.judge(column, text)
        # a code's first six digits are a county, and its serial number may look like anything
        if column.type == "text" and cell.value is not None and not column.name.endswith("_code"):
            hidden = identity.hide_numbers(cell.value, self._tokens["document"].token)
            return cell if hidden == cell.value else Cell(hidden, flag="holds_id_number")
        if cell.problem == "unknown_code" and not column.required:
            return Cell(None, flag="unknown_code")
        # an unknown division is no county, but the row counts for the city
        if cell.value is None and column.required and cell.problem is None and cell.flag is None:
            return Cell(None, problem="required_value_missing")
        return cell

    def _unreadable(self, column: Column) -> Cell:
        if column.required:
            return Cell(None, problem="unreadable_characters")
        return Cell(None, flag="unreadable_characters")

    def _judge_person(self, column: Column, indices, distinct, outputs, bad, doubtful) -> None:
        texts = distinct.to_pylist()
        token = self._tokens[column.person].token
        if column.person == "name":  # many persons share few names
            token = self._remembered_name
        plain = self._plain_persons(column, distinct)
        keys = _tokens_where(plain, texts, token)
        problems: dict[int, str] = {}
        flags: dict[int, str] = {}
        for index in numpy.flatnonzero(~plain).tolist():
            keys[index], problem, flag = self._person_token(column, texts[index])
            if problem:
                problems[index] = problem
            if flag:
                flags[index] = flag
        outputs[f"{column.name}_key"] = _take(pyarrow.array(keys, pyarrow.string()), indices)
        _collect(column, indices, problems, bad)
        _collect(column, indices, flags, doubtful)

    def _plain_persons(self, column: Column, distinct: pyarrow.StringArray) -> numpy.ndarray:
        """Which cells are what their token is made from, as they stand."""
        find = _PLAIN_TEXTS.get(column.person)
        if find is None or _may_be_unreadable(distinct):
            return numpy.zeros(len(distinct), bool)
        empty = pyarrow.array([*column.null_words, *identity.NO_NUMBER], pyarrow.string())
        return compute.and_not(find(distinct), compute.is_in(distinct, value_set=empty)).to_numpy(zero_copy_only=False)

    def _remembered_name(self, name: str) -> str:
        remembered = self._memory.names
        key = remembered.get(name)
        if key is None:
            if len(remembered) > MOST_REMEMBERED_TOKENS:
                remembered.clear()
            key = remembered[name] = self._tokens["name"].token(name)
        return key

    def _person_token(self, column: Column, text: str) -> tuple[str | None, str | None, str | None]:
        """(token, problem, flag) of a cell with a name, account or document."""
        missing = (None, "required_value_missing" if column.required else None, None)
        if cells.is_null(column, text):
            return missing
        if cells.is_unreadable(text):
            cell = self._unreadable(column)
            return None, cell.problem, cell.flag
        if column.person == "name":
            normal = identity.normalise_name(text)
            if normal in identity.NO_NUMBER and not column.required:
                return None, None, None  # a nameless person is not the same as another
        elif column.person == "account":
            normal = identity.normalise_account(text)
            if normal is None:
                return None, None, "account_lost_digits"
        else:
            normal = identity.normalise_number(text)
        return (self._tokens[column.person].token(normal), None, None) if normal else missing

    def _judge_numbers(self, column: Column, indices, distinct, outputs, bad, doubtful, people, names) -> None:
        """National IDs: most are plain valid numbers, whose token is all that is needed; the odd ones are judged
        alone.
        """
        texts = distinct.to_pylist()
        count = len(texts)
        plain = _plain_numbers(distinct, self._last_event_day)
        token = self._tokens["national_id"].token
        keys = _tokens_where(plain, texts, token)
        numbers: list[str | None] = texts
        statuses = ["valid"] * count
        odd: dict[int, OddNumber] = {}
        national = self._is_national(column, outputs)
        if national is not None and not national.all():
            # the same text may stand for a national ID in one row and for another document in the next
            indices = numpy.where(national, indices, indices + count)
            used = numpy.bincount(indices, minlength=2 * count) > 0
            keys, statuses, numbers = keys + [None] * count, statuses + ["other_document"] * count, texts + texts
            odd.update(
                (count + index, self._document(column, texts[index])) for index in numpy.flatnonzero(used[count:])
            )
            plain |= ~used[:count]
        odd.update((index, self._number(column, texts[index])) for index in numpy.flatnonzero(~plain).tolist())
        valid = numbers
        if odd:
            numbers = list(numbers)
            for index, cell in odd.items():
                keys[index], statuses[index], numbers[index] = cell.token, cell.status, cell.number
            _collect(column, indices, {index: cell.problem for index, cell in odd.items() if cell.problem}, bad)
            for place in range(max(len(cell.flags) for cell in odd.values())):
                reasons = {index: cell.flags[place] for index, cell in odd.items() if len(cell.flags) > place}
                _collect(column, indices, reasons, doubtful)
            valid = [
                number if key is not None and status in identity.IDENTITIES else None
                for key, number, status in zip(keys, numbers, statuses, strict=True)
            ]
        outputs[f"{column.name}_key"] = _take(pyarrow.array(keys, pyarrow.string()), indices)
        outputs[f"{column.name}_status"] = _take(pyarrow.array(statuses, pyarrow.string()), indices)
        self._check_birth_dates(column, indices, valid, outputs, doubtful)
        self._check_sexes(column, indices, valid, outputs, doubtful)
        people.append(_people(indices, keys, valid, *names.get(_name_of(column), (None, None))))

    def _number(self, column: Column, text: str) -> OddNumber:
        return self._identified(column, text, lambda: identity.judge_number(text, self._last_event_day))

    def _document(self, column: Column, text: str) -> OddNumber:
        return self._identified(column, text, lambda: identity.judge_document(text))

    def _identified(self, column: Column, text: str, judge: Callable[[], identity.Identity]) -> OddNumber:
        if cells.is_unreadable(text):
            cell = self._unreadable(column)
            return OddNumber(None, "missing", cell.problem, (cell.flag,) if cell.flag else ())
        try:
            found = identity.Identity("missing", None) if cells.is_null(column, text) else judge()
        except identity.LostDigits:
            return OddNumber(None, "wrong_form", "id_lost_digits")
        if found.status == "missing":
            if column.required:
                return OddNumber(None, "missing", "required_value_missing")
            return OddNumber(None, "missing", None, ("id_missing",))
        flags = ("id_normalised",) if found.normalised else ()
        if found.status not in ("valid", "other_document"):
            flags += (f"id_{found.status}",)
        purpose = "national_id" if found.status in identity.IDENTITIES else "unverified"
        return OddNumber(self._tokens[purpose].token(found.number), found.status, None, flags, found.number)

    def _is_national(self, column: Column, outputs: Mapping[str, pyarrow.Array]) -> numpy.ndarray | None:
        if column.document_type is None:
            return None
        types = outputs[column.document_type["column"]]
        national = compute.is_in(types, value_set=pyarrow.array(column.document_type["national"], pyarrow.string()))
        return compute.or_(national, compute.is_null(types)).to_numpy(zero_copy_only=False)

    def _check_birth_dates(self, column: Column, indices, valid: list[str | None], outputs, doubtful) -> None:
        if column.birth_date_column is None:
            return
        births = [number and f"{number[6:10]}-{number[10:12]}-{number[12:14]}" for number in valid]
        told = _take(pyarrow.array(births, pyarrow.string()), indices)
        differs = compute.not_equal(told, outputs[column.birth_date_column])
        doubtful.extend((row, column.name, "id_contradicts_birth_date") for row in _rows_where(differs))

    def _check_sexes(self, column: Column, indices, valid: list[str | None], outputs, doubtful) -> None:
        if not column.sex and not column.sex_column:
            return
        sexes = [number and identity.sex_of(number) for number in valid]
        told = _take(pyarrow.array(sexes, pyarrow.string()), indices)
        if column.sex:
            differs = compute.not_equal(told, "1" if column.sex == MALE else "2")
        else:
            labels = contracts.code_lists()[self._contract.columns[column.sex_column].code_list]
            said = outputs[column.sex_column].dictionary_encode()
            meant = ["1" if labels[code] == MALE else "2" for code in said.dictionary.to_pylist()]
            differs = compute.not_equal(told, pyarrow.array(meant, pyarrow.string()).take(said.indices))
        doubtful.extend((row, column.name, "id_contradicts_sex") for row in _rows_where(differs))

    def _check_signs(self, outputs: Mapping[str, pyarrow.Array], bad: list) -> None:
        for column in self._contract.columns.values():
            if not column.sign:
                continue
            amounts = outputs[column.name]
            kinds = outputs[column.sign["column"]]
            # an unreadable kind is a problem of its own
            should = compute.is_in(kinds, value_set=pyarrow.array(column.sign["negative"], pyarrow.string()))
            wrong = compute.and_(compute.xor(compute.starts_with(amounts, "-"), should), compute.is_valid(kinds))
            wrong = compute.and_(wrong, compute.not_equal(amounts, "0.00"))
            bad.extend((row, column.name, "sign_contradicts_kind") for row in _rows_where(wrong))

    def _assemble(self, block: Block, outputs, bad, doubtful, people: list[People], amount: int) -> Judged:
        lines = block.lines
        outputs["line"] = pyarrow.array(lines)
        problems = self._problems(block, outputs, bad)
        flags = doubtful
        if bad:
            kept = numpy.ones(len(lines), bool)
            kept[[row for row, _, _ in bad]] = False
            flags = [flag for flag in doubtful if kept[flag[0]]]
            mask = pyarrow.array(kept)
            outputs = {name: column.filter(mask) for name, column in outputs.items()}
        broken = sum(self._broken_cents(record.fields) for record in block.broken)
        return Judged(
            columns=outputs,
            rows=len(lines) + len(block.broken),
            problems=problems,
            flags=[Flag(int(lines[row]), column, reason) for row, column, reason in flags],
            people=people,
            amount_cents=amount,
            broken_cents=broken,
            row_keys=self._row_keys(outputs),
        )

    def _problems(self, block: Block, outputs, bad: list[tuple[int, str, str]]) -> list[Problem]:
        problems = [
            Problem(record.line, WHOLE_ROW, record.reason, _wanted_structure(record.reason, len(block.columns)), None)
            for record in block.broken
        ]
        seen = set()
        for row, name, reason in bad:
            if (row, name) in seen:
                continue
            seen.add((row, name))
            column = self._contract.columns[name]
            key = self._shown_key(outputs, row)
            problems.append(Problem(int(block.lines[row]), name, reason, cells.wanted(column, reason), key))
        return problems

    def _shown_key(self, outputs: Mapping[str, pyarrow.Array], row: int) -> str | None:
        parts = []
        for name in self._contract.key:
            if self._contract.columns[name].person:
                return None
            value = outputs[name][row].as_py()
            if value is None or identity.holds_number(value):
                return None
            parts.append(value)
        return "|".join(parts)

    def _broken_cents(self, fields: tuple[bytes, ...]) -> int:
        position = self._binding.positions.get(self._contract.amount_column or "")
        if position is None or position >= len(fields):
            return 0
        try:
            return cells.cents(cells.read_amount(reading.decode(fields[position], self._encoding, self._name)))
        except ValueError:
            return 0

    def _row_keys(self, outputs: Mapping[str, pyarrow.Array]) -> numpy.ndarray:
        keys = [
            outputs[f"{name}_key" if self._contract.columns[name].person else name].to_pylist()
            for name in self._contract.key
        ]
        hashed = map(hash, keys[0]) if len(keys) == 1 else map(hash, zip(*keys, strict=True))
        return numpy.fromiter(hashed, numpy.int64, len(keys[0]))


def _take(values: pyarrow.Array, indices: numpy.ndarray) -> pyarrow.Array:
    if len(values) == len(indices) and len(indices) and indices[0] == 0 and bool((numpy.diff(indices) == 1).all()):
        return values  # every row has a cell of its own
    return values.take(pyarrow.array(indices))


def _collect(column: Column, indices: numpy.ndarray, reasons: Mapping[int, str], found: list) -> None:
    """Add (row, column, reason) of every row whose distinct cell has a reason."""
    if reasons:
        marked = numpy.zeros(int(indices.max(initial=-1)) + 1, bool)
        marked[[index for index in reasons if index < len(marked)]] = True
        found.extend((int(row), column.name, reasons[int(indices[row])]) for row in numpy.flatnonzero(marked[indices]))


def _tokens_where(plain: numpy.ndarray, texts: list[str], token: Callable[[str], str]) -> list[str | None]:
    """The tokens of the plain texts; None for the others."""
    if plain.all():
        return list(map(token, texts))
    return [token(text) if is_plain else None for text, is_plain in zip(texts, plain.tolist(), strict=True)]


def _people(indices, keys: list, valid: list, name_indices, name_texts) -> People:
    """The persons among the distinct cells; a person's name is the one beside the number's first row."""
    first = numpy.full(len(keys), -1)
    first[indices[::-1]] = numpy.arange(len(indices) - 1, -1, -1)
    if all(valid) and (first >= 0).all():
        delivered = range(len(keys))
    else:
        delivered = [
            place for place, (number, row) in enumerate(zip(valid, first.tolist(), strict=True)) if number and row >= 0
        ]
        keys, valid = [keys[place] for place in delivered], [valid[place] for place in delivered]

    def name(position: int) -> str | None:
        return name_texts[int(name_indices[first[delivered[position]]])].as_py() if name_texts is not None else None

    return People(keys, valid, name)


def _name_of(column: Column) -> str:
    """The column of the name that belongs to a number: id_no -> name, id_no_m -> name_m, head_id_no -> head_name."""
    return column.name.replace("id_no", "name")


def _rows_where(mask: pyarrow.Array) -> list[int]:
    if not compute.any(mask).as_py():
        return []
    return numpy.flatnonzero(compute.fill_null(mask, False).to_numpy(zero_copy_only=False)).tolist()


def _bytes_of(distinct: pyarrow.StringArray) -> numpy.ndarray:
    buffer = distinct.buffers()[2]
    return numpy.frombuffer(buffer, numpy.uint8) if buffer is not None and buffer.size else numpy.zeros(0, numpy.uint8)


def _may_be_unreadable(distinct: pyarrow.StringArray) -> bool:
    data = _bytes_of(distinct)
    if not len(data):
        return False
    if data.min() == 0:
        return True
    if data.max() < 0x80:
        return False
    content = data.tobytes()
    return any(mark.encode() in content for mark in cells.UNREADABLE)


def _may_hold_numbers(distinct: pyarrow.StringArray) -> bool:
    """Does a cell hold 17 digits in a row, as the number of a person does? One fast pass over all."""
    widest = compute.max(compute.binary_length(distinct)).as_py() or 0
    return widest >= 18 and compute.any(compute.match_substring_regex(distinct, r"\p{Nd}{17}")).as_py()


def _matrix(distinct: pyarrow.StringArray, width: int) -> numpy.ndarray | None:
    """Cells of equal width as rows of bytes; None when one has another width."""
    offsets = numpy.frombuffer(distinct.buffers()[1], numpy.int32)[
        distinct.offset : distinct.offset + len(distinct) + 1
    ]
    if not len(distinct) or not (numpy.diff(offsets) == width).all():
        return None
    return _bytes_of(distinct)[offsets[0] : offsets[-1]].reshape(-1, width)


def _plain_times(distinct: pyarrow.StringArray) -> pyarrow.StringArray | None:
    """`YYYYMMDDHHMMSS` cells in canonical form, when all are of that form and real times."""
    digits = _matrix(distinct, 14)
    if digits is None or not ((digits >= 48) & (digits <= 57)).all():
        return None
    values = digits.astype(numpy.int32) - 48
    year = values[:, :4] @ [1000, 100, 10, 1]
    month, day, hour, minute, second = ((10 * values[:, at] + values[:, at + 1]) for at in (4, 6, 8, 10, 12))
    real = _are_days(year, month, day) & (hour < 24) & (minute < 60) & (second < 60)
    if not (real & (year >= cells.FIRST_YEAR) & (year <= cells.LAST_YEAR)).all():
        return None
    text = numpy.empty((len(digits), 19), numpy.uint8)
    text[:] = numpy.frombuffer(b"0000-00-00 00:00:00", numpy.uint8)
    text[:, [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]] = digits
    offsets = numpy.arange(0, 19 * (len(digits) + 1), 19, dtype=numpy.int32)
    return pyarrow.StringArray.from_buffers(
        len(digits), pyarrow.py_buffer(offsets), pyarrow.py_buffer(text.reshape(-1))
    )


_WEIGHTS = numpy.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], numpy.int32)
_CHECKS = numpy.frombuffer(b"10X98765432", numpy.uint8)
_MONTH_DAYS = numpy.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], numpy.int32)


def _plain_numbers(distinct: pyarrow.StringArray, latest_birth: date) -> numpy.ndarray:
    """Which cells are valid 18-character numbers in normal form (the common case of `identity.judge_number`)."""
    plain = numpy.zeros(len(distinct), bool)
    wide = compute.equal(compute.binary_length(distinct), 18).to_numpy(zero_copy_only=False)
    if not wide.any():
        return plain
    characters = _matrix(distinct if wide.all() else distinct.filter(pyarrow.array(wide)), 18)
    digits = characters[:, :17].astype(numpy.int32) - 48
    valid = ((digits >= 0) & (digits <= 9)).all(axis=1)
    valid &= _CHECKS[(digits @ _WEIGHTS) % 11] == characters[:, 17]
    year = digits[:, 6:10] @ [1000, 100, 10, 1]
    month, day = 10 * digits[:, 10] + digits[:, 11], 10 * digits[:, 12] + digits[:, 13]
    valid &= (year >= identity.OLDEST_BIRTH_YEAR) & _are_days(year, month, day)
    valid &= 10_000 * year + 100 * month + day <= int(f"{latest_birth:%Y%m%d}")
    valid &= (digits[:, :6] != 0).any(axis=1) & (characters != characters[:, :1]).any(axis=1)  # placeholders
    plain[numpy.flatnonzero(wide)[valid]] = True
    return plain


def _are_days(year: numpy.ndarray, month: numpy.ndarray, day: numpy.ndarray) -> numpy.ndarray:
    in_year = (month >= 1) & (month <= 12)
    longest = _MONTH_DAYS[numpy.where(in_year, month, 0)]
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return in_year & (day >= 1) & (day <= longest + (leap & (month == 2)))


def _wanted_structure(reason: str, width: int) -> str:
    if reason == "unbalanced_quote":
        return "a closing quote before the line's end"
    return f"{width} fields, as its header has"
