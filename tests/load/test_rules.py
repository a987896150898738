"""Which rows are quarantined, which are kept and flagged (the exports' agreement, rule by rule)."""

import dataclasses
from datetime import date
from pathlib import Path

import pytest

from tests.deliveries import DeliveryWriter, row, with_check_character
from warehouse import contracts, pipeline, settings

DAY = date(2021, 6, 4)
NUMBER = with_check_character("99010119600101001")


def load(warehouse, table: str, cells: dict, nn: int = 1, exported_at: str | None = None) -> dict:
    contract = contracts.load_all()[table]
    amount = {"amount_sum": "0.00"} if contract.amount_column and "unread" in cells else {}
    cells = {name: value for name, value in cells.items() if name != "unread"}
    DeliveryWriter(warehouse.landing, contract.system, DAY, nn, exported_at).add_rows(
        table, [row(table, **cells)], **amount
    ).write()
    totals = pipeline.load()
    assert totals["rejected"] == []
    return totals


def quarantined(warehouse) -> list[tuple]:
    return warehouse.query("select column_name, reason from audit.quarantined_row order by 1, 2")


def flagged(warehouse) -> list[tuple]:
    return warehouse.query("select column_name, reason from audit.flagged_cell order by 1, 2")


@pytest.mark.parametrize(
    ("table", "cells", "found"),
    [
        ("payment_detail", {"payment_id": ""}, ("payment_id", "required_value_missing")),
        ("payment_detail", {"name": "不详"}, ("name", "required_value_missing")),
        ("payment_detail", {"domicile_code": ""}, ("domicile_code", "required_value_missing")),
        ("payment_detail", {"pay_date": "2021-06-31"}, ("pay_date", "unreadable_date")),
        ("payment_detail", {"pay_date": "2021-06-05"}, ("pay_date", "event_after_business_date")),
        ("payment_detail", {"covered_persons": "二"}, ("covered_persons", "unreadable_number")),
        ("payment_detail", {"source_updated_at": "20210604250000"}, ("source_updated_at", "unreadable_time")),
        ("payment_detail", {"benefit_month": "202113"}, ("benefit_month", "unreadable_date")),
        ("payment_detail", {"programme_code": "XX"}, ("programme_code", "unknown_code")),
        ("payment_detail", {"name": "锟斤拷"}, ("name", "unreadable_characters")),
        ("payment_detail", {"beneficiary_id": "烫烫烫"}, ("beneficiary_id", "unreadable_characters")),
        ("payment_detail", {"id_no": "4.10823E+17"}, ("id_no", "id_lost_digits")),
        ("payment_detail", {"id_no": ""}, ("id_no", "required_value_missing")),
        ("payment_detail", {"pay_kind": "1", "base_amt": "-1.00"}, ("base_amt", "sign_contradicts_kind")),
        ("payment_detail", {"pay_kind": "3", "base_amt": "1.00", "total_amt": "-1.00"}, ("base_amt", "sign_contradicts_kind")),
        ("death_notice", {"death_date": "1900-01-01"}, ("death_date", "filler_date")),
        ("death_notice", {"death_date": "1970/1/1"}, ("death_date", "filler_date")),
        ("death_notice", {"birth_date": "1980-02-30"}, ("birth_date", "unreadable_date")),
        ("death_notice", {"id_no": "410823194901011000"}, ("id_no", "id_lost_digits")),
        ("cremation_record", {"start_time": "20210605000000"}, ("start_time", "event_after_business_date")),
    ],
)  # fmt: skip
def test_a_row_that_breaks_the_contract_is_in_no_figure(warehouse, table, cells, found):
    assert load(warehouse, table, cells)["rows_quarantined"] == 1
    assert quarantined(warehouse) == [found]
    assert warehouse.query(f"select count(*) from raw.{table}") == [(0,)]
    assert warehouse.query("select rows_quarantined, rows_read from audit.file") == [(1, 1)]


@pytest.mark.parametrize(
    ("table", "cells", "found"),
    [
        ("payment_detail", {"id_no": NUMBER[:-1] + ("1" if NUMBER[-1] != "1" else "2")}, ("id_no", "id_wrong_check")),
        ("payment_detail", {"id_no": "410823400105002"}, ("id_no", "id_valid_15")),
        ("payment_detail", {"id_no": NUMBER + " "}, ("id_no", "id_normalised")),
        ("payment_detail", {"id_no": "000000196001010000"}, ("id_no", "id_placeholder")),
        ("payment_detail", {"id_no": "12345"}, ("id_no", "id_wrong_form")),
        ("payment_detail", {"id_no": with_check_character("99010119600230001")}, ("id_no", "id_impossible_birth_date")),
        ("payment_detail", {"domicile_code": "某街道"}, ("domicile_code", "unknown_division")),
        ("payment_detail", {"account_no": "6.22202E+18"}, ("account_no", "account_lost_digits")),
        ("payment_detail", {"orig_payment_id": "P\ufffd"}, ("orig_payment_id", "unreadable_characters")),
        ("death_notice", {"id_no": ""}, ("id_no", "id_missing")),
        ("death_notice", {"id_no": NUMBER, "birth_date": "1960-01-02"}, ("id_no", "id_contradicts_birth_date")),
        ("death_notice", {"id_no": NUMBER, "birth_date": "1960-01-01", "sex": "2"}, ("id_no", "id_contradicts_sex")),
        ("death_notice", {"id_no": NUMBER, "ethnic": "77"}, ("ethnic", "unknown_code")),
        ("household_member", {"id_no": NUMBER, "birth_date": "1960-01-01", "sex": "女"}, ("id_no", "id_contradicts_sex")),
        ("household_register", {"end_date": "9999-99-99"}, ("end_date", "impossible_open_end")),
    ],
)  # fmt: skip
def test_a_doubtful_cell_is_kept_and_flagged(warehouse, table, cells, found):
    totals = load(warehouse, table, cells)
    assert (totals["rows_loaded"], totals["rows_quarantined"]) == (1, 0)
    assert flagged(warehouse) == [found]
    assert warehouse.query("select rows_flagged from audit.file") == [(1,)]


def test_another_document_is_no_national_id(warehouse):
    load(warehouse, "household_member", {"id_type": "4", "id_no": "E12345678"})
    assert warehouse.query("select id_no_status, id_no_key is not null from raw.household_member") == [
        ("other_document", True)
    ]
    assert warehouse.query("select count(*) from raw.person") == [(0,)]


def test_what_is_no_identity_never_has_a_persons_key(warehouse):
    wrong = NUMBER[:-1] + ("1" if NUMBER[-1] != "1" else "2")
    writer = DeliveryWriter(warehouse.landing, "assistance", DAY)
    writer.add_rows(
        "payment_detail",
        [row("payment_detail", payment_id=f"P{n}", pay_kind="1", id_no=number) for n, number in enumerate((NUMBER, wrong, "111111111111111111"))],
    ).write()  # fmt: skip
    pipeline.load()
    assert warehouse.query(
        "select id_no_status, exists (select from raw.person where person_key = id_no_key) from raw.payment_detail order by line"
    ) == [("valid", True), ("wrong_check", False), ("placeholder", False)]


def test_an_account_that_lost_its_digits_is_nobodys(warehouse):
    load(warehouse, "payment_detail", {"account_no": "6.22202E+18"})
    assert warehouse.query("select account_no_key from raw.payment_detail") == [(None,)]


def test_an_event_of_a_re_export_may_lie_before_the_day_it_was_exported(warehouse):
    cells = {"pay_date": "2021-06-08"}
    load(warehouse, "payment_detail", cells, nn=2, exported_at="2021-06-07T23:30:00+00:00")
    assert quarantined(warehouse) == []  # 07:30 of the eighth in Shanghai
    load(warehouse, "payment_detail", cells, nn=3, exported_at="2021-06-07T23:30:00+08:00")
    assert quarantined(warehouse) == [("pay_date", "event_after_business_date")]


def test_ends_and_updates_may_lie_ahead(warehouse):
    load(warehouse, "household_register", {"end_date": "2022-12-31", "source_updated_at": "20220101000000"})
    assert quarantined(warehouse) == []


def test_exact_copies_count_once_and_other_content_stays(warehouse):
    one = row("payment_detail", payment_id="P1", pay_kind="1")
    other = one | {"total_amt": "90.00"}
    rows = [one, other, one, one, other]
    DeliveryWriter(warehouse.landing, "assistance", DAY).add_rows("payment_detail", rows).write()
    totals = pipeline.load()
    assert (totals["rows_loaded"], totals["rows_repeated"]) == (2, 3)
    assert warehouse.query("select line, first_line from audit.repeated_row order by 1") == [(4, 2), (5, 2), (6, 3)]


def test_a_business_key_that_looks_like_a_number_of_a_person_is_not_shown(warehouse):
    old_form = "410823400105002"  # 15 digits: so many keys look like one that it is kept in raw and shown to nobody
    load(warehouse, "payment_detail", {"payment_id": old_form, "pay_date": "x"})
    assert warehouse.query("select business_key from audit.quarantined_row") == [(None,)]


def test_quarantined_rows_are_let_in_when_their_contract_changed(warehouse, monkeypatch):
    rows = [
        row("payment_detail", payment_id="P1", pay_kind="1", programme_code="XX"),
        row("payment_detail", payment_id="P2", pay_kind="1", pay_date="x"),
    ]
    DeliveryWriter(warehouse.landing, "assistance", DAY).add_rows("payment_detail", rows).write()
    assert pipeline.load()["rows_quarantined"] == 2
    assert pipeline.quarantine_retry().judged == 0
    known = dict(contracts.load_all())
    contract = known["payment_detail"]
    column = dataclasses.replace(contract.columns["programme_code"], aliases={"XX": "DBC"})
    known["payment_detail"] = dataclasses.replace(
        contract, version=2, sha256="f" * 64, columns={**contract.columns, "programme_code": column}
    )
    monkeypatch.setattr(contracts, "load_all", lambda: known)
    result = pipeline.quarantine_retry()
    assert (result.judged, result.released) == (2, 1)
    assert warehouse.query("select payment_id, programme_code, line from raw.payment_detail") == [("P1", "DBC", 2)]
    assert warehouse.query("select count(*) from raw.payment_detail inner join audit.in_force using (load_id)") == [
        (1,)
    ]
    assert [found["line"] for found in pipeline.quarantine_show("FFMX_410800_20210604.csv")] == [3]
    assert warehouse.query("select rows_read, rows_quarantined from audit.file where retry_of is null") == [(2, 2)]
    assert warehouse.query("select count(*) from audit.change where build_id is null") == [(2,)]
    assert pipeline.quarantine_retry().judged == 0


def test_a_number_of_a_person_in_a_key_or_a_text_becomes_a_token_that_still_joins(warehouse):
    good = row("payment_detail", pay_kind="1", total_amt="100.00", base_amt="100.00")
    wide = NUMBER.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    rows = [
        good | {"payment_id": f"P{NUMBER}", "beneficiary_id": NUMBER},
        good | {"payment_id": "P2", "beneficiary_id": f"{wide} "},
        good | {"payment_id": "P3", "beneficiary_id": "410823199001011235"},  # no valid number: a key like another
    ]
    DeliveryWriter(warehouse.landing, "assistance", DAY).add_rows("payment_detail", rows).write()
    assert pipeline.load()["rows_loaded"] == 3
    (first, second, third) = warehouse.query("select payment_id, beneficiary_id from raw.payment_detail order by line")
    assert first[1] == second[1]
    assert first[1].startswith("id:")
    assert first[0] == f"P{first[1]}"
    assert third == ("P3", "410823199001011235")
    assert warehouse.query("select line, column_name, reason from audit.flagged_cell order by 1, 2") == [
        (2, "beneficiary_id", "holds_id_number"), (2, "payment_id", "holds_id_number"), (3, "beneficiary_id", "holds_id_number"),
    ]  # fmt: skip


def test_nothing_of_a_person_stands_in_clear_wherever_it_is_planted(warehouse, postgres_url, caplog):
    """Numbers, names and accounts in every judged column and in place of the headers; all that is written is searched."""
    secrets = [NUMBER, "欧阳测试", "6222020200012345678"]
    good = row("payment_detail", payment_id="P0", pay_kind="1")
    # what a system's own keys and texts may hold, no rule limits
    free = {"batch_no", "orig_payment_id", "operating_org_code", "beneficiary_id", "payment_id"}
    planted = [good | {name: secret} for name in good if name not in free for secret in secrets]
    readable = sum(100 for cells in planted if cells["total_amt"] not in secrets)
    DeliveryWriter(warehouse.landing, "assistance", DAY).add_rows(
        "payment_detail", planted, amount_sum=f"{readable}.00"
    ).write()
    headless = ",".join(secrets).encode("gb18030") + b"\r\n"
    DeliveryWriter(warehouse.landing, "assistance", DAY, 2).add(
        "payment_detail", headless, row_count=0, amount_sum="0.00"
    ).write()
    totals = pipeline.load()
    assert totals["rows_quarantined"] > len(planted) / 2
    assert len(totals["rejected"]) == 1
    places = {"messages": caplog.text + str(totals)}
    log = Path(settings.get().postgres_folder / "server.log")
    if log.exists():
        places["server log"] = log.read_text()
    for (table,) in warehouse.query(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_schema in ('raw', 'audit', 'vault') and table_type = 'BASE TABLE'"
    ):
        places[table] = str(warehouse.query(f"select array_agg(t::text) from {table} as t"))
    for path in settings.get().archive_folder.rglob("*"):
        if path.is_file():
            places["archive"] = path.read_bytes().decode("latin-1")
    for place, content in places.items():
        for secret in secrets:
            assert secret not in content, place
