"""From each rater's answers to one score per person and trait.

Belongs here: dropping zeros and taking the median. Does not belong here: how well the raters
agree (`quality`).
"""

from collections.abc import Mapping
from functools import reduce

import polars as pl

from personax_assets.datasets import TRAITS


def trait_scores(texts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Sum up the raters' scores.

    Parameters
    ----------
    texts : mapping of str to polars.DataFrame
        `trait_texts_<rater>` by rater, in the order of the columns wanted.

    Returns
    -------
    polars.DataFrame
        `trait_scores`: a row for every trait of everybody of whom a rater has a row, ordered by
        person and trait. Zeros (insufficient information) stay in the rater's column and are
        dropped before the median.
    """
    if not texts:
        raise ValueError("trait scores need the answers of at least one rater")
    raters = list(texts)
    by_rater = [_long(frame).rename({"score": rater}) for rater, frame in texts.items()]
    joined = reduce(
        lambda left, right: left.join(right, on=["person_id", "trait"], how="full", coalesce=True),
        by_rater,
    )
    informed = [pl.col(rater).replace(0, None) for rater in raters]
    return (
        joined.with_columns(
            score=pl.concat_list(informed).list.drop_nulls().list.median(),
            n_raters=pl.sum_horizontal(
                (expression.is_not_null()).cast(pl.Int16) for expression in informed
            ),
        )
        .with_columns(pl.col("trait").cast(pl.Enum(TRAITS)))
        .sort("person_id", "trait")
        .select(
            "person_id",
            pl.col("trait").cast(pl.String),
            *raters,
            pl.col("score").cast(pl.Float64),
            pl.col("n_raters").cast(pl.Int16),
        )
    )


def _long(frame: pl.DataFrame) -> pl.DataFrame:
    """Return one row per person and trait."""
    return frame.select(
        "person_id", *(pl.col(f"{trait}_score").cast(pl.Int16).alias(trait) for trait in TRAITS)
    ).unpivot(index="person_id", variable_name="trait", value_name="score")
