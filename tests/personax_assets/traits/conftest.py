"""People, raters and journals for the tests of the trait stage."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from personax_assets.traits.journal import Journal
from personax_assets.traits.rater_files import load_raters
from personax_assets.traits.raters import RaterConfig
from personax_ml.synthetic import draw_cohort

SEED = 7

People = Callable[[int], pl.DataFrame]


@pytest.fixture(scope="session")
def athletes() -> People:
    """The first people of the synthetic cohort, as rows of `bios`."""

    def first(n: int) -> pl.DataFrame:
        bios = draw_cohort("athlepersona", n, SEED).bios
        return bios.select(pl.col("source_id").alias("person_id"), "name", "league")

    return first


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as journal:
        yield journal


@pytest.fixture
def chatgpt() -> RaterConfig:
    return load_raters("simulated")[0]
