"""Reads all that a build made, for comparison of two builds."""

from warehouse import database

# where a row came from differs between two orders of arrival, what it says must not
LINEAGE = {"load_id", "load_ids", "line"}


def built_rows(*, with_lineage: bool = True) -> dict[str, list[tuple]]:
    """{schema.table: sorted rows} of every table of core, marts and intermediate."""
    found = {}
    with database.connect("builder", autocommit=True) as connection:
        tables = connection.execute(
            "select schemaname || '.' || tablename from pg_tables"
            " where schemaname in ('core', 'marts', 'intermediate') and tablename <> 'int_payment_affected_month'"
        ).fetchall()
        for (table,) in tables:
            cursor = connection.execute(f"select * from {table}")
            kept = [
                place for place, column in enumerate(cursor.description) if with_lineage or column.name not in LINEAGE
            ]
            found[table] = sorted(tuple(str(row[place]) for place in kept) for row in cursor)
    return found


def differences(one: dict[str, list[tuple]], other: dict[str, list[tuple]]) -> dict[str, tuple[int, int]]:
    """{table: (rows only in one, rows only in the other)} of the tables that differ."""
    return {
        table: (
            len(set(one.get(table, [])) - set(other.get(table, []))),
            len(set(other.get(table, [])) - set(one.get(table, []))),
        )
        for table in one.keys() | other.keys()
        if one.get(table) != other.get(table)
    }
