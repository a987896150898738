"""The pages in Debian's chromium: nothing leaves the machine, nothing overflows, Chinese is drawn, it prints on A4."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.pages import reading, small_city
from tests.pages.test_quality_report import deliver_all
from warehouse import audit, bulletin, database, pages

pytestmark = pytest.mark.browser

PAGES = [f"{name}.{language}.html" for name in ("bulletin", "quality") for language in pages.LANGUAGES]
# no window, no calls home: names resolve to nothing, so that a test never reaches a host
QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)
GAPS = ({"system": "funeral", "table": "cremation_record", "business_date": "2022-01-30", "state": "missing"},)


def program(name: str, package: str) -> str:
    """Path of a program of Debian's; a test that cannot run fails, it is not skipped."""
    path = shutil.which(name)
    assert path, f"{name} is not installed, and these tests need a real browser: apt-get install -y {package}"
    return path


@pytest.fixture(scope="module")
def reports(module_warehouse) -> Path:
    """Folder with the four pages of one partial publication, with verdicts and long names in messages."""
    with database.connect() as connection:
        deliver_all(connection)
        long_path = "funeral/2022-01-29/01/" + "a_very_long_file_name_without_any_space_" * 4 + ".zip"
        small_city.deliver(
            connection, "funeral", small_city.date(2022, 1, 29),
            rejected={"cremation_record": ("sha256_differs", f"{long_path}: sha256 is {'0f' * 32}")},
        )  # fmt: skip
        number = small_city.publish(connection, gaps=GAPS)
        small_city.judge(connection, number, [{}, {"status": "failed", "unexpected_count": 3}])
    with database.connect("auditor", autocommit=True) as connection:
        audit.write_report(number, connection)
    with database.connect("bi_reader", autocommit=True) as connection:
        return bulletin.write(number, connection).parent


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "chromium fonts-noto-cjk")
    for argument in QUIET:
        options.add_argument(argument)
    driver = webdriver.Chrome(options, Service(program("chromedriver", "chromium-driver")))
    yield driver
    driver.quit()


def opened(browser: webdriver.Chrome, page: Path, width: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get(page.as_uri())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_host_and_its_policy_forbids_all(reports, page):
    html = (reports / page).read_text(encoding="utf-8")
    parsed = reading.read(html)
    policy = [value for tag, name, value in parsed.attributes if (tag, name) == ("meta", "content") and "src" in value]
    assert len(policy) == 1
    assert policy[0].startswith("default-src 'none'; style-src 'unsafe-inline';")
    addresses = {value for _, name, value in parsed.attributes if name in ("href", "src", "srcset", "action", "data")}
    name, _, _ = page.split(".")
    assert addresses == {"#text", f"{name}.{'en' if '.zh.' in page else 'zh'}.html"}
    namespaces = {value for _, name, value in parsed.attributes if "://" in value}
    assert namespaces <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "url(" not in parsed.styles and "@import" not in parsed.styles
    assert not {"script", "iframe", "img", "object", "link"} & set(parsed.tags)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_not_overflow(browser, reports, page, width):
    opened(browser, reports / page, width)
    assert browser.execute_script("return window.innerWidth") == width
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    beyond = browser.execute_script(
        "return [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll') && !e.closest('svg')"
        " && e.getBoundingClientRect().right > window.innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))"
    )
    assert beyond == []


@pytest.mark.parametrize("page", PAGES)
def test_on_a_desk_no_table_needs_scrolling(browser, reports, page):
    opened(browser, reports / page, 1280)
    wide = browser.execute_script(
        "return [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
        ".map(e => e.innerText.slice(0, 60) + ' ' + e.scrollWidth + '>' + e.clientWidth)"
    )
    assert wide == []


def test_the_labels_of_the_charts_stay_inside_the_picture(browser, reports):
    opened(browser, reports / "bulletin.zh.html", 1280)
    outside = browser.execute_script(
        "return [...document.querySelectorAll('svg')].flatMap(svg => {const box = svg.getBoundingClientRect();"
        " return [...svg.querySelectorAll('text')].filter(t => {const b = t.getBoundingClientRect();"
        " return b.width && (b.right > box.right + 1 || b.left < box.left - 1)}).map(t => t.textContent)})"
    )
    assert outside == []


def test_numbers_stand_right_aligned_with_figures_of_one_width(browser, reports):
    opened(browser, reports / "bulletin.zh.html", 1280)
    styles = browser.execute_script(
        "return [...new Set([...document.querySelectorAll('td.n')].map(cell => {"
        "const s = getComputedStyle(cell); return s.textAlign + ' ' + s.fontVariantNumeric.includes('tabular-nums')}))]"
    )
    assert styles == ["right true"]


@pytest.mark.parametrize("page", PAGES)
def test_text_has_the_contrast_that_wcag_asks_for(browser, reports, page):
    opened(browser, reports / page, 1280)
    colours = browser.execute_script(
        "const ground = e => {while (e) {const c = getComputedStyle(e).backgroundColor;"
        " if (c !== 'rgba(0, 0, 0, 0)') return c; e = e.parentElement} return 'rgb(255, 255, 255)'};"
        "return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && [...e.childNodes].some("
        "n => n.nodeType === 3 && n.textContent.trim())).map(e => [getComputedStyle(e).color, ground(e)].join('|'))"
    )
    assert len(colours) > 100
    assert {pair: round(contrast(pair), 1) for pair in set(colours) if contrast(pair) < 4.5} == {}


def contrast(pair: str) -> float:
    """Contrast ratio of WCAG 2.2 for two CSS colours `rgb(r, g, b)|rgb(r, g, b)`."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(colour) for colour in pair.split("|")), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("page", PAGES)
def test_tables_have_a_heading_for_every_column_and_row_and_the_page_a_language(browser, reports, page):
    opened(browser, reports / page, 1280)
    assert browser.execute_script("return document.documentElement.lang") == ("zh-CN" if ".zh." in page else "en")
    assert browser.execute_script("return document.querySelectorAll('h1').length") == 1
    unscoped = browser.execute_script("return document.querySelectorAll('th:not([scope])').length")
    assert unscoped == 0
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('[aria-labelledby]')]"
        ".filter(e => !document.getElementById(e.getAttribute('aria-labelledby'))).length"
    )
    assert unnamed == 0


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_the_switch_leads_to_the_other_language(browser, reports, language):
    opened(browser, reports / f"bulletin.{language}.html", 1280)
    browser.find_element("css selector", "nav a").click()
    assert browser.execute_script("return document.documentElement.lang.slice(0, 2)") == pages.Speaker(language).other


@pytest.mark.parametrize("page", PAGES)
def test_printed_on_a4_nothing_is_cut_off_or_overlaps(browser, reports, page):
    opened(browser, reports / page, 1280)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    # A4 less the margins of @page, in CSS pixels
    width = round((210 - 2 * 14) / 25.4 * 96)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    )
    wide = browser.execute_script(
        "return [...document.querySelectorAll('main *')].filter(e => !e.closest('svg') && ("
        "e.getBoundingClientRect().right > window.innerWidth + 0.5 || e.matches('.scroll') && e.scrollWidth > e.clientWidth"
        ")).map(e => e.outerHTML.slice(0, 80))"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert wide == []


def hosts_asked(page: Path, folder: Path) -> set[str]:
    """Hosts that a browser of its own asked for while it showed a page, by its log of the network."""
    log = folder / f"{page.stem}.net.json"
    subprocess.run(
        [
            *(program("chromium", "chromium fonts-noto-cjk"), *QUIET, f"--user-data-dir={folder / page.stem}"),
            *(f"--log-net-log={log}", f"--screenshot={folder / page.stem}.png", page.as_uri()),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    events = json.loads(log.read_text())["events"]
    urls = {str(event.get("params", {}).get("url", "")) for event in events}
    return {urlsplit(url).hostname for url in urls if url.startswith(("http", "ws"))}


def test_the_browser_asks_no_host_for_anything_on_behalf_of_a_page(reports, tmp_path):
    empty, control = tmp_path / "empty.html", tmp_path / "control.html"
    empty.write_text("<!DOCTYPE html><title>nothing</title>")
    control.write_text('<!DOCTYPE html><title>asks</title><img src="http://statistics.invalid/pixel.png" alt="">')
    own = hosts_asked(empty, tmp_path)  # what chromium asks for its own sake
    assert hosts_asked(control, tmp_path) - own == {"statistics.invalid"}
    assert {page: hosts_asked(reports / page, tmp_path) - own for page in PAGES} == {page: set() for page in PAGES}
