"""The quality report tells auditors what came, what became of every row, and what the gate found. Counts only."""

from datetime import date
from decimal import Decimal

import pytest

from tests.pages import reading, small_city
from warehouse import audit, database, pages
from warehouse.errors import UsageError

SYSTEMS = ("assistance", "civil_registration", "funeral")
FIRST, LAST = date(2022, 1, 30), date(2022, 1, 31)
PLANTED_ID, PLANTED_ACCOUNT = "11010519491231002X", "6222020000000000123"


def written(publication_id: int, language: str = "en") -> str:
    with database.connect("auditor", autocommit=True) as connection:
        path = audit.write_report(publication_id, connection)
    return path.with_name(f"quality.{language}.html").read_text(encoding="utf-8")


def deliver_all(connection) -> None:
    for system in SYSTEMS:
        for day in (FIRST, LAST):
            small_city.deliver(connection, system, day)


def row_of(page: reading.Page, caption: str, part: str) -> list[str]:
    return next(cells for name, cells in reading.cells(page, caption).items() if part in name)


@pytest.fixture
def connection(warehouse):
    with database.connect(autocommit=True) as connection:
        yield connection


def test_deliveries_are_counted_by_system_and_month(connection):
    deliver_all(connection)
    months = reading.cells(reading.read(written(small_city.publish(connection))), "Deliveries by system and month")
    # days owed, complete, deliveries, missing, exported late, taken in late, corrections, rejected
    assert months["January 2022"] == ["2", "2", "2", "0", "0", "0", "0", "0"]
    assert months["total"] == ["6", "6", "6", "0", "0", "0", "0", "0"]


def test_missing_late_corrected_and_rejected_deliveries_are_told_apart(connection):
    small_city.deliver(connection, "assistance", FIRST)
    small_city.deliver(connection, "assistance", LAST, hours_late=40)
    small_city.deliver(connection, "civil_registration", FIRST)
    small_city.deliver(connection, "civil_registration", FIRST, nn=2, only=("death_notice",))
    small_city.deliver(connection, "funeral", FIRST, without=("cremation_record",))
    small_city.deliver(
        connection, "funeral", LAST, rejected={"deceased_reception": ("sha256_differs", "sha256 is 12ab…, not 34cd…")}
    )
    page = reading.read(written(small_city.publish(connection)))
    rows = [row for row in page.tables["Deliveries by system and month"] if row[0] == "January 2022"]
    assert rows == [
        ["January 2022", "2", "2", "2", "0", "1", "1", "0", "0"],  # assistance
        ["January 2022", "2", "1", "2", "3", "0", "0", "1", "0"],  # civil registration: nothing on the 31st
        ["January 2022", "2", "0", "2", "1", "0", "0", "0", "1"],  # funeral
    ]
    assert "sha256 is 12ab…, not 34cd…" in page.text
    assert len(page.tables["Tables missing or rejected"]) == 1 + 3 + 1 + 1
    assert len(page.tables["Corrections"]) == 1 + 1


def test_what_arrived_after_the_build_is_not_in_its_report(connection):
    deliver_all(connection)
    number = small_city.publish(connection)
    before = written(number)
    small_city.deliver(connection, "funeral", LAST, nn=2)
    small_city.deliver(connection, "funeral", date(2022, 2, 1))
    assert written(number) == before


def test_rows_balance_by_table_and_in_total(connection):
    loads = small_city.deliver(
        connection, "assistance", LAST,
        payment_detail={"rows_loaded": 7, "rows_repeated": 1, "rows_quarantined": 2, "rows_flagged": 1,
                        "manifest_amount_sum": Decimal("255.20"), "amount_sum": Decimal("255.20")},
    )  # fmt: skip
    for line in (3, 4):
        small_city.quarantine(connection, loads["payment_detail"], line, "pay_date", "unreadable_date")
    connection.execute(
        "insert into audit.repeated_row (load_id, line, first_line) values (%s, 9, 8)", (loads["payment_detail"],)
    )
    page = reading.read(written(small_city.publish(connection)))
    caption = "read = loaded + repeated + quarantined; read = manifest"
    # files, manifest, read, loaded, repeated, quarantined, flagged, released later
    assert row_of(page, caption, "payment_detail") == ["1", "10", "10", "7", "1", "2", "1", "0", "holds"]
    assert row_of(page, caption, "total")[-1] == "holds"


@pytest.mark.parametrize(
    "broken",
    [
        {"manifest_row_count": 11},
        {"rows_loaded": 9},
        {"manifest_amount_sum": Decimal("1.00"), "amount_sum": Decimal("1.01")},
        {"rows_loaded": 9, "rows_repeated": 1},  # no entry for the repeated row
        {"rows_loaded": 9, "rows_quarantined": 1},  # no entry for the quarantined row
    ],
)
def test_a_violated_balance_is_shown_even_when_the_totals_hide_it(connection, broken):
    connection.execute("alter table audit.file drop constraint file_check")  # the ledger itself would refuse some
    small_city.deliver(connection, "assistance", LAST, payment_detail=broken)
    page = reading.read(written(small_city.publish(connection)))
    caption = "read = loaded + repeated + quarantined; read = manifest"
    assert row_of(page, caption, "payment_detail")[-1] == "violated (1 files)"
    assert row_of(page, caption, "total")[-1] == "violated (1 files)"


def test_quarantine_is_counted_by_reason_and_by_column_and_a_row_once(connection):
    loads = small_city.deliver(
        connection, "civil_registration", LAST, death_notice={"rows_loaded": 8, "rows_quarantined": 2}
    )
    small_city.quarantine(connection, loads["death_notice"], 3, "death_date", "filler_date")
    small_city.quarantine(connection, loads["death_notice"], 3, "hukou_code", "required_value_missing")
    small_city.quarantine(connection, loads["death_notice"], 4, "death_date", "filler_date")
    page = reading.read(written(small_city.publish(connection)))
    assert "2 rows in all, 0 of them released" in page.text
    assert row_of(page, "By reason", "filler date") == ["1", "2"]
    assert row_of(page, "By reason", "required value missing") == ["1", "1"]
    assert "key-of-the-row" not in page.text


def test_flagged_cells_are_counted_by_reason(connection):
    loads = small_city.deliver(connection, "civil_registration", LAST)
    for line in (2, 5):
        connection.execute(
            "insert into audit.flagged_cell (load_id, line, column_name, reason)"
            " values (%s, %s, 'id_no', 'wrong_check')",
            (loads["death_notice"], line),
        )
    page = reading.read(written(small_city.publish(connection)))
    assert [
        cells[1:] for name, cells in reading.cells(page, "6. Kept and flagged").items() if "death_notice" in name
    ] == [["ID with a wrong check character wrong_check", "2"]]


def test_verdicts_show_status_severity_counts_and_why(connection):
    deliver_all(connection)
    number = small_city.publish(connection)
    small_city.judge(
        connection,
        number,
        [
            {},
            {"status": "failed", "severity": "warning", "unexpected_count": 12, "why": "late deaths come in batches"},
            {"status": "error", "problem": "column does not exist", "element_count": None, "unexpected_count": None},
        ],
    )
    page = reading.read(written(number))
    broken = [row[1:] for row in page.tables["Rules failed or in error"][1:]]
    assert [row[:3] for row in broken] == [["critical", "error", "— / —"], ["warning", "failed", "12 / 100"]]
    assert broken[1][-1] == "late deaths come in batches"
    assert "column does not exist" in broken[0][-1]
    assert page.tables["By layer and table"][-1] == ["", "total", "1", "1", "1"]


def test_a_report_without_verdicts_says_so(connection):
    deliver_all(connection)
    assert "there is no verdict of any rule" in written(small_city.publish(connection))


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_messages_are_escaped_and_what_looks_like_a_person_is_hidden(connection, language):
    message = f"<script>alert('{PLANTED_ID}')</script> account {PLANTED_ACCOUNT}"
    small_city.deliver(connection, "funeral", FIRST, rejected={"cremation_record": ("sha256_differs", message)})
    small_city.deliver(connection, "assistance", FIRST, payment_detail={"unknown_headers": [message]})
    number = small_city.publish(connection)
    small_city.judge(connection, number, [{"status": "error", "problem": message, "why": message}])
    html = written(number, language)
    assert "&lt;script&gt;" in html
    assert "<script" not in html.lower()
    assert PLANTED_ID not in html and PLANTED_ACCOUNT not in html


def test_an_unknown_publication_is_refused(warehouse):
    with pytest.raises(UsageError, match="no publication 7"):
        written(7)


def test_the_auditor_needs_no_other_right_than_its_role(connection):
    deliver_all(connection)
    number = small_city.publish(connection)
    with database.connect("auditor", autocommit=True) as auditor:
        assert audit.read(number, auditor)["balance"]["rows_read"] == 10 * 23
