"""Readers never meet an empty or a mixed publication, and a publisher killed anywhere leaves the old or the new one."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests import marts
from warehouse import database, publish
from warehouse.settings import PROJECT

READERS = 3
FLIPS = 30
ROWS_OF_BOTH = (
    "select array_agg(distinct publication_id) || (select array_agg(distinct publication_id) from mart.division),"
    " count(*), (select count(*) from mart.division) from mart.indicator_value"
)
COUNT_OF_RANKS = "select min(publication_id), max(publication_id), count(*) from mart.cremation_ranking"


def test_readers_in_a_loop_never_see_an_empty_or_a_mixed_mart_while_publications_alternate(warehouse, pass_gate):
    first, second = _published(pass_gate)
    expected = warehouse.query("select count(*) from store.indicator_value where publication_id = %s", first)[0][0]
    done, torn, reads = threading.Event(), [], []

    def read() -> None:
        count = 0
        with database.connect("bi_reader", autocommit=True) as connection:
            while not done.is_set():
                ids, values, divisions = connection.execute(ROWS_OF_BOTH).fetchone()
                low, high, ranks = connection.execute(COUNT_OF_RANKS).fetchone()
                if len(set(ids)) != 1 or (values, divisions) != (expected, 12) or low != high or not ranks:
                    torn.append((ids, values, divisions, low, high, ranks))
                with connection.transaction():  # two statements see one publication in a repeatable read
                    connection.execute("set transaction isolation level repeatable read")
                    one = connection.execute("select max(publication_id) from mart.division").fetchone()[0]
                    two = connection.execute("select max(publication_id) from mart.assistance_monthly").fetchone()[0]
                if one != two:
                    torn.append((one, two))
                count += 1
        reads.append(count)

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for flip in range(FLIPS):
            publish.roll_back(first if flip % 2 == 0 else second, "for a test")
    finally:
        done.set()
        for reader in readers:
            reader.join(60)
    assert torn == []
    assert len(reads) == READERS
    assert min(reads) > 0


@pytest.mark.parametrize(
    ("point", "block"),
    [
        ("before anything", f"select pg_advisory_lock({database.LOCK_CLASS}, {database.PUBLISH_LOCK})"),
        ("at the pointer", "select from store.current for update"),
        ("at the state", "select from audit.publication for update"),
        ("at the log", "lock table audit.publication_log in share mode"),
    ],
)
def test_a_publisher_killed_at_any_point_leaves_the_old_publication_and_can_run_again(
    warehouse, pass_gate, point, block
):
    old = marts.candidate(1)
    pass_gate(old)
    publish.publish(old)
    new = marts.candidate(2)
    pass_gate(new)
    with database.connect() as blocker:
        blocker.execute(block)
        publisher = subprocess.Popen(
            [sys.executable, "-c", f"from warehouse import publish; publish.publish({new})"],
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        _wait_until(warehouse, publisher, "select exists (select from pg_locks where not granted)")
        publisher.send_signal(signal.SIGKILL)
        assert publisher.wait(30) == -signal.SIGKILL, point
    _wait_until(warehouse, None, "select not exists (select from pg_stat_activity where application_name"
                " = 'warehouse publisher' and state <> 'idle' and datname = current_database())")  # fmt: skip
    assert _current(warehouse) == old
    assert warehouse.query("select state from audit.publication order by publication_id") == [
        ("published",),
        ("checked",),
    ]
    assert publish.publish(new)
    assert _current(warehouse) == new
    assert warehouse.query("select count(*) from audit.publication_log where action = 'publish'") == [(2,)]


def test_two_publishers_of_one_candidate_flip_once(warehouse, pass_gate):
    candidate = marts.candidate()
    pass_gate(candidate)
    outcomes = []

    def one() -> None:
        try:
            outcomes.append(publish.publish(candidate))
        except publish.PublicationConflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes.count(True) == 1
    assert len(outcomes) == 4
    assert warehouse.query("select seq, publication_id from store.current") == [(1, candidate)]


def test_a_freeze_killed_half_way_leaves_nothing_and_can_run_again(warehouse):
    marts.make_marts()
    build = marts.finished_build()
    with database.connect() as blocker:
        blocker.execute("lock table store.indicator_value in share mode")
        freezer = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from tests import marts; from warehouse import publish; publish.freeze({build}, marts.READY)",
            ],
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        _wait_until(warehouse, freezer, "select exists (select from pg_locks where not granted)")
        freezer.send_signal(signal.SIGKILL)
        freezer.wait(30)
    _wait_until(warehouse, None, "select pg_try_advisory_xact_lock(%s, %s)", database.LOCK_CLASS, database.BUILD_LOCK)
    assert warehouse.query("select count(*) from audit.publication") == [(0,)]
    assert warehouse.query("select count(*) from store.cremation_ranking") == [(0,)]
    assert publish.freeze(build, marts.READY) > 0


def _published(pass_gate) -> tuple[int, int]:
    ids = []
    for factor in (1, 2):
        ids.append(marts.candidate(factor))
        pass_gate(ids[-1])
        publish.publish(ids[-1])
    return ids[0], ids[1]


def _current(warehouse) -> int:
    ((publication_id,),) = warehouse.query("select distinct publication_id from mart.indicator_value", role="bi_reader")
    return publication_id


def _wait_until(warehouse, process: subprocess.Popen | None, question: str, *values, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not warehouse.query(question, *values)[0][0]:
        assert time.monotonic() < deadline, question
        assert process is None or process.poll() is None, "the process ended before it could be killed"
        time.sleep(0.05)
