"""Values made coarse: each variable as a ladder of binnings, from the coarsest to the finest.

Belongs here: bins, their labels and their middles. Does not belong here: which step of a ladder a
release takes (`plan`, `counts`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from personax_assets.datasets import Variable

OTHER = "other"
"""The label of all categories that are too rare to stand alone."""

_STEPS = (2, 3, 4, 6, 8, 12)
_LEAST_SHARES = (0.2, 0.1, 0.05, 0.02, 0.0)
"""Shares of the people from which on a category keeps its name, coarsest step first."""

_CALENDAR = ("birth_month", "birth_day")
"""Variables whose bins are of equal length: every month and day is about as common."""


@dataclass(frozen=True)
class Binning:
    """One way to make a variable coarse.

    Parameters
    ----------
    variable : str
        Column of `bios`.
    labels : tuple of str
        Names of the bins, in order.
    edges : tuple of float
        Of a number: where one bin ends and the next begins, which the value there belongs to.
    middles : tuple of float
        Of a number: the mean of each bin, as tests may use it; else empty.
    categories : tuple of str
        Of anything else: the values that keep a bin of their own.
    """

    variable: str
    labels: tuple[str, ...]
    edges: tuple[float, ...] = ()
    middles: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    def apply(self, values: pl.Series) -> pl.Series:
        """Return the label of each value; unknown stays unknown."""
        if self.middles:
            codes = np.searchsorted(self.edges, _floats(values).fill_null(0.0), side="right")
            labels = pl.Series(np.array(self.labels, dtype=object)[codes], dtype=pl.String)
        else:
            text = _text(values)
            labels = (
                text.to_frame("x")
                .select(
                    pl.when(pl.col("x").is_in(self.categories)).then("x").otherwise(pl.lit(OTHER))
                )
                .to_series()
            )
        known = values.is_not_null()
        return labels.zip_with(known, pl.Series([None], dtype=pl.String)).alias(self.variable)


def ladder(variable: Variable, values: pl.Series, k: int) -> tuple[Binning, ...]:
    """Return the binnings of a variable, coarsest first; none where it does not vary.

    Parameters
    ----------
    variable : Variable
        Decides how: quantiles of a number, equal lengths of a month or day, common categories.
    values : Series
        The values of everybody.
    k : int
        Least number of people in a bin: a category with fewer has no name of its own, and of a
        number there is no step with such a bin, whose middle would be nearly an exact value.
    """
    if variable.kind in ("nominal", "binary"):
        steps = [_categories(variable.name, values, share, k) for share in _LEAST_SHARES]
    else:
        steps = [_intervals(variable, _floats(values.drop_nulls()), step, k) for step in _STEPS]
    distinct = {binning.labels: binning for binning in steps if len(binning.labels) > 1}
    return tuple(sorted(distinct.values(), key=lambda binning: len(binning.labels)))


def _categories(name: str, values: pl.Series, least: float, k: int) -> Binning:
    counts = _text(values.drop_nulls()).value_counts().sort("count", descending=True)
    column, total = counts.columns[0], int(counts["count"].sum())
    common = sorted(counts.filter(pl.col("count") >= max(k, least * total))[column].to_list())
    rest = [OTHER] if len(common) < counts.height else []
    return Binning(name, tuple(dict.fromkeys([*common, *rest])), categories=tuple(common))


def _intervals(variable: Variable, values: pl.Series, bins: int, k: int) -> Binning:
    x = values.to_numpy()
    if variable.name in _CALENDAR and variable.period is not None:
        cuts = 1 + np.round(np.arange(1, bins) * variable.period / bins)
    elif len(x):
        cuts = np.round(np.quantile(x, np.arange(1, bins) / bins))
    else:
        cuts = np.empty(0)
    cuts = np.unique(cuts)
    cuts = cuts[(cuts > x.min()) & (cuts <= x.max())] if len(x) else cuts[:0]
    codes = np.searchsorted(cuts, x, side="right")
    sums, people = (np.bincount(codes, w, len(cuts) + 1) for w in (x, np.ones(len(x))))
    if (people < k).any():
        return Binning(variable.name, ())
    return Binning(
        variable.name, _labels(cuts.tolist()), tuple(cuts.tolist()),
        tuple(np.round(sums / people, 1).tolist()),
    )  # fmt: skip


def _labels(cuts: Sequence[float]) -> tuple[str, ...]:
    shown = [f"{cut:.0f}" for cut in cuts]
    if not shown:
        return ("any",)
    between = [f"{low} to below {high}" for low, high in pairwise(shown)]
    return (f"below {shown[0]}", *between, f"{shown[-1]} or more")


def _floats(values: pl.Series) -> pl.Series:
    return values.cast(pl.Float64)


def _text(values: pl.Series) -> pl.Series:
    """Return categories as text; a yes or no as such."""
    if values.dtype == pl.Boolean:
        return (
            values.to_frame("x")
            .select(pl.when("x").then(pl.lit("yes")).when(~pl.col("x")).then(pl.lit("no")))
            .to_series()
        )
    return values.cast(pl.String)
