"""The loader's memory is bounded, whatever the file's size: measured in a process of its own, as the operating system counts it."""

import io
import os
import subprocess
import sys
from datetime import date

import openpyxl
import pytest

from tests.deliveries import DeliveryWriter, row, with_check_character
from warehouse import contracts
from warehouse.settings import PROJECT

pytestmark = pytest.mark.slow

MOST_MIB = 300
MONTH_END = date(2021, 6, 30)
LOADER = """
import re
from pathlib import Path
from warehouse import pipeline
totals = pipeline.load()
assert not totals["rejected"], totals["rejected"]
# not getrusage: its peak begins with that of the process that started this one
peak_kib = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(totals["rows_loaded"], int(peak_kib) // 1024)
"""


def load() -> tuple[int, int]:
    """(rows loaded, peak resident memory in MiB) of a loader that takes in what has landed."""
    done = subprocess.run([sys.executable, "-c", LOADER], cwd=PROJECT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows, peak_mib = done.stdout.split()
    return int(rows), int(peak_mib)


def numbers(count: int):
    for number in range(count):
        day = f"19{50 + number % 50}{1 + number % 12:02}{1 + number % 28:02}"
        yield with_check_character(f"990{number // 1_000 % 1_000:03}{day}{number % 1_000:03}")


def test_a_file_of_half_a_million_lines_with_as_many_persons_keys_and_accounts(warehouse):
    count = 500_000
    good = row("payment_detail", pay_kind="1", pay_date="20210604", programme_code="DBN", bank_status="1")
    order = list(contracts.load_all()["payment_detail"].columns)
    good["total_amt"] = good["base_amt"] = "100.00"
    text = io.StringIO(newline="")
    text.write(",".join(column.header for column in contracts.load_all()["payment_detail"].columns.values()) + "\r\n")
    for number, identifier in enumerate(numbers(count)):
        own = {"payment_id": f"P{number:09}", "beneficiary_id": f"B{number:09}", "id_no": identifier,
               "account_no": f"6228{number:015}", "name": f"张{number}"}  # fmt: skip
        text.write(",".join((good | own)[name] for name in order) + "\r\n")
    DeliveryWriter(warehouse.landing, "assistance", date(2021, 6, 4)).add(
        "payment_detail", text.getvalue().encode("gb18030"), row_count=count, amount_sum=f"{100 * count}.00"
    ).write()
    del text
    rows, peak_mib = load()
    assert rows == count
    assert peak_mib <= MOST_MIB


def test_a_sheet_of_sixty_thousand_persons(warehouse):
    count = 60_000
    contract = contracts.load_all()["low_income_monitor"]
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet()
    page.append([column.header for column in contract.columns.values()])
    good = row("low_income_monitor", category="03")
    for number, identifier in enumerate(numbers(count)):
        cells = good | {"person_id": f"R{number}", "id_no": identifier, "name": f"李{number}"}
        page.append([cells[name] for name in contract.columns])
    buffer = io.BytesIO()
    book.save(buffer)
    DeliveryWriter(warehouse.landing, "assistance", MONTH_END).add(
        "low_income_monitor", buffer.getvalue(), row_count=count
    ).write()
    rows, peak_mib = load()
    assert rows == count
    assert peak_mib <= MOST_MIB
