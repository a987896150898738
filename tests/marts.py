"""Fills the schema `marts` as dbt does, with a small city whose figures agree with each other, for tests.

Eleven counties and the city, the months 2021-11 to 2022-01 with their quarters and years. Every number is made from the
county's position, so that a test can say what it must be.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import psycopg

from warehouse import database, publish
from warehouse.ledger import Gap, Readiness

CITY = "410800"
COUNTIES = (
    *("410802", "410803", "410804", "410811", "410821", "410822", "410823", "410825", "410871", "410882", "410883"),
)
DIVISIONS = (CITY, *COUNTIES)
PERIODS = {
    "month": {"2021-11": (11,), "2021-12": (12,), "2022-01": (13,)},
    "quarter": {"2021Q4": (11, 12), "2022Q1": (13,)},
    "year": {"2021": (11, 12), "2022": (13,)},
}
STARTS = {
    **{"2021-11": date(2021, 11, 1), "2021-12": date(2021, 12, 1), "2022-01": date(2022, 1, 1)},
    **{"2021Q4": date(2021, 10, 1), "2022Q1": date(2022, 1, 1), "2021": date(2021, 1, 1), "2022": date(2022, 1, 1)},
}
# basis of each indicator, and how many units one county counts in a month (times its position, 1 to 11)
FLOWS = {
    **{
        "F01": 2,
        "F02": 4,
        "A03P": 30,
        "A04P": 20,
        "A05P": 10,
        "A06P": 5,
        "A13": 1,
        "C01": 6,
        "C02": 2,
        "C03": 1,
        "C04": 1,
    },
    **{
        "A03M": 3000,
        "A04M": 2000,
        "A05M": 1000,
        "A06M": 500,
        "A07": 70,
        "A08M": 90,
        "A09M": 80,
        "A10M": 60,
        "A11M": 50,
    },
    "C05": 0,
}
DISTINCT = {"A08N": 3, "A09N": 4, "A10N": 5, "A11N": 6}
STOCKS = {"F06": 1, "F07": 2, "A14": 7, "A15": 8, "A16": 9, "A17": 10, "A18": 2}
PRICE_SUBSIDY = 100
PROGRAMMES = {"DBC": "A03", "DBN": "A04", "TKC": "A05", "LS": "A06"}
READY = Readiness(True, True, False, "every system is complete", {"assistance": date(2022, 1, 31)}, ())
TABLES = """
create schema if not exists marts;
create table marts.indicator (indicator text, name_zh text, name_en text, definition text, unit text, basis text,
    finest_geography text, source_tables text[], decimals integer, position integer);
create table marts.division (division_code text, name_zh text, name_en text, kind text, is_city boolean,
    position integer);
create table marts.indicator_value (indicator text, grain text, period text, period_start date, period_end date,
    division_code text, numerator numeric, denominator numeric, value numeric, state text);
create table marts.cremation_ranking (grain text, period text, period_start date, division_code text, name_zh text,
    name_en text, cremations bigint, deaths bigint, rate_percent numeric, rank integer,
    previous_year_rate_percent numeric, change_points numeric, shown_order integer, state text);
create table marts.assistance_monthly (period text, period_start date, programme_code text, division_code text,
    person_times bigint, amount_yuan numeric, payment_lines bigint, persons bigint);
"""


def ready(gaps: tuple[Gap, ...] = ()) -> Readiness:
    """A readiness with or without gaps."""
    return Readiness(True, True, bool(gaps), "for a test", READY.as_of, gaps)


def a_gap() -> Gap:
    """One missing table of a day."""
    return Gap(
        *("funeral", "cremation_record", date(2022, 1, 31), "missing", datetime(2022, 2, 1, 5, tzinfo=UTC), True)
    )


def finished_build() -> int:
    """A finished build in the ledger. Returns: its number."""
    with database.connect("builder") as connection:
        return connection.execute(
            "insert into audit.build (finished_at, full_refresh) values (clock_timestamp(), true) returning build_id"
        ).fetchone()[0]


def make_marts(factor: int = 1) -> None:
    """(Re)make `marts.*` with the small city; `factor` multiplies every count and amount: cities can be told apart."""
    with database.connect("builder") as connection:
        connection.execute("drop schema if exists marts cascade")
        connection.execute(TABLES)
        values = list(_values(factor))
        ranking = list(_ranking(values))  # writes the ranks into values, too
        _copy(connection, "indicator_value", values)
        _copy(connection, "cremation_ranking", ranking)
        _copy(connection, "assistance_monthly", _assistance(factor))
        _copy(
            connection,
            "division",
            ((code, "某地", "Somewhere", "县", code == CITY, i) for i, code in enumerate(DIVISIONS)),
        )
        _copy(
            connection,
            "indicator",
            (
                (name, "名称", "name", "what it counts", _unit(name), basis, "county", ["death_notice"], 2, i)
                for i, (name, basis) in enumerate(bases().items())
            ),
        )


def candidate(factor: int = 1, gaps: tuple[Gap, ...] = ()) -> int:
    """A frozen candidate publication of the small city. Returns: its number."""
    make_marts(factor)
    return publish.freeze(finished_build(), ready(gaps))


def bases() -> dict[str, str]:
    """{indicator: basis} of the small city."""
    return {
        **dict.fromkeys(FLOWS, "flow"),
        **dict.fromkeys(DISTINCT, "distinct"),
        **dict.fromkeys(STOCKS, "stock"),
        **{"A01": "flow", "A02": "flow", "A12": "flow", "F03": "ratio", "A19": "ratio", "F08": "ratio"},
        **{"F04": "rank", "F05": "difference"},
    }


def _unit(indicator: str) -> str:
    if indicator in ("F03", "F08"):
        return "%"
    return "元" if indicator.endswith("M") or indicator in ("A02", "A07", "A12") else "人"


def _values(factor: int) -> Iterator[tuple]:
    for grain, periods in PERIODS.items():
        for period, months in periods.items():
            start = STARTS[period]
            end = (start + timedelta(days={"month": 31, "quarter": 92, "year": 366}[grain])).replace(day=1) - timedelta(
                days=1
            )
            for division in DIVISIONS:
                for indicator, cell in _cell(division, factor, months).items():
                    yield indicator, grain, period, start, end, division, *cell


def _flow(division: str, factor: int, months: tuple[int, ...]) -> dict[str, Decimal]:
    if division == CITY:
        counties = [_flow(county, factor, months) for county in COUNTIES]
        return {name: sum(county[name] for county in counties) for name in counties[0]}
    weight = factor * (COUNTIES.index(division) + 1)
    flow = {name: Decimal(unit * weight * len(months)) for name, unit in FLOWS.items()}
    flow["F01"] = Decimal(weight * sum(months))  # so that the rate moves from month to month
    flow["F02"] = Decimal((weight * 20 + 7 * factor) * len(months))  # and from county to county
    flow["A01"] = flow["A03P"] + flow["A04P"] + flow["A05P"] + flow["A06P"]
    flow["A02"] = sum(flow[f"A0{n}M"] for n in "3456") + PRICE_SUBSIDY * weight * len(months)
    flow["A12"] = flow["A08M"] + flow["A09M"]
    return flow


def _cell(division: str, factor: int, months: tuple[int, ...]) -> dict[str, tuple]:
    flow = _flow(division, factor, months)
    weight = factor * (sum(range(1, 12)) if division == CITY else COUNTIES.index(division) + 1)
    cells = {name: (amount, None, amount, "value") for name, amount in flow.items()}
    for name, unit in {**DISTINCT, **STOCKS}.items():
        cells[name] = (Decimal(unit * weight), None, Decimal(unit * weight), "value")
    cells["F03"] = _ratio(flow["F01"], flow["F02"], 100)
    cells["F08"] = _ratio(Decimal(3 * weight), Decimal(4 * weight), 100)
    cells["A19"] = _ratio(flow["A03M"] + flow["A04M"], flow["A03P"] + flow["A04P"])
    cells["F04"] = cells["F05"] = (None, None, None, "not_defined")
    return cells


def _ratio(numerator: Decimal, denominator: Decimal, per: int = 1) -> tuple:
    return numerator, denominator, per * numerator / denominator, "value"


def _ranking(values: list[tuple]) -> Iterator[tuple]:
    """Ranks the rates of `values`, and writes them back into its F04 rows."""
    rates = {(*row[1:3], row[5]): row for row in values if row[0] == "F03" and row[5] != CITY}
    at = {(row[0], row[1], row[2], row[5]): number for number, row in enumerate(values)}
    for grain, periods in PERIODS.items():
        for period in periods:
            shown = {code: rates[grain, period, code][8].quantize(Decimal("0.01"), ROUND_HALF_UP) for code in COUNTIES}
            order = sorted(COUNTIES, key=lambda code: (-shown[code], code))
            for code in COUNTIES:
                rank = 1 + sum(other > shown[code] for other in shown.values())
                row = rates[grain, period, code]
                number = at["F04", grain, period, code]
                values[number] = (*values[number][:6], None, None, Decimal(rank), "value")
                yield (
                    *(grain, period, STARTS[period], code, "某地", "Somewhere", int(row[6]), int(row[7]), row[8]),
                    *(rank, None, None, order.index(code) + 1, "value"),
                )


def _assistance(factor: int) -> Iterator[tuple]:
    for period in PERIODS["month"]:
        for division in DIVISIONS:
            weight = factor * (sum(range(1, 12)) if division == CITY else COUNTIES.index(division) + 1)
            for programme, indicator in PROGRAMMES.items():
                person_times, amount = FLOWS[f"{indicator}P"] * weight, FLOWS[f"{indicator}M"] * weight
                yield period, STARTS[period], programme, division, person_times, amount, person_times, person_times
            yield period, STARTS[period], "JB", division, 0, PRICE_SUBSIDY * weight, weight, weight


def _copy(connection: psycopg.Connection, mart: str, rows) -> None:
    with connection.cursor().copy(f"copy marts.{mart} from stdin") as copy:
        for row in rows:
            copy.write_row(row)
