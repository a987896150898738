"""Charts of the pages as SVG, drawn in this process: no script in the page, no request, no browser needed.

They are drawn narrow enough for a telephone and plain enough for a black-and-white printer. Each stands beside a table
of the same numbers, so to a screen reader it is one picture with a label.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import altair
import vl_convert
from markupsafe import Markup, escape

FONTS = "'Noto Sans CJK SC', 'Source Han Sans SC', 'Microsoft YaHei', 'PingFang SC', sans-serif"
INK, SOFT, PALE, LINE = "#1d3557", "#5b6470", "#ffffff", "#d5d9de"

LONGEST_NAME = 30  # letters of a category on one line


@dataclass(frozen=True)
class Bar:
    """One bar: its category, its length (None: no bar, the label says why) and the text at its end."""

    category: str
    value: Decimal | None
    label: str
    series: str = ""


def paired_bars(bars: Sequence[Bar], *, now: str, before: str, description: str, unit: str) -> Markup:
    """Horizontal bars in the order given, two for each category: `now` filled, `before` in outline.

    Args:
        bars: `series` is `now` or `before`.
        now, before: names of the two series in the legend.
        description: what the picture shows, for those who cannot see it.
        unit: of the axis.
    """
    bars = [replace(bar, category=textwrap.fill(bar.category, LONGEST_NAME)) for bar in bars]
    order = list(dict.fromkeys(bar.category for bar in bars))
    base = altair.Chart(altair.Data(values=_rows(bars))).encode(
        y=altair.Y(
            "category:N",
            sort=order,
            title=None,
            axis=altair.Axis(
                labelPadding=6, ticks=False, domain=False, labelExpr=r"split(datum.label, '\n')", labelLineHeight=11
            ),
        ),
        yOffset=altair.YOffset("series:N", sort=[now, before], scale=altair.Scale(paddingInner=0.12)),
    )
    rectangles = base.mark_bar(strokeWidth=1, stroke=INK).encode(
        x=altair.X("value:Q", title=unit, axis=altair.Axis(tickCount=5, format="~s"), scale=altair.Scale(nice=True)),
        fill=altair.Fill(
            "series:N",
            sort=[now, before],
            scale=altair.Scale(domain=[now, before], range=[INK, PALE]),
            legend=altair.Legend(title=None, orient="top", symbolType="square", symbolStrokeWidth=1),
        ),
    )
    labels = base.mark_text(align="left", dx=4, fontSize=10, color="#111").encode(x=altair.X("drawn:Q"), text="label:N")
    chart = (rectangles + labels).properties(width=250, height=altair.Step(13))
    return _svg(chart, description)


def columns(bars: Sequence[Bar], *, description: str, title: str) -> Markup:
    """Upright bars in the order given, one for each category; the last is filled dark, the label stands above it."""
    values = [value | {"is_last": position == len(bars) - 1} for position, value in enumerate(_rows(bars))]
    order = [bar.category for bar in bars]
    base = altair.Chart(altair.Data(values=values)).encode(
        x=altair.X(
            "category:N",
            sort=order,
            title=None,
            axis=altair.Axis(labelAngle=0, labelExpr="split(datum.label, '|')", ticks=False, labelPadding=5),
        )
    )
    rectangles = base.mark_bar(stroke=INK, strokeWidth=0.8).encode(
        y=altair.Y("value:Q", title=None, axis=altair.Axis(tickCount=4, domain=False)),
        fill=altair.condition("datum.is_last", altair.value(INK), altair.value("#c3cedd")),
    )
    labels = (
        base.mark_text(baseline="bottom", dy=-4, fontSize=11, fontWeight="bold", color="#111")
        .encode(y=altair.Y("drawn:Q"), text="label:N")
        .transform_filter("datum.is_last || !isValid(datum.value)")
    )
    chart = (rectangles + labels).properties(
        width=altair.Step(26), height=150, title=altair.TitleParams(title, anchor="start", fontSize=12, offset=10)
    )
    return _svg(chart, description)


def _rows(bars: Sequence[Bar]) -> list[dict]:
    """Rows for Vega, in double precision: a picture needs no more. `drawn` is where the label stands."""
    return [
        {
            "category": bar.category,
            "series": bar.series,
            "value": None if bar.value is None else float(bar.value),
            "drawn": float(bar.value or 0),
            "label": bar.label,
        }
        for bar in bars
    ]


def _svg(chart: altair.TopLevelMixin, description: str) -> Markup:
    font = {"labelFont": FONTS, "titleFont": FONTS, "labelColor": "#222", "titleColor": "#222"}
    finished = chart.configure(
        font=FONTS,
        aria=False,
        background="transparent",
        view=altair.ViewConfig(stroke=None),
        axis=altair.AxisConfig(
            **font, labelFontSize=11, titleFontSize=11, titleFontWeight="normal", gridColor=LINE, domainColor=SOFT
        ),
        legend=altair.LegendConfig(labelFont=FONTS, labelFontSize=11),
        title=altair.TitleConfig(font=FONTS),
        text=altair.MarkConfig(font=FONTS),
    )
    picture = vl_convert.vegalite_to_svg(finished.to_json())
    label = f'<svg role="img" aria-label="{escape(description)}"'
    return Markup(picture.replace("<svg", label, 1))  # noqa: S704 -- Vega escapes the texts it draws
