"""The tables of a release.

Belongs here: their columns and files. Does not belong here: what they show (`plan`, `counts`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from personax_assets.datasets import TRAITS
from personax_assets.release.binning import Binning
from personax_assets.release.keys import ReleaseKey
from personax_assets.release.plan import Generalised
from personax_assets.schemas.level1 import score_column
from personax_assets.schemas.traits import AGGREGATE

PEOPLE = "people.parquet"
COUNTS = "level1_counts.parquet"
BINS = "bins.parquet"
EMBEDDINGS = "embeddings.parquet"

_BINS = {
    "table": pl.String,
    "variable": pl.String,
    "bin": pl.String,
    "from": pl.Float64,
    "below": pl.Float64,
    "middle": pl.Float64,
}


def people_frame(
    scores: pl.DataFrame,
    made: Generalised,
    raters: Sequence[str],
    key: ReleaseKey,
    simulated: bool,
) -> pl.DataFrame:
    """Return the rows about people, ordered by their ids, which says nothing about them.

    Parameters
    ----------
    scores : DataFrame
        The table `trait_scores`.
    made : Generalised
        What is shown of everybody.
    raters : sequence of str
        The raters.
    key : ReleaseKey
        Makes the ids.
    simulated : bool
        Whether everybody is invented.

    Returns
    -------
    DataFrame
        The columns released, and `person_id`, which is not.
    """
    frame = made.frame.with_columns(
        pl.Series("id", key.ids(made.frame["person_id"].to_list()), pl.String),
        simulated=pl.lit(simulated),
    )
    if frame["id"].n_unique() != frame.height:
        raise ValueError("two people have the same id in the release: use another key")
    shown = [name for name in made.frame.columns if name != "person_id"]
    scored = []
    for trait in TRAITS:
        of_trait = scores.filter(trait=trait).select(
            "person_id",
            pl.col("score").cast(pl.Float64).alias(score_column(trait, AGGREGATE)),
            *(pl.col(r).cast(pl.Int8).alias(score_column(trait, r)) for r in raters),
        )
        frame = frame.join(of_trait, on="person_id", how="left", maintain_order="left")
        scored += [name for name in of_trait.columns if name != "person_id"]
    return frame.sort("id").select("person_id", "id", "simulated", *shown, *scored)


def bins_frame(shown: Sequence[Binning], counted: Mapping[str, Binning]) -> pl.DataFrame:
    """Return what every bin stands for."""
    rows: list[tuple[str, str, str, float | None, float | None, float | None]] = []
    for table, binnings in ((PEOPLE, shown), (COUNTS, counted.values())):
        for binning in binnings:
            numeric = bool(binning.middles)
            ends = [None, *binning.edges, None]
            for i, label in enumerate(binning.labels):
                low, high = (ends[i], ends[i + 1]) if numeric else (None, None)
                middle = binning.middles[i] if numeric else None
                rows.append((table, binning.variable, label, low, high, middle))
    return pl.DataFrame(rows, schema=_BINS, orient="row")


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write a table; the same rows give the same bytes."""
    frame.write_parquet(path, compression="zstd", statistics=False)
