"""Small cities written once for all tests of this folder."""

from datetime import date
from pathlib import Path

import pytest

from scripts.synthetic_city.cli import generate

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
FIRST, LAST = date(2021, 10, 1), date(2022, 1, 31)


def write_city(out: Path, seed: int, figures: Path = FIXTURES / "figures_small.csv") -> Path:
    generate(figures, seed, FIRST, LAST, out, progress=lambda text: None)
    return out


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_city(tmp_path_factory.mktemp("city") / "landing", seed=1)


@pytest.fixture(scope="session")
def another_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_city(tmp_path_factory.mktemp("city") / "landing", seed=2)
