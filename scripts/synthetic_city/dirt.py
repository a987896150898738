"""Plant dirt in a day's tables so that no figure moves, and remember where it went."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scripts.synthetic_city.delivery import Content, Special
from scripts.synthetic_city.recipes import RECIPES, Recipe
from scripts.synthetic_city.shapes import Shape
from scripts.synthetic_city.window import Window, day_from_number

PER_MONTH = 2  # times each recipe is planted in a month, in a city with business enough
LARGE = 20_000  # records from which a city has business enough; a smaller one gets each once a month


@dataclass(frozen=True)
class Planted:
    """A row of planted.csv."""

    kind: str
    system: str
    business_date: str
    nn: str
    table: str
    line: int | str
    key: str
    expected: str


class Dirt:
    """Goes through the business dates in order; what is put off to the next delivery waits here."""

    def __init__(self, window: Window, generator: np.random.Generator, large: bool) -> None:
        self.window, self.generator = window, generator
        self.planted: list[Planted] = []
        self._waiting: dict[str, list[Special]] = defaultdict(list)
        self._due: list[list[int]] = [self._schedule(recipe, large) for recipe in RECIPES]

    def _schedule(self, recipe: Recipe, large: bool) -> list[int]:
        """Days from which a recipe is to be planted, the latest first; each is planted at the first chance from then on."""
        times = PER_MONTH if large and recipe.snapshot is False else 1
        due = []
        for first, last in zip(self.window.month_first, self.window.month_last, strict=True):
            for turn in range(times):
                due.append(int(first + (last - first) * self.generator.random() * (turn + 1) / (times + 1)))
        return sorted(due, reverse=True)

    def spoil(self, shape: Shape, table: pa.Table, day: int, is_snapshot: bool, first_line: int) -> Content:
        """The content of a table's file with what is due today.

        Args:
            table: the day's good rows; columns whose name begins with an underscore are not sent.
            is_snapshot: full snapshots get only dirt that leaves every good row where it is.
            first_line: line of the first record in the file.
        """
        specials, notes = self._waiting.pop(shape.table, []), []
        listed: list[tuple[Recipe, int, Special]] = []
        gone: set[int] = set()
        for recipe, due in zip(RECIPES, self._due, strict=True):
            if recipe.table != shape.table or not due or due[-1] > day or not self._suits(recipe, is_snapshot, day):
                continue
            rows = [row for row in recipe.eligible(table)[:4_000] if row not in gone]
            if not rows or (recipe.how == "double" and len(rows) < 2):
                continue
            row = int(rows[self.generator.integers(0, len(rows))])
            if recipe.how == "note":
                notes.append((recipe, row))
            else:
                special, takes = self._plant(recipe, shape, table, row, rows, day)
                if special is None:
                    continue
                specials += special
                listed.append((recipe, row, special[-1]))
                gone |= takes
            due.pop()
        return self._content(shape, table, day, first_line, specials, listed, notes, gone)

    def _suits(self, recipe: Recipe, is_snapshot: bool, day: int) -> bool:
        if recipe.snapshot is not None and recipe.snapshot != is_snapshot:
            return False
        needs_next = recipe.how in ("broken", "superseded", "resend", "void")
        return not (needs_next and day >= self.window.end - 1)

    def _plant(
        self, recipe: Recipe, shape: Shape, table: pa.Table, row: int, rows: list[int], day: int
    ) -> tuple[list[Special] | None, set[int]]:
        """The special rows of today, the listed one last, and the bulk rows they replace."""
        good = self._cells(shape, table, row)
        bad = dict(good.cells)
        if recipe.spelling:
            bad[recipe.column] = recipe.spelling(bad[recipe.column], self.generator)
        spoiled = Special(bad, good.cents, recipe.torn)
        if recipe.column == shape.amount_column and recipe.how == "broken":
            spoiled.cents = 0 if bad[recipe.column] == "-" else -good.cents
        if recipe.how == "respell":
            return ([spoiled], {row}) if bad != good.cells else (None, set())
        if recipe.how == "repeat":
            return [good, good], {row}
        if recipe.how == "resend":
            self._waiting[shape.table].append(good)
            return [good], {row}
        if recipe.how == "extra":
            bad[shape.key[0]] += "X"
            return [spoiled], set()
        if recipe.how == "double":
            return self._double(shape, table, row, rows)
        if recipe.how == "void":
            return self._void(shape, good, day), set()
        if recipe.how == "superseded":
            if recipe.expected == "not_finding":
                bad["source_updated_at"] = f"{day_from_number(day):%Y%m%d}000100"
            if bad == good.cells:
                return None, set()
        self._waiting[shape.table].append(good)
        return [spoiled], {row}

    def _void(self, shape: Shape, good: Special, day: int) -> list[Special]:
        first, second = dict(good.cells), dict(good.cells)
        for cells in (first, second):
            cells[shape.key[0]] += "V"
            if "dead_id" in cells:
                cells["dead_id"] += "V"
        second["valid_flag"] = "0"
        second["source_updated_at"] = f"{day_from_number(day + 1):%Y%m%d}235900"
        self._waiting[shape.table].append(Special(second, good.cents))
        return [Special(first, good.cents)]

    def _double(
        self, shape: Shape, table: pa.Table, row: int, rows: list[int]
    ) -> tuple[list[Special] | None, set[int]]:
        """The line of one household is paid to another of the same county and size, which so is paid twice for the month."""
        first = self._cells(shape, table, row)
        for other in rows:
            second = self._cells(shape, table, other)
            same = ("programme_code", "operating_org_code", "covered_persons", "benefit_month")
            alike = all(first.cells[name] == second.cells[name] for name in same)
            if (
                alike
                and first.cells["beneficiary_id"] != second.cells["beneficiary_id"]
                and second.cells["bank_status"] == "1"
            ):
                cells = dict(second.cells)
                for name in ("beneficiary_id", "name", "id_no", "account_no", "domicile_code"):
                    cells[name] = first.cells[name]
                return [first, Special(cells, second.cents)], {row, other}
        return None, set()

    @staticmethod
    def _cells(shape: Shape, table: pa.Table, row: int) -> Special:
        cells = {name: table[name][row].as_py() for name in shape.columns}
        amount = cells.get(shape.amount_column or "", "")
        return Special(cells, int(amount.replace(".", "")) if amount else 0)

    def _content(
        self, shape: Shape, table: pa.Table, day: int, first_line: int, specials: list[Special],
        listed: list[tuple[Recipe, int, Special]], notes: list[tuple[Recipe, int]], gone: set[int],
    ) -> Content:  # fmt: skip
        keep = np.ones(table.num_rows, bool)
        keep[list(gone)] = False
        bulk = table.select(shape.columns)
        position = int(keep.sum()) // 2
        if gone:
            bulk = bulk.filter(pa.array(keep))
        content = Content(bulk, specials, position)
        places = {id(special): index for index, special in enumerate(specials)}
        for recipe, _, special in listed:
            line = content.line_of_special(places[id(special)], first_line)
            self._list(recipe.kind, shape, day, line, special.cells, recipe.expected)
        for recipe, row in notes:
            if row in gone:
                continue
            line = content.line_of_row(int(keep[:row].sum()), first_line)
            self._list(recipe.kind, shape, day, line, self._cells(shape, table, row).cells, recipe.expected)
        if "_mark" in table.column_names:
            self._list_findings(shape, table, day, content, keep, first_line)
        return content

    def _list_findings(
        self, shape: Shape, table: pa.Table, day: int, content: Content, keep: np.ndarray, first_line: int
    ) -> None:
        """List every line paid after death; no recipe touches those."""
        for row in np.flatnonzero(pc.match_substring(table["_mark"], " finding").to_numpy(zero_copy_only=False)):
            kind, expected = table["_mark"][int(row)].as_py().split(" ")
            line = content.line_of_row(int(keep[:row].sum()), first_line)
            self._list(kind, shape, day, line, self._cells(shape, table, int(row)).cells, expected)

    def _list(
        self, kind: str, shape: Shape, day: int, line: int, cells: dict[str, str], expected: str, nn: int = 1
    ) -> None:
        key = "|".join(cells[name] for name in shape.key)
        date = day_from_number(day).isoformat()
        self.planted.append(Planted(kind, shape.system, date, f"{nn:02d}", shape.table, line, key, expected))

    def list_file(self, kind: str, shape: Shape, day: int, expected: str = "not_finding") -> None:
        """List a property of a whole file: its first line."""
        date = day_from_number(day).isoformat()
        self.planted.append(Planted(kind, shape.system, date, "01", shape.table, 1, "", expected))

    def wrong_first_export(self, shape: Shape, content: Content, day: int, first_line: int) -> Content | None:
        """What a first export held before it was corrected: one row too few, and one with another value; listed as replaced.

        Returns: None where there are too few rows to tell the difference.
        """
        table = content.table
        if table.num_rows < 3:
            return None
        changed = self._cells(shape, table, table.num_rows - 1)
        column = {
            "payment_detail": "bank_status",
            "cremation_record": "status",
            "marriage_registration": "check_code",
        }.get(shape.table, "operating_org_code")
        changed.cells[column] = {"bank_status": "0", "status": "1", "check_code": "3"}.get(column, "410800")
        wrong = Content(table.slice(1, table.num_rows - 2), [changed], table.num_rows - 2)
        kind = "DD26" if shape.table == "payment_detail" else "REEXPORT"
        self._list(kind, shape, day, wrong.line_of_special(0, first_line), changed.cells, "replaced")
        return wrong

    def late_deaths(self, shape: Shape, table: pa.Table, content: Content, day: int, first_line: int) -> None:
        """List deaths reported 30 days late or more (DD24), one a day at most."""
        dates = content.table["death_date"]
        limit = day_from_number(day - 30).isoformat()
        late = np.flatnonzero(pc.less(dates, limit).to_numpy(zero_copy_only=False))
        if len(late):
            row = int(late[0])
            cells = self._cells(shape, content.table, row).cells
            self._list("DD24", shape, day, content.line_of_row(row, first_line), cells, "not_finding")
