"""Pages for people: numbers, dates and states in Chinese and English, templates, and writing them whole or not at all.

A page is one static file: its style and its charts stand in it, it holds no script and asks no host for anything (its
content security policy forbids both). Values are rounded here and nowhere earlier, half up (exports.md of the senders).
"""

import calendar
import functools
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import jinja2
import yaml
from markupsafe import Markup, escape

from warehouse import contracts
from warehouse.settings import SHANGHAI

LANGUAGES = ("zh", "en")
TEMPLATES = Path(__file__).parent / "templates"
DAYS_NAMED = 5  # days of a gap told one by one; the quality report has them all

# ID numbers (15 or 18), bank accounts (16 to 19 digits) and mobile numbers, standing alone in a text
_IDENTIFIER = re.compile(r"(?<![0-9A-Za-z])(?:\d{15,19}|\d{17}[Xx]|1[3-9]\d{9})(?![0-9A-Za-z])", re.ASCII)


@functools.cache
def words() -> Mapping[str, Mapping[str, str]]:
    """{key: {language: text}}: every fixed text of the pages, from `templates/words.yml`."""
    return yaml.safe_load((TEMPLATES / "words.yml").read_text(encoding="utf-8"))


class Speaker:
    """One language of the pages: its words, and how it writes numbers, days, periods and states."""

    def __init__(self, language: str) -> None:
        """Args: language: one of LANGUAGES."""
        self.language = language

    @property
    def other(self) -> str:
        """The language to switch to."""
        return LANGUAGES[1 - LANGUAGES.index(self.language)]

    def say(self, key: str, **values: object) -> str:
        """The text of a key, its {names} filled in. Raises: KeyError, when words.yml does not hold the key."""
        return words()[key][self.language].format(**values)

    def label(self, group: str, code: str) -> str:
        """The label of a code, `<group>.<code>` in words.yml; the code itself when it has none."""
        entry = words().get(f"{group}.{code}")
        return entry[self.language] if entry else str(code)

    def pick(self, row: Mapping, stem: str = "name") -> str:
        """`name_zh` or `name_en` of a row."""
        return row[f"{stem}_{self.language}"]

    def title_of(self, titles: Mapping[str, Mapping[str, str]], table: str) -> str:
        """A table's title in its contract; its name when it has no contract."""
        return titles[table][self.language] if table in titles else table

    def plain(self, value: Decimal | None) -> str:
        """A number as it is, without rounding or trailing zeros; None becomes a dash."""
        return "—" if value is None else f"{value.normalize():,f}"

    def number(self, value: Decimal | int | None, decimals: int = 0) -> str:
        """A number with thousands separators, rounded half up; None becomes a dash."""
        return "—" if value is None else f"{rounded(value, decimals):,}"

    def signed(self, value: Decimal | None, decimals: int = 2) -> str:
        """A difference with its sign; what rounds to zero has none."""
        if value is None:
            return "—"
        shown = rounded(value, decimals)
        return f"{abs(shown):,}" if shown == 0 else f"{shown:+,}".replace("-", "−")

    def day(self, value: date | str | None) -> str:
        """2022年1月31日 or 31 January 2022."""
        if value is None:
            return "—"
        value = date.fromisoformat(value) if isinstance(value, str) else value
        if self.language == "zh":
            return f"{value.year}年{value.month}月{value.day}日"
        return f"{value.day} {calendar.month_name[value.month]} {value.year}"

    def instant(self, value: datetime | None) -> str:
        """A moment to the minute, in Asia/Shanghai."""
        if value is None:
            return "—"
        local = value.astimezone(SHANGHAI)
        return f"{self.day(local.date())} {local:%H:%M}"

    def period(self, period: str) -> str:
        """`2022-01`, `2021Q4` or `2021` as the language writes it."""
        if "Q" in period:
            year, quarter = period.split("Q")
            return f"{year}年第{'一二三四'[int(quarter) - 1]}季度" if self.language == "zh" else f"Q{quarter} {year}"
        if "-" in period:
            year, month = period.split("-")
            return f"{year}年{int(month)}月" if self.language == "zh" else f"{calendar.month_name[int(month)]} {year}"
        return f"{period}年" if self.language == "zh" else period


def gaps_in_words(gaps: Sequence[Mapping], lang: Speaker) -> list[dict]:
    """The gaps of a partial publication, one line per table: {"system", "table", "days", "state"} in words.

    Args:
        gaps: as `mart.publication` has them: system, table, business_date, state.
    """
    tables = contracts.load_all()
    found: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps:
        found.setdefault((gap["system"], gap["table"], gap["state"]), []).append(gap["business_date"])
    lines = []
    for (system, table, state), days in found.items():
        named = lang.say("comma").join(lang.day(day) for day in sorted(days)[:DAYS_NAMED])
        lines.append(
            {
                "system": lang.label("system", system),
                "table": tables[table].title[lang.language] if table in tables else table,
                "days": named if len(days) <= DAYS_NAMED else lang.say("days_and_more", days=named, count=len(days)),
                "state": lang.label("gap", state),
            }
        )
    return lines


def rounded(value: Decimal | int, decimals: int) -> Decimal:
    """`value` rounded half up to `decimals`, as the bureau prints it."""
    return Decimal(value).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def without_identifiers(text: str | None) -> str:
    """A text with whatever looks like the number of a person, an account or a telephone hidden."""
    return _IDENTIFIER.sub("<hidden>", text or "")


def breakable(text: str | None) -> Markup:
    """A long name or path that may break after `_`, `/` and `.`, so that a narrow page need not scroll."""
    return Markup(re.sub(r"([_/.])", r"\1<wbr>", str(escape(without_identifiers(text)))))  # noqa: S704 -- escaped first


def render(template: str, language: str, **content: object) -> str:
    """One page from a template of `templates/`. Everything is escaped but charts of our own making.

    Raises: jinja2.UndefinedError, when the template asks for something that is not given.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"safe_text": without_identifiers, "breakable": breakable}
    speaker = Speaker(language)
    style = Markup((TEMPLATES / "page.css").read_text(encoding="utf-8"))  # noqa: S704 -- a file of ours
    return environment.get_template(template).render(lang=speaker, say=speaker.say, style=style, **content)


def write(folder: Path, name: str, pages: Mapping[str, str]) -> Path:
    """Write `<name>.<language>.html` for each language, each file whole or not at all.

    Args:
        pages: {language: html}.
    Returns: the page in the first language.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for language, html in pages.items():
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=".", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(html)
                file.flush()
                os.fsync(file.fileno())
                temporary.chmod(0o644)
                temporary.replace(folder / f"{name}.{language}.html")
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    return folder / f"{name}.{LANGUAGES[0]}.html"
