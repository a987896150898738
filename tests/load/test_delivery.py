"""A delivery is loaded whole, once, and every record is accounted for."""

from datetime import date

import pytest

from tests.deliveries import DEFAULTS, DeliveryWriter, csv_bytes, row, with_check_character
from warehouse import contracts, headers, pipeline

DAY = date(2021, 6, 4)


def payment(number: int, **cells):
    return row(
        "payment_detail",
        **{"payment_id": f"P{number}", "pay_kind": "1", "class_amt": "", "total_amt": "100.00"} | cells,
    )


def deliver(warehouse, rows, nn=1, **manifest):
    DeliveryWriter(warehouse.landing, "assistance", DAY, nn).add_rows("payment_detail", rows, **manifest).write()


def test_rows_read_are_loaded_repeated_or_quarantined(warehouse):
    good, bad = payment(1), payment(2, pay_date="31.12.2021")
    deliver(warehouse, [good, bad, good, payment(3), payment(3, total_amt="90.00")])
    totals = pipeline.load()
    assert totals["rejected"] == []
    assert (totals["rows_loaded"], totals["rows_repeated"], totals["rows_quarantined"]) == (3, 1, 1)
    assert warehouse.query("select rows_read, manifest_row_count, amount_sum from audit.file") == [(5, 5, 490)]
    assert warehouse.query("select line, column_name, reason, business_key from audit.quarantined_row") == [
        (3, "pay_date", "unreadable_date", "P2")
    ]
    assert warehouse.query("select line, first_line from audit.repeated_row") == [(4, 2)]
    assert warehouse.query("select line, total_amt from raw.payment_detail order by line") == [
        (2, 100),
        (5, 100),
        (6, 90),
    ]


def test_loading_again_changes_nothing(warehouse):
    deliver(warehouse, [payment(1)])
    pipeline.load()
    assert pipeline.load()["deliveries"] == 0
    assert warehouse.query("select count(*) from raw.payment_detail") == [(1,)]
    assert warehouse.query("select count(*) from audit.change") == [(1,)]


def test_a_folder_without_manifest_is_still_being_written(warehouse):
    DeliveryWriter(warehouse.landing, "assistance", DAY).add_rows("payment_detail", [payment(1)])
    assert pipeline.load()["deliveries"] == 0


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"sha256": "0" * 64}, "sha256_differs"),
        ({"row_count": "7"}, "row_count_differs"),
        ({"amount_sum": "1.00"}, "amount_sum_differs"),
        ({"mode": "snapshot"}, "mode_differs"),
        ({"file_name": "FFMX_410800_20210605.csv"}, "file_missing"),
    ],
)
def test_a_file_that_differs_from_its_manifest_is_rejected_and_the_others_load(warehouse, manifest, reason):
    delivery = DeliveryWriter(warehouse.landing, "assistance", DAY).add_rows("payment_detail", [payment(1)], **manifest)
    delivery.add_rows("temporary_aid", [row("temporary_aid")]).write()
    totals = pipeline.load()
    assert len(totals["rejected"]) == 1
    assert warehouse.query("select rejection_reason from audit.file where state = 'rejected'") == [(reason,)]
    assert warehouse.query("select count(*) from raw.payment_detail") == [(0,)]
    assert warehouse.query("select count(*) from raw.temporary_aid") == [(1,)]


def test_a_rejected_file_is_judged_again_when_it_was_replaced(warehouse):
    deliver(warehouse, [payment(1)])
    path = next((warehouse.landing / "assistance" / "2021-06-04" / "01").glob("FFMX*"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert len(pipeline.load()["rejected"]) == 1
    assert pipeline.load()["deliveries"] == 0
    path.write_bytes(whole)
    assert pipeline.load()["rows_loaded"] == 1
    assert pipeline.load()["deliveries"] == 0


def test_a_table_without_a_contract_is_reported_and_left_alone(warehouse):
    DeliveryWriter(warehouse.landing, "assistance", DAY).add("new_table", b"x", row_count=1).write()
    pipeline.load()
    assert warehouse.query("select table_name, state from audit.file") == [("new_table", "no_contract")]


def test_a_higher_number_is_in_force_whatever_arrived_first(warehouse):
    deliver(warehouse, [payment(1, total_amt="80.00")], nn=2)
    pipeline.load()
    deliver(warehouse, [payment(1)])
    pipeline.load()
    assert warehouse.query("select total_amt from raw.payment_detail inner join audit.in_force using (load_id)") == [
        (80,)
    ]
    assert warehouse.query("select count(*) from raw.payment_detail") == [(2,)]


def test_headers_bind_by_synonym_unit_and_width_in_any_order_and_unknown_ones_are_kept_aside(warehouse):
    headers = {"total_amt": "实发金额（元）", "id_no": "证件号码", "domicile_code": "地区", "base_amt": "保障金"}
    content = csv_bytes("payment_detail", [payment(1)], "utf-8-sig", headers).decode("utf-8-sig")
    lines = [line.split(",")[::-1] for line in content.splitlines()]
    content = "\r\n".join(",".join([*line, extra]) for line, extra in zip(lines, ("备用", "x"), strict=True))
    DeliveryWriter(warehouse.landing, "assistance", DAY).add(
        "payment_detail", content.encode(), row_count=1, amount_sum="100.00"
    ).write()
    totals = pipeline.load()
    assert totals["rejected"] == []
    assert warehouse.query("select encoding, unknown_headers from audit.file") == [("utf-8", ["备用"])]
    assert warehouse.query("select total_amt, domicile_code, id_no_status from raw.payment_detail") == [
        (100, "410802001000", "valid")
    ]


def test_a_missing_required_column_rejects_the_file(warehouse):
    content = csv_bytes("payment_detail", [payment(1)], headers={"pay_date": "日子"})
    DeliveryWriter(warehouse.landing, "assistance", DAY).add(
        "payment_detail", content, row_count=1, amount_sum="100.00"
    ).write()
    assert "no column 发放日期" in pipeline.load()["rejected"][0]


def test_broken_records_cost_their_own_line_only(warehouse):
    rows = [payment(number) for number in range(1, 8)]
    lines = csv_bytes("payment_detail", rows).split(b"\r\n")
    lines[2] = lines[2].replace("测试甲".encode("gb18030"), '"测试甲'.encode("gb18030"))  # a closing quote is missing
    lines[4] += b","  # a trailing comma
    lines[5] = lines[5].replace(
        "测试甲".encode("gb18030"), '"测试\r\n甲"'.encode("gb18030")
    )  # a line end inside quotes
    content = b"\r\n".join(lines)
    DeliveryWriter(warehouse.landing, "assistance", DAY).add(
        "payment_detail", content, row_count=7, amount_sum="500.00"
    ).write()
    assert pipeline.load()["rejected"] == []
    assert warehouse.query("select line, reason from audit.quarantined_row order by line") == [
        (3, "unbalanced_quote"),
        (5, "wrong_field_count"),
    ]
    assert warehouse.query("select payment_id, line from raw.payment_detail order by line") == [
        ("P1", 2), ("P3", 4), ("P5", 6), ("P6", 8), ("P7", 9),
    ]  # fmt: skip


def test_no_identifier_in_clear_reaches_database_or_log(warehouse, postgres_url):
    number, name, account = with_check_character("99010119700101002"), "欧阳测试", "6222020200012345678"
    rows = [
        payment(1, id_no=number, name=name, account_no=account),
        payment(2, id_no=number[:-1] + "0000", name=name, pay_date=number, total_amt=number, domicile_code=number),
        payment(3, id_no=number, name="\ufffd" + name, benefit_month=name, covered_persons=number, pay_kind=name),
    ]
    content = csv_bytes("payment_detail", rows, "utf-8")
    DeliveryWriter(warehouse.landing, "assistance", DAY).add(
        "payment_detail", content, row_count=3, amount_sum="200.00"
    ).write()
    totals = pipeline.load()
    assert (totals["rows_loaded"], totals["rows_quarantined"]) == (1, 2), totals
    tables = warehouse.query(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_schema in ('raw', 'audit', 'vault') and table_type = 'BASE TABLE'"
    )
    for (table,) in tables:
        content = str(warehouse.query(f"select array_agg(t::text) from {table} as t"))
        for secret in (number, name, account, DEFAULTS["name"]):
            assert secret not in content, table


def test_a_person_has_one_key_in_every_table_and_is_sealed_once(warehouse):
    number = with_check_character("99010119700101002")
    DeliveryWriter(warehouse.landing, "assistance", DAY).add_rows(
        "payment_detail", [payment(1, id_no=number), payment(2, id_no=f"'{number.lower()} ")]
    ).add_rows("temporary_aid", [row("temporary_aid", id_no=number)]).write()
    pipeline.load()
    keys = warehouse.query(
        "select distinct id_no_key from (select id_no_key from raw.payment_detail union all"
        " select id_no_key from raw.temporary_aid) as persons"
    )
    assert len(keys) == 1
    assert warehouse.query("select person_key, birth_date::text, sex, first_issue_division from raw.person") == [
        (keys[0][0], "1970-01-01", "2", "990101")
    ]
    from warehouse import identity

    ((key, sealed),) = warehouse.query("select person_key, sealed from vault.person")
    assert identity.Vault().open(key.hex, sealed) == (number, "测试甲")


def test_a_bracket_that_is_no_unit_makes_another_column():
    contract = contracts.load_all()["payment_detail"]
    headers_sent = [column.header for column in contract.columns.values()]
    bound = headers.bind(contract, [*headers_sent, "姓名(曾用名)", "身份证号码(监护人)"], "f.csv")
    assert bound.unknown == ("姓名(曾用名)", "身份证号码(监护人)")
    assert headers.without_unit("发放合计(元)") == "发放合计"
    assert headers.without_unit("发放合计(万元)") == "发放合计(万元)"


def test_a_table_that_a_manifest_lists_twice_is_loaded_from_neither_file_and_the_day_is_incomplete(warehouse):
    writer = DeliveryWriter(warehouse.landing, "assistance", DAY)
    writer.add_rows("payment_detail", [])
    writer.add(
        "payment_detail",
        csv_bytes("payment_detail", [row("payment_detail", pay_kind="1")]),
        row_count=1,
        amount_sum="100.00",
    )
    (writer.folder / "second.csv").write_bytes(csv_bytes("payment_detail", [row("payment_detail", pay_kind="1")]))
    writer.files[1]["file_name"] = "second.csv"
    writer.write()
    totals = pipeline.load()
    assert totals["rows_loaded"] == 0
    assert len(totals["rejected"]) == 2
    assert warehouse.query(
        "select state from audit.delivery_calendar where table_name = 'payment_detail' and business_date = %s", DAY
    ) == [("rejected",)]


@pytest.mark.parametrize("day", ["2021-06-05", "2202-01-23", "9999-12-31"])
def test_a_business_date_that_has_not_ended_is_left_alone_and_told(warehouse, monkeypatch, day):
    monkeypatch.setenv("WAREHOUSE_NOW", "2021-06-05T23:50:00+08:00")
    DeliveryWriter(warehouse.landing, "assistance", DAY).add_rows("payment_detail", []).write()
    DeliveryWriter(warehouse.landing, "funeral", date.fromisoformat(day)).add_rows("cremation_record", []).write()
    assert pipeline.load()["deliveries"] == 1
    assert [line for line in pipeline.status()["left_alone"] if day in line and "has not ended" in line]
    assert warehouse.query("select max(business_date) from audit.delivery") == [(DAY,)]
