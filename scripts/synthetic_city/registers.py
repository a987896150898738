"""The household registers and the payment lines, written a business date at a time because they are large."""

import numpy as np
import pyarrow as pa

from scripts.synthetic_city import texts
from scripts.synthetic_city.daily import office
from scripts.synthetic_city.geography import Geography
from scripts.synthetic_city.households import ASSIST_TYPE, Households
from scripts.synthetic_city.lines import NONE, PROGRAMMES
from scripts.synthetic_city.people import Register
from scripts.synthetic_city.shapes import Shape
from scripts.synthetic_city.texts import NO_DAY
from scripts.synthetic_city.window import Window

MARKS = ("", "X01 finding", "X01 not_finding", "X02 finding")
"""What a cross-check of payments after death must say of a line."""
STATUS = {"in force": "1", "stopped": "2"}


class HouseholdWriter:
    """Tables household_register and household_member: what changed on a day, or everything at a month's end."""

    def __init__(
        self, window: Window, geography: Geography, households: Households, members: np.ndarray, elsewhere: np.ndarray,
        generator: np.random.Generator,
    ) -> None:  # fmt: skip
        """Keep the households.

        Args:
            members: household of each member; a household's members follow its head in the register of people.
            elsewhere: households by (unit, month) that live in the unit and are registered elsewhere (A18).
        """
        self.window, self.geography, self.households = window, geography, households
        self.member_household = members
        starts = np.cumsum(households.size) - households.size
        self.position = np.arange(len(members)) - starts[members]
        self.person = households.head[members] + self.position
        order = np.argsort(households.entry, kind="stable")
        self.by_entry, self.entry_days = order, households.entry[order]
        order = np.argsort(households.exit, kind="stable")
        self.by_exit, self.exit_days = order, households.exit[order]
        self.elsewhere = elsewhere
        self.candidates = self._candidates(generator)
        self.new_home = geography.draw_addresses(generator, np.arange(geography.units).repeat(1))

    def _candidates(self, generator: np.random.Generator) -> list[np.ndarray]:
        """For each unit, households of other units that stay all the time and may live in it; no household in two lists."""
        households = self.households
        steady = np.flatnonzero(
            (households.kind < 4)
            & (households.entry < self.window.start)
            & (households.exit > self.window.end)
            & (households.unit != self.geography.no_county)
        )
        steady = generator.permutation(steady)
        free = np.ones(len(households), bool)
        lists = []
        for unit in range(self.geography.units):
            wanted = int(self.elsewhere[unit].max())
            mine = steady[free[steady] & (households.unit[steady] != unit)][:wanted]
            if len(mine) < wanted:
                raise ValueError(
                    f"{wanted} households must live in unit {unit} and be registered elsewhere; {len(mine)} exist"
                )
            free[mine] = False
            lists.append(mine)
        return lists

    def _residence(self, month: int) -> np.ndarray:
        """Address each household lives at in a month."""
        residence = self.households.address.copy()
        for unit, candidates in enumerate(self.candidates):
            movers = candidates[: int(self.elsewhere[unit, month])]
            residence[movers] = self.new_home[unit]
        return residence

    def _chosen(self, day: int, is_snapshot: bool) -> np.ndarray:
        if is_snapshot:
            households = self.households
            return np.flatnonzero((households.entry <= day) & (households.exit > day - 100))
        entered = self.by_entry[slice(*np.searchsorted(self.entry_days, [day, day + 1]))]
        left = self.by_exit[slice(*np.searchsorted(self.exit_days, [day, day + 1]))]
        return np.union1d(entered, left)

    def register_rows(self, shape: Shape, register: Register, day: int, is_snapshot: bool, changed_on: int) -> pa.Table:
        """household_register of a business date."""
        households = self.households
        rows = self._chosen(day, is_snapshot)
        stopped = households.exit[rows] <= day
        month = int(self.window.month_of(np.array([day]))[0])
        known_month = month if month in self.window.snapshot_months else max([*self.window.snapshot_months, 0])
        address, residence = households.address[rows], self._residence(known_month)[rows]
        writing = np.random.default_rng(day)  # the spelling of a code differs between days, not between runs
        codes = texts.pick(
            self.geography.code_texts, self.geography.code_index(writing, address, np.full(len(rows), day), changed_on)
        )
        lives = texts.pick(
            self.geography.code_texts,
            self.geography.code_index(writing, residence, np.full(len(rows), day), changed_on),
        )
        kind, cents = households.kind[rows], households.cents[rows]
        open_end = texts.pick(["", "9999-12-31", "99991231", "9999-99-99"], np.where(rows % 50 < 4, rows % 50, 0))
        updated = np.where(stopped, households.exit[rows], np.maximum(households.begin[rows], self.window.start - 200))
        head = households.head[rows]
        ceiling = np.where(kind == 0, 60_000, 37_700)
        columns = {
            "household_id": texts.padded("JT", rows, 9), "assist_type": texts.pick(list(ASSIST_TYPE), kind),
            "domicile_code": codes,
            "residence_code": texts.where((rows % 11 == 0) & (address == residence), "", lives),
            "head_name": register.names.take(pa.array(head)), "head_id_no": register.numbers.take(pa.array(head)),
            "family_size": texts.whole(households.size[rows]), "covered_persons": texts.whole(households.covered[rows]),
            "income_pc_month": texts.money(np.where(kind < 2, np.maximum(ceiling - cents, 0), 20_000)),
            "poverty_cause": texts.pick(["01", "03", "04", "99"], rows % 4), "begin_date": texts.days(households.begin[rows]),
            "end_date": texts.where(stopped, texts.days(np.minimum(households.exit[rows], 40_000)), open_end),
            "household_status": texts.where(stopped, STATUS["stopped"], STATUS["in force"]),
            "last_recheck_date": texts.days(np.maximum(households.begin[rows], day - 30 - rows % 300)),
            "account_no": register.accounts(head), "valid_flag": texts.constant("1", len(rows)),
            "operating_org_code": office(self.geography.counties, households.unit[rows], "2200"),
            "source_updated_at": texts.stamps(updated, 50_000 + rows % 30_000),
        }  # fmt: skip
        return pa.table({name: columns[name] for name in shape.columns})

    def member_rows(self, shape: Shape, register: Register, day: int, is_snapshot: bool) -> pa.Table:
        """household_member of a business date."""
        households = self.households
        wanted = np.zeros(len(households), bool)
        wanted[self._chosen(day, is_snapshot)] = True
        rows = np.flatnonzero(wanted[self.member_household])
        household, position, person = self.member_household[rows], self.position[rows], self.person[rows]
        male = register.male[person]
        disabled = (person % 6 == 0) & (households.kind[household] < 4)
        grade = person % 4 + 1
        sort = person % 7 + 1
        relation = np.select([position == 0, position == 1], [0, 1], np.where(male, 2, 3))
        begin = np.maximum(households.begin[household], self.window.start - 200)
        columns = {
            "person_id": texts.padded("RY", rows, 9), "household_id": texts.padded("JT", household, 9),
            "relation": texts.pick(["01", "10", "20", "30"], relation), "name": register.names.take(pa.array(person)),
            "id_type": texts.constant("1", len(rows)), "id_no": register.numbers.take(pa.array(person)),
            "sex": texts.where(male, "0", "1"), "birth_date": texts.days(register.birth[person]),
            "covered_flag": texts.where(position < households.covered[household], "1", "0"),
            "health_code": texts.pick(["10", "20", "40"], person % 3),
            "disability_cert_no": texts.where(
                disabled, texts.join(register.numbers.take(pa.array(person)), texts.whole(sort), texts.whole(grade)), ""
            ),
            "disability_type": texts.where(disabled, texts.whole(sort), ""),
            "disability_grade": texts.where(disabled, texts.whole(grade), ""),
            "person_status": texts.constant("01", len(rows)), "status_date": texts.days(np.full(len(rows), NO_DAY)),
            "valid_flag": texts.constant("1", len(rows)),
            "operating_org_code": office(self.geography.counties, households.unit[household], "2200"),
            "source_updated_at": texts.stamps(begin, 50_000 + rows % 30_000),
        }  # fmt: skip
        return pa.table({name: columns[name] for name in shape.columns})


class PaymentWriter:
    """Table payment_detail of a business date."""

    def __init__(
        self, window: Window, geography: Geography, lines: dict[str, np.ndarray], marks: np.ndarray,
        generator: np.random.Generator,
    ) -> None:  # fmt: skip
        """Sort the lines by business date and number them.

        Args:
            lines: columns of `lines.COLUMNS`, with the final cents.
            marks: index into MARKS of each line.
        """
        self.window, self.geography = window, geography
        count = len(lines["day"])
        chance = generator.random(count)
        delivered = np.minimum(lines["day"] + (chance < 0.04), window.end)
        unanswered = np.flatnonzero((chance > 0.996) & (lines["status"] == 1) & (delivered < window.end))
        rows = np.concatenate([np.arange(count), unanswered])
        first_sent = np.arange(len(rows)) >= count
        day = np.where(first_sent, delivered[rows], delivered[rows] + (np.isin(rows, unanswered) & ~first_sent))
        order = np.lexsort((lines["unit"][rows], lines["programme"][rows], day))
        self.line, self.day, self.first_sent = rows[order], day[order], first_sent[order]
        serial = np.empty(count, np.int64)
        by_day = np.lexsort((np.arange(count), lines["day"]))
        serial[by_day] = np.arange(count)
        self.serial = serial
        self.lines, self.marks = lines, marks
        self.spelling = generator.integers(0, 2**31, 1)[0]

    def rows(self, shape: Shape, register: Register, day: int, changed_on: int) -> pa.Table:
        """The lines that arrive on a business date; a line the bank had not answered comes again the day after."""
        start, stop = np.searchsorted(self.day, [day, day + 1])
        lines = self.lines
        row, again = self.line[start:stop], self.first_sent[start:stop]
        count = len(row)
        column = {name: lines[name][row] for name in lines}
        person, household = column["person"], column["household"]
        writing = np.random.default_rng([int(self.spelling), day])
        index = self.geography.code_index(writing, column["address"], column["day"], changed_on)
        codes = texts.pick(self.geography.code_texts, index)
        cents = column["cents"]
        extra = np.where((person % 13 == 0) & (column["programme"] < 4) & (abs(cents) > 9_000), 5_000, 0) * np.sign(
            cents
        )
        benefit = texts.join(texts.whole(column["benefit"] // 12), texts.padded("", column["benefit"] % 12 + 1, 2))
        original = column["original"]
        is_household = household != NONE
        counties = [int(code) for code in self.geography.counties] + [410800]
        batch = texts.join(
            texts.pick(list(PROGRAMMES), column["programme"]), texts.days(column["day"], "%Y%m%d"),
            texts.pick([str(code) for code in counties], column["unit"]),
        )  # fmt: skip
        empty_covered = (column["covered"] == 1) & (person % 17 == 0)
        columns = {
            "payment_id": texts.padded("FF", self.serial[row] + 1, 10), "batch_no": batch, "benefit_month": benefit,
            "month_count": texts.whole(column["months"]), "pay_date": texts.days(column["day"]),
            "pay_kind": texts.whole(column["kind"]),
            "orig_payment_id": texts.where(original == NONE, "", texts.padded("FF", self.serial[np.maximum(original, 0)] + 1, 10)),
            "programme_code": texts.pick(list(PROGRAMMES), column["programme"]),
            "beneficiary_id": texts.where(is_household, texts.padded("JT", np.maximum(household, 0), 9), texts.padded("GR", person, 9)),
            "name": register.names.take(pa.array(person)), "id_no": register.numbers.take(pa.array(person)),
            "domicile_code": codes, "covered_persons": texts.where(empty_covered, "", texts.whole(column["covered"])),
            "base_amt": texts.money(cents - extra), "class_amt": texts.where(extra == 0, "", texts.money(extra)),
            "price_amt": texts.constant("0.00", count), "total_amt": texts.money(cents),
            "account_no": register.accounts(person),
            "bank_status": texts.where(again, "0", texts.whole(column["status"])), "valid_flag": texts.constant("1", count),
            "operating_org_code": office(self.geography.counties, column["unit"], "2200"),
            "source_updated_at": texts.stamps(np.full(count, day), np.where(again, 64_000, 66_000) + row % 18_000),
        }  # fmt: skip
        table = pa.table({name: columns[name] for name in shape.columns})
        safe = np.isin(column["programme"], (0, 1, 2, 3)) | column["single"]
        table = table.append_column("_safe", pa.array(safe))
        return table.append_column("_mark", texts.pick(list(MARKS), self.marks[row]))
