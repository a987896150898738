"""What funeral homes record: bodies received, cremations, and the register of cemeteries."""

import numpy as np
import pyarrow as pa

from scripts.synthetic_city import texts
from scripts.synthetic_city.daily import DailyTable, office
from scripts.synthetic_city.deaths import OUTSIDE, Deaths, DeathWriter, merge
from scripts.synthetic_city.geography import Geography
from scripts.synthetic_city.people import Register
from scripts.synthetic_city.rates import FACILITY_KINDS
from scripts.synthetic_city.shapes import Shape
from scripts.synthetic_city.texts import NO_DAY
from scripts.synthetic_city.window import Window

HOME = "7701"  # suffix of a funeral home's code


def receptions_and_cremations(
    writer: DeathWriter, shapes: dict[str, Shape], dead: Deaths, start: np.ndarray, outside: Deaths, kept: Deaths,
    register: Register, changed_on: int,
) -> tuple[DailyTable, DailyTable]:  # fmt: skip
    """Tables deceased_reception and cremation_record.

    Args:
        dead, start: whom the figures count, and the day of cremation.
        outside: people of other cities, cremated here.
        kept: people received and not cremated.
    """
    generator, window = writer.generator, writer.window
    everybody = merge(dead, outside, kept)
    count, cremated = len(everybody.person), len(dead.person) + len(outside.person)
    day = np.concatenate([start, np.minimum(outside.day + 2, window.end), np.full(len(kept.person), NO_DAY)])
    limit = np.where(day == NO_DAY, window.end, day)
    received = np.clip(everybody.day + generator.integers(0, 2, count), window.start, limit)
    person, has_id, rows = everybody.person, everybody.has_id, np.arange(count)
    nameless = ~has_id & (everybody.unit == writer.geography.no_county)
    unit = np.where(everybody.unit == OUTSIDE, writer.geography.no_county, everybody.unit)
    seconds = generator.integers(6 * 3600, 11 * 3600, count)
    has_reception = ~(nameless & (rows % 4 == 0))  # some bodies are cremated without a reception on record
    reception = {
        "dead_id": texts.padded("SZ", rows + 1, 8),
        "nameless_flag": texts.where(nameless, "1", "0"),
        "name": texts.where(nameless, "", register.names.take(pa.array(person))),
        "sex": texts.where(register.male[person], "1", "2"),
        "card_type": texts.where(has_id, "0", ""),
        "id_no": texts.where(has_id, register.numbers.take(pa.array(person)), ""),
        "birth_date": texts.days(np.where(nameless, NO_DAY, register.birth[person])),
        "ethnic": texts.where((person * 7919) % 1000 < 15, "03", "01"),
        "local_flag": texts.where(everybody.unit == OUTSIDE, "0", "1"),
        "hukou_code": writer.hukou(everybody, rows, changed_on),
        "death_date": texts.days(np.minimum(everybody.day, received)),
        "death_cause": texts.pick(["01", "02", "03", "04", "07"], np.minimum(generator.geometric(0.5, count) - 1, 4)),
        "death_cert_no": texts.where(has_id, texts.padded("41", person, 10), ""),
        "receive_time": texts.times(received, seconds),
        "preferential_type": texts.pick(["", "1", "2", "3"], np.minimum(generator.geometric(0.7, count) - 1, 3)),
        "org_code": office(writer.geography.counties, unit, HOME),
        "operating_org_code": office(writer.geography.counties, unit, "7700"),
        "source_updated_at": texts.stamps(received, 57_600 + rows % 20_000),
    }
    reception = {name: column.filter(pa.array(has_reception)) for name, column in reception.items()}
    received_table = DailyTable(shapes["deceased_reception"], received[has_reception], reception)
    return received_table, _cremations(
        writer, shapes["cremation_record"], rows[:cremated], unit[:cremated], day[:cremated]
    )


def _cremations(writer: DeathWriter, shape: Shape, dead: np.ndarray, unit: np.ndarray, day: np.ndarray) -> DailyTable:
    """One completed cremation each, and what must not count: earlier states, second entries, special objects, cancelled ones."""
    generator, end = writer.generator, writer.window.end
    count = len(dead)
    dispatched = np.flatnonzero((generator.random(count) < 0.02) & (day < end))
    second = np.flatnonzero((generator.random(count) < 0.003) & (day < end))
    special = np.flatnonzero(generator.random(count) < 0.01)
    cancelled = np.flatnonzero(generator.random(count) < 0.004)
    if count >= 12:  # a small city has one of each, too
        dispatched, second, special, cancelled = (
            rows if len(rows) else np.flatnonzero(day < end)[position : position + 1]
            for position, rows in enumerate((dispatched, second, special, cancelled))
        )
    rows = np.concatenate([np.arange(count), dispatched, second, special, cancelled])
    kind = np.repeat(np.arange(5), [count, len(dispatched), len(second), len(special), len(cancelled)])
    number = np.arange(count)[rows]
    fresh = kind >= 2
    number = np.where(fresh, count + np.cumsum(fresh) - 1, number)
    at = day[rows] + (kind == 2)
    delivered = np.minimum(at + np.isin(rows, dispatched) * (kind == 0), end)
    start = generator.integers(6 * 3600, 17 * 3600, count)[rows]
    due = 80_000 + generator.integers(0, 60, count)[rows] * 1_000
    waived = np.where(generator.random(count)[rows] < 0.3, due // 2, 0)
    columns = {
        "cremation_id": texts.padded("HH", number + 1, 8),
        "dead_id": texts.where(kind == 3, texts.padded("TS", rows + 1, 8), texts.padded("SZ", dead[rows] + 1, 8)),
        "cremation_type": texts.where(kind == 3, "1", "0"),
        "start_time": texts.times(at, start),
        "end_time": texts.times(np.where(np.isin(kind, (1, 4)), NO_DAY, at), np.minimum(start + 4_200, 86_399)),
        "status": texts.pick(["2", "1", "2", "2", "3"], kind),
        "fee_due": texts.money(due), "fee_waived": texts.money(waived), "fee_paid": texts.money(due - waived),
        "org_code": office(writer.geography.counties, unit[rows], HOME),
        "operating_org_code": office(writer.geography.counties, unit[rows], "7700"),
        "source_updated_at": texts.stamps(delivered, np.where(kind == 1, 43_200, 64_800) + rows % 18_000),
    }  # fmt: skip
    return DailyTable(shape, delivered, columns)


class Facilities:
    """Snapshots of the facility register: cemeteries as planned, and what is in no figure."""

    def __init__(self, shape: Shape, window: Window, geography: Geography, plan: np.ndarray) -> None:
        self.shape, self.window, self.geography, self.plan = shape, window, geography, plan

    def rows(self, month: int) -> pa.Table:
        """The register at the end of a month, one row for each facility and year (last year's rows are kept)."""
        year = self.window.months[month][0]
        records = []
        counts = self.plan[:, :, month]
        for unit in range(self.geography.no_county):
            for facility_type in ("02", "04"):
                kinds = [i for i, kind in enumerate(FACILITY_KINDS) if kind[0] == facility_type]
                position = 0
                for kind in kinds:
                    for _ in range(int(counts[kind, unit])):
                        records.append(
                            (unit, facility_type, "1" if facility_type == "04" else "0", FACILITY_KINDS[kind], position)
                        )
                        position += 1
            records.append((unit, "01", "0", ("01", 0, 1), 0))
            records.append((unit, "04", "0", ("04", 0, 1), 500))  # a village's own: no demonstration cemetery
            records.append((unit, "03", "0", ("03", 0, 1 if unit % 2 else 0), 0))
        return pa.Table.from_pylist(
            [self._record(*record, year, month) for record in records]
            + [self._record(*record, year - 1, month) for record in records[::5]],
            schema=pa.schema([(name, pa.string()) for name in self.shape.columns]),
        )

    def _record(self, unit: int, kind: str, demo: str, plan: tuple, position: int, year: int, month: int) -> dict:
        county = self.geography.counties[unit]
        first, count = self.geography.place_range
        place = self.geography.places[first[unit] + position % count[unit]]
        name = {"01": "殡仪馆", "02": "城市公益性公墓", "03": "陵园", "04": "农村公益性公墓"}[kind]
        built = bool(plan[2])
        day = texts.days(self.window.month_last[month : month + 1], "%Y%m%d")[0].as_py()
        return {
            "facility_code": f"{county}{kind}{position + 1:04d}", "year": str(year), "facility_type": kind,
            "township_demo_flag": demo, "name": f"{county}{name}{position + 1}号",
            "division_code": place.code + "000", "status": "0" if built else "4", "approval_date": "2018-03-12",
            "built_date": f"20{19 + position % 2}-0{position % 9 + 1}-15" if built else "", "planned_flag": str(plan[1]),
            "plots_planned": str(2_000 + position * 40), "plots_used": str(150 + position * 7 + month), "inspection": "1",
            "valid_flag": "1", "operating_org_code": county + "7700", "source_updated_at": f"{day}173000",
        }  # fmt: skip
