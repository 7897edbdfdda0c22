"""Planted people with scores, as the home would hold them, made without running any stage."""

import numpy as np
import polars as pl
import pytest

from personax_assets.datasets import ATHLEPERSONA, SubDataset
from personax_assets.release.keys import ReleaseKey
from personax_assets.release.make import Material
from personax_assets.traits.scores import trait_scores
from personax_ml.synthetic import SIMULATED_RATERS, draw_cohort, person_seed

KEY = ReleaseKey(b"0123456789abcdef0123456789abcdef")


def material(
    sub: SubDataset, n: int, raters: tuple[str, ...] = ("chatgpt", "gemini"), seed: int = 0
) -> Material:
    """Return planted people of whom raters gave scores."""
    cohort = draw_cohort(sub.name, n, seed)
    texts = {
        name: pl.DataFrame(
            [
                {"person_id": person["source_id"], "status": "ok"}
                | SIMULATED_RATERS[name].answer(person, person_seed(seed, person["source_id"]))
                for person in cohort.factors.iter_rows(named=True)
            ]
        )
        for name in raters
    }
    bios = cohort.bios.rename({"source_id": "person_id"}).with_columns(simulated=pl.lit(True))
    return Material(sub, raters, bios, trait_scores(texts))


def vectors(n: int, d: int = 40, seed: int = 0) -> np.ndarray:
    """Return skewed vectors with a spectrum, as embeddings have one."""
    rng = np.random.default_rng(seed)
    return rng.gamma(2.0, 1.0, (n, d)) * np.geomspace(3, 0.3, d)


@pytest.fixture
def quick_level1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make one test of the five, where a test is not about what they decide."""
    monkeypatch.setattr("personax_assets.release.utility.TESTS", ("kci",))


@pytest.fixture(scope="session")
def athletes() -> Material:
    return material(ATHLEPERSONA, 900)
