"""The deliveries of a small city: they add up to the figures, look as promised, and hold what planted.csv says."""

import csv
import hashlib
import re
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.synthetic_city.cli import generate
from scripts.synthetic_city.window import parse_period
from tests.synthetic_city.conftest import FIRST, FIXTURES, LAST, write_city
from tests.synthetic_city.reference import (
    CONTRACTS,
    Landing,
    Reference,
    bind,
    check_character,
    decode,
    file_records,
    normal_id,
    read_money,
    reproduces,
)  # fmt: skip

EXPECTATIONS = {"quarantined", "flagged", "repeated", "replaced", "finding", "not_finding"}


def figures_of(path: Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] in ("indicator", "rank")]
    return [row for row in rows if re.fullmatch(r"[FAC]\d\d[PMN]?|K12", row["indicator"])]


def differences(folder: Path, figures: Path) -> list[str]:
    reference = Reference(folder)
    found = []
    for row in figures_of(figures):
        value = reference.value(row["indicator"], *parse_period(row["period"]), row["division_code"])
        if not reproduces(row, value):
            found.append(
                f"{row['figure_id']} {row['indicator']} {row['period']}: {row['value']} printed, {float(value)} counted"
            )
    return found


@pytest.mark.parametrize("city", ["small_city", "another_city"])
def test_an_independent_count_of_the_deliveries_gives_every_printed_figure(city: str, request: pytest.FixtureRequest):
    assert len(figures_of(FIXTURES / "figures_small.csv")) == 75
    assert differences(request.getfixturevalue(city), FIXTURES / "figures_small.csv") == []


def test_every_figure_file_kept_here_differs_from_the_printed_one_in_every_value():
    printed = {row["figure_id"]: row["value"] for row in figures_of(FIXTURES / "figures.csv")}
    other = figures_of(FIXTURES / "figures_other.csv")
    same = [
        row["figure_id"] for row in other if row["indicator"] != "F04" and printed[row["figure_id"]] == row["value"]
    ]
    assert len(other) > 55
    assert same == []


def test_the_same_call_writes_the_same_bytes_and_another_seed_others(
    tmp_path: Path, small_city: Path, another_city: Path
):
    again = write_city(tmp_path / "landing", seed=1)

    def contents(folder: Path) -> dict[str, str]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert contents(again) == contents(small_city)
    assert contents(another_city) != contents(small_city)


def test_every_manifest_tells_the_truth_about_its_files(small_city: Path):
    for folder, entry in Landing(small_city).manifests():
        path = folder / entry["file_name"]
        data = path.read_bytes()
        contract = CONTRACTS[entry["table"]]
        records = file_records(path, data, contract)
        assert hashlib.sha256(data).hexdigest() == entry["sha256"], path
        assert int(entry["row_count"]) == len(records) - 1, path
        amount = contract.get("amount_column")
        if amount is None:
            assert entry["amount_sum"] == ""
        else:
            at = bind(records[0][1], contract).index(amount)
            total = sum((read_money(cells[at]) or Decimal(0) for _, cells in records[1:]), Decimal(0))
            assert Decimal(entry["amount_sum"]) == total, path


def test_every_daily_table_comes_every_day_and_monthly_ones_at_the_months_end(small_city: Path):
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    month_ends = [day for day in days if (day + timedelta(days=1)).day == 1]
    files = Landing(small_city).files
    for table, contract in CONTRACTS.items():
        if table not in files:
            continue
        delivered = [date.fromisoformat(day) for day, *_ in files[table]]
        due = contract["delivery"]["due"]
        if due != "on_event":
            assert delivered == (days if due == "daily" else month_ends), table
    modes = {(day, entry["mode"]) for day, _, _, entry in files["household_member"]}
    assert {day for day, mode in modes if mode == "snapshot"} == {day.isoformat() for day in month_ends}


def test_files_come_in_the_encodings_and_archives_the_senders_use(small_city: Path):
    starts, encodings, names = set(), set(), []
    for path in small_city.glob("*/*/*/*.csv"):
        if path.name == "_MANIFEST.csv":
            continue
        data = path.read_bytes()
        starts.add(data.startswith(b"\xef\xbb\xbf"))
        try:
            data.decode("utf-8")
            encodings.add("utf-8")
        except UnicodeDecodeError:
            encodings.add("gb18030")
        assert b"\r\n" in data
        assert decode(data)
    for path in small_city.glob("*/*/*/*.zip"):
        with zipfile.ZipFile(path) as archive:
            (entry,) = archive.infolist()
        assert entry.flag_bits & 0x800 == 0
        names.append(entry.filename.encode("cp437").decode("gbk"))
    assert starts == {True, False}
    assert encodings == {"utf-8", "gb18030"}
    assert any(name.startswith("火化记录/") for name in names)
    assert all(re.search(r"\d{8}\.csv$", name) for name in names)


def test_every_person_has_a_right_check_character_and_a_region_nobody_was_given(small_city: Path):
    landing = Landing(small_city)
    seen = 0
    for table in ("household_member", "low_income_monitor"):
        for number in landing.frame(table)["id_no"]:
            assert number[:4] == "4108"
            assert int(number[4:6]) > 83
            assert number[17] == check_character(number[:17])
            seen += 1
    assert seen > 300
    assert normal_id("410823400105002") == ("41082319400105002X", "valid")


def test_ages_fit_what_people_are_paid_and_registered_for(small_city: Path):
    paid = Landing(small_city).current("payment_detail")
    paid = paid[paid["id_no_status"] == "valid"]
    ages = [
        (day - date(int(n[6:10]), int(n[10:12]), int(n[12:14]))).days / 365.25
        for day, n in zip(paid["pay_date"], paid["id_no"], strict=True)
    ]
    by_programme = paid.assign(age=ages).groupby("programme_code")["age"]
    assert by_programme.min()["GL"] >= 80
    assert by_programme.max()[["GE", "SW"]].max() < 18
    couples = Landing(small_city).current("marriage_registration")
    marrying = couples[couples["op_type"] == "IA"]
    assert min((a - b).days for a, b in zip(marrying["reg_date"], marrying["birth_m"], strict=True)) >= 22 * 365.25
    assert min((a - b).days for a, b in zip(marrying["reg_date"], marrying["birth_f"], strict=True)) >= 20 * 365.25


def test_payments_of_a_household_agree_with_the_registers(small_city: Path):
    landing = Landing(small_city)
    paid = landing.current("payment_detail")
    paid = paid[paid["programme_code"].isin(["DBC", "DBN", "TKC", "TKN"]) & (paid["id_no_status"] == "valid")]
    register = (
        landing.frame("household_register").drop_duplicates("household_id", keep="last").set_index("household_id")
    )
    members = landing.frame("household_member").drop_duplicates("person_id", keep="last")
    covered = members[members["covered_flag"] == "1"].groupby("household_id").size()
    heads = set(zip(members["household_id"], members["id_no"], strict=True))
    in_register = paid[paid["beneficiary_id"].isin(register.index)]
    assert len(in_register) > 500
    assert (
        in_register["beneficiary_id"].map(register["covered_persons"]) == in_register["beneficiary_id"].map(covered)
    ).all()
    doubled = in_register.duplicated(["beneficiary_id", "benefit_month", "programme_code"], keep=False)
    strangers = [
        pair
        for pair in zip(in_register[~doubled]["beneficiary_id"], in_register[~doubled]["id_no"], strict=True)
        if pair not in heads
    ]
    assert strangers == []


def test_planted_lines_hold_the_rows_they_name(small_city: Path):
    with (small_city / "planted.csv").open(encoding="utf-8", newline="") as file:
        planted = list(csv.DictReader(file))
    assert {row["expected"] for row in planted} == EXPECTATIONS
    checked = 0
    for row in planted:
        if not row["key"]:
            continue
        contract = CONTRACTS[row["table"]]
        folder = small_city / row["system"] / row["business_date"] / row["nn"]
        (path,) = folder.glob(f"{contract['delivery']['file_prefix']}_*")
        records = file_records(path, path.read_bytes(), contract)
        columns = bind(records[0][1], contract)
        cells = dict(records)[int(row["line"])]
        named = dict(zip(columns, cells, strict=False))
        assert not re.search(r"\d{17}[\dX]", row["key"])
        torn = len(cells) != len(columns)
        assert torn or "|".join(named[name] for name in contract["key"]) == row["key"], row
        checked += 1
    assert checked > 250


def test_what_is_planted_as_quarantined_is_unusable_and_what_is_repeated_stands_twice(small_city: Path):
    landing = Landing(small_city)
    good = {
        (table, day, number, line)
        for table in landing.files
        for day, number, line in zip(*(landing.frame(table)[c] for c in ("_day", "_nn", "_line")), strict=True)
    }
    with (small_city / "planted.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["key"]]
    for row in rows:
        usable = (row["table"], row["business_date"], int(row["nn"]), int(row["line"])) in good
        if row["expected"] in ("quarantined", "repeated", "replaced"):
            assert not usable, row
        else:
            assert usable, row


def test_nobody_is_paid_for_a_month_after_death_but_those_planted(small_city: Path):
    landing = Landing(small_city)
    notices = landing.current("death_notice")
    notices = notices[(notices["id_no_status"] == "valid") & notices["source_sys"].isin(["1", "2"])]
    died = notices.groupby("id_no")["death_date"].min()
    paid = landing.current("payment_detail")
    paid = paid[(paid["bank_status"] == "1") & paid["id_no"].isin(died.index)]
    after = paid[[m > f"{died[n]:%Y%m}" for m, n in zip(paid["benefit_month"], paid["id_no"], strict=True)]]
    with (small_city / "planted.csv").open(encoding="utf-8", newline="") as file:
        planted = {r["key"] for r in csv.DictReader(file) if (r["kind"], r["expected"]) == ("X01", "finding")}
    assert set(after["payment_id"]) == planted
    assert planted


def test_a_file_with_no_figures_and_ten_days_still_makes_a_small_city(tmp_path: Path):
    figures = tmp_path / "none.csv"
    figures.write_text((FIXTURES / "figures.csv").read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    generate(figures, 3, date(2021, 3, 5), date(2021, 3, 14), tmp_path / "landing", progress=lambda text: None)
    landing = Landing(tmp_path / "landing")
    assert len(landing.files["payment_detail"]) == 10
    assert len(landing.frame("payment_detail")) > 0
    assert "low_income_monitor" not in landing.files
