"""Send every business date: tables with their dirt, deliveries, re-exports, and the list of what was planted."""

import csv
from collections.abc import Callable
from dataclasses import astuple, fields
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from scripts.synthetic_city.city import City
from scripts.synthetic_city.delivery import SHEET_HEADER_ROW, Content, DeliveryWriter, Style, draw_style
from scripts.synthetic_city.dirt import LARGE, Dirt, Planted
from scripts.synthetic_city.shapes import Shape
from scripts.synthetic_city.window import day_from_number

REEXPORTED = (
    "payment_detail", "death_notice", "marriage_registration", "cremation_record", "deceased_reception", "household_register",
    "temporary_aid",
)  # fmt: skip
File = tuple[Shape, str, Content, Style]


class Sender:
    """Writes the deliveries of a city day by day."""

    def __init__(self, city: City, out: Path) -> None:
        self.city, self.out, self.window = city, out, city.window
        self.writer = DeliveryWriter(out)
        self.dirt = Dirt(city.window, city.generator("dirt"), large=len(city.lines["day"]) > LARGE)
        self.style = city.generator("style")
        self.arrivals: list[tuple[str, str, str, str]] = []
        self._noted: dict[str, int] = {}
        self._plan_arrivals(city.generator("arrivals"))

    def _plan_arrivals(self, generator: np.random.Generator) -> None:
        """Late deliveries, pairs that arrive in reverse, and re-exports: some in every month."""
        systems = sorted({shape.system for shape in self.city.shapes.values() if shape.table in REEXPORTED})
        self.late: dict[tuple[str, int], int] = {}
        self.swapped: set[tuple[str, int]] = set()
        self.reexports: list[tuple[int, str]] = []
        for month, (first, last) in enumerate(zip(self.window.month_first, self.window.month_last, strict=True)):
            if last - first < 8:
                continue
            system = systems[month % len(systems)]
            self.late[system, int(first + generator.integers(1, 4))] = int(generator.integers(2, 6))
            other = systems[(month + 1) % len(systems)]
            self.swapped.add((other, int(first + generator.integers(5, last - first - 1))))
            for turn in range(2):
                table = REEXPORTED[(2 * month + turn) % len(REEXPORTED)]
                self.reexports.append((int(first + generator.integers(0, last - first)), table))

    def send_day(self, day: int) -> None:
        """All deliveries of one business date."""
        deliveries: dict[str, list[File]] = {}
        replaced: dict[str, list[tuple[int, File]]] = {}
        for shape, mode, table in self.city.tables(day):
            first_line = SHEET_HEADER_ROW + 1 if shape.format == "xlsx" else 2
            content = self.dirt.spoil(shape, table, day, mode == "snapshot", first_line)
            style = draw_style(shape, self.style)
            if shape.table == "death_notice":
                self.dirt.late_deaths(shape, table, content, day, first_line)
            self._note_file(shape, style, day)
            file = (shape, mode, content, style)
            files = deliveries.setdefault(shape.system, [])
            files.append(file)
            due = [entry for entry in self.reexports if entry[0] <= day and entry[1] == shape.table]
            if due and day < self.window.end and not content.specials:
                wrong = self.dirt.wrong_first_export(shape, content, day, first_line)
                if wrong is not None:
                    self.reexports.remove(due[0])
                    replaced.setdefault(shape.system, []).append((len(files) - 1, (shape, mode, wrong, style)))
        for minute, (system, files) in enumerate(sorted(deliveries.items())):
            exported = self._exported(system, day, minute)
            corrected = replaced.get(system, [])
            first = list(files)
            for index, file in corrected:
                first[index] = file
            self.writer.write(system, day, 1, first, exported)
            if corrected:
                self.writer.write(
                    system, day, 2, [files[index] for index, _ in corrected], exported + timedelta(hours=15)
                )

    def _exported(self, system: str, day: int, minute: int) -> datetime:
        date = day_from_number(day)
        on_time = datetime(date.year, date.month, date.day) + timedelta(days=1, minutes=30 + minute)  # noqa: DTZ001 – Shanghai
        days_late, kind = self.late.get((system, day), 0), "LATE"
        if (system, day) in self.swapped:
            days_late, kind = 2, "ORDER"
        if not days_late:
            return on_time
        arrives = on_time + timedelta(days=days_late, hours=1)
        self.dirt.planted.append(Planted(kind, system, date.isoformat(), "01", "", "", "", "not_finding"))
        self.arrivals.append((system, date.isoformat(), "01", arrives.date().isoformat()))
        return arrives

    def _note_file(self, shape: Shape, style: Style, day: int) -> None:
        """List what is odd about a whole file, each kind once a fortnight at most."""
        odd = {
            "DD01": style.encoding == "utf-8-sig" and shape.format != "xlsx",
            "DD03": shape.format == "xlsx" and style.total_row,
            "DD04": shape.format == "zip" and style.nested,
            "DD30": shape.format == "csv" and dict(style.headers) != shape.headers,
        }
        for kind, is_so in odd.items():
            if is_so and day - self._noted.get(kind, -99) > 14:
                self._noted[kind] = day
                self.dirt.list_file(kind, shape, day)

    def write_lists(self) -> None:
        """planted.csv and arrivals.csv beside the deliveries."""
        names = [field.name for field in fields(Planted)]
        rows = [astuple(planted) for planted in self.dirt.planted]
        _write(self.out / "planted.csv", names, rows)
        _write(self.out / "arrivals.csv", ["system", "business_date", "nn", "arrives_on"], self.arrivals)


def send(city: City, out: Path, progress: Callable[[str], None]) -> DeliveryWriter:
    """Write all deliveries of a city, and the lists of what was planted in them."""
    sender = Sender(city, out)
    month = None
    for day in range(city.window.start, city.window.end + 1):
        date = day_from_number(day)
        if (date.year, date.month) != month:
            month = (date.year, date.month)
            progress(f"writing {date:%Y-%m}")
        sender.send_day(day)
    sender.write_lists()
    return sender.writer


def _write(path: Path, names: list[str], rows: list[tuple]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *rows])
