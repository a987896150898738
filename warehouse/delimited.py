"""Split delimited text into records, strictly: exact physical line numbers, and one broken line costs one record.

Most lines hold no quotes; pyarrow splits them, block by block. Lines with quotes, lone carriage returns or nothing at
all are taken out and read one by one. Neither in UTF-8 nor in GB18030 can the bytes of comma, quote and line end be
part of another character, so records are split before they are decoded.
"""

import csv
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy
import pyarrow
from pyarrow import csv as arrow_csv

from warehouse.errors import FileRejected
from warehouse.reading import UTF8_MARK, Block, BrokenRecord, Records, decode

BLOCK_BYTES = 2 << 20
# a quoted cell may hold line ends; beyond this its closing quote is missing
MOST_LINES_OF_A_RECORD = 100
MOST_BYTES_OF_A_RECORD = 64 << 10
LONGEST_LINE_BYTES = 16 << 20
FEWEST_FIELDS_OF_A_ROW = 3
MORE_WANTED = -1
LINE_END, RETURN = 0x0A, 0x0D
_UNUSUAL_LINE = re.compile(rb'^\r?\n|^[^\n]*?(?:"|\r(?!\n))[^\n]*\n', re.MULTILINE)


def read(content: BinaryIO, encoding: str, name: str) -> Records:
    """Records of delimited text with a header in its first line.

    Args:
        content: the bytes as sent.
        encoding: `utf-8` or `gb18030`.
        name: of the file, for messages.
    Raises: FileRejected, when there is no header line.
    """
    splitter = _Splitter(content, name)
    header = [decode(cell, encoding, name) for cell in splitter.read_header(encoding)]
    return Records(header, encoding, splitter.blocks(len(header)))


class _Splitter:
    def __init__(self, content: BinaryIO, name: str) -> None:
        self._content, self._name = content, name
        self._rest = b""
        self._at_end = False
        self._line = 1  # physical line at which _rest begins

    def read_header(self, encoding: str) -> list[bytes]:
        self._fill()
        if self._rest.startswith(UTF8_MARK):
            if encoding != "utf-8":
                raise FileRejected(
                    "encoding_unreadable",
                    f"{self._name}: it begins as UTF-8 and goes on in another encoding; ask the sender to export it again",
                )
            self._rest = self._rest.removeprefix(UTF8_MARK)
        fields, size = _read_record(self._rest, 0)
        if fields is None or not any(field.strip() for field in fields):
            raise FileRejected("header_missing", f"{self._name}: no header in line 1; wanted the contract's headers")
        self._line += self._rest.count(b"\n", 0, size)
        self._rest = self._rest[size:]
        return fields

    def blocks(self, width: int) -> Iterator[Block]:
        while self._rest or not self._at_end:
            if not self._at_end:
                self._fill()
            end = len(self._rest) if self._at_end else self._rest.rfind(b"\n") + 1
            if end == 0:
                if len(self._rest) > LONGEST_LINE_BYTES:
                    raise FileRejected(
                        "line_too_long", f"{self._name}, line {self._line}: longer than {LONGEST_LINE_BYTES >> 20} MiB"
                    )
                continue
            block, used = self._split(self._rest[:end], width)
            self._rest = self._rest[used:]
            if block is not None:
                yield block

    def _fill(self) -> None:
        data = self._content.read(BLOCK_BYTES)
        self._at_end = not data
        self._rest += data
        if self._at_end and self._rest and not self._rest.endswith(b"\n"):
            self._rest += b"\n"

    def _split(self, data: bytes, width: int) -> tuple[Block | None, int]:
        """Split whole lines; returns the block and how many bytes it took (an open quote waits for more)."""
        first_line, used = self._line, len(data)
        quoted: list[list[bytes]] = []
        quoted_lines: list[int] = []
        broken: list[BrokenRecord] = []
        plain, absent = data, None
        ends = numpy.flatnonzero(numpy.frombuffer(data, numpy.uint8) == LINE_END)
        total = len(ends)
        if _has_unusual_lines(data, ends):
            pieces, absent, position, line = [], [], 0, first_line
            for match in _UNUSUAL_LINE.finditer(data):
                start = match.start()
                if start < position:
                    continue  # a continuation of the record before
                line += data.count(b"\n", position, start)
                pieces.append(data[position:start])
                fields, size = _read_record(data, start, width)
                if size == MORE_WANTED and not self._at_end and start > 0:
                    used = start  # its closing quote may stand in the next block
                    position = start
                    break
                if fields is None:
                    size = match.end() - start
                count = data.count(b"\n", start, start + size)
                absent.extend(range(line - first_line, line - first_line + count))
                if fields is None:
                    broken.append(
                        BrokenRecord(line, "unbalanced_quote", tuple(match.group().rstrip(b"\r\n").split(b",")))
                    )
                elif fields and len(fields) != width:
                    broken.append(BrokenRecord(line, "wrong_field_count", tuple(fields)))
                elif fields:
                    quoted.append(fields)
                    quoted_lines.append(line)
                line += count
                position = start + size
            pieces.append(data[position:used])
            plain = b"".join(pieces)
            total = data.count(b"\n", 0, used)
        self._line += total
        lines = numpy.arange(first_line, first_line + total, dtype=numpy.int32)
        if absent:
            lines = numpy.delete(lines, absent)
        columns, lines = _split_plain(plain, width, lines, broken)
        if quoted:
            columns = [
                pyarrow.concat_arrays([column, pyarrow.array([fields[index] for fields in quoted], pyarrow.binary())])
                for index, column in enumerate(columns)
            ]
            lines = numpy.concatenate([lines, numpy.array(quoted_lines, numpy.int32)])
        return (Block(columns, lines, broken) if len(lines) or broken else None), used


def _has_unusual_lines(data: bytes, ends: numpy.ndarray) -> bool:
    """Is there a quote, an empty line or a carriage return that ends no line? `ends` are the places of the line
    ends.
    """
    # each test is one fast pass, far cheaper than the regular expression
    if b'"' in data or data[:1] in (b"\n", b"\r"):
        return True
    octets = numpy.frombuffer(data, numpy.uint8)
    returned = octets[ends - 1] == RETURN
    return bool(
        numpy.count_nonzero(octets == RETURN) != numpy.count_nonzero(returned)
        or (numpy.diff(ends) <= 1 + returned[1:]).any()
    )


def _read_record(data: bytes, start: int, width: int | None = None) -> tuple[list[bytes] | None, int]:
    """Read the record that begins at `start`, over line ends inside quotes.

    Returns:
        (fields, bytes taken); ([], bytes) for an empty line; (None, 0) when a quote is left open or a closing quote is
        not followed by a comma; (None, MORE_WANTED) when the data end inside quotes.
    """
    end, text, lines = start, "", 0
    while end < len(data) and lines < MOST_LINES_OF_A_RECORD and end - start <= MOST_BYTES_OF_A_RECORD:
        previous, end = end, data.find(b"\n", end) + 1 or len(data)
        lines += 1
        # one character per byte, so that nothing but the structure is looked at
        line = data[previous:end].decode("latin-1")
        if lines == 1 and '"' not in line:
            content = line.removesuffix("\n").removesuffix("\r")
            return ([cell.encode("latin-1") for cell in content.split(",")] if content else []), end - start
        if lines > 1 and width and width >= FEWEST_FIELDS_OF_A_ROW and line.count(",") == width - 1 and '"' not in line:
            return None, 0  # the line inside the quotes is a row of its own: the quote before it was never closed
        text += line
        try:
            fields = next(csv.reader([text.removesuffix("\n").removesuffix("\r")], strict=True))
        except csv.Error as error:
            if "unexpected end" in str(error):
                continue
            return None, 0
        return [cell.encode("latin-1") for cell in fields], end - start
    return None, MORE_WANTED if end >= len(data) else 0


def _split_plain(
    data: bytes, width: int, lines: numpy.ndarray, broken: list[BrokenRecord]
) -> tuple[list[pyarrow.BinaryArray], numpy.ndarray]:
    """Split lines without quotes; records of another width go to `broken`."""
    if not data:
        return [pyarrow.array([], pyarrow.binary()) for _ in range(width)], lines[:0]
    if width == 1:
        cells = [cell.removesuffix(b"\r") for cell in data.removesuffix(b"\n").split(b"\n")]
        return [pyarrow.array(cells, pyarrow.binary())], lines
    try:
        table = _parse(data, width)
    except pyarrow.ArrowInvalid:  # a line has too many or too few fields: take such lines out
        rows = data.removesuffix(b"\n").split(b"\n")
        fits = numpy.array([row.count(b",") == width - 1 for row in rows])
        broken.extend(
            BrokenRecord(int(lines[index]), "wrong_field_count", tuple(rows[index].removesuffix(b"\r").split(b",")))
            for index in numpy.flatnonzero(~fits)
        )
        return _split_plain(
            b"".join(rows[index] + b"\n" for index in numpy.flatnonzero(fits)), width, lines[fits], broken
        )
    columns = [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]
    if any(len(column) != len(lines) for column in columns):
        raise AssertionError(f"{len(columns[0])} rows split from {len(lines)} lines")
    return columns, lines


def _parse(data: bytes, width: int) -> pyarrow.Table:
    names = [str(index) for index in range(width)]
    return arrow_csv.read_csv(
        pyarrow.py_buffer(data),
        read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
        parse_options=arrow_csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pyarrow.binary()), strings_can_be_null=False, check_utf8=False
        ),
    )
