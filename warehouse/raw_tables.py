"""Raw tables follow the contracts: one table per contract, partitioned by business month, never altered by hand."""

import psycopg
from psycopg import sql

from warehouse import contracts, database, settings
from warehouse.contracts import Contract
from warehouse.errors import ContractError


def ensure(connection: psycopg.Connection) -> list[str]:
    """Make the raw tables that are missing and add columns that contracts gained; register the contracts in the ledger.

    Args:
        connection: as the owner of the warehouse; the caller commits.
    Returns: tables made or widened now.
    Raises: ContractError, when a contract changed the type of a column of raw.
    """
    connection.execute("select pg_advisory_xact_lock(%s, %s)", (database.LOCK_CLASS, database.MIGRATION_LOCK))
    changed = [contract.table for contract in contracts.load_all().values() if _ensure(connection, contract)]
    register(connection)
    return changed


def register(connection: psycopg.Connection) -> None:
    """Write the contracts' due times and versions into `audit.contract`, where the delivery calendar reads them."""
    known = contracts.load_all()
    connection.execute("update audit.setting set first_business_date = %s", (settings.get().first_business_date,))
    with connection.cursor() as cursor:
        cursor.execute("delete from audit.contract where table_name <> all(%s)", (list(known),))
        cursor.executemany(
            "insert into audit.contract"
            " (table_name, system, version, sha256, due, due_time, late_after, may_publish_without)"
            " values (%s, %s, %s, %s, %s, %s, %s * interval '1 hour', %s)"
            " on conflict (table_name) do update"
            " set (system, version, sha256, due, due_time, late_after, may_publish_without)"
            " = (excluded.system, excluded.version, excluded.sha256, excluded.due, excluded.due_time,"
            "    excluded.late_after, excluded.may_publish_without)",
            [
                (
                    *(contract.table, contract.system, contract.version, contract.sha256),
                    *(
                        contract.delivery[name]
                        for name in ("due", "due_time", "late_after_hours", "may_publish_without")
                    ),
                )
                for contract in known.values()
            ],
        )


def _ensure(connection: psycopg.Connection, contract: Contract) -> bool:
    table = sql.Identifier("raw", contract.table)
    existing = dict(
        connection.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute"
            " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
            (f"raw.{contract.table}",),
        ).fetchall()
    )
    if not existing:
        columns = sql.SQL(", ").join(
            sql.SQL("{} {} {}").format(
                sql.Identifier(name),
                sql.SQL(kind),
                sql.SQL("not null" if name in ("load_id", "line", "business_date") else ""),
            )
            for name, kind in contract.raw_columns
        )
        connection.execute(sql.SQL("create table {} ({}) partition by range (business_date)").format(table, columns))
        # rows of one load lie together, so a block range index finds them and costs nothing to keep
        connection.execute(sql.SQL("create index on {} using brin (load_id) with (pages_per_range = 16)").format(table))
        key = [name for part in contract.key for name, _ in contract.columns[part].raw_columns[:1]]
        connection.execute(
            sql.SQL("create index on {} ({})").format(table, sql.SQL(", ").join(map(sql.Identifier, key)))
        )
        _comment(connection, contract, table)
        connection.execute(sql.SQL("grant select, insert, delete on {} to loader").format(table))
        connection.execute(sql.SQL("grant select on {} to builder").format(table))
        return True
    missing = [(name, kind) for name, kind in contract.raw_columns if name not in existing]
    for name, kind in contract.raw_columns:
        if name in existing and existing[name].replace(" without time zone", "") != kind.replace(", ", ","):
            raise ContractError(
                f"contracts/{contract.system}/{contract.table}.yml: raw.{contract.table}.{name} is {existing[name]},"
                f" the contract now wants {kind}. Name the column anew, or migrate raw with a file in database/."
            )
    for name, kind in missing:
        connection.execute(
            sql.SQL("alter table {} add column {} {}").format(table, sql.Identifier(name), sql.SQL(kind))
        )
    return bool(missing)


def _comment(connection: psycopg.Connection, contract: Contract, table: sql.Identifier) -> None:
    place = f"contracts/{contract.system}/{contract.table}.yml"
    text = f"{contract.title['zh']} · {contract.title['en']}; one row: {contract.grain} ({place})"
    connection.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(text)))
    for column in contract.columns.values():
        for name, _ in column.raw_columns:
            connection.execute(
                sql.SQL("comment on column {} is {}").format(
                    sql.Identifier("raw", contract.table, name),
                    sql.Literal(f"{column.header}{'; ' + column.means if column.means else ''}"),
                )
            )
