"""The bulletin tells what the marts of one publication hold, and keeps apart what is zero and what is not known."""

from decimal import Decimal

import pytest

from tests.pages import reading, small_city
from warehouse import bulletin, database, pages
from warehouse.errors import UsageError

GAPS = (
    {"system": "funeral", "table": "cremation_record", "business_date": "2022-01-30", "state": "missing"},
    {"system": "funeral", "table": "facility_register", "business_date": "2022-01-31", "state": "rejected"},
)


def written(publication_id: int, language: str) -> str:
    with database.connect("bi_reader", autocommit=True) as connection:
        path = bulletin.write(publication_id, connection)
    return path.with_name(f"bulletin.{language}.html").read_text(encoding="utf-8")


@pytest.fixture
def publish(module_warehouse):
    """A function that publishes the small city; see small_city.publish."""

    def publish(**given) -> int:
        with database.connect() as connection:
            return small_city.publish(connection, **given)

    return publish


@pytest.fixture(scope="module")
def plain(module_warehouse) -> dict[str, str]:
    """{language: page} of the small city as it is."""
    with database.connect() as connection:
        number = small_city.publish(connection)
    return {language: written(number, language) for language in pages.LANGUAGES}


def test_the_ranking_stands_as_the_bureau_prints_it(plain):
    page = reading.read(plain["zh"])
    rows = [[cell.strip() for cell in row] for row in page.tables["2022年1月各县（市、区）火化率及排名"]]
    assert rows[1:6] == [
        ["1", "孟州市", "100.00", "100.00", "0.00", "250", "250"],
        ["1", "示范区", "71.82", "100.00", "+28.18", "113", "113"],
        ["3", "解放区", "71.00", "85.93", "+14.93", "226", "263"],
        ["4", "修武县", "28.33", "80.90", "+52.57", "144", "178"],
        ["5", "山阳区", "54.74", "64.18", "+9.44", "129", "201"],
    ]
    assert rows[9] == ["9", "中站区", "47.90", "43.92", "−3.98", "65", "148"]
    assert len(rows) == 1 + 11 + 1


def test_the_english_page_tells_the_same(plain):
    page = reading.read(plain["en"])
    rows = [
        [cell.strip() for cell in row]
        for row in page.tables["Cremation rate and rank of the county-level units, January 2022"]
    ]
    assert rows[4] == ["4", "Xiuwu County", "28.33", "80.90", "+52.57", "144", "178"]


def test_assistance_shows_person_times_and_money_in_both_units(plain):
    page = reading.read(plain["zh"])
    month = reading.cells(page, "2022年1月按项目发放情况（全市，按发放日期）")
    assert month["城市低保"] == ["1,001", "25.55", "255,505.25"]
    assert month["临时救助"] == ["7,001", "178.70", "1,787,005.25"]
    year = reading.cells(page, "2021年按项目发放情况（全市，按发放日期）")
    assert year["城市低保"] == ["12,078", "308.29", "3,082,909.50"]


def test_missing_not_due_not_defined_and_zero_look_different(publish):
    number = publish(
        values={
            ("F06", "2022-01"): (None, "missing"),
            ("F07", "2022-01"): (None, "not_due"),
            ("A19", "2022-01"): (None, "not_defined"),
            ("C05", "2022-01"): (Decimal(0), "value"),
        }
    )
    lines = reading.cells(reading.read(written(number, "zh")), "全市各项指标")
    shown = {
        code: next(cells for name, cells in lines.items() if name.endswith(code))[1]
        for code in ("F06", "F07", "A19", "C05")
    }
    assert shown == {"F06": "缺数据", "F07": "未到期", "A19": "不适用", "C05": "0"}


def test_a_month_that_is_not_due_yet_is_not_the_newest_month(plain):
    page = reading.read(plain["zh"])
    assert "2022年2月的数据尚不齐全，本公报以2022年1月为最新月份。" in page.text


def test_a_partial_issue_names_its_gaps_and_the_as_of_date_of_each_system(publish):
    page = reading.read(written(publish(gaps=GAPS), "zh"))
    assert "本期数据不完整" in page.text
    assert "殡葬管理 · 火化记录：2022年1月30日 (未送达)" in page.text
    assert "殡葬管理 · 殡葬设施登记(殡仪馆/公墓)：2022年1月31日 (已退回)" in page.text
    assert "民政登记 2022年1月31日；殡葬管理 2022年1月29日" in page.text


def test_a_complete_issue_has_no_banner(plain):
    assert "本期数据不完整" not in plain["zh"]


def test_counts_below_ten_are_not_told_for_a_month_but_a_year_of_the_city_is(publish):
    number = publish(values={("C04", "2022-01"): (Decimal(3), "value"), ("C04", "2021"): (Decimal(7), "value")})
    lines = reading.cells(reading.read(written(number, "zh")), "婚姻、收养、区划和死亡登记（全市）")
    adoptions = next(cells for name, cells in lines.items() if name.endswith("C04"))
    assert (adoptions[1], adoptions[4]) == ("＜10", "7")


def test_a_hidden_programme_cannot_be_had_from_the_other_tables(publish):
    number = publish(person_times={"LS": 4}, values={("A06P", "2022-01"): (Decimal(4), "value")})
    page = reading.read(written(number, "zh"))
    month = reading.cells(page, "2022年1月按项目发放情况（全市，按发放日期）")
    assert [name for name, cells in month.items() if cells and cells[0] == "＜10"] == [
        "城市特困",
        "农村特困",
        "临时救助",
    ]
    lines = reading.cells(page, "全市各项指标")
    assert [name.split()[-1] for name, cells in lines.items() if len(cells) > 1 and cells[1] == "＜10"] == [
        "A05P",
        "A06P",
    ]


def test_a_chart_does_not_tell_what_its_table_hides(publish):
    page = reading.read(written(publish(values={("C02", "2022-01"): (Decimal(3), "value")}), "zh"))
    assert [cell.strip() for cell in page.tables["各月结婚和离婚登记"][-1]][2] == "＜10"
    assert page.text.count("＜10") > 2  # table, list, chart and legend


def test_a_year_whose_months_did_not_all_come_is_named_not_added_up(publish):
    number = publish(values={("A02", "2021"): (None, "missing")})
    page = reading.read(written(number, "zh"))
    assert "2021年按项目发放情况：缺数据。" in page.text
    assert "2021年按项目发放情况（全市，按发放日期）" not in page.tables


def test_the_same_publication_gives_the_same_bytes_whatever_is_published_later(publish):
    first = publish()
    before = {language: written(first, language) for language in pages.LANGUAGES}
    publish(values={("C01", "2022-01"): (Decimal(99), "value")})
    assert {language: written(first, language) for language in pages.LANGUAGES} == before


def test_every_indicator_of_the_catalogue_is_shown_and_defined(plain):
    page = reading.read(plain["en"])
    shown = {name.split()[-1] for name in reading.cells(page, "Indicators of the whole city")}
    for row in small_city.seed("indicator_catalogue.csv"):
        assert row["indicator"] in shown
        assert row["definition"] in page.text


def test_names_are_escaped_on_the_page_and_in_the_chart(publish):
    html = written(publish(name_of_first_unit="<script>alert(1)</script>"), "zh")
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "script" not in reading.read(html).tags


def test_a_page_tells_an_unpublished_number_from_a_published_one(warehouse):
    with pytest.raises(UsageError, match="Publication 7 has not been published"):
        written(7, "zh")


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_charts_are_pictures_with_a_label_beside_a_table(plain, language):
    page = reading.read(plain[language])
    pictures = page.tags.count("svg")
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert pictures == len(labels) == 5
    assert all(len(label) > 10 for label in labels)
