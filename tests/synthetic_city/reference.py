"""An independent reading of deliveries, written from the delivery rules and not from the generator's code.

`Landing(folder)` reads every table in force, leaves out what is to be quarantined, keeps the newest row of a key, and
`indicator(...)` counts by the definitions of the indicator catalogue. Small and slow on purpose.
"""

import csv
import hashlib
import io
import re
import unicodedata
import zipfile
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path

import openpyxl
import pandas as pd
import yaml

PROJECT = Path(__file__).resolve().parents[2]
COUNTIES = [
    "410802",
    "410803",
    "410804",
    "410811",
    "410821",
    "410822",
    "410823",
    "410825",
    "410871",
    "410882",
    "410883",
]
CONTRACTS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (PROJECT / "contracts").glob("*/*.yml")
}
CODES = defaultdict(dict)
with (PROJECT / "contracts/code_lists.csv").open(encoding="utf-8") as file:
    for row in csv.DictReader(file):
        CODES[row["list"]][row["code"]] = row["label_zh"]
OLD_CODES = {"410823202": "410823108"} | {
    f"410811{s}": f"410871{s}" for s in ("060", "061", "062", "100", "101", "203")
}
NULLS = {"", "NULL", "-", "无", "不详"}


def decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def csv_records(text: str) -> list[tuple[int, list[str]]]:
    """(physical line the record starts on, cells) of every record; line 1 is the header."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records, line = [], 1
    for cells in reader:
        records.append((line, cells))
        line = reader.line_num + 1
    return records


def file_records(path: Path, data: bytes, contract: dict) -> list[tuple[int, list[str]]]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (entry,) = archive.infolist()
            return csv_records(decode(archive.read(entry)))
    if path.suffix == ".csv":
        return csv_records(decode(data))
    sheet = openpyxl.load_workbook(io.BytesIO(data), read_only=True).active
    rows = [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    width = len(contract["columns"])
    records = []
    for number, cells in enumerate(rows[2:], 3):
        if cells[0].startswith("制表人") or cells[0] == "合计":
            continue
        records.append((number, (cells + [""] * width)[:width]))
    return records


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    return str(value)


def bind(header: list[str], contract: dict) -> list[str]:
    """Column name of each header, by its name or a synonym, whatever the unit's brackets."""

    def bare(text: str) -> str:
        return re.sub("[(\uff08](元|万元)[)\uff09]$", "", text.strip())

    names = {}
    for name, column in contract["columns"].items():
        for text in [column["header"], *column.get("synonyms", [])]:
            names[bare(text)] = name
    return [names[bare(text)] for text in header]


def read_date(text: str) -> date | None:
    text = re.sub(r"[ T]00:00:00$", "", text.strip())
    for pattern in (
        r"(\d{4})-(\d{1,2})-(\d{1,2})",
        r"(\d{4})/(\d{1,2})/(\d{1,2})",
        r"(\d{4})(\d{2})(\d{2})",
        r"(\d{4})年(\d{1,2})月(\d{1,2})日",
    ):
        if match := re.fullmatch(pattern, text):
            try:
                return date(*map(int, match.groups()))
            except ValueError:
                return None
    if re.fullmatch(r"\d{5}", text):
        return date(1899, 12, 30) + timedelta(days=int(text))
    return None


def read_time(text: str) -> datetime | None:
    for pattern in ("%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
        try:
            return datetime.strptime(text.strip(), pattern)  # noqa: DTZ007 -- the senders' local time
        except ValueError:
            continue
    return None


def read_money(text: str) -> Decimal | None:
    text = unicodedata.normalize("NFKC", text).strip().replace(",", "").removesuffix("元")
    negative = re.fullmatch(r"\((.*)\)", text)
    try:
        value = Decimal(negative[1] if negative else text)
    except InvalidOperation:
        return None
    return -value if negative else value


def check_character(digits: str) -> str:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return "10X98765432"[sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11]


def normal_id(text: str) -> tuple[str, str]:
    """(number, status): valid, invalid, empty or lost."""
    text = unicodedata.normalize("NFKC", text).strip().upper()
    if text in NULLS:
        return "", "empty"
    if re.fullmatch(r"\d{15}", text):
        body = text[:6] + "19" + text[6:]
        text = body + check_character(body)
    if re.fullmatch(r"\d\.\d+E\+\d+", text):
        return text, "lost"
    if not re.fullmatch(r"\d{17}[\dX]", text):
        return text, "invalid"
    if check_character(text[:17]) != text[17]:
        return text, "lost" if text.endswith("000") else "invalid"
    born = read_date(text[6:14])
    return text, "valid" if born and born.year > 1850 else "invalid"


def division(text: str) -> str:
    """'county' code, 'city' for no county, 'elsewhere' for other cities."""
    text = text.strip()
    if text in NULLS or not re.fullmatch(r"\d{6}|\d{9}|\d{12}", text):
        return "city"
    code = OLD_CODES.get(text[:9], text)[:6]
    if code in COUNTIES:
        return code
    return "city" if code.startswith("4108") or code == "999999" else "elsewhere"


class Landing:
    """All deliveries of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = self._in_force()
        self._tables: dict[str, pd.DataFrame] = {}

    def manifests(self) -> list[tuple[Path, dict]]:
        entries = []
        for path in sorted(self.folder.glob("*/*/*/_MANIFEST.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                entries += [(path.parent, entry) for entry in csv.DictReader(file)]
        return entries

    def _in_force(self) -> dict[str, list[tuple[str, int, Path, dict]]]:
        best: dict[tuple[str, str], tuple[str, int, Path, dict]] = {}
        for folder, entry in self.manifests():
            key = (entry["table"], folder.parent.name)
            number = int(folder.name)
            if key not in best or number > best[key][1]:
                best[key] = (folder.parent.name, number, folder / entry["file_name"], entry)
        tables = defaultdict(list)
        for (table, _), value in sorted(best.items()):
            tables[table].append(value)
        return tables

    def frame(self, table: str) -> pd.DataFrame:
        """Every good row of the deliveries in force, with its business date, number and line."""
        if table not in self._tables:
            self._tables[table] = self._read(table)
        return self._tables[table]

    def _read(self, table: str) -> pd.DataFrame:
        contract = CONTRACTS[table]
        rows = []
        for day, number, path, entry in self.files[table]:
            records = file_records(path, path.read_bytes(), contract)
            columns = bind(records[0][1], contract)
            seen = set()
            exported = datetime.fromisoformat(entry["exported_at"]).date()
            limit = date.fromisoformat(day) if number == 1 else max(exported, date.fromisoformat(day))
            for line, cells in records[1:]:
                if len(cells) != len(columns) or tuple(cells) in seen:
                    continue
                seen.add(tuple(cells))
                row = self._typed(dict(zip(columns, cells, strict=True)), contract, limit)
                if row is not None:
                    rows.append(
                        row | {"_day": day, "_nn": number, "_line": line, "_snapshot": entry["mode"] == "snapshot"}
                    )
        return pd.DataFrame(
            rows,
            columns=[
                *contract["columns"],
                *(f"{c}_status" for c in contract["columns"]),
                "_day",
                "_nn",
                "_line",
                "_snapshot",
            ],
        )

    def _typed(self, cells: dict, contract: dict, limit: date) -> dict | None:
        row = {}
        for name, column in contract["columns"].items():
            value = self._value(cells[name], column, limit, row, name)
            if value is BROKEN or (value is None and column.get("required")):
                return None
            row[name] = value
            sign = column.get("sign")
            if sign and value is not None and value != 0 and (value < 0) != (row[sign["column"]] in sign["negative"]):
                return None
        return row

    def _value(self, text: str, column: dict, limit: date, row: dict, name: str) -> object:
        kind, required = column["type"], column.get("required")
        if required and ("\ufffd" in text or "锟斤拷" in text):
            return BROKEN
        if column.get("person") == "national_id":
            number, status = normal_id(text)
            row[f"{name}_status"] = status
            return BROKEN if status == "lost" else number or None
        if text.strip() in NULLS:
            return None
        if kind == "date":
            if column.get("open_ended") and text in ("9999-12-31", "99991231", "9999-99-99", "2099-12-31"):
                return None
            value = read_date(text)
            if (
                value is None
                or (column.get("event_day") and value > limit)
                or value.isoformat() in column.get("never", [])
            ):
                return BROKEN
            return value
        if kind == "timestamp":
            value = read_time(text)
            return BROKEN if value is None or (column.get("event_day") and value.date() > limit) else value
        if kind == "decimal":
            value = read_money(text)
            return BROKEN if value is None else value
        if kind in ("integer", "year"):
            return int(text) if re.fullmatch(r"-?\d+", text) else BROKEN
        if kind == "code":
            codes, text = CODES[column["code_list"]], text.strip()
            labels = {label: code for code, label in codes.items()}
            value = column.get("aliases", {}).get(text, labels.get(text, text))
            return value if value in codes else BROKEN if required else None
        if kind == "division":
            return division(text)
        return text.strip()

    def current(self, table: str) -> pd.DataFrame:
        """Increment tables: the newest row of each key, without voided ones."""
        frame = self.frame(table)
        key = CONTRACTS[table]["key"]
        order = [c for c in ("source_updated_at", "_day", "_nn", "_line") if c in frame.columns]
        newest = frame.sort_values(order, kind="stable").drop_duplicates(key, keep="last")
        return newest[newest["valid_flag"] == "1"] if "valid_flag" in frame.columns else newest

    def snapshot(self, table: str, day: date) -> pd.DataFrame:
        frame = self.frame(table)
        frame = frame[(frame["_day"] == day.isoformat()) & frame["_snapshot"]]
        frame = frame.drop_duplicates(CONTRACTS[table]["key"], keep="last")
        return frame[frame["valid_flag"] == "1"]


BROKEN = object()
DIBAO = {"DBC", "DBN", "TKC", "TKN"}
MONEY = {"A03M": {"DBC"}, "A04M": {"DBN"}, "A05M": {"TKC", "TKN", "TKH"}, "A07": {"ZH"}, "A08M": {"GE"}, "A09M": {"SW"},
         "A10M": {"GL"}, "A11M": {"CJ1", "CJ2"}, "A12": {"GE", "SW"}, "A02": DIBAO | {"TKH", "JB"}}  # fmt: skip
HEADS = {"A01": DIBAO, "A03P": {"DBC"}, "A04P": {"DBN"}, "A05P": {"TKC", "TKN"}}
PERSONS = {"A08N": {"GE"}, "A09N": {"SW"}, "A10N": {"GL"}, "A11N": {"CJ1", "CJ2"}}
CATEGORY = {"A14": "03", "A15": "05", "A16": "06", "A17": "07"}


class Reference:
    """Unrounded values of indicators, straight from the deliveries."""

    def __init__(self, folder: Path) -> None:
        self.landing = Landing(folder)
        self._prepared: dict[str, pd.DataFrame] = {}

    def value(self, indicator: str, first: date, last: date, place: str) -> Fraction:
        """`place` is a county's code or 410800."""
        if indicator in ("F01", "F02"):
            return Fraction(
                len(_within(self._deaths() if indicator == "F02" else self._cremations(), first, last, place))
            )
        if indicator == "F03":
            return 100 * self.value("F01", first, last, place) / self.value("F02", first, last, place)
        if indicator == "F04":
            rates = {county: _half_up(self.value("F03", first, last, county)) for county in COUNTIES}
            return Fraction(1 + sum(rate > rates[place] for rate in rates.values()))
        if indicator == "F05":
            before = first.year - 1
            return self.value("F03", first, last, place) - self.value(
                "F03", date(before, 1, 1), date(before, 12, 31), place
            )
        if indicator in ("F06", "F07", "F08"):
            return self._facilities(indicator, last, place)
        if indicator in ("C01", "C02", "C03"):
            frame = self._acts("marriage_registration")
            chosen = frame[(frame["op_type"] == ("IB" if indicator == "C02" else "IA")) & (frame["check_code"] == "1")]
            if indicator == "C03":
                chosen = chosen[chosen["cross_province_flag"] == "1"]
            return Fraction(len(_within(chosen, first, last, place)))
        if indicator == "C04":
            frame = self._acts("adoption_registration")
            return Fraction(len(_within(frame[frame["op_type"] == "1"], first, last, place)))
        if indicator == "C05":
            frame = self.landing.current("division_change")
            segment = [int(code[6:9]) if len(code) >= 9 else 0 for code in frame["pre_code"]]
            new = [int(code[6:9]) if len(code) >= 9 else 0 for code in frame["post_code"]]
            turned = [200 <= a <= 399 and 100 <= b <= 199 for a, b in zip(segment, new, strict=True)]
            frame = frame[(frame["change_type"] == "023") & pd.Series(turned, frame.index, dtype=bool)]
            return Fraction(
                len(
                    _within(
                        frame.assign(day=frame["effective_date"], place=frame["post_code"].str[:6]), first, last, place
                    )
                )
            )
        if indicator == "A13":
            frame = self.landing.current("vagrant_rescue")
            frame = frame.assign(
                day=[t.date() for t in frame["in_time"]], place=[division(c[:6]) for c in frame["station_code"]]
            )
            return Fraction(len(_within(frame, first, last, place)))
        if indicator in CATEGORY:
            frame = self.landing.snapshot("low_income_monitor", last)
            frame = frame[(frame["category"] == CATEGORY[indicator]) & _still_open(frame["exit_date"], last)]
            return Fraction(frame[_in_place(frame["hukou_code"], place)]["person_id"].nunique())
        if indicator == "K12":
            frame = self.landing.snapshot("child_welfare", last)
            frame = frame[(frame["child_kind"] == "05") & _still_open(frame["end_date"], last)]
            return Fraction(
                frame[_in_place(frame["operating_org_code"].str[:6].map(division), place)]["child_id"].nunique()
            )
        if indicator == "A18":
            frame = self.landing.snapshot("household_register", last)
            frame = frame[frame["assist_type"].isin(["01", "02", "03"]) & (frame["household_status"] == "1")]
            frame = frame[frame["residence_code"].isin(COUNTIES) & (frame["residence_code"] != frame["domicile_code"])]
            return Fraction(frame[_in_place(frame["residence_code"], place)]["household_id"].nunique())
        if indicator == "A19":
            heads = self.value("A03P", first, last, place) + self.value("A04P", first, last, place)
            return (self.value("A03M", first, last, place) + self.value("A04M", first, last, place)) / heads
        return self._payments(indicator, first, last, place)

    def _payments(self, indicator: str, first: date, last: date, place: str) -> Fraction:
        paid = self._prepare("payments", self._paid)
        aid = self._prepare("aid", self._aid)
        paid, aid = _within(paid, first, last, place), _within(aid, first, last, place)
        if indicator == "A06P":
            return Fraction(int(aid["persons"].sum()))
        if indicator == "A06M":
            return Fraction(sum(aid["amount"], Decimal(0)))
        if indicator in PERSONS:
            chosen = paid[paid["programme_code"].isin(PERSONS[indicator])]
            net = chosen.groupby("who")["total_amt"].sum() if len(chosen) else []
            return Fraction(sum(amount > 0 for amount in net))
        if indicator in HEADS:
            chosen = paid[paid["programme_code"].isin(HEADS[indicator])]
            return Fraction(int(chosen["heads"].sum()) + (int(aid["persons"].sum()) if indicator == "A01" else 0))
        chosen = paid[paid["programme_code"].isin(MONEY[indicator])]
        total = sum(chosen["total_amt"], Decimal(0))
        return Fraction(total + (sum(aid["amount"], Decimal(0)) if indicator == "A02" else 0))

    def _prepare(self, name: str, build: object) -> pd.DataFrame:
        if name not in self._prepared:
            self._prepared[name] = build()
        return self._prepared[name]

    def _paid(self) -> pd.DataFrame:
        frame = self.landing.current("payment_detail")
        frame = frame[frame["bank_status"] == "1"]
        sign = frame["pay_kind"].map({"1": 1, "2": 1, "5": 1, "3": -1, "4": 0})
        heads = frame["covered_persons"].fillna(1).astype(int) * frame["month_count"].astype(int) * sign
        who = frame["id_no"].where(frame["id_no_status"] == "valid", frame["beneficiary_id"])
        return frame.assign(day=frame["pay_date"], place=frame["domicile_code"], heads=heads, who=who)

    def _aid(self) -> pd.DataFrame:
        frame = self.landing.current("temporary_aid")
        frame = frame[frame["pay_date"].notna()]
        return frame.assign(day=frame["pay_date"], place=frame["hukou_code"])

    def _acts(self, table: str) -> pd.DataFrame:
        def build() -> pd.DataFrame:
            frame = self.landing.current(table)
            return frame.assign(day=frame["reg_date"], place=[division(code[:6]) for code in frame["office_code"]])

        return self._prepare(table, build)

    def _deaths(self) -> pd.DataFrame:
        def build() -> pd.DataFrame:
            frame = self.landing.current("death_notice")
            known = frame[frame["id_no_status"] == "valid"].sort_values(["source_sys", "death_date", "death_notice_id"])
            frame = pd.concat([known.drop_duplicates("id_no"), frame[frame["id_no_status"] != "valid"]])
            day = [
                d if p == "D" else d.replace(day=1) if p == "M" else d.replace(month=1, day=1)
                for d, p in zip(frame["death_date"], frame["death_date_precision"], strict=True)
            ]
            place = frame["hukou_code"].astype(object).where(frame["hukou_code"].notna(), "city")
            frame = frame.assign(day=day, place=place)
            return frame[frame["place"] != "elsewhere"]

        return self._prepare("deaths", build)

    def _cremations(self) -> pd.DataFrame:
        def build() -> pd.DataFrame:
            frame = self.landing.current("cremation_record")
            frame = frame[(frame["cremation_type"] == "0") & (frame["status"] == "2")]
            frame = frame.sort_values("start_time").drop_duplicates("dead_id")
            home = self.landing.current("deceased_reception").set_index("dead_id")["hukou_code"]
            place = frame["dead_id"].map(home).astype(object)
            frame = frame.assign(day=[t.date() for t in frame["start_time"]], place=place.where(place.notna(), "city"))
            return frame[frame["place"] != "elsewhere"]

        return self._prepare("cremations", build)

    def _facilities(self, indicator: str, last: date, place: str) -> Fraction:
        frame = self.landing.snapshot("facility_register", last)
        frame = frame[(frame["year"] == last.year) & _in_place(frame["division_code"], place)]
        urban = frame["facility_type"] == "02"
        rural = (frame["facility_type"] == "04") & (frame["township_demo_flag"] == "1")
        if indicator == "F08":
            planned = frame[(urban | rural) & (frame["planned_flag"] == "1")]
            return Fraction(100 * int((planned["status"] == "0").sum()), len(planned))
        return Fraction(int(((urban if indicator == "F06" else rural) & (frame["status"] == "0")).sum()))


def _still_open(ends: pd.Series, day: date) -> pd.Series:
    return pd.Series([end is None or pd.isna(end) or end > day for end in ends], index=ends.index, dtype=bool)


def _within(frame: pd.DataFrame, first: date, last: date, place: str) -> pd.DataFrame:
    inside = [first <= day <= last for day in frame["day"]]
    return frame[pd.Series(inside, index=frame.index, dtype=bool) & _in_place(frame["place"], place)]


def _in_place(column: pd.Series, place: str) -> pd.Series:
    return pd.Series(True, index=column.index) if place == "410800" else column == place


def _half_up(value: Fraction) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def reproduces(row: dict, value: Fraction) -> bool:
    """The rule of comparison: round(value / scale, decimals) equals the printed value, or at least it for >=."""
    scaled = value / Fraction(row["scale"])
    if row["comparison"] == ">=":
        return scaled >= Fraction(row["value"])
    unit = Decimal(1).scaleb(-int(row["decimals"]))
    rounded = (Decimal(scaled.numerator) / Decimal(scaled.denominator)).quantize(unit, ROUND_HALF_UP)
    return rounded == Decimal(row["value"])


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
