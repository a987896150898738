"""Write deliveries the way the senders do: folders, encodings, headers, archives, workbooks, manifests."""

import csv
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xlsxwriter

from scripts.synthetic_city import texts
from scripts.synthetic_city.shapes import Shape
from scripts.synthetic_city.window import day_from_number

PREFECTURE = "410800"
MANIFEST_COLUMNS = (
    "file_name", "table", "mode", "period_start", "period_end", "row_count", "amount_sum", "sha256", "exported_at"
)  # fmt: skip
LINE_END = "\r\n"
SHEET_HEADER_ROW = 3  # title, unit, header


@dataclass
class Special:
    """A row rendered by itself: its cells, or a whole line where the row is torn; `cents` is what its amount reads as."""

    cells: dict[str, str]
    cents: int = 0
    torn: str | None = None  # "extra" or "missing" field


@dataclass
class Content:
    """What one file holds: rows in bulk, and special rows put in before bulk row `position`."""

    table: pa.Table
    specials: list[Special] = field(default_factory=list)
    position: int = 0

    @property
    def count(self) -> int:
        """Number of data records."""
        return self.table.num_rows + len(self.specials)

    def line_of_row(self, row: int, first_line: int) -> int:
        """Line a bulk row starts on."""
        return first_line + row + (self._special_lines(len(self.specials)) if row >= self.position else 0)

    def line_of_special(self, index: int, first_line: int) -> int:
        """Line a special row starts on."""
        return first_line + self.position + self._special_lines(index)

    def _special_lines(self, count: int) -> int:
        inside = sum(cell.count("\n") for special in self.specials[:count] for cell in special.cells.values())
        return count + inside


@dataclass(frozen=True)
class Style:
    """How a sender's export looked on one day."""

    encoding: str
    columns: tuple[str, ...]
    headers: dict[str, str]
    slashes: bool
    nested: bool
    total_row: bool
    date_cells: bool


def draw_style(shape: Shape, generator: np.random.Generator) -> Style:
    """Mostly GB18030 in the contract's order; sometimes UTF-8, another order, a synonym, a unit without or with wide brackets."""
    chance = generator.random(8)
    columns = list(shape.columns)
    if chance[1] < 0.12:
        columns = [columns[i] for i in generator.permutation(len(columns))]
    headers = dict(shape.headers)
    for name, header in headers.items():
        if chance[2] < 0.15 and shape.synonyms[name]:
            header = shape.synonyms[name][generator.integers(0, len(shape.synonyms[name]))]
        if header.endswith("(元)") and chance[3] < 0.2:
            header = header[:-3] + ("（元）" if chance[3] < 0.1 else "")
        elif name in shape.money and not header.endswith(")") and chance[4] < 0.04:
            header += "（元）"
        headers[name] = header
    encoding = "gb18030" if chance[0] < 0.84 else "utf-8" if chance[0] < 0.93 else "utf-8-sig"
    return Style(
        encoding, tuple(columns), headers, chance[5] < 0.03, chance[6] < 0.2, chance[7] < 0.5, chance[6] > 0.75
    )


class GbkZipInfo(zipfile.ZipInfo):
    """An entry whose name is GBK without the UTF-8 flag, as the senders' archivers write it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def render_lines(shape: Shape, content: Content, style: Style) -> bytes:
    """The text of a csv file: header and records, encoded."""
    table = content.table
    columns = [
        table[name].combine_chunks() if isinstance(table[name], pa.ChunkedArray) else table[name]
        for name in style.columns
    ]
    if style.slashes:
        columns = [
            pc.replace_substring(column, "-", "/")
            if shape.types[name] == "date" and "end" not in name and "exit" not in name
            else column
            for name, column in zip(style.columns, columns, strict=True)
        ]
    head = LINE_END.join([",".join(_quoted(style.headers[name]) for name in style.columns), ""])
    specials = "".join(_special_line(special, style) + LINE_END for special in content.specials)
    at = content.position
    body = _bulk(columns, 0, at) + specials + _bulk(columns, at, table.num_rows)
    return (head + body).encode(style.encoding)


def _bulk(columns: list[pa.Array], start: int, stop: int) -> str:
    if stop <= start:
        return ""
    part = [column.slice(start, stop - start) for column in columns]
    part[-1] = texts.join(part[-1], LINE_END)
    lines = pc.binary_join_element_wise(*part, ",")
    lines = pa.concat_arrays([lines.combine_chunks() if isinstance(lines, pa.ChunkedArray) else lines])
    offsets = np.frombuffer(lines.buffers()[1], np.int32, len(lines) + 1, lines.offset * 4)
    return lines.buffers()[2].slice(int(offsets[0]), int(offsets[-1] - offsets[0])).to_pybytes().decode()


def _special_line(special: Special, style: Style) -> str:
    cells = [_quoted(special.cells[name]) for name in style.columns]
    if special.torn == "extra":
        cells.append("")
    elif special.torn == "missing":
        cells.pop()
    return ",".join(cells)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\r\n') else cell


def render_workbook(shape: Shape, content: Content, style: Style, day: datetime) -> bytes:
    """An xlsx as a clerk makes it: merged title, unit row, header in row 3, records, perhaps a total, a footer."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "constant_memory": False})
    book.set_properties({"created": day, "title": shape.title})
    sheet = book.add_worksheet("Sheet1")
    names = style.columns
    sheet.merge_range(0, 0, 0, len(names) - 1, f"焦作市{shape.title}")
    sheet.write_string(1, 0, "统计单位：焦作市民政局")
    date_format = book.add_format({"num_format": "yyyy-mm-dd"})
    for column, name in enumerate(names):
        sheet.write_string(SHEET_HEADER_ROW - 1, column, style.headers[name])
        cells = _column_with_specials(content, name)
        as_dates = style.date_cells and shape.types[name] == "date" and "exit" not in name and "end" not in name
        for row, cell in enumerate(cells, SHEET_HEADER_ROW):
            if not cell:
                continue
            if as_dates and len(cell) == 10:
                sheet.write_datetime(row, column, datetime.fromisoformat(cell), date_format)
            elif shape.types[name] == "integer" and cell.isdigit():
                sheet.write_number(row, column, int(cell))
            else:
                sheet.write_string(row, column, cell)
    foot = SHEET_HEADER_ROW + content.count
    if style.total_row:
        sheet.write_string(foot, 0, "合计")
        sheet.write_number(foot, 1, content.count)
        foot += 1
    sheet.write_string(foot, 0, "制表人：王建国")
    sheet.write_string(foot, min(3, len(names) - 1), f"制表时间：{day:%Y-%m-%d}")
    book.close()
    return buffer.getvalue()


def _column_with_specials(content: Content, name: str) -> list[str]:
    cells = content.table[name].to_pylist()
    return cells[: content.position] + [special.cells[name] for special in content.specials] + cells[content.position :]


def amount_cents(shape: Shape, content: Content) -> int | None:
    """Sum of the table's main amount in cents, broken rows included; None where the table has none."""
    if shape.amount_column is None:
        return None
    column = content.table[shape.amount_column]
    whole = pc.cast(pc.replace_substring(column, ".", ""), pa.int64())
    return (pc.sum(whole).as_py() or 0) + sum(special.cents for special in content.specials)


class DeliveryWriter:
    """Writes delivery folders below `out`; keeps count of files, records and bytes."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.files = self.records = self.bytes = 0

    def write(
        self, system: str, day: int, number: int, files: list[tuple[Shape, str, Content, Style]], exported_at: datetime
    ) -> None:
        """One delivery: its files, and the manifest last.

        Args:
            files: contract, mode, content and look of each file.
            exported_at: Shanghai time.
        """
        date = day_from_number(day)
        folder = self.out / system / date.isoformat() / f"{number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        entries = []
        for shape, mode, content, style in files:
            name = f"{shape.file_prefix}_{PREFECTURE}_{date:%Y%m%d}.{shape.format}"
            data = self._file(shape, content, style, datetime(date.year, date.month, date.day))  # noqa: DTZ001 -- a workbook's stamp has no zone
            (folder / name).write_bytes(data)
            cents = amount_cents(shape, content)
            start = date.replace(day=1) if shape.due == "month_end" else date
            entries.append(
                (
                    name, shape.table, mode, start.isoformat(), date.isoformat(), content.count,
                    "" if cents is None else f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}",
                    hashlib.sha256(data).hexdigest(), exported_at.isoformat(timespec="seconds") + "+08:00",
                )
            )  # fmt: skip
            self.files += 1
            self.records += content.count
            self.bytes += len(data)
        manifest = io.StringIO()
        csv.writer(manifest, lineterminator="\r\n").writerows([MANIFEST_COLUMNS, *entries])
        (folder / "_MANIFEST.csv").write_bytes(manifest.getvalue().encode())

    def _file(self, shape: Shape, content: Content, style: Style, date: datetime) -> bytes:
        if shape.format == "xlsx":
            return render_workbook(shape, content, style, date)
        data = render_lines(shape, content, style)
        if shape.format == "csv":
            return data
        buffer = io.BytesIO()
        label = shape.title.split("(")[0]
        name = f"{label}{date:%Y%m%d}.csv"
        entry = GbkZipInfo(f"{label}/{name}" if style.nested else name, (date + timedelta(days=1)).timetuple()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system = 0
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(entry, data)
        return buffer.getvalue()
