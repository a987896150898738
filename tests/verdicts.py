"""A gate verdict written by hand, so that publishing is tested apart from the expectations."""

import pytest

from warehouse import database


@pytest.fixture
def pass_gate():
    """A function that stores a whole verdict on a candidate, as `warehouse.quality` does: two results."""

    def store(publication_id: int, result: str = "passed", checksum: str | None = None) -> None:
        with database.connect("publisher") as connection:
            (run_id,) = connection.execute(
                "insert into audit.validation_run"
                " (publication_id, started_at, checksum, suites_sha256, suites, results, result)"
                " select publication_id, now(), coalesce(%s, checksum), 'none', 1, 2, %s from audit.publication"
                " where publication_id = %s returning run_id",
                (checksum, result, publication_id),
            ).fetchone()
            connection.execute(
                "insert into audit.validation_result (run_id, rule_id, publication_id, suite, layer, table_name,"
                " position, expectation_type, severity, success, status, why)"
                " select %s, 'marts.test.' || n, %s, 'marts.test', 'marts', 'test', n, 'for a test', 'critical',"
                " true, 'passed', 'for a test' from generate_series(0, 1) as n",
                (run_id, publication_id),
            )
            connection.execute(
                "update audit.publication set state = case when published_at is null then 'checked' else state end,"
                " gate_result = %s where publication_id = %s",
                (result, publication_id),
            )

    return store
