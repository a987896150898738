"""What the demo shows at its end: the publication, the figures it reproduces, the ranking and where to go next."""

from pathlib import Path

from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from warehouse import database, pipeline
from warehouse.errors import WarehouseError
from warehouse.settings import Settings

PAGES = {"bulletin": "bulletin", "quality": "quality report"}


class FiguresDiffer(WarehouseError):
    """The publication does not reproduce the figures the city was made from."""


def show(console: Console, figures: Path, configured: Settings) -> None:
    """Print the result of a demo.

    Raises: FiguresDiffer, after printing, when a figure is not reproduced.
    """
    with database.connect("bi_reader", autocommit=True) as connection:
        connection.row_factory = dict_row
        publication = connection.execute("select * from mart.publication where is_current").fetchone()
        ranking = connection.execute(
            "select * from mart.cremation_ranking where grain = 'month' and period ="
            " (select max(period) from mart.cremation_ranking where grain = 'month' and state = 'value')"
            " order by shown_order"
        ).fetchall()
    compared = [comparison for comparison in pipeline.figures(figures) if comparison.equal is not None]
    equal = sum(comparison.equal for comparison in compared)
    if ranking:
        console.print(ranking_table(ranking))
    as_of = ", ".join(f"{system} {day}" for system, day in sorted(publication["as_of"].items()))
    pages = sorted((configured.reports_folder / str(publication["publication_id"])).glob("*.html"))
    rows = (
        (
            "publication",
            f"{publication['publication_id']} (complete up to: {as_of}; gate: {publication['gate_result']})",
        ),
        ("figures", f"{equal} of {len(compared)} reproduced (warehouse figures --against {figures} lists them)"),
        *((PAGES.get(page.name.partition(".")[0], "page"), str(page)) for page in pages),
        ("Airflow", "make up starts it and tells address, user and password"),
        ("stop", "make down (PostgreSQL still runs); make clean removes all the demo wrote"),
    )
    for name, text in rows:  # no table: it would break paths that are to be copied
        console.print(f"[bold]{name:<15}[/]", end="")
        console.print(text, markup=False, soft_wrap=True)
    if equal != len(compared):
        raise FiguresDiffer(f"{len(compared) - equal} of {len(compared)} figures differ from {figures}")


def ranking_table(ranking: list[dict]) -> Table:
    """The cremation ranking of a month as readers get it; rates in percent, half up, two decimals."""
    table = Table(title=f"火化率排名 · Cremation ranking {ranking[0]['period']}", title_justify="left")
    for name, side in (("rank", "right"), ("county", "left"), ("rate %", "right"), ("change", "right")):
        table.add_column(name, justify=side)
    for row in ranking:
        table.add_row(
            str(row["rank"] or "–"),
            f"{row['name_zh']} {row['name_en']}",
            shown(row["rate_percent"]),
            shown(row["change_points"], sign=True),
        )
    return table


def shown(value, *, sign: bool = False) -> str:
    """A percentage as printed; an en dash where there is none."""
    from decimal import ROUND_HALF_UP, Decimal

    if value is None:
        return "–"
    rounded = Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{rounded:+}" if sign else str(rounded)
