"""What a release is still good for.

Belongs here: Level I on the release against Level I on the originals, and what embeddings predict.
Does not belong here: how much is enough (`gate`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.analysis.counting import counted, kinds_of
from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.release.binning import Binning
from personax_assets.schemas.level1 import PAIR, TESTS
from personax_assets.schemas.traits import AGGREGATE

if TYPE_CHECKING:
    from personax_ml.independence.columns import ColumnError
    from personax_ml.independence.grid import TableKey
    from personax_ml.independence.tables import Strata

Floats = NDArray[np.float64]

_FOLDS = 5
_PENALTIES = 10.0 ** np.arange(-4.0, 5.0)
_DECISION = (*PAIR, "test")


@dataclass(frozen=True)
class Agreement:
    """Decisions of Level I that are the same on a release.

    Parameters
    ----------
    decisions : int
        Decisions on the originals: median score, recommended settings, no condition.
    unchanged : float
        Share of them that come out the same; one that cannot be made any more has changed.
    unchanged_by_rater : float
        The same for the scores of single raters.
    changed : tuple of str
        Which ones changed, of the median score.
    """

    decisions: int
    unchanged: float
    unchanged_by_rater: float
    changed: tuple[str, ...]


def original_decisions(
    sub: SubDataset, people: pl.DataFrame, raters: Sequence[str], seed: int
) -> pl.DataFrame:
    """Test the originals; `people` is one row per person with variables and scores."""
    counts = counted(people, sub, raters).counts
    pooled = counts.group_by([c for c in counts.columns if c not in ("stratum", "people")]).agg(
        pl.col("people").sum()
    )
    return _decided(sub, pooled.with_columns(stratum=pl.lit(None, pl.String)), seed)


def released_decisions(
    sub: SubDataset, counts: pl.DataFrame, binnings: Mapping[str, Binning], seed: int
) -> pl.DataFrame:
    """Test the Level I tables of a release, numbers by the middles of their bins."""
    return _decided(sub, _as_counted(counts, binnings), seed)


def people_decisions(
    sub: SubDataset,
    people: pl.DataFrame,
    shown: Sequence[Binning],
    raters: Sequence[str],
    seed: int,
) -> pl.DataFrame:
    """Test the rows of a release, which show some variables only."""
    binnings = {binning.variable: binning for binning in shown}
    scores = released_scores(people, raters)
    counts = scores.unpivot(
        list(binnings), index=("rater", "trait", "score"),
        variable_name="variable", value_name="bin",
    ).drop_nulls()  # fmt: skip
    tables = counts.group_by("rater", "trait", "variable", "score", "bin").len("people")
    return _decided(sub, _as_counted(tables, binnings), seed)


def _as_counted(counts: pl.DataFrame, binnings: Mapping[str, Binning]) -> pl.DataFrame:
    """Return the tables of a release as `personax_ml.independence.counts` knows them."""
    known = pl.DataFrame(
        [
            (name, label, binning.middles[i] if binning.middles else None,
             None if binning.middles else label)
            for name, binning in binnings.items()
            for i, label in enumerate(binning.labels)
        ],
        schema={"variable": pl.String, "bin": pl.String, "number": pl.Float64, "label": pl.String},
        orient="row",
    )  # fmt: skip
    joined = counts.join(known, on=["variable", "bin"], how="left")
    return joined.with_columns(stratum=pl.lit(None, pl.String))


def _decided(sub: SubDataset, counts: pl.DataFrame, seed: int) -> pl.DataFrame:
    from threadpoolctl import threadpool_limits

    from personax_ml.independence.counts import COUNTS
    from personax_ml.independence.grid import grid_from_tables

    kinds = kinds_of(sub)
    typed = counts.select(pl.col(name).cast(kind) for name, kind in COUNTS.items())
    ordered = typed.sort(typed.columns)
    with threadpool_limits(1, "blas"):
        grid = grid_from_tables(
            _tables(ordered, sub), kinds, profiles=("recommended",), tests=TESTS, seed=seed
        )
    return grid.select(*_DECISION, "dependent")


def _tables(
    counts: pl.DataFrame, sub: SubDataset
) -> Iterator[tuple["TableKey", "Strata | ColumnError"]]:
    from personax_ml.independence.counts import tables_of

    pairs = counts.select(PAIR).unique(maintain_order=True).rows()
    for key, strata in tables_of(counts, kinds_of(sub), sub.stratum, pairs):
        if key[2] is None:
            yield key, strata


def agreement(original: pl.DataFrame, released: pl.DataFrame) -> Agreement:
    """Compare decisions on the originals with those on a release."""
    made = original.drop_nulls("dependent")
    both = made.join(released, on=_DECISION, how="left", suffix="_released").with_columns(
        same=(pl.col("dependent") == pl.col("dependent_released")).fill_null(False)
    )
    median = both.filter(rater=AGGREGATE)
    single = both.filter(pl.col("rater") != AGGREGATE)
    changed = median.filter(~pl.col("same")).select("trait", "variable", "test").sort(pl.all())
    return Agreement(
        decisions=median.height,
        unchanged=_mean(median["same"]),
        unchanged_by_rater=_mean(single["same"]),
        changed=tuple(f"{t} and {v} by {test}" for t, v, test in changed.iter_rows()),
    )


def _mean(values: pl.Series) -> float:
    return float(values.cast(pl.Float64).mean() or 0.0) if len(values) else 0.0  # type: ignore[arg-type]


def predicted_share(embeddings: Floats, scores: Floats) -> float:
    """Return how much of the trait scores' variance embeddings predict, on held-out people.

    Ridge regression on all columns, five folds, the penalty chosen inside each; the mean over
    traits, where a trait that is not predicted at all counts as zero.

    Parameters
    ----------
    embeddings : array (n, d)
        One row per person.
    scores : array (n, traits)
        NaN where there is no score.
    """
    shares = []
    for y in scores.T:
        known = ~np.isnan(y)
        if known.sum() < 10 * _FOLDS or np.std(y[known]) == 0:
            continue
        x, target = embeddings[known], y[known]
        fold = np.arange(len(target)) % _FOLDS
        predicted = np.empty(len(target))
        for i in range(_FOLDS):
            held = fold == i
            predicted[held] = _ridge(x[~held], target[~held], x[held])
        error = ((target - predicted) ** 2).mean()
        shares.append(max(0.0, 1 - error / target.var()))
    return float(np.mean(shares)) if shares else 0.0


def _ridge(x: Floats, y: Floats, asked: Floats) -> Floats:
    """Fit, with the penalty that has the least leave-one-out error, and predict."""
    mean, offset = x.mean(axis=0), y.mean()
    left, singular, right = np.linalg.svd(x - mean, full_matrices=False)
    centred = y - offset
    projected = left.T @ centred
    best, answer = np.inf, np.full(len(asked), offset)
    for penalty in _PENALTIES * singular[0] ** 2 / len(x):
        shrink = singular**2 / (singular**2 + penalty)
        leverage = (left**2) @ shrink + 1 / len(x)
        residual = (centred - left @ (shrink * projected)) / (1 - np.minimum(leverage, 0.999))
        error = float((residual**2).mean())
        if error < best:
            weights = shrink / np.where(singular > 0, singular, np.inf) * projected
            best, answer = error, offset + (asked - mean) @ right.T @ weights
    return answer


def released_scores(people: pl.DataFrame, raters: Sequence[str]) -> pl.DataFrame:
    """Return a release's rows once per rater and trait with a score; zero is no score."""
    parts = [
        people.with_columns(
            rater=pl.lit(rater),
            trait=pl.lit(trait),
            score=pl.col(f"{trait}_{rater}").cast(pl.Float64),
        ).filter(pl.col("score") > 0)
        for rater in (AGGREGATE, *raters)
        for trait in TRAITS
    ]
    return pl.concat(parts)
