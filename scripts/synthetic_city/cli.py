"""Command line of the synthetic city, and the function `warehouse synth` calls."""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from scripts.synthetic_city.figures import FiguresError

EXAMPLE = (
    "example: python -m scripts.synthetic_city --figures tests/fixtures/figures.csv --seed 1 "
    "--from 2021-01-01 --to 2022-01-31 --out var/landing"
)


def generate(
    figures: Path, seed: int, first_day: date, last_day: date, out: Path, progress: Callable[[str], None] = print
) -> None:
    """Write the deliveries of a city whose exports add up to a file of figures.

    Args:
        figures: file with the columns of figures.csv.
        seed: another seed is another city with the same figures.
        first_day, last_day: business dates, both included.
        out: landing folder; must not hold deliveries yet.
        progress: called with a line of text at every step.
    Raises: FiguresError, when the figures cannot be met; FileExistsError, when `out` holds something.
    """
    from scripts.synthetic_city.checks import check_constraints
    from scripts.synthetic_city.city import City
    from scripts.synthetic_city.figures import read_figures
    from scripts.synthetic_city.geography import Geography
    from scripts.synthetic_city.plan import SUPPORTED
    from scripts.synthetic_city.sending import send
    from scripts.synthetic_city.shapes import read_shapes
    from scripts.synthetic_city.window import Window

    started = time.monotonic()
    window = Window(first_day, last_day)
    rows = read_figures(figures, window)
    check_constraints(rows, Geography(), figures.name)
    skipped = sorted({row.indicator for row in rows} - SUPPORTED)
    if skipped:
        progress(f"not generated yet, their figures are skipped: {' '.join(skipped)}")
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; choose another folder or remove it")
    city = City(rows, window, seed, read_shapes(), progress)
    written = send(city, out, progress)
    progress(
        f"{written.files:,} files, {written.records:,} records, {written.bytes / 1e6:,.0f} MB in {time.monotonic() - started:.0f} s: {out}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when the city is written, 2 when the call or the figures make it impossible."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.synthetic_city", description=generate.__doc__.splitlines()[0], epilog=EXAMPLE
    )
    parser.add_argument("--figures", type=Path, required=True, help="file with the columns of figures.csv")
    parser.add_argument("--seed", type=int, required=True, help="whole number; same seed, same bytes")
    parser.add_argument(
        "--from", dest="first", type=date.fromisoformat, required=True, help="first business date, YYYY-MM-DD"
    )
    parser.add_argument(
        "--to", dest="last", type=date.fromisoformat, required=True, help="last business date, YYYY-MM-DD"
    )
    parser.add_argument("--out", type=Path, required=True, help="landing folder to write, empty or not there yet")
    options = parser.parse_args(arguments)
    if options.first > options.last:
        parser.error(f"--from {options.first} is after --to {options.last}")
    try:
        generate(options.figures, options.seed, options.first, options.last, options.out)
    except (FiguresError, FileNotFoundError, FileExistsError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
