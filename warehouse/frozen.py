"""Frozen publications: their row in the ledger, the marts they consist of and the checksum over their rows."""

import hashlib
from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from warehouse.errors import PublicationConflict, UsageError


def marts(connection: psycopg.Connection) -> tuple[str, ...]:
    """Names of the marts that a publication consists of, sorted: the tables of `store` except the pointer."""
    return tuple(
        name
        for (name,) in connection.execute(
            "select relname::text from pg_class where relnamespace = 'store'::regnamespace and relkind = 'r'"
            " and relname <> 'current' order by relname"
        )
    )


def checksum(connection: psycopg.Connection, publication_id: int) -> str:
    """SHA-256 (hex) over the rows of a publication in all marts, whatever their order in the tables.

    Each row is hashed as JSON without its nulls, so that a nullable column added later leaves old publications as they
    are. The mart's hash is that of its row hashes in order; the publication's that of its marts with their row counts.
    """
    connection.execute("select set_config('timezone', 'Asia/Shanghai', true), set_config('datestyle', 'ISO', true)")
    total = hashlib.sha256()
    for mart in marts(connection):
        rows, digest = connection.execute(
            sql.SQL(
                "select count(*), encode(sha256(coalesce(string_agg(digest, ''::bytea order by digest), '')), 'hex')"
                " from (select sha256(convert_to(jsonb_strip_nulls(to_jsonb(mart))::text, 'UTF8')) as digest"
                "       from {} as mart where publication_id = %s) as hashed"
            ).format(sql.Identifier("store", mart)),
            (publication_id,),
        ).fetchone()
        total.update(f"{mart} {rows} {digest}\n".encode())
    return total.hexdigest()


def publication(connection: psycopg.Connection, publication_id: int) -> Mapping:
    """The row of audit.publication as a mapping of its columns.

    Raises: UsageError, when there is no such publication; PublicationConflict, when retention removed its rows.
    """
    row = (
        connection.cursor(row_factory=dict_row)
        .execute("select * from audit.publication where publication_id = %s", (publication_id,))
        .fetchone()
    )
    if row is None or row["checksum"] is None:
        raise UsageError(f"There is no publication {publication_id}; see: warehouse history")
    if row["dropped_at"] is not None:
        raise PublicationConflict(
            f"The rows of publication {publication_id} were removed on {row['dropped_at']:%Y-%m-%d}"
            " (WAREHOUSE_KEPT_PUBLICATIONS says how many stay)"
        )
    return row


def require_unchanged(connection: psycopg.Connection, frozen: Mapping) -> None:
    """Hold the rows of a publication against the checksum of its freeze.

    Raises: PublicationConflict, when they are not the same.
    """
    found = checksum(connection, frozen["publication_id"])
    if found != frozen["checksum"]:
        raise PublicationConflict(
            f"The rows of publication {frozen['publication_id']} in store.* are not those that were frozen"
            f" (checksum {found[:12]}…, wanted {frozen['checksum'][:12]}…). Build a new candidate: warehouse build"
        )
