"""Reads a page as a reader does: tables by caption, cells as text. Standard library only."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}


@dataclass
class Page(HTMLParser):
    """tables: {caption or nearest heading: rows of cell texts}; attributes: every (tag, name, value) of the page."""

    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)
    text: str = ""
    styles: str = ""
    heading: str = ""
    caption: str = ""
    rows: list[list[str]] | None = None

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]
        if tag not in VOID:
            self.open_tags.append(tag)
        if tag in ("h2", "h3"):
            self.heading = ""
        if tag == "table":
            self.rows, self.caption = [], ""
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag, f"</{tag}> closes another element"
        if tag == "table":
            self.tables[self.caption.strip() or self.heading.strip()] = self.rows
            self.rows = None

    def handle_data(self, data):
        if "style" in self.open_tags:
            self.styles += data
            return
        self.text += data
        if self.open_tags and self.open_tags[-1] in ("h2", "h3"):
            self.heading += data
        if "caption" in self.open_tags:
            self.caption += data
        elif self.rows and self.rows[-1] and {"td", "th"} & set(self.open_tags):
            self.rows[-1][-1] += data


def read(html: str) -> Page:
    """The page, parsed; every element that opens must close."""
    page = Page()
    page.feed(html)
    page.close()
    assert page.open_tags == []
    return page


def cells(page: Page, caption: str) -> dict[str, list[str]]:
    """{first cell of a row: the others}, spaces trimmed, of the table with this caption or heading."""
    rows = [[" ".join(cell.split()) for cell in row] for row in page.tables[caption]]
    return {row[0]: row[1:] for row in rows}
