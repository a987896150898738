"""Small cities for tests that run the whole flow: a few days with no figure to meet, and the city of figures_small.csv."""

import csv
import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from scripts.synthetic_city.cli import generate
from warehouse.settings import PROJECT

FIGURES = PROJECT / "tests" / "fixtures" / "figures_small.csv"
FIRST, LAST = date(2021, 10, 1), date(2022, 1, 31)  # hold every period of figures_small.csv
# after every deadline of every city here, so that no state depends on when a test runs
AFTERWARDS = "2022-02-01T13:00:00+08:00"


def tiny_city(out: Path, first: date = date(2022, 1, 20), last: date = date(2022, 1, 31), seed: int = 1) -> Path:
    """Write the deliveries of a few days up to a month's end: late ones, re-exports and every dirt of a month included."""
    figures = out.parent / "no_figures.csv"
    figures.parent.mkdir(parents=True, exist_ok=True)
    figures.write_text(FIGURES.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    generate(figures, seed, first, last, out, progress=lambda _: None)
    return out


def small_city(out: Path, seed: int = 1) -> Path:
    """Write four months that add up to figures_small.csv."""
    generate(FIGURES, seed, FIRST, LAST, out, progress=lambda _: None)
    return out


def delivery_folders(city: Path) -> list[Path]:
    """The deliveries of a city as paths relative to it, in the order of their business dates."""
    folders = [manifest.parent.relative_to(city) for manifest in city.glob("*/*/*/_MANIFEST.csv")]
    return sorted(folders, key=lambda folder: (folder.parts[1], folder.parts[0], folder.parts[2]))


def land(city: Path, folders: Iterable[Path], landing: Path) -> None:
    """Copy deliveries into a landing folder; landing one again replaces it."""
    for folder in folders:
        shutil.copytree(city / folder, landing / folder, dirs_exist_ok=True)


def planted(city: Path) -> list[dict[str, str]]:
    """The rows of planted.csv."""
    with (city / "planted.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
