"""A figures file that cannot be met is refused, naming the rows."""

import csv
from pathlib import Path

import pytest

from scripts.synthetic_city.cli import main
from tests.synthetic_city.conftest import FIXTURES


def changed(tmp_path: Path, source: str, **values: str) -> Path:
    """A copy of a figures file with other values in some rows."""
    with (FIXTURES / source).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["value"] = values.get(row["figure_id"], row["value"])
    path = tmp_path / "changed.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(figures: Path, tmp_path: Path, first: str = "2021-01-01", last: str = "2022-01-31") -> int:
    arguments = ["--figures", figures, "--seed", 1, "--from", first, "--to", last, "--out", tmp_path / "landing"]
    return main([str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"EC03": "57"}, ["EC03", "56"]),
        ({"SW01": "14"}, ["SW01", "15"]),
        ({"EC04": "99.5"}, ["EC04", "decimals"]),
        ({"EC07": "54.18", "EC06": "7"}, ["EC06", "EC07"]),
        ({"CR03C": "4"}, ["CR03C", "rank"]),
        ({"CR01A": "101"}, ["CR01A", "0 to 100"]),
        ({"BS07": "9"}, ["BS07", "乡"]),
        ({"SA15": "97.58"}, ["SA15", "SA06"]),
        ({"CW03": "1035"}, ["CW03", "CW11", "CW12"]),
        ({"SW08": "16"}, ["SW08", "SW01"]),
        ({"SW04": "16"}, ["SW04", "SW08"]),
        ({"SW06": "8"}, ["SW06", "SW05"]),
        ({"EL03": "0"}, ["EL01", "EL03", "positive"]),
        ({"SA03": "-3"}, ["SA03", "negative"]),
    ],
)
def test_a_file_that_breaks_a_constraint_is_refused(
    values: dict, named: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(changed(tmp_path, "figures.csv", **values), tmp_path) == 2
    message = capsys.readouterr().err
    assert all(name in message for name in named), message
    assert not (tmp_path / "landing").exists()


def test_a_period_outside_the_days_asked_for_is_refused_by_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(FIXTURES / "figures.csv", tmp_path, last="2021-12-31") == 2
    message = capsys.readouterr().err
    assert "CR01B" in message
    assert "2022-01" in message
    assert "CR01A" not in message


def test_figures_that_contradict_each_other_are_named_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(changed(tmp_path, "figures_small.csv", T03="1300"), tmp_path, "2021-10-01") == 2
    assert "T01" in capsys.readouterr().err


def test_cross_province_marriages_before_the_pilot_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = changed(tmp_path, "figures.csv")
    text = path.read_text(encoding="utf-8").replace(
        "跨省通办婚姻登记,cross-province marriage registrations,2021,", "跨省通办婚姻登记,x,2021-05,"
    )
    path.write_text(text, encoding="utf-8")
    assert run(path, tmp_path) == 2
    assert "BS06" in capsys.readouterr().err


def test_a_folder_with_deliveries_is_not_overwritten(small_city: Path, capsys: pytest.CaptureFixture[str]):
    arguments = [
        "--figures",
        str(FIXTURES / "figures_small.csv"),
        "--seed",
        "1",
        "--from",
        "2021-10-01",
        "--to",
        "2022-01-31",
    ]
    assert main([*arguments, "--out", str(small_city)]) == 2
    assert "not empty" in capsys.readouterr().err
