"""Publishing: what was judged goes out, as a whole, once, and can be taken back."""

import psycopg
import pytest

from tests import marts
from warehouse import database, frozen, publish
from warehouse.errors import BuildFailed, PublicationBlocked, PublicationConflict, UsageError

READER_VIEWS = ("indicator", "division", "indicator_value", "cremation_ranking", "assistance_monthly")


def current(warehouse) -> int | None:
    return warehouse.query("select max(publication_id) from mart.indicator_value", role="bi_reader")[0][0]


def test_before_the_first_publication_readers_see_empty_marts_and_no_publication(warehouse):
    for view in READER_VIEWS:
        assert warehouse.query(f"select count(*) from mart.{view}", role="bi_reader") == [(0,)]
    assert warehouse.query("select * from mart.publication", role="bi_reader") == []


def test_a_frozen_build_is_a_candidate_that_readers_do_not_see(warehouse):
    candidate = marts.candidate()
    assert current(warehouse) is None
    assert warehouse.query("select count(*) from mart_history.indicator_value", role="bi_reader") == [(0,)]
    ((state, is_current, partial, gaps, as_of, gate),) = warehouse.query(
        "select state, is_current, is_partial, gaps, as_of, gate_result from mart.publication"
    )
    assert (state, is_current, partial, gaps, gate) == ("candidate", False, False, [], "unchecked")
    assert as_of == {"assistance": "2022-01-31"}
    assert warehouse.query("select row_counts from audit.publication") == [
        ({mart: warehouse.query(f"select count(*) from marts.{mart}")[0][0] for mart in READER_VIEWS},)
    ]
    assert candidate == 1


def test_freezing_the_same_build_again_gives_the_same_candidate(warehouse):
    marts.make_marts()
    build = marts.finished_build()
    assert publish.freeze(build, marts.READY) == publish.freeze(build, marts.READY)
    assert warehouse.query("select count(*) from audit.publication") == [(1,)]


def test_a_partial_publication_names_its_gaps(warehouse, pass_gate):
    candidate = marts.candidate(gaps=(marts.a_gap(),))
    pass_gate(candidate)
    publish.publish(candidate)
    ((partial, gaps),) = warehouse.query("select is_partial, gaps from mart.publication where is_current")
    assert partial
    assert [(gap["table"], gap["business_date"], gap["state"]) for gap in gaps] == [
        ("cremation_record", "2022-01-31", "missing")
    ]
    assert warehouse.query("select system, as_of_date::text from mart.publication_system", role="bi_reader") == [
        ("assistance", "2022-01-31")
    ]


def test_a_build_that_was_overtaken_did_not_finish_or_still_runs_cannot_be_frozen(warehouse):
    marts.make_marts()
    older, newer = marts.finished_build(), marts.finished_build()
    with pytest.raises(PublicationConflict, match=f"build {newer}, which began after build {older}"):
        publish.freeze(older, marts.READY)
    with database.connect("builder") as connection:
        (unfinished,) = connection.execute(
            "insert into audit.build (full_refresh) values (false) returning build_id"
        ).fetchone()
    with pytest.raises(PublicationConflict, match="did not finish"):
        publish.freeze(unfinished, marts.READY)
    with database.connect("builder", autocommit=True) as building:
        building.execute("select pg_advisory_lock(%s, %s)", (database.LOCK_CLASS, database.BUILD_LOCK))
        with pytest.raises(PublicationConflict, match="build is running"):
            publish.freeze(unfinished, marts.READY)


def test_a_mart_whose_columns_are_not_those_served_is_refused_by_name(warehouse):
    marts.make_marts()
    warehouse.query("alter table marts.indicator_value rename column value to amount")
    with pytest.raises(BuildFailed, match=r"marts\.indicator_value has the columns amount"):
        publish.freeze(marts.finished_build(), marts.READY)
    warehouse.query("drop table marts.assistance_monthly")
    with pytest.raises(BuildFailed, match=r"marts\.assistance_monthly has the columns \(none: no such table\)"):
        publish.freeze(marts.finished_build(), marts.READY)
    assert warehouse.query("select count(*) from store.division") == [(0,)]


def test_publishing_flips_every_mart_at_once_and_supersedes_the_one_before(warehouse, pass_gate):
    first, second = marts.candidate(1), marts.candidate(2)
    for candidate in (first, second):
        pass_gate(candidate)
        assert publish.publish(candidate)
        for view in READER_VIEWS:
            assert warehouse.query(f"select distinct publication_id from mart.{view}", role="bi_reader") == [
                (candidate,)
            ]
    assert warehouse.query("select publication_id, state from audit.publication order by 1") == [
        (first, "superseded"),
        (second, "published"),
    ]
    assert warehouse.query(
        "select distinct publication_id from mart_history.division order by 1", role="bi_reader"
    ) == [
        (first,),
        (second,),
    ]


def test_publishing_the_same_publication_again_changes_nothing(warehouse, pass_gate):
    candidate = marts.candidate()
    pass_gate(candidate)
    publish.publish(candidate)
    before = warehouse.query("select seq, publication_id from store.current")
    assert publish.publish(candidate) is False
    assert warehouse.query("select seq, publication_id from store.current") == before
    assert warehouse.query("select count(*) from audit.publication_log where action = 'publish'") == [(1,)]


def test_an_unchecked_candidate_is_not_published(warehouse):
    with pytest.raises(PublicationBlocked, match="was not checked; run: warehouse check 1"):
        publish.publish(marts.candidate())
    assert current(warehouse) is None


def test_a_blocked_candidate_is_not_published(warehouse, pass_gate):
    candidate = marts.candidate()
    pass_gate(candidate)
    pass_gate(candidate, result="blocked")
    with pytest.raises(PublicationBlocked, match="The gate blocked publication 1"):
        publish.publish(candidate)


@pytest.mark.parametrize("status", ["failed", "error"])
def test_a_broken_critical_result_blocks_whatever_the_run_says_of_itself(warehouse, pass_gate, status):
    candidate = marts.candidate()
    pass_gate(candidate)
    warehouse.query(
        "update audit.validation_result set success = false, status = %s where rule_id = 'marts.test.0'", status
    )
    with pytest.raises(PublicationBlocked, match="The gate blocked publication 1"):
        publish.publish(candidate)


def test_a_verdict_of_which_a_result_is_missing_does_not_let_a_candidate_pass(warehouse, pass_gate):
    candidate = marts.candidate()
    pass_gate(candidate)
    warehouse.query("delete from audit.validation_result where rule_id = 'marts.test.1'")
    with pytest.raises(PublicationBlocked, match="not whole: 1 of 2 results are kept"):
        publish.publish(candidate)


@pytest.mark.parametrize(
    "tampering",
    [
        "update store.indicator_value set value = value + 1 where indicator = 'F01' and division_code = '410802'",
        "delete from store.assistance_monthly where programme_code = 'JB' and division_code = '410802'",
        "update store.indicator set name_en = 'other' where indicator = 'F01'",
        "update store.cremation_ranking set rank = null where rank = 1",
    ],
)
def test_a_candidate_that_was_changed_after_the_check_is_not_published(warehouse, pass_gate, tampering):
    candidate = marts.candidate()
    pass_gate(candidate)
    warehouse.query(tampering)
    with pytest.raises(PublicationConflict, match="are not those that were frozen"):
        publish.publish(candidate)
    assert current(warehouse) is None


def test_a_verdict_on_other_rows_is_no_verdict(warehouse, pass_gate):
    candidate = marts.candidate()
    pass_gate(candidate, checksum="0" * 64)
    with pytest.raises(PublicationBlocked, match="it judged other rows"):
        publish.publish(candidate)


def test_rows_cannot_be_added_to_a_frozen_publication_not_even_by_the_owner(warehouse):
    marts.candidate()
    with pytest.raises(psycopg.errors.RaiseException, match="rows of a frozen publication cannot be added"):
        warehouse.query("insert into store.division values (1, '410899', 'x', 'x', 'x', false, 99)")
    with pytest.raises(psycopg.errors.RaiseException, match="only its state may change"):
        warehouse.query("update audit.publication set checksum = 'x'")


def test_an_older_candidate_does_not_go_out_after_a_newer_one(warehouse, pass_gate):
    older, newer = marts.candidate(1), marts.candidate(2)
    pass_gate(older)
    pass_gate(newer)
    publish.publish(newer)
    with pytest.raises(PublicationConflict, match="is newer than"):
        publish.publish(older)
    assert current(warehouse) == newer


def test_a_publisher_that_was_overtaken_while_it_waited_gives_up(warehouse, pass_gate, monkeypatch):
    candidate = marts.candidate()
    pass_gate(candidate)
    monkeypatch.setattr(publish, "_pointer", lambda connection: (-1, None))  # what it read before the other flip
    with pytest.raises(PublicationConflict, match="Another publication went out"):
        publish.publish(candidate)
    assert current(warehouse) is None


def test_roll_back_moves_readers_to_an_earlier_publication_and_logs_who_and_why(warehouse, pass_gate):
    first, second = _published(pass_gate, 2)
    publish.roll_back(first, "wrong rates in the second")
    assert current(warehouse) == first
    assert warehouse.query("select publication_id, state from audit.publication order by 1") == [
        (first, "published"),
        (second, "rolled_back"),
    ]
    ((origin, target, reason, done_by),) = warehouse.query(
        "select from_publication_id, to_publication_id, reason, done_by from audit.publication_log"
        " where action = 'roll_back'"
    )
    assert (origin, target, reason) == (second, first, "wrong rates in the second")
    assert done_by


def test_a_retried_publish_does_not_undo_a_roll_back(warehouse, pass_gate):
    first, second = _published(pass_gate, 2)
    publish.roll_back(first, "wrong rates")
    with pytest.raises(PublicationConflict, match="was rolled back"):
        publish.publish(second)
    assert publish.publish(first) is False
    assert current(warehouse) == first


def test_roll_back_needs_a_reason_and_a_publication_that_was_out(warehouse, pass_gate):
    first, second = _published(pass_gate, 2)
    candidate = marts.candidate(3)
    with pytest.raises(UsageError, match="needs a reason"):
        publish.roll_back(first, "  ")
    with pytest.raises(PublicationConflict, match="never published"):
        publish.roll_back(candidate, "because")
    with pytest.raises(PublicationConflict, match="current one already"):
        publish.roll_back(second, "because")
    with pytest.raises(UsageError, match="There is no publication 99"):
        publish.roll_back(99, "because")
    warehouse.query("update store.indicator_value set value = 0 where publication_id = %s", first)
    with pytest.raises(PublicationConflict, match="are not those that were frozen"):
        publish.roll_back(first, "because")
    assert current(warehouse) == second


def test_history_tells_each_publication_and_what_happened_to_it(warehouse, pass_gate):
    first, second = _published(pass_gate, 2)
    publish.roll_back(first, "wrong rates")
    newest, oldest = publish.history()
    assert (newest["publication_id"], newest["state"], newest["is_current"]) == (second, "rolled_back", False)
    assert (oldest["publication_id"], oldest["state"], oldest["is_current"]) == (first, "published", True)
    assert newest["log"][-1].endswith("wrong rates")


def test_the_log_and_the_verdicts_cannot_be_rewritten(warehouse, pass_gate):
    _published(pass_gate, 1)
    for statement in (
        "delete from audit.publication_log",
        "update audit.publication_log set reason = 'x'",
        "truncate audit.publication_log",
        "update audit.validation_run set result = 'passed'",
        "delete from audit.validation_run",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="append only"):
            warehouse.query(statement)


def test_only_the_newest_publications_are_kept_but_the_current_one_and_young_ones_always(
    warehouse, pass_gate, monkeypatch
):
    monkeypatch.setenv("WAREHOUSE_KEPT_PUBLICATIONS", "2")
    ids = _published(pass_gate, 5)
    publish.roll_back(ids[1], "the rest is wrong")
    assert publish.drop_old() == []  # all are younger than 48 hours
    warehouse.query("alter table audit.publication_log disable trigger append_only")
    warehouse.query("alter table audit.publication disable trigger keep_frozen")
    warehouse.query("update audit.publication_log set happened_at = happened_at - interval '3 days'")
    warehouse.query(
        "update audit.publication set created_at = created_at - interval '3 days',"
        " decided_at = decided_at - interval '3 days'"
    )
    assert publish.drop_old() == [ids[0], ids[2]]
    kept = warehouse.query("select distinct publication_id from store.indicator_value order by 1")
    assert kept == [(ids[1],), (ids[3],), (ids[4],)]
    assert current(warehouse) == ids[1]
    with pytest.raises(PublicationConflict, match="were removed"):
        publish.roll_back(ids[0], "too late")


def test_the_checksum_does_not_depend_on_the_order_of_rows_nor_on_the_session(warehouse):
    candidate = marts.candidate()
    with database.connect() as connection:
        before = frozen.checksum(connection, candidate)
        connection.execute("set datestyle = 'SQL, DMY'")
        connection.execute("set timezone = 'UTC'")
        connection.execute("create temporary table moved as select * from store.indicator_value order by random()")
        connection.execute("alter table store.indicator_value disable trigger frozen")
        connection.execute("delete from store.indicator_value")
        connection.execute("insert into store.indicator_value select * from moved")
        assert frozen.checksum(connection, candidate) == before
        connection.execute("alter table store.division add column note text")
        assert frozen.checksum(connection, candidate) == before


@pytest.mark.parametrize(
    ("statement", "role"),
    [
        ("select * from store.indicator_value", "bi_reader"),
        ("select * from audit.publication", "bi_reader"),
        ("create temporary table t (x int)", "bi_reader"),
        ("do $$ begin end $$", "bi_reader"),
        ("create table mart.t (x int)", "bi_reader"),
        ("insert into mart.division (publication_id) values (1)", "bi_reader"),
        ("update store.current set seq = 9", "builder"),
        ("update audit.publication set state = 'published'", "builder"),
        ("update store.indicator_value set value = 0", "builder"),
        ("update store.indicator_value set value = 0", "publisher"),
        ("insert into store.division (publication_id) values (1)", "publisher"),
        ("insert into audit.validation_run (publication_id) values (1)", "builder"),
        ("delete from audit.validation_result", "publisher"),
        ("select * from store.indicator_value", "auditor"),
    ],
)
def test_each_role_may_do_its_own_step_only(warehouse, statement, role):
    if (
        statement.startswith("do")
        and not warehouse.query("select usesuper from pg_user where usename = current_user")[0][0]
    ):
        pytest.skip("only a superuser can take the language from everybody: docs/how-to/use-your-own-server.md")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.query(statement, role=role)


def test_no_default_privileges_hand_out_what_nobody_granted(warehouse):
    assert warehouse.query("select count(*) from pg_default_acl") == [(0,)]


def _published(pass_gate, count: int) -> list[int]:
    ids = []
    for factor in range(1, count + 1):
        ids.append(marts.candidate(factor))
        pass_gate(ids[-1])
        publish.publish(ids[-1])
    return ids
