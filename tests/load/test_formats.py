"""csv, zip, xlsx and HTML tables; encodings; files that are not what they should be."""

import io
import zipfile
from datetime import date

import openpyxl
import pytest

from tests.deliveries import DeliveryWriter, csv_bytes, row, zipped
from warehouse import contracts, pipeline, reading

DAY = date(2021, 6, 4)
MONTH_END = date(2021, 6, 30)


def payments(count: int = 1, **cells) -> list[dict]:
    return [row("payment_detail", **{"payment_id": f"P{n}", "pay_kind": "1"} | cells) for n in range(1, count + 1)]


def load(warehouse, table: str, content: bytes, rows: int = 1, system="assistance", day=DAY, **manifest) -> dict:
    amount = f"{100 * rows}.00" if contracts.load_all()[table].amount_column else None
    DeliveryWriter(warehouse.landing, system, day).add(
        table, content, row_count=rows, **{"amount_sum": amount} | manifest
    ).write()
    return pipeline.load()


def reason(warehouse) -> str:
    return warehouse.query("select rejection_reason from audit.file")[0][0]


@pytest.mark.parametrize(("encoding", "found"), [("gb18030", "gb18030"), ("utf-8", "utf-8"), ("utf-8-sig", "utf-8")])
def test_each_encoding_gives_the_same_rows(warehouse, encoding, found):
    # 㙍 and 𠅤 need four bytes in GB18030
    totals = load(warehouse, "payment_detail", csv_bytes("payment_detail", payments(name="㙍𠅤垱"), encoding))
    assert totals["rejected"] == []
    from warehouse import identity

    assert warehouse.query("select encoding from audit.file") == [(found,)]
    ((key,),) = warehouse.query("select name_key from raw.payment_detail")
    assert key.hex == identity.Tokens("name").token("㙍𠅤垱")


@pytest.mark.parametrize("place", ["姓名", "operating_org_code", "unknown"])
def test_a_byte_of_another_encoding_rejects_the_file(warehouse, place):
    content = csv_bytes("payment_detail", payments(3), "gb18030")
    if place == "姓名":
        content = content.replace("测试甲".encode("gb18030"), b"\xff\xfe", 1)
    elif place == "operating_org_code":
        content = content.replace(b"410802000001", b"41080\x80\xff", 1)
    else:
        lines = content.split(b"\r\n")
        content = b"\r\n".join(
            [lines[0] + b",X", lines[1] + b",\xff\xff", *(line + b",1" for line in lines[2:-1]), b""]
        )
    totals = load(warehouse, "payment_detail", content, 3)
    assert (totals["rows_loaded"], reason(warehouse)) == (0, "encoding_unreadable")


def test_two_encodings_in_one_file_are_rejected(warehouse):
    utf8 = csv_bytes("payment_detail", payments(2), "utf-8").split(b"\r\n")
    utf8[2] = csv_bytes("payment_detail", payments(2), "gb18030").split(b"\r\n")[2]
    load(warehouse, "payment_detail", b"\r\n".join(utf8), 2)
    assert reason(warehouse) in ("encoding_unreadable", "column_missing")


def test_utf_16_is_rejected(warehouse):
    load(warehouse, "payment_detail", csv_bytes("payment_detail", payments(), "utf-16"))
    assert reason(warehouse) == "encoding_unreadable"


def deaths() -> bytes:
    return csv_bytes("death_notice", [row("death_notice", death_notice_id="D1", source_sys="1")])


def test_a_zip_with_a_gbk_entry_in_a_folder_is_read(warehouse):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.mkdir("导出")
        package.writestr("导出/死亡登记20210604.csv".encode("gb18030").decode("cp437"), deaths())
    totals = load(warehouse, "death_notice", buffer.getvalue(), system="civil_registration")
    assert (totals["rejected"], totals["rows_loaded"]) == ([], 1)


def test_an_entry_name_is_never_a_path(warehouse):
    totals = load(warehouse, "death_notice", zipped(deaths(), "../../outside.csv"), system="civil_registration")
    assert totals["rows_loaded"] == 1
    assert not list(warehouse.home.rglob("outside.csv"))
    assert not list(warehouse.home.parent.glob("outside.csv"))


def several() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("a.csv", deaths())
        package.writestr("b.csv", deaths())
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        several(),
        zipped(deaths(), "a.txt"),
        zipped(deaths())[:-30],
        zipped(deaths())[:40] + b"x" * 20 + zipped(deaths())[60:],
    ],
    ids=["two files", "no csv", "cut short", "damaged"],
)
def test_a_zip_that_is_not_one_csv_is_rejected(warehouse, content):
    totals = load(warehouse, "death_notice", content, system="civil_registration")
    assert (totals["rows_loaded"], reason(warehouse)) == (0, "zip_unusable")


def test_a_zip_bomb_is_rejected_before_it_expands(warehouse, monkeypatch):
    monkeypatch.setattr(reading, "SMALL_ENOUGH_BYTES", 1 << 20)
    load(warehouse, "death_notice", zipped(deaths() + b"\r\n" * (4 << 20)), system="civil_registration")
    assert reason(warehouse) == "zip_bomb"


def sheet(rows: list[dict], table: str = "low_income_monitor", footer: bool = True) -> bytes:
    contract = contracts.load_all()[table]
    book = openpyxl.Workbook()
    page = book.active
    page.append([contract.title["zh"]])
    page.merge_cells(start_row=1, end_row=1, start_column=1, end_column=len(contract.columns))
    page.append(["统计单位：焦作市民政局"])
    page.append([column.header for column in contract.columns.values()])
    for cells in rows:
        page.append([cells.get(name) for name in contract.columns])
    if footer:
        page.append(["合计", len(rows)])
        page.append(["制表人：某某", None, "制表时间：2021-07-01"])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def monitored(**cells) -> dict:
    return row("low_income_monitor", **{"person_id": "R1", "category": "01"} | cells)


def test_a_sheet_is_read_between_its_header_and_its_footer(warehouse):
    rows = [monitored(), monitored(person_id="R2", identified_date=date(2021, 6, 1), exit_date=44_360)]
    totals = load(warehouse, "low_income_monitor", sheet(rows), 2, day=MONTH_END)
    assert totals["rejected"] == []
    assert warehouse.query(
        "select line, person_id, identified_date::text, exit_date::text from raw.low_income_monitor order by line"
    ) == [(4, "R1", "2021-06-04", None), (5, "R2", "2021-06-01", "2021-06-13")]


def test_a_number_that_a_sheet_rounded_has_lost_its_digits(warehouse):
    rows = [monitored(id_no=410823199001011234), monitored(person_id="R2", id_no=4.10823199001011e17)]
    totals = load(warehouse, "low_income_monitor", sheet(rows), 2, day=MONTH_END)
    assert totals["rows_quarantined"] == 2
    assert warehouse.query("select line, reason from audit.quarantined_row order by line") == [
        (4, "id_lost_digits"), (5, "id_lost_digits"),
    ]  # fmt: skip


def test_a_sheet_without_the_contracts_headers_is_rejected(warehouse):
    book = openpyxl.Workbook()
    book.active.append(["甲", "乙"])
    buffer = io.BytesIO()
    book.save(buffer)
    load(warehouse, "low_income_monitor", buffer.getvalue(), 0, day=MONTH_END)
    assert reason(warehouse) == "header_missing"


def test_a_file_called_xls_may_be_an_html_table(warehouse):
    contract = contracts.load_all()["low_income_monitor"]
    cells = monitored()
    head = "".join(f"<th>{column.header}</th>" for column in contract.columns.values())
    body = "".join(f"<td>{cells[name]}</td>" for name in contract.columns)
    page = f"<html><meta charset=gbk><table><tr><td>名单</td></tr><tr>{head}</tr><tr>{body}</tr><tr><td>制表人：某</td></tr></table>"
    totals = load(
        warehouse, "low_income_monitor", page.encode("gb18030"), day=MONTH_END, file_name="DSR_410800_20210630.xlsx"
    )
    assert (totals["rejected"], totals["rows_loaded"]) == ([], 1)


def test_a_workbook_of_excel_97_is_rejected(warehouse):
    load(warehouse, "low_income_monitor", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, day=MONTH_END)
    assert reason(warehouse) == "format_unreadable"


def test_a_day_without_business_is_complete(warehouse):
    totals = load(warehouse, "payment_detail", csv_bytes("payment_detail", []), 0)
    assert totals["rejected"] == []
    assert warehouse.query("select state, rows_read from audit.file") == [("loaded", 0)]


@pytest.mark.parametrize("name", ["../FFMX.csv", "/etc/passwd", "a/b.csv", "..", ""])
def test_a_manifest_cannot_name_a_file_elsewhere(warehouse, name):
    load(warehouse, "payment_detail", csv_bytes("payment_detail", payments()), file_name=name)
    assert warehouse.query("select count(*) from raw.payment_detail") == [(0,)]
    assert reason(warehouse) == "manifest_unreadable"


def test_a_link_is_not_followed(warehouse):
    delivery = DeliveryWriter(warehouse.landing, "assistance", DAY).add_rows("payment_detail", payments())
    file = next(delivery.folder.glob("FFMX*"))
    file.rename(warehouse.home / "elsewhere.csv")
    file.symlink_to(warehouse.home / "elsewhere.csv")
    delivery.write()
    assert pipeline.load()["rows_loaded"] == 0
    assert reason(warehouse) == "file_missing"


@pytest.mark.parametrize("total", ["合计", "合计：", "合计：2人", "合计(人)", "合计2人", "本页合计", "总计"])
def test_a_row_of_totals_is_no_record(warehouse, total):
    book = openpyxl.load_workbook(io.BytesIO(sheet([monitored()], footer=False)))
    book.active.append([None, total, 1])
    buffer = io.BytesIO()
    book.save(buffer)
    assert load(warehouse, "low_income_monitor", buffer.getvalue(), 1, day=MONTH_END)["rows_loaded"] == 1


@pytest.mark.parametrize(("good", "bad"), [(b"</row>", b"<row>"), (b"<v>", b"<v>\x0b"), (b"<v>1</v>", b"<v>abc</v>")])
def test_a_damaged_sheet_is_rejected_and_the_other_files_load(warehouse, good, bad):
    damaged = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sheet([monitored()]))) as whole, zipfile.ZipFile(damaged, "w") as package:
        for entry in whole.infolist():
            content = whole.read(entry)
            if entry.filename.endswith("sheet1.xml"):
                assert good in content
                content = content.replace(good, bad, 1)
            package.writestr(entry, content)
    writer = DeliveryWriter(warehouse.landing, "assistance", MONTH_END)
    writer.add("low_income_monitor", damaged.getvalue(), row_count=1)
    writer.add_rows("vagrant_rescue", [row("vagrant_rescue", in_time="20210601080000")]).write()
    totals = pipeline.load()
    assert reason(warehouse) == "format_unreadable"
    assert totals["rows_loaded"] == 1


def test_a_sheet_with_the_required_headers_alone_is_read(warehouse):
    contract = contracts.load_all()["division_change"]
    required = [column for column in contract.columns.values() if column.required]
    assert len(required) < 0.6 * len(contract.columns)
    book = openpyxl.Workbook()
    book.active.append([column.header for column in required])
    good = row("division_change", change_type="023")
    book.active.append([good[column.name] for column in required])
    buffer = io.BytesIO()
    book.save(buffer)
    day = date(2021, 6, 4)
    DeliveryWriter(warehouse.landing, "civil_registration", day).add(
        "division_change", buffer.getvalue(), row_count=1
    ).write()
    assert pipeline.load()["rows_loaded"] == 1


def test_a_mark_of_utf_8_before_another_encoding_is_rejected(warehouse):
    content = b"\xef\xbb\xbf" + csv_bytes("vagrant_rescue", [row("vagrant_rescue", in_time="20210601080000")])
    load(warehouse, "vagrant_rescue", content, 1, day=MONTH_END)
    assert reason(warehouse) == "encoding_unreadable"
