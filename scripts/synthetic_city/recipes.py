"""Which dirt goes into which table, by the kinds of dirty_data.csv, and what a good reader makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scripts.synthetic_city import spelling

Spelling = Callable[[str, np.random.Generator], str]


@dataclass(frozen=True)
class Recipe:
    """One kind of dirt in one table.

    How it is planted:
        respell: a good row is written otherwise and still counts.
        broken: the row is unusable; the good one comes with the next delivery.
        superseded: an older version with another value; the good one comes with the next delivery.
        extra: an unusable row of a key that never existed.
        repeat: an exact copy in the same file.
        resend: the same row again in the next delivery.
        void: a row of a new key, made void by the next delivery.
        double: one household's line becomes a second line of another household.
        note: nothing is changed, a row that is like this already is listed.
    """

    kind: str
    table: str
    how: str
    expected: str
    column: str = ""
    spelling: Spelling | None = None
    where: tuple[tuple[str, str], ...] = ()
    torn: str | None = None
    only_safe: bool = False
    snapshot: bool | None = False
    marked: str = field(default="")

    def eligible(self, table: pa.Table) -> np.ndarray:
        """Rows of a day's table it can be planted in."""
        mask = np.ones(table.num_rows, bool)
        if self.only_safe and "_safe" in table.column_names:
            mask &= table["_safe"].to_numpy(zero_copy_only=False)
        if "_mark" in table.column_names:
            mask &= pc.equal(table["_mark"], self.marked).to_numpy(zero_copy_only=False)
        for column, pattern in self.where:
            mask &= pc.match_substring_regex(table[column], pattern).to_numpy(zero_copy_only=False)
        return np.flatnonzero(mask)


FULL_ID = r"^[1-9]\d{16}[\dX]$"
BORN_BEFORE_2000 = r"^\d{6}19\d{9}[\dX]$"
ISO = r"^\d{4}-\d\d-\d\d$"
ANY = r"."
COUNTY_TOWNSHIP = r"^4108(0|2|8|11)\d*[1-9]\d{5}$"
PAYMENT, AID, NOTICE, MARRIAGE = "payment_detail", "temporary_aid", "death_notice", "marriage_registration"
REGISTER, MEMBER, RECEPTION, CREMATION = (
    "household_register",
    "household_member",
    "deceased_reception",
    "cremation_record",
)
RESCUE, MONITOR, CHILD, FACILITY, ADOPTION = (
    "vagrant_rescue", "low_income_monitor", "child_welfare", "facility_register", "adoption_registration",
)  # fmt: skip

RECIPES = (
    Recipe("DD02", PAYMENT, "broken", "quarantined", "name", spelling.garbled),
    Recipe("DD02", MARRIAGE, "broken", "quarantined", "name_f", spelling.garbled),
    Recipe("DD02", REGISTER, "extra", "quarantined", "head_name", spelling.garbled, snapshot=None),
    Recipe("DD06", PAYMENT, "respell", "not_finding", "id_no", spelling.old_id, (("id_no", BORN_BEFORE_2000),)),
    Recipe("DD06", NOTICE, "respell", "not_finding", "id_no", spelling.old_id, (("id_no", BORN_BEFORE_2000),)),
    Recipe("DD07", PAYMENT, "respell", "not_finding", "id_no", spelling.loose_id, (("id_no", FULL_ID),)),
    Recipe("DD07", NOTICE, "respell", "not_finding", "id_no", spelling.loose_id, (("id_no", FULL_ID),)),
    Recipe("DD07", MEMBER, "respell", "not_finding", "id_no", spelling.loose_id, (("id_no", FULL_ID),), snapshot=None),
    Recipe("DD08", PAYMENT, "broken", "quarantined", "id_no", spelling.scientific_id, (("id_no", FULL_ID),)),
    Recipe("DD08", NOTICE, "broken", "quarantined", "id_no", spelling.scientific_id, (("id_no", FULL_ID),)),
    Recipe("DD08", MEMBER, "extra", "quarantined", "id_no", spelling.scientific_id, snapshot=None),
    Recipe("DD08", PAYMENT, "respell", "flagged", "account_no", spelling.lost_account, (("account_no", ANY),)),
    Recipe("DD09", PAYMENT, "respell", "flagged", "id_no", spelling.wrong_id, (("id_no", FULL_ID),), only_safe=True),
    Recipe("DD09", NOTICE, "respell", "flagged", "id_no", spelling.wrong_id, (("id_no", FULL_ID),), only_safe=True),
    Recipe("DD09", MARRIAGE, "respell", "flagged", "id_no_m", spelling.wrong_id, (("id_no_m", FULL_ID),)),
    Recipe("DD09", AID, "respell", "flagged", "id_no", spelling.wrong_id, (("id_no", FULL_ID),)),
    Recipe("DD10", PAYMENT, "broken", "quarantined", "id_no", spelling.fixed("不详")),
    Recipe("DD10", MARRIAGE, "broken", "quarantined", "name_m", spelling.fixed("")),
    Recipe("DD10", RECEPTION, "note", "flagged", "id_no", None, (("nameless_flag", "1"), ("id_no", "^$"))),
    Recipe("DD10", RESCUE, "note", "flagged", "id_no", None, (("id_no", "^$"),)),
    Recipe("DD11", PAYMENT, "respell", "not_finding", "pay_date", spelling.other_date, (("pay_date", ISO),)),
    Recipe("DD11", MARRIAGE, "respell", "not_finding", "reg_date", spelling.other_date, (("reg_date", ISO),)),
    Recipe("DD11", NOTICE, "respell", "not_finding", "death_date", spelling.other_date, (("death_date", ISO),)),
    Recipe("DD11", PAYMENT, "broken", "quarantined", "pay_date", spelling.impossible_date, (("pay_date", ISO),)),
    Recipe("DD12", REGISTER, "note", "not_finding", "end_date", None, (("end_date", "^9999-99-99$"),), snapshot=None),
    Recipe("DD12", MONITOR, "note", "not_finding", "exit_date", None, (("exit_date", "^(9|2099)"),), snapshot=True),
    Recipe("DD12", CHILD, "note", "not_finding", "end_date", None, (("end_date", "^(9|2099)"),), snapshot=True),
    Recipe("DD13", NOTICE, "broken", "quarantined", "death_date", spelling.filler_date, (("death_date", ISO),)),
    Recipe("DD13", NOTICE, "broken", "quarantined", "death_date", spelling.impossible_date, (("death_date", ISO),)),
    Recipe("DD13", NOTICE, "broken", "quarantined", "death_date", spelling.future_date, (("death_date", ISO),)),
    Recipe("DD13", RECEPTION, "broken", "quarantined", "death_date", spelling.filler_date, (("death_date", ISO),)),
    Recipe("DD13", MARRIAGE, "broken", "quarantined", "reg_date", spelling.future_date, (("reg_date", ISO),)),
    Recipe("DD14", NOTICE, "respell", "not_finding", "sex", spelling.sex_letter("1", "2")),
    Recipe("DD14", MEMBER, "respell", "not_finding", "sex", spelling.sex_letter("0", "1"), snapshot=None),
    Recipe("DD15", REGISTER, "extra", "quarantined", "assist_type", spelling.fixed("04"), snapshot=None),
    Recipe("DD15", PAYMENT, "broken", "quarantined", "programme_code", spelling.fixed("LS")),
    Recipe("DD16", PAYMENT, "respell", "not_finding", "domicile_code", spelling.short_division, (("domicile_code", COUNTY_TOWNSHIP),)),
    Recipe("DD16", RECEPTION, "respell", "not_finding", "hukou_code", spelling.short_division, (("hukou_code", COUNTY_TOWNSHIP),)),
    Recipe("DD16", PAYMENT, "note", "not_finding", "domicile_code", None, (("domicile_code", "^410823202"),)),
    Recipe("DD17", PAYMENT, "respell", "not_finding", "total_amt", spelling.written_money),
    Recipe("DD17", AID, "respell", "not_finding", "amount", spelling.written_money),
    Recipe("DD17", PAYMENT, "broken", "quarantined", "total_amt", spelling.fixed("-")),
    Recipe("DD18", PAYMENT, "repeat", "repeated"),
    Recipe("DD18", PAYMENT, "superseded", "finding", "batch_no", spelling.fixed("OLD")),
    Recipe("DD19", PAYMENT, "double", "finding", "", None, (("programme_code", "^DB"), ("pay_kind", "1"), ("month_count", "^1$"))),
    Recipe("DD20", PAYMENT, "respell", "finding", "orig_payment_id", spelling.fixed(""), (("pay_kind", "3"),)),
    Recipe("DD20", PAYMENT, "note", "not_finding", "orig_payment_id", None, (("pay_kind", "3"), ("orig_payment_id", ANY))),
    Recipe("DD20", PAYMENT, "broken", "quarantined", "total_amt", spelling.bracketed_money, (("total_amt", "^[1-9]"),)),
    Recipe("DD21", PAYMENT, "note", "not_finding", "month_count", None, (("pay_kind", "2"), ("month_count", "^[2-9]"))),
    Recipe("DD22", PAYMENT, "note", "not_finding", "bank_status", None, (("bank_status", "2"),)),
    Recipe("DD22", PAYMENT, "note", "not_finding", "pay_kind", None, (("pay_kind", "5"),)),
    Recipe("DD23", MONITOR, "note", "not_finding", "exit_date", None, (("exit_reason", ANY),), snapshot=True),
    Recipe("DD25", CREMATION, "resend", "not_finding"),
    Recipe("DD28", PAYMENT, "respell", "not_finding", "name", spelling.loose_name),
    Recipe("DD28", NOTICE, "respell", "not_finding", "name", spelling.loose_name, (("name", ANY),)),
    Recipe("DD30", MARRIAGE, "broken", "quarantined", "", None, torn="extra"),
    Recipe("DD30", RESCUE, "broken", "quarantined", "", None, torn="missing"),
    Recipe("DD30", CREMATION, "broken", "quarantined", "", None, torn="extra"),
    Recipe("DD30", RESCUE, "respell", "not_finding", "name", spelling.two_lines),
    Recipe("REPEAT", NOTICE, "repeat", "repeated"),
    Recipe("REPEAT", MARRIAGE, "repeat", "repeated"),
    Recipe("REPEAT", CREMATION, "repeat", "repeated"),
    Recipe("REPEAT", AID, "repeat", "repeated"),
    Recipe("REPEAT", MEMBER, "repeat", "repeated", snapshot=None),
    Recipe("CORRECTED", AID, "superseded", "not_finding", "cause", spelling.fixed("09")),
    Recipe("CORRECTED", PAYMENT, "superseded", "not_finding", "bank_status", spelling.fixed("0"), (("bank_status", "1"),)),
    Recipe("VOIDED", MARRIAGE, "void", "not_finding"),
    Recipe("VOIDED", PAYMENT, "void", "not_finding"),
    Recipe("VOIDED", AID, "void", "not_finding"),
    Recipe("VOIDED", CREMATION, "void", "not_finding"),
    Recipe("X01", PAYMENT, "note", "not_finding", marked="X01 not_finding"),
)  # fmt: skip
"""Kinds beside dirty_data.csv: REPEAT and REEXPORT of exports.md, CORRECTED and VOIDED (increment rules), X01 and X02
(cross-checks). DD05 (HTML called xls), DD27 and DD29 touch none of the tables generated."""
