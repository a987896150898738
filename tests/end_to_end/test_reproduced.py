"""A city made from a file of figures comes out of the warehouse as that file, and what was planted in it where it belongs."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import Warehouse
from tests.end_to_end.cities import AFTERWARDS, FIGURES, planted, small_city
from warehouse.settings import PROJECT

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).parent / "warehouse"


def command(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def published(module_warehouse, tmp_path_factory) -> tuple[Warehouse, Path]:
    """The small city, another seed than the other tests', run by the command line alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_NOW", AFTERWARDS)
        folder = module_warehouse.landing
        folder.rmdir()
        small_city(folder, seed=20)
        done = command("run")
        assert done.returncode == 0, done.stdout + done.stderr
        yield module_warehouse, folder


def test_every_figure_of_the_file_is_reproduced(published):
    done = command("figures", "--against", str(FIGURES))
    assert done.returncode == 0, done.stdout
    assert "75 of 75 figures reproduced" in done.stdout


def test_one_figure_that_differs_is_named_and_fails(published, tmp_path):
    changed = tmp_path / "figures.csv"
    lines = FIGURES.read_text(encoding="utf-8").splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith("T04,")]
    lines[number] = lines[number].replace(",81,", ",82,")
    changed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = command("figures", "--against", str(changed))
    assert done.returncode == 1
    assert "74 of 75 figures reproduced" in done.stdout
    (row,) = [line for line in done.stdout.splitlines() if "T04" in line]
    assert "differs" in row


def test_rows_in_are_loaded_repeated_or_quarantined_and_as_many_as_the_manifests_say(published):
    warehouse, _ = published
    assert warehouse.query(
        "select count(*) from audit.file where state <> 'loaded' or rows_read <> manifest_row_count"
        " or rows_read <> rows_loaded + rows_repeated + rows_quarantined"
    ) == [(0,)]


LEDGER = {
    "quarantined": "select file.table_name, file.business_date::text, file.nn, line from audit.quarantined_row"
    " inner join audit.file using (load_id)",
    "flagged": "select file.table_name, file.business_date::text, file.nn, line from audit.flagged_cell"
    " inner join audit.file using (load_id)",
    "repeated": "select file.table_name, file.business_date::text, file.nn, line from audit.repeated_row"
    " inner join audit.file using (load_id)",
}


@pytest.mark.parametrize("expected", LEDGER)
def test_what_was_planted_is_found_by_file_and_line(published, expected):
    warehouse, folder = published
    found = set(warehouse.query(LEDGER[expected]))
    rows = [row for row in planted(folder) if row["expected"] == expected]
    lost = [row for row in rows if (row["table"], row["business_date"], int(row["nn"]), int(row["line"])) not in found]
    assert len(rows) > 5
    assert lost == []


def test_nothing_else_is_quarantined_or_taken_for_a_repeat(published):
    warehouse, folder = published
    for expected in ("quarantined", "repeated"):
        wanted = {
            (row["table"], row["business_date"], int(row["nn"]), int(row["line"]))
            for row in planted(folder)
            if row["line"] and row["expected"] in (expected, "replaced")
        }
        assert set(warehouse.query(LEDGER[expected])) - wanted == set()


def test_a_replaced_export_is_not_in_force_and_stays_readable(published):
    warehouse, folder = published
    replaced = [row for row in planted(folder) if row["expected"] == "replaced"]
    assert replaced
    for row in replaced:
        place = (row["table"], row["business_date"], int(row["nn"]))
        assert warehouse.query(
            "select count(*) from audit.in_force where table_name = %s and business_date = %s and nn = %s", *place
        ) == [(0,)]
        ((kept,),) = warehouse.query(
            "select rows_loaded from audit.file where table_name = %s and business_date = %s and nn = %s", *place
        )
        assert kept > 0


def test_the_kinds_of_dirt_that_touch_these_tables_are_all_planted(published):
    _, folder = published
    kinds = Counter(row["kind"] for row in planted(folder))
    numbers = {int(kind[2:]) for kind in kinds if kind.startswith("DD")}
    # DD05 no table of this issue is sent as .xls; DD24 late deaths are in X01 too; DD27 and DD29 touch other tables
    assert set(range(1, 31)) - numbers <= {5, 27, 29}
    assert {"X01", "LATE", "ORDER", "REPEAT", "CORRECTED"} <= set(kinds)
