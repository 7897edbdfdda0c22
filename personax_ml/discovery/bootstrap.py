"""How firmly the data hold the edges of a graph.

Belongs here: the search repeated on bootstrap samples. Does not belong here: the search (`graphs`).
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_ml.discovery.graphs import Test, complete_rows, latent_graph

FREQUENCY_COLUMNS = {
    "source": pl.String,
    "target": pl.String,
    "frequency": pl.Float64,
    "directed": pl.Float64,
    "reversed": pl.Float64,
}
"""Columns of a table of bootstrap frequencies."""


class Options(TypedDict, total=False):
    """Options of `latent_graph` that `edge_frequencies` passes on."""

    alpha: float
    tiers: Sequence[Sequence[str]]
    names: Sequence[str]
    doubt: Mapping[str, float] | None
    test: Test


def edge_frequencies(
    latents: pl.DataFrame | NDArray[np.floating],
    resamples: int = 100,
    random_state: int = 0,
    **options: Unpack[Options],
) -> pl.DataFrame:
    """Estimate the graph on bootstrap samples of the people and count its edges.

    Parameters
    ----------
    latents : DataFrame or array (n, p)
        As of `latent_graph`.
    resamples : int
        Number of samples of n people, drawn with replacement.
    random_state : int
        Seed of the samples.
    **options
        Of `latent_graph`.

    Returns
    -------
    DataFrame
        `source`, `target`, `frequency`: share of the samples in which the two are joined;
        `directed`: share in which source causes target; `reversed`: share in which target causes
        source. One row per pair that is joined at least once, the most frequent first.
    """
    frame = complete_rows(latents, options.pop("names", ()))
    rng = np.random.default_rng(random_state)
    counts: dict[tuple[str, str], list[int]] = {}
    for resample in range(resamples):
        drawn = frame[rng.integers(frame.height, size=frame.height)]
        edges = latent_graph(drawn, random_state=resample, **options)
        for source, target, kind in edges.select("source", "target", "kind").iter_rows():
            in_order = frame.columns.index(source) < frame.columns.index(target)
            pair = (source, target) if in_order else (target, source)
            count = counts.setdefault(pair, [0, 0, 0])
            count[0] += 1
            if kind == "directed":
                count[1 if in_order else 2] += 1
    rows = [(*pair, *(c / resamples for c in count)) for pair, count in counts.items()]
    return pl.DataFrame(rows, schema=FREQUENCY_COLUMNS, orient="row").sort(
        "frequency", "source", "target", descending=[True, False, False]
    )


def with_frequencies(edges: pl.DataFrame, frequencies: pl.DataFrame) -> pl.DataFrame:
    """Return edges with a column `frequency`: how often bootstrap samples have them."""
    both_ways = pl.concat(
        [
            frequencies.select("source", "target", "frequency"),
            frequencies.select(source="target", target="source", frequency="frequency"),
        ]
    )
    joined = edges.join(both_ways, on=("source", "target"), how="left", maintain_order="left")
    return joined.with_columns(pl.col("frequency").fill_null(0.0))
