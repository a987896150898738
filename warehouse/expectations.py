"""Expectation suites as files, held against what every suite must keep; and the verdicts on them, as data.

`expectations/<layer>/<table>.yml` holds Great Expectations' own keys (`ExpectationSuite(**yaml)`); every expectation
has a severity, a `meta.id` that names the rule for good, and a `meta.why`. `meta.query` of a suite judges the result
of a query (counts) instead of a table.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import yaml

from warehouse import settings

FOLDER = settings.PROJECT / "expectations"
LAYERS = ("staging", "core", "marts")
SEVERITIES = ("critical", "warning", "info")
MOST_RULES_NAMED = 20


@dataclass(frozen=True)
class Suite:
    """One suite. `document` is what Great Expectations is given; `expectations` its list; `query` None for a table."""

    layer: str
    table: str
    document: Mapping
    query: str | None

    @property
    def name(self) -> str:
        return f"{self.layer}.{self.table}"

    @property
    def expectations(self) -> list[Mapping]:
        return self.document["expectations"]


@dataclass(frozen=True)
class Fault:
    """Why the expectations themselves cannot be trusted: `suite` and a sentence that says what to mend."""

    suite: str
    kind: str
    message: str


def load(folder: Path = FOLDER) -> tuple[list[Suite], list[Fault], str]:
    """Read the suites of a folder.

    Returns: the usable suites in the order of the layers, the faults of the others, and the SHA-256 over all files.
    """
    suites, faults, content_hash = [], [], hashlib.sha256()
    for layer in LAYERS:
        for path in sorted((folder / layer).glob("*.yml")):
            content = path.read_bytes()
            content_hash.update(f"{layer}/{path.name} {hashlib.sha256(content).hexdigest()}\n".encode())
            document, problem = _parse(content, f"{layer}.{path.stem}")
            if problem:
                message = f"expectations/{layer}/{path.name}: {problem}"
                faults.append(Fault(f"{layer}.{path.stem}", "suite_unusable", message))
            else:
                suites.append(Suite(layer, path.stem, document, (document.get("meta") or {}).get("query")))
    return suites, faults, content_hash.hexdigest()


def missing(suites: Iterable[Suite], required: Iterable[str]) -> list[Fault]:
    """A fault for each table (`layer.table`) that nobody judges."""
    known = {suite.name for suite in suites}
    return [
        Fault(name, "suite_missing", f"no suite judges {name}; write expectations/{name.replace('.', '/')}.yml")
        for name in required
        if name not in known
    ]


def _parse(content: bytes, name: str) -> tuple[Mapping, str | None]:
    """The document and what is wrong with it (None: nothing)."""
    try:
        document = yaml.safe_load(content)
    except yaml.YAMLError as error:
        return {}, f"is not YAML ({type(error).__name__})"
    if not isinstance(document, Mapping) or document.get("name") != name:
        return {}, f"`name` must be {name}"
    expectations = document.get("expectations")
    if not expectations:
        return {}, "holds no expectation, so it cannot fail"
    seen: set[str] = set()
    for position, expectation in enumerate(expectations):
        meta = expectation.get("meta") or {}
        if not expectation.get("type") or not meta.get("id") or not meta.get("why"):
            return {}, f"expectation {position} wants `type`, `meta.id` and `meta.why`"
        if expectation.get("severity") not in SEVERITIES:
            return {}, f"{meta['id']}: `severity` must be one of {', '.join(SEVERITIES)}"
        if meta["id"] in seen:
            return {}, f"the id {meta['id']} stands twice"
        seen.add(meta["id"])
    query = (document.get("meta") or {}).get("query")
    if "%" in (query or ""):
        return {}, "the query holds a percent sign, which the database driver doubles; write chr(37) or left()"
    if name.startswith("marts.") and query is None and not any(map(_notices_emptiness, expectations)):
        return {}, "a mart's suite wants a critical expect_table_row_count_to_be_between with min_value of at least 1"
    return document, None


def _notices_emptiness(expectation: Mapping) -> bool:
    return (
        expectation["type"] == "expect_table_row_count_to_be_between"
        and expectation["severity"] == "critical"
        and (expectation.get("kwargs", {}).get("min_value") or 0) >= 1
    )


@dataclass(frozen=True)
class Result:
    """The verdict of one rule; see the columns of audit.validation_result."""

    rule_id: str
    suite: str
    layer: str
    table_name: str
    position: int
    expectation_type: str
    column_name: str | None
    severity: str
    status: str
    why: str
    element_count: int | None = None
    unexpected_count: int | None = None
    observed: Decimal | None = None
    wanted: Mapping | None = None
    source: str | None = None
    problem: str | None = None
    waiver: str | None = None

    @property
    def success(self) -> bool:
        return self.status == "passed"

    @property
    def is_blocking(self) -> bool:
        return self.severity == "critical" and not self.success and self.waiver is None

    def describe(self) -> str:
        """The rule in words: what, where, how much, why."""
        place = f"{self.suite}{'.' + self.column_name if self.column_name else ''}"
        counts = (
            f", {self.unexpected_count:,} of {self.element_count:,} rows"
            if self.unexpected_count and self.element_count
            else f", found {self.observed}"
            if self.observed is not None
            else ""
        )
        problem = f" ({self.problem})" if self.problem else ""
        return f"[{self.severity}] {self.rule_id} on {place}: {self.status}{counts}: {self.why}{problem}"


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a publication: `result` is passed, warning or blocked."""

    publication_id: int
    run_id: int
    result: str
    results: tuple[Result, ...]

    @property
    def blocking(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.is_blocking)


def fault_result(fault: Fault) -> Result:
    """A fault of the gate itself blocks like a broken rule."""
    layer, _, table = fault.suite.partition(".")
    return Result(
        rule_id=f"gate.{fault.kind}.{fault.suite}",
        suite=fault.suite,
        layer=layer,
        table_name=table or layer,
        position=0,
        expectation_type=f"gate: {fault.kind.replace('_', ' ')}",
        column_name=None,
        severity="critical",
        status="error",
        why=fault.message,
    )


def outcome(judged: Iterable[Result]) -> str:
    """`blocked`, `warning` or `passed`: what the results together say of a publication."""
    if any(result.is_blocking for result in judged):
        return "blocked"
    return "passed" if all(result.success or result.severity == "info" for result in judged) else "warning"


def message(verdict: Verdict) -> str:
    """What the user is told of a blocked publication: its broken rules, and what to do."""
    named = [result.describe() for result in verdict.blocking[:MOST_RULES_NAMED]]
    more = len(verdict.blocking) - len(named)
    return (
        f"Publication {verdict.publication_id} does not go out; the last good one stays. Broken rules:\n  "
        + "\n  ".join(named)
        + (f"\n  and {more} more" if more > 0 else "")
        + "\nMend the data, the model or the rule, then run: warehouse run. All verdicts:"
        f" warehouse report {verdict.publication_id}"
    )
