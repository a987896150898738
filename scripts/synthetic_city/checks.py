"""What must hold between figures before a city is tried: the rules of figures_constraints.csv."""

from collections import defaultdict
from fractions import Fraction
from math import ceil

from scripts.synthetic_city.figures import Figure, FiguresError
from scripts.synthetic_city.geography import CITY, Geography

CROSS_PROVINCE_FROM = "2021-06"
PER_HEAD = (("A01", "A02"), ("A03P", "A03M"), ("A04P", "A04M"), ("A05P", "A05M"), ("A06P", "A06M"), ("A08N", "A08M"),
            ("A09N", "A09M"), ("A10N", "A10M"), ("A11N", "A11M"))  # fmt: skip


def check_constraints(figures: list[Figure], geography: Geography, file_name: str) -> None:
    """Refuse a file that contradicts the division register, itself or arithmetic.

    Raises: FiguresError with one line for each contradiction: rows, what was wanted, what to do.
    """
    problems: list[str] = []
    for rule in (
        _divisions,
        _whole,
        _repeats,
        _register,
        _beds,
        _coverage,
        _rates,
        _ranks,
        _sums,
        _stations,
        _cross_province,
        _per_head,
    ):
        problems += rule(figures, geography)
    if problems:
        raise FiguresError([f"{file_name}, {problem}" for problem in problems])


def _by_key(figures: list[Figure]) -> dict[tuple[str, str, str], list[Figure]]:
    index = defaultdict(list)
    for figure in figures:
        index[figure.indicator, figure.period, figure.division].append(figure)
    return index


def _divisions(figures: list[Figure], geography: Geography) -> list[str]:
    known = {CITY, *geography.counties}
    return [
        f"figure {f.figure_id}: division_code {f.division} is neither {CITY} nor one of the 11 county-level units; correct it"
        for f in figures
        if f.division not in known
    ]


def _whole(figures: list[Figure], geography: Geography) -> list[str]:
    problems = []
    for figure in figures:
        if figure.indicator in ("F03", "F05", "F08", "A19", "D05", "S03", "S06", "K11", "W02"):
            continue
        if figure.value < 0:
            problems.append(f"figure {figure.figure_id}: {figure.indicator} cannot be negative; correct it")
            continue
        low, high = figure.whole_numbers(100)
        if high is not None and low > high:
            problems.append(
                f"figure {figure.figure_id}: nothing whole rounds to {float(figure.value):g}; correct value, scale or decimals"
            )
    return problems


def _repeats(figures: list[Figure], geography: Geography) -> list[str]:
    by_id = {figure.figure_id: figure for figure in figures}
    problems = []
    for figure in figures:
        first = by_id.get(figure.repeats)
        if first and (first.value, first.indicator, first.period, first.division) != (
            figure.value, figure.indicator, figure.period, figure.division
        ):  # fmt: skip
            problems.append(
                f"figure {figure.figure_id} repeats {first.figure_id} and must equal it in value, indicator, period and division"
            )
    return problems


def _register(figures: list[Figure], geography: Geography) -> list[str]:
    problems = []
    for figure in figures:
        if figure.indicator == "S02":
            wanted, what = geography.streets(figure.division), "sub-districts"
        elif figure.indicator == "W12":
            wanted, what = geography.township_count(figure.division), "townships and sub-districts"
        elif figure.indicator == "C05":
            most = len(geography.rural_townships(figure.division))
            if figure.whole_numbers()[0] > most:
                problems.append(
                    f"figure {figure.figure_id} (C05): {float(figure.value):g} townships cannot become towns, {figure.division} has "
                    f"only {most} 乡; lower it"
                )
            continue
        else:
            continue
        if not figure.low <= wanted or (figure.high is not None and wanted >= figure.high):
            problems.append(
                f"figure {figure.figure_id} ({figure.indicator}): the division register of {figure.division} has {wanted} {what}; write that"
            )
    return problems


def _beds(figures: list[Figure], geography: Geography) -> list[str]:
    index, problems = _by_key(figures), []
    for (indicator, period, division), rows in index.items():
        for share in rows if indicator == "S06" else []:
            for beds in index.get(("S05", period, division), []):
                number = beds.whole_numbers()[0]
                total = range(number, 20 * number + 2)
                if not any(share.low <= Fraction(100 * number, t) < share.high for t in total if t):
                    problems.append(
                        f"figures {beds.figure_id}, {share.figure_id}: no whole number of beds in all gives this share; correct one"
                    )
    return problems


def _coverage(figures: list[Figure], geography: Geography) -> list[str]:
    problems = []
    for figure in figures:
        if figure.indicator == "S03":
            streets = geography.streets(figure.division)
            if not streets or not any(
                figure.low <= Fraction(100 * k, streets) < figure.high for k in range(streets + 1)
            ):
                problems.append(
                    f"figure {figure.figure_id} (S03): no whole number of {streets} sub-districts gives this coverage; correct it"
                )
    return problems


def _rates(figures: list[Figure], geography: Geography) -> list[str]:
    problems = []
    for (indicator, period, division), rows in _by_key(figures).items():
        if indicator not in ("F03", "F08"):
            continue
        names = ", ".join(row.figure_id for row in rows)
        problems += [
            f"figure {row.figure_id} ({indicator}): {float(row.value):g} is no rate from 0 to 100; correct it"
            for row in rows
            if not 0 <= row.value <= 100
        ]
        if indicator == "F03" and len([row for row in rows if not row.repeats]) > 1:
            problems.append(f"figures {names}: the rate of {division} in {period} is given more than once; keep one")
    return problems


def competition_ranks(rates: dict[str, Fraction]) -> dict[str, int]:
    """1, 1, 3 ranking of rates, the highest first."""
    return {unit: 1 + sum(other > rate for other in rates.values()) for unit, rate in rates.items()}


def _ranks(figures: list[Figure], geography: Geography) -> list[str]:
    problems = []
    index = _by_key(figures)
    for period in sorted({f.period for f in figures if f.indicator == "F04"}):
        rates = {c: index["F03", period, c][0].value for c in geography.counties if index.get(("F03", period, c))}
        missing = [county for county in geography.counties if county not in rates]
        ranks = [f for f in figures if f.indicator == "F04" and f.period == period]
        if missing:
            names = ", ".join(f.figure_id for f in ranks)
            problems.append(
                f"figures {names}: ranks of {period} follow from the rates of all units, F03 of {', '.join(missing)} is missing; add it or drop the ranks"
            )
            continue
        places = competition_ranks(rates)
        for figure in ranks:
            if figure.division in places and figure.value != places[figure.division]:
                problems.append(
                    f"figure {figure.figure_id} (F04): the rates of {period} put {figure.division} on rank {places[figure.division]}, "
                    f"not {float(figure.value):g}; correct rank or rate"
                )
    return problems


def _sums(figures: list[Figure], geography: Geography) -> list[str]:
    index, problems = _by_key(figures), []
    for (indicator, period, division), rows in index.items():
        if indicator != "A12":
            continue
        parts = [index.get((part, period, division), []) for part in ("A08M", "A09M")]
        if not all(parts):
            continue
        low, high = (
            sum(getattr(part[0], edge) for part in parts if getattr(part[0], edge) is not None)
            for edge in ("low", "high")
        )
        for row in rows:
            if (row.high is not None and low >= row.high) or high <= row.low:
                names = ", ".join(part[0].figure_id for part in parts)
                problems.append(
                    f"figure {row.figure_id} (A12) is not the sum of {names} within rounding; correct one of them"
                )
    return problems


def _stations(figures: list[Figure], geography: Geography) -> list[str]:
    problems = []
    divisions = sorted({f.division for f in figures if f.indicator.startswith("W")})
    for division in divisions:
        latest = {f.indicator: f for f in figures if f.division == division}
        for smaller, larger in ((("W01",), "W12"), (("W05",), "W01"), (("W07", "W08"), "W06")):
            if not latest.keys() >= {larger, *smaller}:
                continue
            if sum(latest[name].value for name in smaller) > latest[larger].value:
                names = " + ".join(latest[name].figure_id for name in smaller)
                problems.append(f"figures {names}: more than {latest[larger].figure_id}; correct one of them")
    return problems


def _cross_province(figures: list[Figure], geography: Geography) -> list[str]:
    index, problems = _by_key(figures), []
    for figure in figures:
        if figure.indicator != "C03":
            continue
        if figure.whole_numbers()[0] > 0 and f"{figure.last:%Y-%m}" < CROSS_PROVINCE_FROM:
            problems.append(
                f"figure {figure.figure_id} (C03): no cross-province registration before {CROSS_PROVINCE_FROM}; drop the row or write 0"
            )
        for marriages in index.get(("C01", figure.period, figure.division), []):
            if marriages.high is not None and figure.low >= marriages.high:
                problems.append(f"figure {figure.figure_id} (C03) is more than {marriages.figure_id} (C01); lower it")
    return problems


def _per_head(figures: list[Figure], geography: Geography) -> list[str]:
    index, problems = _by_key(figures), []
    for heads, money in PER_HEAD:
        for (indicator, period, division), rows in index.items():
            for row in rows if indicator == heads else []:
                for amount in index.get((money, period, division), []):
                    least = row.whole_numbers()[0]
                    most = ceil(amount.high) if amount.high is not None else None
                    if (
                        (least > 0 and amount.value <= 0)
                        or (row.value == 0 and amount.value > 0)
                        or (most is not None and most * 100 <= least)
                    ):
                        problems.append(
                            f"figures {row.figure_id}, {amount.figure_id}: money per head must be positive; correct one of them"
                        )
    return problems
