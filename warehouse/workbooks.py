"""Read the records of a sheet: xlsx, or an HTML table that calls itself .xls.

Above the header stand a title and a unit row, below the records a 合计 row and a footer (制表人, 制表时间). The
header is the first row in which most of the contract's headers stand; a record's line is its row in the sheet.
"""

import html.parser
import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time

import numpy
import openpyxl
import pyarrow
from openpyxl.utils.exceptions import InvalidFileException

from warehouse import headers
from warehouse.errors import FileRejected
from warehouse.headers import HeaderWords
from warehouse.reading import Block, BrokenRecord, Records, decode

ROWS_OF_A_BLOCK = 5_000
HEADER_WITHIN_ROWS = 30
HEADER_SHARE = 0.6  # of the contract's headers that must stand in one row
LARGEST_SHARED_TEXT_BYTES = 64 << 20
LARGEST_HTML_BYTES = 32 << 20
EXACT_INTEGER = 10**15  # a spreadsheet keeps 15 significant digits
FOOTERS = ("制表人", "制表时间", "制表日期", "制表单位", "填表人", "审核人", "负责人")
# 合计, 合计：2人, 合计(人), 合计2人, 本页合计; no name of anything begins so
_TOTAL = re.compile(r"(?:本页|本月|全市)?(?:合计|总计|小计)(?:[:：(（\d].*)?")
_DAMAGES = (
    InvalidFileException,
    KeyError,
    ValueError,
    IndexError,
    SyntaxError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_xlsx(file: io.BufferedReader, name: str, header_words: HeaderWords) -> Records:
    """Records of the first sheet that holds the contract's headers.

    Raises: FileRejected, when the file is no readable workbook or no row looks like the header.
    """
    try:
        with zipfile.ZipFile(file) as package:
            shared = [entry.file_size for entry in package.infolist() if entry.filename.endswith("sharedStrings.xml")]
        if sum(shared) > LARGEST_SHARED_TEXT_BYTES:
            raise FileRejected(
                "workbook_too_large",
                f"{name}: {sum(shared) >> 20} MiB of texts; wanted at most {LARGEST_SHARED_TEXT_BYTES >> 20} MiB."
                " Export it as csv",
            )
        file.seek(0)
        workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
        for sheet in workbook.worksheets:
            sheet.reset_dimensions()  # senders' programs write wrong ones
            rows = enumerate(sheet.iter_rows(values_only=True), start=1)
            if found := _find_header(rows, header_words):
                return Records(found, "utf-8", _blocks(_readable(rows, name), len(found)))
    except _DAMAGES as error:
        raise _damaged(name, error) from None
    raise _no_header(name)


def read_html(file: io.BufferedReader, name: str, header_words: HeaderWords) -> Records:
    """Records of the HTML table that holds the contract's headers.

    Raises: FileRejected, when it is too large, in no known encoding, or no row looks like the header.
    """
    content = file.read(LARGEST_HTML_BYTES + 1)
    if len(content) > LARGEST_HTML_BYTES:
        raise FileRejected(
            "workbook_too_large", f"{name}: an HTML table above {LARGEST_HTML_BYTES >> 20} MiB. Export it as csv"
        )
    parser = _TableRows()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = decode(content, "gb18030", name)
    parser.feed(text)
    parser.close()
    rows = enumerate(parser.rows, start=1)
    if found := _find_header(rows, header_words):
        return Records(found, "utf-8", _blocks(rows, len(found)))
    raise _no_header(name)


def cell_text(value: object) -> str:
    """The text of a cell as a csv export would have written it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (int, float)):
        if abs(value) >= EXACT_INTEGER:
            return f"{value:.14E}"  # its last digits are lost, whatever it shows
        if value == int(value):
            return str(int(value))
        return repr(round(value, 10))  # 0.1 + 0.2 is 0.30000000000000004 in a sheet too
    return str(value)


def _readable(rows: Iterator[tuple[int, tuple]], name: str) -> Iterator[tuple[int, tuple]]:
    """Rows are parsed as they are read: a sheet may turn out damaged after its header."""
    try:
        yield from rows
    except _DAMAGES as error:
        raise _damaged(name, error) from None


def _damaged(name: str, error: Exception) -> FileRejected:
    # the error's own text may hold a cell
    return FileRejected(
        "format_unreadable", f"{name}: no readable xlsx ({type(error).__name__}); ask the sender to export it again"
    )


def _find_header(rows: Iterator[tuple[int, tuple]], words: HeaderWords) -> list[str] | None:
    for _, row in itertools.islice(rows, HEADER_WITHIN_ROWS):
        cells = [cell_text(value) for value in row]
        while cells and not cells[-1].strip():
            cells.pop()
        known = {name for name in map(headers.normalise, cells) if headers.without_unit(name) in words}
        if len(known) >= HEADER_SHARE * words.columns or words.required <= {
            headers.without_unit(name) for name in known
        }:
            return cells
    return None


def _blocks(rows: Iterator[tuple[int, tuple]], width: int) -> Iterator[Block]:
    while batch := list(itertools.islice(rows, ROWS_OF_A_BLOCK)):
        records: list[list[str]] = []
        lines: list[int] = []
        broken: list[BrokenRecord] = []
        for line, row in batch:
            cells = [cell_text(value) for value in row]
            if not _is_record(cells):
                continue
            if any(cell.strip() for cell in cells[width:]):
                broken.append(BrokenRecord(line, "wrong_field_count", tuple(cell.encode() for cell in cells)))
                continue
            records.append((cells + [""] * width)[:width])
            lines.append(line)
        columns = [pyarrow.array([row[index].encode() for row in records], pyarrow.binary()) for index in range(width)]
        yield Block(columns, numpy.array(lines, numpy.int32), broken)


def _is_record(cells: Iterable[str]) -> bool:
    first = next((text for cell in cells if (text := "".join(cell.split()))), None)
    return first is not None and not first.startswith(FOOTERS) and not _TOTAL.fullmatch(first)


def _no_header(name: str) -> FileRejected:
    return FileRejected(
        "header_missing",
        f"{name}: none of the first {HEADER_WITHIN_ROWS} rows holds {HEADER_SHARE:.0%} of the contract's headers",
    )


class _TableRows(html.parser.HTMLParser):
    """Collects the rows of all tables of a page; nothing in it is followed or run."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[tuple[str, ...]] = []
        self._row: list[str] | None = None
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attributes) -> None:
        if tag == "tr":
            self._end_row()
            self._row = []
        elif tag in ("td", "th") and self._row is not None:
            self._end_cell()
            self._cell = []
        elif tag == "br" and self._cell is not None:
            self._cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._end_cell()
        elif tag in ("tr", "table"):
            self._end_row()

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def _end_cell(self) -> None:
        if self._cell is not None and self._row is not None:
            self._row.append("".join(self._cell).strip())
        self._cell = None

    def _end_row(self) -> None:
        self._end_cell()
        if self._row is not None:
            self.rows.append(tuple(self._row))
        self._row = None
