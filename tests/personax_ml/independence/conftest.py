import numpy as np
import polars as pl
import pytest

from personax_ml.independence import VariableSpec

KINDS = {
    "birth_year": VariableSpec("numeric", discrete=True),
    "birth_month": VariableSpec("circular", discrete=True, period=12),
    "longitude": VariableSpec("circular", period=360),
    "height_cm": VariableSpec("numeric"),
    "league": VariableSpec("nominal", discrete=True),
    "big_nose": VariableSpec("binary", discrete=True),
}


def ordered(latent: np.ndarray) -> np.ndarray:
    """Trait scores 1, 1.5, ... 3 from a latent variable."""
    return np.round(np.clip(2 + 0.6 * latent, 1, 3) * 2) / 2


@pytest.fixture(scope="session")
def cohort() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores of two traits by two raters, and variables with some missing values."""
    rng = np.random.default_rng(7)
    n = 600
    people = [f"p{i}" for i in range(n)]
    latent = rng.normal(size=n)
    variables = pl.DataFrame(
        {
            "person_id": people,
            "birth_year": rng.integers(1985, 2005, n),
            "birth_month": rng.integers(1, 13, n),
            "longitude": rng.uniform(-180, 180, n),
            "height_cm": np.round(185 + 8 * latent + 6 * rng.normal(size=n)),
            "league": rng.choice(list("ABCDEFG"), n),
            "big_nose": rng.random(n) < 0.3,
        }
    ).with_columns(
        pl.when(pl.Series(rng.random(n) < 0.05))
        .then(None)
        .otherwise(pl.col("height_cm"))
        .alias("height_cm")
    )
    scores = pl.concat(
        pl.DataFrame(
            {
                "person_id": people,
                "trait": trait,
                "rater": rater,
                "score": ordered(strength * latent + rng.normal(size=n)),
            }
        )
        for rater in ("aggregate", "chatgpt")
        for trait, strength in (("openness", 1.0), ("neuroticism", 0.0))
    )
    return scores, variables
