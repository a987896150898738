"""Delimited text to records: as Python's csv module reads it, with exact lines, and one broken line costs one record."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import delimited
from warehouse.errors import FileRejected

CELLS = st.text(st.characters(codec="gb18030", exclude_characters="\r\n\0"), max_size=8)


def records(content: bytes, encoding: str = "utf-8") -> tuple[list[tuple[int, list[str]]], list[tuple[int, str]]]:
    """((line, cells) of good records by line, (line, reason) of broken ones)."""
    found = delimited.read(io.BytesIO(content), encoding, "file.csv")
    good, broken = [], []
    for block in found.blocks:
        rows = zip(*(column.to_pylist() for column in block.columns), strict=True)
        good += [
            (int(line), [cell.decode(encoding) for cell in row]) for line, row in zip(block.lines, rows, strict=True)
        ]
        broken += [(record.line, record.reason) for record in block.broken]
    return sorted(good), sorted(broken)


def written(rows: list[list[str]], encoding: str = "utf-8", end: str = "\r\n") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end).writerows([["甲", "乙", "丙"], *rows])
    return text.getvalue().encode(encoding)


@settings(deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=12),
    st.sampled_from(["utf-8", "gb18030"]),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from([64, 200, 1 << 21]),
)
def test_records_are_those_of_pythons_csv_whatever_the_block_size(rows, encoding, end, block_bytes):
    content = written(rows, encoding, end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", block_bytes)
        good, broken = records(content, encoding)
    assert broken == []
    assert [cells for _, cells in good] == rows
    assert [line for line, _ in good] == list(range(2, 2 + len(rows)))


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "两\r\n行", "一,二", '引"号', "三\n四\n五"]), min_size=3, max_size=30),
    st.sampled_from([40, 1 << 21]),
)
def test_line_ends_inside_quotes_count_as_physical_lines(cells, block_bytes):
    rows = [[cell, "x", "y"] for cell in cells]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", block_bytes)
        good, broken = records(written(rows))
    assert (broken, [row for _, row in good]) == ([], rows)
    line = 2
    for (found, _), cell in zip(good, cells, strict=True):
        assert found == line
        line += 1 + cell.count("\n")


def test_a_missing_closing_quote_costs_its_own_line_only():
    content = 'a,b,c\n1,"甲,2\n3,乙,4\n5,"丙",6\n7,"丁\n8,戊,9\n'.encode()
    good, broken = records(content)
    assert broken == [(2, "unbalanced_quote"), (5, "unbalanced_quote")]
    assert [line for line, _ in good] == [3, 4, 6]


def test_an_open_quote_does_not_take_a_good_row_for_its_continuation():
    content = b'a,b,c\n1,"x,2\n3,y,4\n5,z",6\n7,v,8\n'
    good, broken = records(content)
    assert (2, "unbalanced_quote") in broken
    assert [line for line, _ in good if line in (3, 5)] == [3, 5]


def test_text_after_a_closing_quote_is_broken():
    good, broken = records(b'a,b,c\n1,"x"y,2\n3,y,4\n')
    assert (good, broken) == ([(3, ["3", "y", "4"])], [(2, "unbalanced_quote")])


@pytest.mark.parametrize("line", ["1,2", "1,2,3,", "1,2,3,4", '"1",2', '"1,2,3"'])
def test_a_record_of_another_width_is_broken(line):
    good, broken = records(f"a,b,c\n{line}\n7,8,9\n".encode())
    assert (good, broken) == ([(3, ["7", "8", "9"])], [(2, "wrong_field_count")])


def test_a_line_that_would_end_a_copy_is_a_record_like_others():
    good, broken = records(b"a,b,c\n\\.\n7,\\.,9\n")
    assert (good, broken) == ([(3, ["7", "\\.", "9"])], [(2, "wrong_field_count")])


def test_empty_lines_are_no_records_but_count_as_lines():
    good, broken = records(b"a,b,c\r\n\r\n1,2,3\r\n\n4,5,6\r\n\r\n")
    assert (good, broken) == ([(3, ["1", "2", "3"]), (5, ["4", "5", "6"])], [])


def test_a_lone_carriage_return_ends_no_line():
    good, broken = records(b"a,b,c\n1,x\ry,3\n4,5,6\n")
    assert ([line for line, _ in good], broken) == ([2, 3], [])
    assert good[0][1] == ["1", "x\ry", "3"]


def test_the_last_line_may_lack_its_end():
    assert records(b"a,b,c\r\n1,2,3")[0] == [(2, ["1", "2", "3"])]


def test_a_header_alone_is_a_day_without_business():
    assert records(b"a,b,c\r\n") == ([], [])


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\n1,2,3\n"])
def test_no_header_no_file(content):
    with pytest.raises(FileRejected, match="no header"):
        records(content)
