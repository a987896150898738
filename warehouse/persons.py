"""Persons met while loading: those the warehouse does not know yet go into `raw.person` and, sealed, into `vault.person`."""

import numpy
import psycopg

from warehouse import database, identity
from warehouse.conversion import People

PERSON_LOCK = 10
KNOWN_SLOTS = 1 << 20


class Known:
    """Tokens known to stand in `raw.person`, or to be stored by this transaction: a cache of fixed size (16 MiB).

    A token has one slot; a later one takes it. Forgetting costs a question to the database, never a different answer.
    """

    def __init__(self) -> None:
        self._tokens = numpy.zeros((KNOWN_SLOTS, 2), numpy.uint64)

    def unseen(self, keys: list[str]) -> numpy.ndarray:
        """Positions of the tokens (32 hex digits each) that are not here; they are from now on."""
        tokens = numpy.frombuffer(bytes.fromhex("".join(keys)), numpy.uint64).reshape(-1, 2)
        slots = tokens[:, 0] & numpy.uint64(KNOWN_SLOTS - 1)
        unseen = numpy.flatnonzero((self._tokens[slots] != tokens).any(axis=1))
        self._tokens[slots[unseen]] = tokens[unseen]
        return unseen

    def clear(self) -> None:
        """After a rollback: persons found in it were not stored."""
        self._tokens[:] = 0


def prepare(connection: psycopg.Connection) -> None:
    """Make the place where a transaction keeps the persons it finds."""
    connection.execute("set local client_min_messages = warning")  # no notice that it is there already
    connection.execute(
        "create temporary table if not exists person_found (person_key uuid primary key, birth_date date not null,"
        " sex text not null, first_issue_division text not null, key_id text not null, sealed bytea not null,"
        " load_id bigint not null) on commit delete rows"
    )


def find(connection: psycopg.Connection, load_id: int, people: People, known: Known) -> None:
    """Keep those of `people` whom the warehouse does not know yet for the end of the transaction, sealed."""
    asked = known.unseen(people.keys).tolist() if people.keys else []
    if not asked:
        return
    unknown = connection.execute(
        "select min(position)::integer - 1 from unnest(%s::text::uuid[]) with ordinality as found (key, position)"
        " where not exists (select from raw.person where person_key = key)"
        " and not exists (select from person_found where person_key = key) group by key",
        ("{" + ",".join([people.keys[place] for place in asked]) + "}",),
    ).fetchall()
    if not unknown:
        return
    vault = identity.Vault()
    with connection.cursor().copy(
        "copy person_found (person_key, birth_date, sex, first_issue_division, key_id, sealed, load_id) from stdin"
    ) as copy:
        for (position,) in unknown:
            place = asked[position]
            key, number, name = people.keys[place], people.numbers[place], people.name(place)
            sealed = vault.seal(key, number, identity.normalise_name(name) if name else None)
            born = f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
            copy.write_row((key, born, identity.sex_of(number), number[:6], vault.key_id, sealed, load_id))


def write(connection: psycopg.Connection) -> None:
    """Write the new persons last and one loader at a time: two loads that find the same persons cannot wait for
    each other.
    """
    if connection.execute("select exists (select from person_found)").fetchone()[0]:
        connection.execute("select pg_advisory_xact_lock(%s, %s)", (database.LOCK_CLASS, PERSON_LOCK))
        connection.execute(
            "with new as (insert into raw.person (person_key, birth_date, sex, first_issue_division, first_load_id)"
            " select person_key, birth_date, sex, first_issue_division, load_id from person_found"
            " on conflict do nothing returning person_key)"
            " insert into vault.person (person_key, key_id, sealed, first_load_id)"
            " select person_key, key_id, sealed, load_id from person_found inner join new using (person_key)"
        )
