"""A contract is the only place where a delivery's shape stands, and a bad one is refused with its place."""

import shutil
from datetime import date

import pytest

from warehouse import contracts
from warehouse.errors import ContractError


@pytest.fixture
def folder(tmp_path):
    """A copy of the contracts that a test may break."""
    shutil.copytree(contracts.CONTRACTS, tmp_path / "contracts")
    return tmp_path / "contracts"


def test_every_table_of_the_three_daily_systems_has_a_contract():
    tables = {system: set(contracts.of_system(system)) for system in contracts.systems()}
    assert tables["civil_registration"] == {
        *("marriage_registration", "adoption_registration", "death_notice", "division_change"),
    }
    assert tables["assistance"] >= {
        *("household_register", "household_member", "payment_detail", "temporary_aid"),
        *("low_income_monitor", "vagrant_rescue", "child_welfare"),
    }
    assert tables["funeral"] >= {"deceased_reception", "cremation_record", "facility_register"}


def test_no_raw_column_can_hold_an_identifier_of_a_person_in_clear():
    for contract in contracts.load_all().values():
        for column in contract.columns.values():
            if column.person:
                names = dict(column.raw_columns)
                assert column.name not in names
                assert names[f"{column.name}_key"] == "uuid"


def test_household_tables_are_snapshots_on_the_last_day_of_a_month_only():
    household = contracts.load_all()["household_register"]
    assert household.mode_on(date(2021, 2, 28)) == "snapshot"
    assert household.mode_on(date(2021, 2, 27)) == "increment"
    assert household.mode_on(date(2024, 2, 28)) == "increment"


@pytest.mark.parametrize(
    ("find", "replace", "message"),
    [
        ("format: csv", "format: json", "delivery.format"),
        ("key: [payment_id]", "key: [payment_number]", "payment_number is not among the columns"),
        ("code_list: PROGRAMME", "code_list: PROGRAMS", "code list PROGRAMS"),
        ("header: 发放批次号", "header: 发放明细编号", "stands for payment_id and for batch_no"),
        ("grain: one payment line", "grian: one payment line", "grian"),
        ("version: 1", "version: [", "not YAML"),
    ],
)
def test_a_broken_contract_is_refused_with_file_and_place(folder, find, replace, message):
    path = folder / "assistance" / "payment_detail.yml"
    text = path.read_text(encoding="utf-8")
    assert find in text
    path.write_text(text.replace(find, replace, 1), encoding="utf-8")
    with pytest.raises(ContractError, match=r"payment_detail\.yml") as raised:
        contracts.load_all(folder)
    assert message in str(raised.value)
