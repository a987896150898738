"""Read the records of a delivered file: csv, zip with one csv, xlsx, or an HTML table that calls itself .xls.

What a file is, its first bytes say, not its name. Records come in blocks of columns with their physical line numbers;
memory stays bounded whatever the file's size. A block's columns hold the bytes as sent; `texts` decodes them strictly.
"""

import codecs
import contextlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy
import pyarrow

from warehouse import archive
from warehouse.errors import FileRejected
from warehouse.headers import HeaderWords

READ_BYTES = 1 << 20
# beyond these an archive is no export but an attack: deflate of real exports stays below 50:1
LARGEST_EXPANSION = 200
SMALL_ENOUGH_BYTES = 64 << 20
ENCODINGS = ("utf-8", "gb18030")
UTF8_MARK = codecs.BOM_UTF8


@dataclass(frozen=True)
class BrokenRecord:
    """A record whose fields cannot be told apart.

    Attributes:
        line: its first physical line.
        reason: wrong_field_count or unbalanced_quote.
        fields: the cells as far as they could be told, for the manifest's sum; never stored.
    """

    line: int
    reason: str
    fields: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Block:
    """Some records: one binary array of n cells for each header, their n physical line numbers, and the broken
    records.
    """

    columns: list[pyarrow.BinaryArray]
    lines: numpy.ndarray
    broken: list[BrokenRecord] = field(default_factory=list)


@dataclass(frozen=True)
class Records:
    """A file's header (texts as sent), its encoding and its records in blocks."""

    header: list[str]
    encoding: str
    blocks: Iterator[Block]


@contextlib.contextmanager
def open_records(sha256: str, name: str, header_words: HeaderWords) -> Iterator[Records]:
    """Open an archived file.

    Args:
        sha256: of the archived file.
        name: the delivered name, for messages.
        header_words: normalised headers of the contract, to find the header line of a sheet.
    Raises: FileRejected, when its form, encoding or header cannot be read.
    """
    from warehouse import delimited

    with archive.open_file(sha256) as file:
        start = file.read(4096)
        file.seek(0)
        if start.startswith(b"PK\x03\x04") or start.startswith(b"PK\x05\x06"):
            with _open_zip(file, name) as (package, entry):
                if entry is None:
                    from warehouse import workbooks  # openpyxl, for those files only

                    file.seek(0)
                    yield workbooks.read_xlsx(file, name, header_words)
                else:
                    encoding = detect_encoding(lambda: _open_entry(package, entry, name), name)
                    with _open_entry(package, entry, name) as content:
                        yield delimited.read(content, encoding, name)
        elif start.startswith(b"\xd0\xcf\x11\xe0"):
            raise FileRejected(
                "format_unreadable",
                f"{name}: a workbook of Excel 97-2003; wanted csv, zip or xlsx. Export it again as xlsx",
            )
        elif start.lstrip(UTF8_MARK + b" \t\r\n").startswith(b"<"):
            from warehouse import workbooks

            yield workbooks.read_html(file, name, header_words)
        else:
            encoding = detect_encoding(lambda: contextlib.nullcontext(file), name)
            file.seek(0)
            yield delimited.read(file, encoding, name)


def detect_encoding(reopen, name: str) -> str:
    """`utf-8`, if every byte of the file is strict UTF-8, else `gb18030`, which is decoded as strictly cell by cell.

    Raises: FileRejected, when the file is UTF-16, which senders' spreadsheets write.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    with reopen() as content:
        data = content.read(READ_BYTES)
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise FileRejected("encoding_unreadable", f"{name}: UTF-16; wanted GB18030 or UTF-8")
        try:
            while data:
                decoder.decode(data)
                data = content.read(READ_BYTES)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
        except (zipfile.BadZipFile, EOFError, zlib.error) as error:
            raise _broken_zip(name, error) from None
    return "utf-8"


def texts(column: pyarrow.BinaryArray, encoding: str, name: str) -> tuple[pyarrow.Array, pyarrow.StringArray]:
    """The distinct cells of a column, decoded strictly.

    Returns: (n indices, distinct texts in the order of their first row).
    Raises: FileRejected, naming no cell, when one is not in the file's encoding.
    """
    encoded = column.dictionary_encode()
    values = encoded.dictionary
    buffers = values.buffers()
    if encoding == "utf-8" or buffers[2] is None or memoryview_is_ascii(buffers[2]):
        distinct = pyarrow.StringArray.from_buffers(
            len(values), buffers[1], buffers[2], buffers[0], offset=values.offset
        )
    else:
        cells = values.to_pylist()
        # one decoding of all is faster; no character of GB18030 holds a line end, so none can hide between two cells
        found = decode(b"\n".join(cells), encoding, name).split("\n")
        if len(found) != len(cells):  # a quoted cell holds a line end
            found = [decode(cell, encoding, name) for cell in cells]
        distinct = pyarrow.array(found, pyarrow.string())
    return encoded.indices, distinct


def decode(cell: bytes, encoding: str, name: str) -> str:
    """Text of a cell. Raises: FileRejected."""
    try:
        return cell.decode(encoding)
    except UnicodeDecodeError:
        raise FileRejected(
            "encoding_unreadable", f"{name}: neither strict UTF-8 nor strict GB18030; ask the sender to export it again"
        ) from None


def memoryview_is_ascii(buffer: pyarrow.Buffer) -> bool:
    """Are all bytes of a buffer ASCII?"""
    return buffer.size == 0 or int(numpy.frombuffer(buffer, numpy.uint8).max()) < 0x80


@contextlib.contextmanager
def _open_zip(file: io.BufferedReader, name: str) -> Iterator[tuple[zipfile.ZipFile, zipfile.ZipInfo | None]]:
    """The zip and its one csv; None as the entry of an xlsx."""
    try:
        with zipfile.ZipFile(file) as package:
            # entry names are GBK without a flag, may hold folders and are never used as paths
            entries = [entry for entry in package.infolist() if not entry.is_dir()]
            if any(entry.filename == "[Content_Types].xml" for entry in entries):
                _check_expansion(entries, name)
                yield package, None
                return
            if len(entries) != 1:
                raise FileRejected("zip_unusable", f"{name}: {len(entries)} files inside; wanted exactly one csv")
            if not entries[0].filename.lower().endswith(".csv"):
                raise FileRejected("zip_unusable", f"{name}: the file inside is no .csv")
            if entries[0].flag_bits & 0x1:
                raise FileRejected("zip_unusable", f"{name}: protected by a password; wanted an open zip")
            _check_expansion(entries, name)
            yield package, entries[0]
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise _broken_zip(name, error) from None


def _open_entry(package: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> BinaryIO:
    try:
        return package.open(entry)
    except (ValueError, RuntimeError) as error:  # its own header may be damaged while the directory at the end is not
        raise _broken_zip(name, error) from None


def _check_expansion(entries: list[zipfile.ZipInfo], name: str) -> None:
    size, packed = sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
    if size > SMALL_ENOUGH_BYTES and size > LARGEST_EXPANSION * packed:
        raise FileRejected(
            "zip_bomb",
            f"{name}: expands {size // max(packed, 1)} times to {size >> 20} MiB; at most {LARGEST_EXPANSION} times",
        )


def _broken_zip(name: str, error: Exception) -> FileRejected:
    # zipfile's own message may hold the entry's name
    return FileRejected(
        "zip_unusable", f"{name}: damaged zip ({type(error).__name__}); ask the sender to export it again"
    )
