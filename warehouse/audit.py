"""The quality report: evidence for auditors about one publication, as static pages in Chinese and English.

It tells what was owed and came, that every row read is accounted for, what was set aside and why, and each verdict of
the gate; all of it as it stood when the publication's build began. Counts only: no cell of a person, and what looks
like a number of a person in a message is hidden.
"""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from warehouse import contracts, pages, settings
from warehouse.errors import UsageError

MOST_LISTED = 200  # single events named on the page; the counts above them are complete, the ledger holds all

# what the publication's build could see: a file whose change a later build took in, or none yet, came afterwards
SEEN = """
with subject as (
    select build.* from audit.publication inner join audit.build as build using (build_id)
    where publication_id = %(publication_id)s
),
seen as (
    select file.* from audit.file as file
    where file.loaded_at <= (select started_at from subject)
        and not exists (
            select from audit.change where change.load_id = file.load_id
                and (change.build_id is null or change.build_id > (select build_id from subject))
        )
),
arrived as (
    select delivery.*, (select max(exported_at) from seen where seen.delivery_id = delivery.delivery_id) as exported_at
    from audit.delivery as delivery where delivery.loaded_at <= (select started_at from subject)
),
listed as (
    select distinct on (table_name, business_date) table_name, business_date, state
    from seen where retry_of is null and state <> 'no_contract'
    order by table_name, business_date, nn desc, (state = 'loaded') desc, load_id desc
),
owed as (
    select calendar.system, calendar.table_name, calendar.business_date, calendar.late_at,
        coalesce(listed.state, 'missing') as state
    from audit.delivery_calendar as calendar left join listed using (table_name, business_date)
    where calendar.business_date <= (select max(business_date) from arrived)
),
told as (
    select quarantined.*, seen.system, seen.table_name,
        quarantined.released_by in (select load_id from seen) as is_released
    from audit.quarantined_row as quarantined inner join seen using (load_id)
)
"""

DELIVERIES = """
, day as (
    select system, business_date, min(late_at) as late_at, bool_and(state = 'loaded') as is_complete,
        count(*) filter (where state = 'missing') as missing_tables
    from owed group by 1, 2
),
first_arrival as (
    select system, business_date, min(arrived_at) as arrived_at, min(exported_at) as exported_at,
        count(*) as deliveries, count(*) filter (where nn > 1) as corrections,
        count(*) filter (where problem is not null) as unreadable
    from arrived group by 1, 2
),
refused as (select system, business_date, count(*) as files from seen where state = 'rejected' group by 1, 2)
select system, to_char(business_date, 'YYYY-MM') as month, count(*) as owed_days,
    count(*) filter (where is_complete) as complete_days, sum(missing_tables) as missing_tables,
    count(*) filter (where exported_at > late_at) as late_exports,
    count(*) filter (where arrived_at > late_at) as late_arrivals,
    coalesce(sum(deliveries), 0) as deliveries, coalesce(sum(corrections), 0) as corrections,
    coalesce(sum(refused.files), 0) + coalesce(sum(unreadable), 0) as refused
from day left join first_arrival using (system, business_date) left join refused using (system, business_date)
group by 1, 2 order by 1, 2
"""
INCOMPLETE = """
select system, table_name, business_date, state, count(*) over () as total
from owed where state <> 'loaded' order by business_date desc, system, table_name limit %(most)s
"""
REFUSED = """
, event as (
    select business_date, system, table_name, nn, rejection_reason as reason, rejection_message as message
    from seen where state = 'rejected'
    union all
    select business_date, system, null, nn, 'manifest_unreadable', problem from arrived where problem is not null
)
select *, count(*) over () as total from event order by business_date desc, system, table_name, nn limit %(most)s
"""
CORRECTIONS = """
select arrived.system, arrived.business_date, arrived.nn, arrived.arrived_at, count(*) over () as total,
    (select array_agg(table_name order by table_name) from seen
        where seen.delivery_id = arrived.delivery_id and retry_of is null) as tables
from arrived where nn > 1 order by business_date desc, system, nn limit %(most)s
"""
# rows read, and manifest against file, for every accepted file; the rows of evidence must be as many as the counts
BALANCES = """
, judged as (
    select seen.*, coalesce(manifest_amount_sum - amount_sum, 0) as amount_difference,
        coalesce(quarantined.rows, 0) as evident_quarantined, coalesce(repeated.rows, 0) as evident_repeated
    from seen
    left join (select load_id, count(distinct line) as rows from audit.quarantined_row group by 1) as quarantined
        using (load_id)
    left join (select load_id, count(*) as rows from audit.repeated_row group by 1) as repeated using (load_id)
    where state = 'loaded' and retry_of is null
)
select system, table_name, count(*) as files, sum(manifest_row_count) as promised, sum(rows_read) as rows_read,
    sum(rows_loaded) as rows_loaded, sum(rows_repeated) as rows_repeated, sum(rows_quarantined) as rows_quarantined,
    sum(rows_flagged) as rows_flagged, sum(amount_sum) as amount,
    (select coalesce(sum(retry.rows_loaded), 0) from seen as retry
        where retry.table_name = judged.table_name and retry.retry_of is not null) as rows_released,
    count(*) filter (
        where rows_read <> rows_loaded + rows_repeated + rows_quarantined or rows_read <> manifest_row_count
            or amount_difference <> 0 or evident_quarantined <> rows_quarantined or evident_repeated <> rows_repeated
    ) as violated_files
from judged group by 1, 2 order by 1, 2
"""
QUARANTINE = """
select system, table_name, column_name, reason, count(distinct (load_id, line)) as rows,
    count(distinct (load_id, line)) filter (where is_released) as released
from told group by 1, 2, 3, 4 order by 1, 2, 5 desc, 3, 4
"""
QUARANTINE_BY_REASON = """
select reason, count(distinct (load_id, line)) as rows, count(distinct table_name) as tables
from told group by 1 order by 2 desc, 1
"""
QUARANTINED_ROWS = """
select count(distinct (load_id, line)) as rows, count(distinct (load_id, line)) filter (where is_released) as released
from told
"""
FLAGS = """
select seen.system, seen.table_name, flagged.column_name, flagged.reason, count(*) as cells
from audit.flagged_cell as flagged inner join seen using (load_id) group by 1, 2, 3, 4 order by 1, 2, 5 desc, 3, 4
"""
UNKNOWN = """
select system, table_name, state, count(*) as files,
    array(select distinct header from unnest(array_agg(array_to_string(unknown_headers, chr(10)))) as texts,
        string_to_table(texts, chr(10)) as header where header <> '' order by 1) as headers
from seen where state = 'no_contract' or unknown_headers <> '{}' group by 1, 2, 3 order by 1, 2
"""
BUILD = "select * from subject"
RUN = "select * from audit.latest_validation_run where publication_id = %(publication_id)s"
VERDICTS = """
select result.* from audit.validation_result as result
inner join audit.latest_validation_run as run using (run_id)
where run.publication_id = %(publication_id)s
order by array_position(array['error', 'failed', 'passed'], result.status),
    array_position(array['critical', 'warning', 'info'], result.severity), result.suite, result.position
"""
LOG = """
select happened_at, action, done_by, reason from audit.publication_log
where to_publication_id = %(publication_id)s order by entry_id
"""
VERDICT_ORDER = ("passed", "failed", "error")
DELIVERY_COUNTS = (
    *("owed_days", "complete_days", "missing_tables", "late_exports", "late_arrivals"),
    *("deliveries", "corrections", "refused"),
)
BALANCE_COUNTS = (
    *("files", "promised", "rows_read", "rows_loaded", "rows_repeated", "rows_quarantined", "rows_flagged"),
    *("rows_released", "violated_files"),
)


def write_report(publication_id: int, connection: psycopg.Connection) -> Path:
    """Write `quality.zh.html` and `quality.en.html` below `<reports>/<publication_id>/`, each whole or not at all.

    Args:
        publication_id: published or not: a blocked candidate has a report, too.
        connection: as auditor.
    Returns: the Chinese page.
    Raises: UsageError, when there is no such publication.
    """
    content = read(publication_id, connection)
    titles = {name: contract.title for name, contract in contracts.load_all().items()}
    written = {}
    for language in pages.LANGUAGES:
        gaps = pages.gaps_in_words(content["publication"]["gaps"], pages.Speaker(language))
        written[language] = pages.render("quality.html.j2", language, titles=titles, gaps=gaps, **content)
    return pages.write(settings.get().reports_folder / str(publication_id), "quality", written)


def read(publication_id: int, connection: psycopg.Connection) -> dict:
    """What the report tells, without words: one list of rows per table of the page, and the totals."""
    asked = {"publication_id": publication_id, "most": MOST_LISTED}

    def rows(statement: str) -> list[dict]:
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, asked).fetchall()

    publication = next(iter(rows("select * from audit.publication where publication_id = %(publication_id)s")), None)
    if publication is None:
        raise UsageError(f"There is no publication {publication_id}; see: warehouse status")
    months = rows(SEEN + DELIVERIES)
    balances = rows(SEEN + BALANCES)
    verdicts = rows(VERDICTS)
    return {
        "publication": publication,
        "build": rows(SEEN + BUILD)[0],
        "log": rows(LOG),
        "months": months,
        "deliveries": _totals(months, DELIVERY_COUNTS),
        "incomplete": rows(SEEN + INCOMPLETE),
        "refused": rows(SEEN + REFUSED),
        "corrections": rows(SEEN + CORRECTIONS),
        "balances": balances,
        "balance": _totals(balances, BALANCE_COUNTS),
        "quarantine": rows(SEEN + QUARANTINE),
        "quarantine_reasons": rows(SEEN + QUARANTINE_BY_REASON),
        "quarantined": rows(SEEN + QUARANTINED_ROWS)[0],
        "flags": rows(SEEN + FLAGS),
        "unknown": rows(SEEN + UNKNOWN),
        "run": next(iter(rows(RUN)), None),
        "verdicts": verdicts,
        "verdict_counts": {status: sum(row["status"] == status for row in verdicts) for status in VERDICT_ORDER},
        "verdict_tables": _by_table(verdicts),
        "most": MOST_LISTED,
    }


def _totals(rows: list[dict], names: tuple[str, ...]) -> dict:
    return {name: sum(row[name] for row in rows) for name in names}


def _by_table(verdicts: list[dict]) -> list[Mapping]:
    """Verdicts counted by layer and table: {"layer", "table", "passed", "failed", "error"}."""

    def place(row: Mapping) -> tuple[str, str]:
        return row["layer"], row["table_name"]

    return [
        {"layer": layer, "table": table, **{status: statuses.count(status) for status in VERDICT_ORDER}}
        for (layer, table), found in groupby(sorted(verdicts, key=place), key=place)
        for statuses in [[row["status"] for row in found]]
    ]
