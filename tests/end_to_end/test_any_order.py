"""Whatever the order in which deliveries arrive, however often, in however many runs: the marts are the same."""

import random
import shutil

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.build.snapshots import built_rows, differences
from tests.end_to_end.cities import AFTERWARDS, delivery_folders, land, tiny_city
from warehouse import pipeline

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """(folder, its deliveries): twelve days with late and corrected ones."""
    folder = tiny_city(tmp_path_factory.mktemp("city") / "landing")
    return folder, delivery_folders(folder)


@pytest.fixture(scope="module")
def expected(city, make_warehouse):
    """All that a build makes when everything has arrived in order and is loaded and built at once."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = make_warehouse(patch)
        patch.setenv("WAREHOUSE_NOW", AFTERWARDS)
        land(*city, warehouse.landing)
        pipeline.load()
        pipeline.build()
        return built_rows(with_lineage=False)


def test_the_city_has_something_to_get_wrong(city, expected):
    _, folders = city
    assert any(name.parts[2] == "02" for name in folders)
    for table in ("core.fct_payment", "core.fct_death", "core.fct_entitled_person", "marts.indicator_value"):
        assert len(expected[table]) > 2, table


@given(seed=st.integers(0, 2**32), runs=st.integers(2, 4), builds=st.lists(st.booleans(), min_size=3, max_size=3))
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # an example takes seconds: shrinking one would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_of_deliveries_repeated_and_split_over_runs_gives_the_same_rows(
    city, expected, make_warehouse, seed, runs, builds
):
    folder, folders = city
    chance = random.Random(seed)
    shuffled = chance.sample(folders, len(folders))
    with pytest.MonkeyPatch.context() as patch:
        warehouse = make_warehouse(patch)
        patch.setenv("WAREHOUSE_NOW", AFTERWARDS)
        bounds = sorted(chance.sample(range(1, len(folders)), runs - 1))
        for number, (start, end) in enumerate(zip([0, *bounds], [*bounds, len(folders)], strict=True)):
            land(folder, shuffled[start:end], warehouse.landing)
            again = chance.sample(shuffled[:end], min(5, end))
            for name in again:  # the sender puts the same files there once more
                shutil.rmtree(warehouse.landing / name)
            land(folder, again, warehouse.landing)
            pipeline.load()
            assert pipeline.load()["deliveries"] == 0
            if number < runs - 1 and builds[number]:
                pipeline.build()
        pipeline.build()
        assert differences(expected, built_rows(with_lineage=False)) == {}
