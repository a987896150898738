"""How pages write numbers, days and states, and that both languages have every word."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from warehouse import pages

ZH, EN = pages.Speaker("zh"), pages.Speaker("en")


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        ("0.005", 2, "0.01"),
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("71.815", 2, "71.82"),
        ("1234567.1", 2, "1,234,567.10"),
    ],
)
def test_values_are_rounded_half_up_when_shown(value, decimals, shown):
    assert ZH.number(Decimal(value), decimals) == shown


def test_a_difference_shows_its_sign_and_a_rounded_zero_has_none():
    assert [ZH.signed(Decimal(text)) for text in ("28.176", "-3.9812", "-0.001")] == ["+28.18", "−3.98", "0.00"]


def test_days_and_periods_are_written_as_each_language_does():
    assert (ZH.day(date(2022, 1, 31)), EN.day("2022-01-31")) == ("2022年1月31日", "31 January 2022")
    assert [ZH.period(period) for period in ("2022-01", "2021Q4", "2021")] == ["2022年1月", "2021年第四季度", "2021年"]
    assert [EN.period(period) for period in ("2022-01", "2021Q4", "2021")] == ["January 2022", "Q4 2021", "2021"]


def test_a_moment_is_told_in_beijing_time():
    assert EN.instant(datetime(2022, 1, 31, 16, 30, tzinfo=UTC)) == "1 February 2022 00:30"


@pytest.mark.parametrize("identifier", ["11010519491231002X", "410823400105002", "6222020000000000123", "13800138000"])
def test_what_looks_like_the_number_of_a_person_is_hidden(identifier):
    assert pages.without_identifiers(f"line 7: {identifier}, wanted a date") == "line 7: <hidden>, wanted a date"


def test_dates_counts_and_digests_are_not_taken_for_numbers_of_persons():
    text = "FFMX_410800_20220131.csv at 20220131003000: 1234567 rows, sha256 12345678901234567890abcdef"
    assert pages.without_identifiers(text) == text


def test_every_text_stands_in_both_languages():
    assert [
        key for key, texts in pages.words().items() if sorted(texts) != ["en", "zh"] or not all(texts.values())
    ] == []


def test_every_text_that_a_template_says_stands_in_the_words():
    said = {
        key
        for template in pages.TEMPLATES.glob("*.j2")
        for key in re.findall(r"say\('([^']+)'[,)]", template.read_text(encoding="utf-8"))
    }
    assert len(said) > 80
    assert said - set(pages.words()) == set()


def test_both_languages_fill_the_same_names_into_a_text():
    names = {
        key: {lang: set(re.findall(r"{(\w+)}", text)) for lang, text in texts.items()}
        for key, texts in pages.words().items()
    }
    assert [key for key, found in names.items() if found["zh"] != found["en"]] == []


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    pages.write(tmp_path, "bulletin", {"zh": "first", "en": "first"})
    with pytest.raises(TypeError):
        pages.write(tmp_path, "bulletin", {"zh": None})
    assert (tmp_path / "bulletin.zh.html").read_text() == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bulletin.en.html", "bulletin.zh.html"]
