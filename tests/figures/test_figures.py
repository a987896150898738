"""`warehouse figures`: a printed figure is reproduced when the published value rounds to it, half up."""

from decimal import Decimal

import pytest

from tests import marts
from warehouse import database, figures, publish
from warehouse.errors import UsageError

HEADER = "figure_id,role,indicator,name_zh,period,division_code,value,unit,scale,decimals,comparison\n"


@pytest.mark.parametrize(
    ("value", "wanted", "scale", "decimals", "comparison", "shown", "equal"),
    [
        ("975700", "97.57", "10000", 2, "=", "97.57", True),
        ("975650", "97.57", "10000", 2, "=", "97.57", True),  # 97.565 rounds up
        ("975649", "97.57", "10000", 2, "=", "97.56", False),
        ("975750", "97.57", "10000", 2, "=", "97.58", False),
        ("2.5", "3", "1", 0, "=", "3", True),  # half up, not half to even
        ("0.125", "0.13", "1", 2, "=", "0.13", True),
        ("100", "100", "1", 2, "=", "100.00", True),
        ("71.8249999999", "71.82", "1", 2, "=", "71.82", True),
        ("1000", "1000", "1", 0, ">=", "1000", True),
        ("1234", "1000", "1", 0, ">=", "1234", True),
        ("999.9", "1000", "1", 0, ">=", "1000", False),  # unrounded: 999.9 is not at least 1000
    ],
)
def test_a_value_reproduces_a_figure_when_it_rounds_to_it(value, wanted, scale, decimals, comparison, shown, equal):
    assert figures.judge(Decimal(value), Decimal(wanted), Decimal(scale), decimals, comparison) == (
        Decimal(shown),
        equal,
    )


@pytest.fixture
def published(warehouse, pass_gate):
    """The small city is out: 66 units in a month's F02 weigh 20 x 66 + 7 x 11 = 1397 deaths; C01 counts 396."""
    candidate = marts.candidate()
    pass_gate(candidate)
    publish.publish(candidate)
    return warehouse


def compare(tmp_path, *rows: str) -> list[figures.Comparison]:
    path = tmp_path / "figures.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    with database.connect("bi_reader", autocommit=True) as connection:
        return figures.compare(path, connection)


def test_figures_are_compared_by_indicator_period_and_division(published, tmp_path):
    compared = compare(
        tmp_path,
        "A,indicator,F02,死亡人数,2021-12,410800,1397,人,1,0,=",
        "B,indicator,F02,死亡人数,2021Q4,410800,2794,人,1,0,=",
        "C,indicator,F02,死亡人数,2021,410802,54,人,1,0,=",
        "D,indicator,C01,结婚登记,2022-01,410800,397,对,1,0,=",
        "E,rank,F04,火化率排名,2022-01,410883,1,名,1,0,=",
        "F,indicator,C01,结婚登记,2022-01,410800,300,对,1,0,>=",
    )
    assert [(figure.figure_id, figure.equal, figure.shown) for figure in compared] == [
        ("A", True, Decimal(1397)),
        ("B", True, Decimal(2794)),
        ("C", True, Decimal(54)),
        ("D", False, Decimal(396)),
        ("E", True, Decimal(1)),
        ("F", True, Decimal(396)),
    ]
    assert compared[3].reason == "differs"
    assert figures.summary(compared) == "5 of 6 figures reproduced"
    assert not figures.all_reproduced(compared)


def test_figures_of_other_roles_are_not_compared_and_of_other_indicators_are_counted_apart(published, tmp_path):
    compared = compare(
        tmp_path,
        "A,context,,总结会日期,2022-02-14,410800,2022-02-14,日,,,",
        "B,standard,,城市低保,2021,410800,600,元,,,",
        "C,indicator,S01,中心,2021,410800,59,个,1,0,=",
        "D,indicator,F02,死亡人数,2021-12,410800,1397,人,1,0,=",
    )
    assert [(figure.figure_id, figure.equal, figure.reason) for figure in compared] == [
        ("C", None, "not in this publication"),
        ("D", True, ""),
    ]
    assert figures.summary(compared) == "1 of 1 figures reproduced; 1 not in this publication"
    assert figures.all_reproduced(compared)


def test_a_figure_without_a_published_value_differs_and_says_why(published, tmp_path):
    rows = (
        "A,indicator,F04,火化率排名,2022-01,410800,1,名,1,0,=",
        "B,indicator,F02,死亡人数,2020,410800,1,人,1,0,=",
    )
    compared = compare(tmp_path, *rows)
    assert [(figure.equal, figure.reason) for figure in compared] == [
        (False, "not defined"),
        (False, "the publication has no such period or division"),
    ]


def test_comparing_nothing_is_no_success(published, tmp_path):
    assert not figures.all_reproduced(compare(tmp_path, "C,indicator,S01,中心,2021,410800,59,个,1,0,="))


def test_the_table_shows_each_figure_and_what_was_published(published, tmp_path):
    from rich.console import Console

    compared = compare(tmp_path, "D,indicator,C01,结婚登记,2022-01,410800,397,对,1,0,=")
    console = Console(width=200, record=True, file=(tmp_path / "out").open("w"))
    console.print(figures.table(compared))
    text = console.export_text()
    assert "397 对" in text
    assert "396" in text
    assert "differs" in text


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("A,indicator,F02,死亡人数,2021-13,410800,1,人,1,0,=", "figure A: period is '2021-13'"),
        ("A,indicator,F02,死亡人数,2021,410800,one,人,1,0,=", "figure A: value, scale and decimals must be numbers"),
        ("A,indicator,F02,死亡人数,2021,410800,1,人,0,0,=", "figure A: scale is 0"),
        ("A,indicator,F02,死亡人数,2021,410800,1,人,1,0,<", "figure A: comparison is '<'"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(published, tmp_path, row, message):
    with pytest.raises(UsageError, match=message):
        compare(tmp_path, row)


def test_a_file_without_the_columns_or_a_warehouse_without_publication_is_refused(warehouse, tmp_path):
    with pytest.raises(UsageError, match="Nothing is published yet"):
        compare(tmp_path, "D,indicator,F02,死亡人数,2021-12,410800,1397,人,1,0,=")
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with (
        database.connect("bi_reader", autocommit=True) as connection,
        pytest.raises(UsageError, match="columns figure_id, role"),
    ):
        figures.compare(other, connection)
