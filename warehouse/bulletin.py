"""The bulletin: the published indicators of one publication as static pages for readers, Chinese and English.

Everything comes from `mart.publication` and `mart_history.*`, read as `bi_reader`; the same publication gives the same
bytes. County figures are the cremation ranking alone; all else is told for the city as a whole.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from warehouse import charts, contracts, disclosure, pages, settings
from warehouse.disclosure import Cell
from warehouse.errors import UsageError

CITY = "410800"
MONTHS_SHOWN = 13  # a year and the same month of the year before
TEN_THOUSAND = Decimal(10_000)
# the programmes that A01 and A02 add up, in the order to show; TKH and JB bring money but no person-times to A01
RELIEF = ("DBC", "DBN", "TKC", "TKN", "TKH", "JB", "LS")
ALLOWANCES = ("ZH", "GL", "CJ1", "CJ2", "GE", "SW")
CHARTED = ("A01", "A02", "C01", "C02")
REGISTRATION = ("C01", "C02", "C03", "C04", "C05", "F02", "F01")


def write(publication_id: int, connection: psycopg.Connection) -> Path:
    """Write `bulletin.zh.html` and `bulletin.en.html` below `<reports>/<publication_id>/`, each whole or not at all.

    Args:
        connection: as bi_reader.
    Returns: the Chinese page.
    Raises: UsageError, when there is no such publication or its rows are no longer kept.
    """
    content = read(publication_id, connection)
    written = {
        language: pages.render("bulletin.html.j2", language, **_drawn(content, language))
        for language in pages.LANGUAGES
    }
    return pages.write(settings.get().reports_folder / str(publication_id), "bulletin", written)


def read(publication_id: int, connection: psycopg.Connection) -> dict:
    """What the bulletin tells, without words: publication, catalogue, periods, ranking, assistance, registration."""
    publication = _publication(connection, publication_id)
    catalogue = {
        row["indicator"]: {
            **row,
            "group": row["indicator"][0],
        }
        for row in _rows(connection, "indicator", publication_id, "order by position")
    }
    city = _city(connection, publication_id, catalogue)
    periods = _periods(connection, publication_id)
    return {
        "publication": publication,
        "catalogue": catalogue,
        "periods": periods,
        "ranking": _ranking(connection, publication_id, city, periods),
        "assistance": _assistance(connection, publication_id, city, periods),
        "registration": [_line(catalogue[code], city, periods) for code in REGISTRATION if code in catalogue],
        "groups": {
            group: [_line(entry, city, periods) for entry in entries]
            for group, entries in groupby(catalogue.values(), key=itemgetter("group"))
        },
        "months": [
            {
                "period": period,
                "cells": {code: _cell(city, code, period) for code in CHARTED},
            }
            for period in periods["months"]
        ],
        "sources_of": _systems_of(catalogue),
    }


def _publication(connection: psycopg.Connection, publication_id: int) -> dict:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("select * from mart.publication where publication_id = %s", (publication_id,)).fetchone()
    if row is None or row["published_at"] is None:
        raise UsageError(f"Publication {publication_id} has not been published; see: warehouse status")
    if row["dropped_at"] is not None:
        raise UsageError(f"The rows of publication {publication_id} are no longer kept; its bulletin cannot be written")
    return row


def _rows(
    connection: psycopg.Connection, mart: str, publication_id: int, more: str = "", *values: object
) -> list[dict]:
    with connection.cursor(row_factory=dict_row) as cursor:
        statement = f"select * from mart_history.{mart} where publication_id = %s {more}"  # noqa: S608 -- constants
        return cursor.execute(statement, (publication_id, *values)).fetchall()


def _city(connection: psycopg.Connection, publication_id: int, catalogue: Mapping) -> dict[tuple[str, str], Cell]:
    """{(indicator, period): cell} of the whole city, as far as it may be told."""
    found: dict[tuple[str, str], dict[str, Cell]] = {}
    for row in _rows(connection, "indicator_value", publication_id, "and division_code = %s", CITY):
        if (entry := catalogue.get(row["indicator"])) is not None:
            cells = found.setdefault((row["grain"], row["period"]), {})
            cells[row["indicator"]] = Cell(row["value"], row["state"], entry["decimals"])
    return {
        (indicator, period): cell
        for (grain, period), cells in found.items()
        for indicator, cell in disclosure.hide_in_period(cells, catalogue, grain).items()
    }


def _periods(connection: psycopg.Connection, publication_id: int) -> dict:
    """The newest month, quarter and year for which the city has any value, and the months up to it.

    A grain without any value is shown by its newest period, so that the page says why nothing is there.
    """
    found: dict[str, list[tuple[str, bool]]] = {}
    for grain, period, has_value in connection.execute(
        "select grain, period, bool_or(state = 'value') from mart_history.indicator_value"
        " where publication_id = %s and division_code = %s group by grain, period, period_start order by period_start",
        (publication_id, CITY),
    ):
        found.setdefault(grain, []).append((period, has_value))
    chosen: dict = {"months": [], "later_month": None}
    for grain in ("month", "quarter", "year"):
        names = [name for name, _ in found.get(grain, [])]
        with_value = [name for name, has_value in found.get(grain, []) if has_value]
        chosen[grain] = (with_value or names or [None])[-1]
        if grain == "month" and names:
            place = names.index(chosen[grain])
            chosen["months"] = names[max(0, place - MONTHS_SHOWN + 1) : place + 1]
            chosen["later_month"] = names[-1] if names[-1] != chosen[grain] else None
    chosen["month_before"] = _year_before(chosen["month"])
    return chosen


def _year_before(month: str | None) -> str | None:
    return f"{int(month[:4]) - 1}{month[4:]}" if month else None


def _cell(city: Mapping, indicator: str, period: str | None) -> Cell:
    return city.get((indicator, period), Cell(None, "absent"))


def _line(entry: Mapping, city: Mapping, periods: Mapping) -> dict:
    """One indicator of the city: newest month, the same month a year before, newest quarter and year."""
    shown = ("month", "month_before", "quarter", "year")
    return {"indicator": entry, "cells": {name: _cell(city, entry["indicator"], periods[name]) for name in shown}}


def _ranking(connection: psycopg.Connection, publication_id: int, city: Mapping, periods: Mapping) -> dict:
    """The county-level units in the order to show, and the city, for the newest month."""
    month = periods["month"]
    year_before = str(int(month[:4]) - 1) if month else None
    # the ranking has no value where there is none: why, the county's own indicators say
    why = {
        (row["indicator"], row["division_code"]): row["state"]
        for row in _rows(
            connection,
            "indicator_value",
            publication_id,
            "and ((indicator = 'F03' and period = %s) or (indicator = 'F05' and period = %s))",
            *(year_before, month),
        )
    }
    rows = []
    for row in _rows(
        connection,
        "cremation_ranking",
        publication_id,
        "and grain = 'month' and period = %s order by shown_order nulls last, division_code",
        month,
    ):

        def known(name: str, indicator: str, row: Mapping = row) -> Cell:
            state = why.get((indicator, row["division_code"]), "absent")
            return Cell(row[name], "value" if row[name] is not None else state, 2)

        rows.append(
            {
                **row,
                "rate": Cell(row["rate_percent"], row["state"], 2),
                "before": known("previous_year_rate_percent", "F03"),
                "change": known("change_points", "F05"),
                "counts": {name: _counted(row[name], row["state"]) for name in ("cremations", "deaths")},
            }
        )
    for row, counts in zip(rows, disclosure.hide_counts_of_rates([row["counts"] for row in rows]), strict=True):
        row["counts"] = counts
    total = {
        "rate": _cell(city, "F03", month),
        "before": _cell(city, "F03", year_before),
        "change": _cell(city, "F05", month),
        "counts": {"cremations": _cell(city, "F01", month), "deaths": _cell(city, "F02", month)},
    }
    return {"rows": rows, "city": total, "month": month, "year_before": year_before}


def _counted(value: int | None, state: str) -> Cell:
    """A count behind a rate: it is known where the rate is, and where only the rate is not defined."""
    return Cell(value, "value" if value is not None and state in ("value", "not_defined") else state)


def _assistance(connection: psycopg.Connection, publication_id: int, city: Mapping, periods: Mapping) -> list[dict]:
    """Person-times and money by programme: the newest month, then the newest year that is complete."""
    tables = []
    for grain, period in (("month", periods["month"]), ("year", periods["year"])):
        if period is None:
            continue
        total = {"person_times": _cell(city, "A01", period), "amount": _cell(city, "A02", period)}
        if not total["amount"].is_told:
            tables.append({"period": period, "total": total, "relief": [], "allowances": []})
            continue
        with connection.cursor(row_factory=dict_row) as cursor:
            found = {
                row["programme_code"]: row
                for row in cursor.execute(
                    "select programme_code, sum(person_times) as person_times, sum(amount_yuan) as amount_yuan"
                    " from mart_history.assistance_monthly"
                    " where publication_id = %s and division_code = %s and left(period, %s) = %s group by 1",
                    (publication_id, CITY, len(period), period),
                )
            }
        counted = {programme: Cell(row["person_times"]) for programme, row in found.items()}
        if grain == "month":
            parts = {code: _cell(city, code, period) for code in disclosure.INDICATOR_OF_PROGRAMME.values()}
            counted = disclosure.hide_programmes(counted, parts)
        lines = {
            programme: {
                "programme": programme,
                "person_times": counted[programme],
                "amount": Cell(row["amount_yuan"], decimals=2),
            }
            for programme, row in found.items()
        }
        tables.append(
            {
                "period": period,
                "total": total,
                "relief": [lines[programme] for programme in RELIEF if programme in lines],
                "allowances": [
                    lines[programme]
                    for programme in (*ALLOWANCES, *sorted(set(lines) - set(RELIEF) - set(ALLOWANCES)))
                    if programme in lines
                ],
            }
        )
    return tables


def _systems_of(catalogue: Mapping) -> dict[str, list[str]]:
    """Which systems the figures of a section come from, by the letter of its indicators."""
    known = contracts.load_all()
    found: dict[str, set[str]] = {}
    for entry in catalogue.values():
        found.setdefault(entry["group"], set()).update(
            known[name].system for name in entry["source_tables"] if name in known
        )
    return {letter: sorted(systems) for letter, systems in found.items()}


def _drawn(content: Mapping, language: str) -> dict:
    """The content with what depends on the language: charts, and gaps in words."""
    lang = pages.Speaker(language)
    return {
        **content,
        "gaps": pages.gaps_in_words(content["publication"]["gaps"], lang),
        "ranking_chart": _ranking_chart(content["ranking"], lang),
        "month_charts": {
            code: _month_chart(content["months"], code, TEN_THOUSAND if code.startswith("A") else Decimal(1), lang)
            for code in CHARTED
        },
    }


def _ranking_chart(ranking: Mapping, lang: pages.Speaker):
    if not ranking["rows"]:
        return None
    now, before = lang.period(ranking["month"]), lang.period(ranking["year_before"])
    bars = []
    for row in ranking["rows"]:
        for series, cell in ((now, row["rate"]), (before, row["before"])):
            label = lang.number(cell.value, 2) if cell.is_told else lang.label("state", cell.state)
            bars.append(charts.Bar(lang.pick(row), cell.value if cell.is_told else None, label, series))
    return charts.paired_bars(
        bars, now=now, before=before, unit="%", description=lang.say("chart.ranking", now=now, before=before)
    )


def _month_chart(months: Sequence[Mapping], indicator: str, divisor: Decimal, lang: pages.Speaker):
    if not months:
        return None
    bars = []
    for position, month in enumerate(months):
        cell = month["cells"][indicator].scaled(divisor, 2 if divisor > 1 else 0)
        label = lang.number(cell.value, cell.decimals) if cell.is_told else lang.label("state_short", cell.state)
        year, number = month["period"].split("-")
        # the year stands below its first month shown; that keeps thirteen months apart, too
        name = f"{int(number)}" + (f"|{year}" if position == 0 or number == "01" else "")
        bars.append(charts.Bar(name, cell.value if cell.is_told else None, label))
    title = lang.say(f"chart.{indicator}")
    return charts.columns(bars, title=title, description=lang.say("chart.months", title=title))
