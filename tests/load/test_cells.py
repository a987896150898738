"""What may stand in a cell, and what it becomes."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import cells, contracts
from warehouse.cells import Cell
from warehouse.contracts import Column


def column(kind: str, **more) -> Column:
    return Column(name="some", header="某", type=kind, **more)


@pytest.mark.parametrize(
    "text",
    [
        *("2021-06-04", "2021-6-4", "2021/6/4", "2021/06/04", "20210604", "2021年6月4日", "44351", "44351.0"),
        *(
            "2021-06-04 00:00:00",
            "2021/6/4 0:00:00",
            "20210604000000",
            "２０２１－０６－０４",
            " 2021-06-04\t",
            "'2021-06-04",
        ),
    ],
)
def test_a_date_is_read_in_every_agreed_form(text):
    assert cells.judge(column("date"), text) == Cell("2021-06-04")


@pytest.mark.parametrize(
    "text", ["2021-02-30", "2021-13-01", "04/06/2021", "2021.6.4", "202106", "2021", "0021-06-04", "9999-99-99", "昨天"]
)
def test_what_is_no_date_is_not_guessed(text):
    assert cells.judge(column("date"), text) == Cell(None, problem="unreadable_date")


@settings(deadline=None)
@given(st.dates(date(1930, 1, 1), date(2099, 12, 30)))
def test_all_forms_of_a_day_mean_that_day(day):
    forms = (
        day.isoformat(),
        f"{day:%Y%m%d}",
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        str((day - date(1899, 12, 30)).days),
    )
    assert {cells.read_date(form) for form in forms} == {day.isoformat()}


@pytest.mark.parametrize("kind", ["date", "timestamp"])
@pytest.mark.parametrize(
    "text",
    ["", "9999-12-31", "99991231", "2099-12-31", "9999-12-31 00:00:00", "9999/12/31", "9999年12月31日", "99991231000000",
     "2099/12/31", "2958465"],
)  # fmt: skip
def test_an_open_end_is_null_in_whatever_form(kind, text):
    assert cells.judge(column(kind, open_ended=True), text) == cells.NULL


def test_who_died_at_94_has_a_birth_date_as_a_serial_of_four_digits():
    assert cells.judge(column("date"), "7306") == Cell("1920-01-01")


def test_an_impossible_open_end_is_null_and_flagged():
    assert cells.judge(column("date", open_ended=True), "9999-99-99") == Cell(None, flag="impossible_open_end")


def test_a_filler_is_no_day_of_death():
    assert cells.judge(column("date", never=("1900-01-01",)), "1900/1/1") == Cell(None, problem="filler_date")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("20210604123005", "2021-06-04 12:30:05"),
        ("2021-06-04 12:30:05", "2021-06-04 12:30:05"),
        ("2021-06-04T12:30:05", "2021-06-04 12:30:05"),
        ("2021-06-04T04:30:05Z", "2021-06-04 12:30:05"),
        ("2021-06-04T12:30:05+08:00", "2021-06-04 12:30:05"),
        ("2021/6/4 8:30", "2021-06-04 08:30:00"),
        ("44351.5", "2021-06-04 12:00:00"),
    ],
)
def test_a_time_is_local_time_of_shanghai(text, canonical):
    assert cells.judge(column("timestamp"), text) == Cell(canonical)


@pytest.mark.parametrize(
    "text", ["20210604240000", "20210604126000", "20210230120000", "2021060412300", "12:30", "2021-06-04"]
)
def test_what_is_no_time_is_not_guessed(text):
    assert cells.judge(column("timestamp"), text) == Cell(None, problem="unreadable_time")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1234.5", "1234.50"), ("1,234.50", "1234.50"), ("１２３４．５０", "1234.50"), ("1234元", "1234.00"),
        ("(123.00)", "-123.00"), ("（1,230元）", "-1230.00"), ("-0.00", "0.00"), ("007.10", "7.10"), ("1.500", "1.50"),
    ],
)  # fmt: skip
def test_an_amount_is_read_to_the_cent(text, canonical):
    assert cells.judge(column("decimal"), text) == Cell(canonical)


@pytest.mark.parametrize(
    "text", ["1.2万元", "1,23.00", "12,34", "1.005", "1e3", "--1", "(-1)", "四百", "1 2", "9" * 15]
)
def test_what_is_no_amount_is_not_guessed(text):
    assert cells.judge(column("decimal"), text) == Cell(None, problem="unreadable_number")


@settings(deadline=None)
@given(st.decimals(-(10**13), 10**13, places=2))
def test_an_amount_survives_thousands_separators_and_brackets(amount):
    written = f"({-amount:,})" if amount < 0 else f"{amount:,}元"
    assert Decimal(cells.read_amount(written)) == amount
    assert cells.cents(cells.read_amount(written)) == int(amount * 100)


def test_a_code_is_read_by_code_label_alias_and_in_full_width():
    sex = column("code", code_list="SEX_HOUSEHOLD", aliases={"M": "0", "F": "1"})
    assert [cells.judge(sex, text).value for text in ("0", "男", "M", "０", "女")] == ["0", "0", "0", "0", "1"]
    assert cells.judge(sex, "2") == Cell(None, problem="unknown_code")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("410802", "410802000000"), ("410802001", "410802001000"), ("410802001005", "410802001005"),
        ("武陟县", "410823000000"), ("圪塔店乡", "410823202000"), ("圪当店镇", "410823108000"),
        ("圪垱店镇", "410823108000"), ("焦西街道办事处", "410802004000"), ("沁阳市太行街道", "410882003000"),
        ("示范区", "410871000000"), ("焦作市", "410800000000"),
    ],
)  # fmt: skip
def test_a_division_is_read_by_code_name_and_alias(text, code):
    assert cells.judge(column("division"), text) == Cell(code)


@pytest.mark.parametrize("text", ["4108", "41080", "太行街道", "某某街道", "000000", "4.10823E+11"])
def test_an_unknown_or_ambiguous_division_is_null_and_flagged(text):
    assert cells.judge(column("division"), text) == Cell(None, flag="unknown_division")


@pytest.mark.parametrize("text", ["", "  ", "NULL", "-", "无", "不详", "\u3000"])
@pytest.mark.parametrize("kind", ["text", "date", "decimal", "integer", "division", "timestamp", "month"])
def test_null_words_are_null_in_every_type(kind, text):
    assert cells.judge(column(kind), text) == cells.NULL


@settings(deadline=None)
@given(st.text(max_size=30))
@pytest.mark.parametrize("kind", ["date", "timestamp", "decimal", "integer", "division", "month", "year"])
def test_any_text_gets_a_verdict(kind, text):
    cell = cells.judge(column(kind), text)
    assert (cell.value is None) or (cell.problem is None)


@settings(deadline=None)
@given(st.integers(0, 3000))
def test_months_have_twelve(number):
    day = date(1900, 1, 1) + timedelta(days=30 * number)
    assert cells.judge(column("month"), f"{day:%Y%m}") == Cell(f"{day:%Y%m}")
    assert cells.judge(column("month"), f"{day.year}13").problem == "unreadable_date"


def test_every_column_of_every_contract_says_what_it_wants():
    for contract in contracts.load_all().values():
        for each in contract.columns.values():
            for reason in ("required_value_missing", "unreadable_date", "unknown_code"):
                assert cells.wanted(each, reason)
