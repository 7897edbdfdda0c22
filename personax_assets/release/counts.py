"""Level I tables of a release: how many people have which score and which bin of a variable.

Belongs here: choosing bins for which every cell holds enough people. Does not belong here: the
tests made of them (`utility`).

All five tests of Level I depend on the data through these counts alone, so a release can carry
what they need about every variable without showing the variable of any person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.release.binning import Binning, ladder
from personax_assets.schemas.level1 import score_column
from personax_assets.schemas.traits import AGGREGATE

_COUNTED = {
    "rater": pl.String,
    "trait": pl.String,
    "variable": pl.String,
    "score": pl.Float64,
    "bin": pl.String,
    "people": pl.Int64,
}

_CARE = 4
"""How much more it counts that people stay in than that bins are fine."""

Table = NDArray[np.int64]


@dataclass(frozen=True)
class Level1Counts:
    """The tables of a release.

    Parameters
    ----------
    frame : DataFrame
        `rater, trait, variable, score, bin, people`; cells without anybody are not in it.
    binnings : mapping of str to Binning
        The bins of each variable, the same in all its tables.
    left_out : float
        Mean share of the people with both values who are in no cell of a table, because a cell
        would have held too few.
    """

    frame: pl.DataFrame
    binnings: Mapping[str, Binning]
    left_out: float


def level1_counts(
    sub: SubDataset, people: pl.DataFrame, raters: Sequence[str], k: int
) -> Level1Counts:
    """Count people for every rater, trait and variable.

    Of the steps of a variable's ladder that one is taken whose bins tell most, where leaving
    people out costs more than it may gain. Where a cell of a table would hold fewer than k
    people, its bin or its score leaves that table, whichever takes fewer people along.

    Parameters
    ----------
    sub : SubDataset
        Names the variables.
    people : DataFrame
        One row per person with variables and scores, as of `analysis.counting.people_of`.
    raters : sequence of str
        The raters.
    k : int
        Least number of people in a cell.
    """
    names = {(r, t): score_column(t, r) for r in (AGGREGATE, *raters) for t in TRAITS}
    scored = {pair: _codes(people[column]) for pair, column in names.items()}
    scored = {pair: found for pair, found in scored.items() if len(found[1])}
    rows, binnings, shares = [], {}, []
    for variable in sub.variables:
        best: tuple[float, Binning, list[Table], float] | None = None
        for binning in ladder(variable, people[variable.name], k):
            labels = binning.apply(people[variable.name])
            bins = labels.cast(pl.Enum(binning.labels)).to_physical().cast(pl.Int64)
            codes = bins.fill_null(-1).to_numpy()
            raw = [_crossed(s, codes, len(v), len(binning.labels)) for s, v in scored.values()]
            tables = [_protected(table, k) for table in raw]
            kept = [t.sum() / max(r.sum(), 1) for t, r in zip(tables, raw, strict=True)]
            told = [_entropy(t) * share**_CARE for t, share in zip(tables, kept, strict=True)]
            worth = float(np.mean(told))
            if worth > 0 and (best is None or worth > best[0]):
                best = worth, binning, tables, 1 - float(np.mean(kept))
        if best is None:
            continue
        _, binning, tables, lost = best
        binnings[variable.name] = binning
        shares.append(lost)
        for ((rater, trait), (_, values)), table in zip(scored.items(), tables, strict=True):
            rows += [
                (rater, trait, variable.name, float(values[i]), binning.labels[j], int(table[i, j]))
                for i, j in zip(*np.nonzero(table), strict=True)
            ]
    frame = pl.DataFrame(rows, schema=_COUNTED, orient="row")
    return Level1Counts(frame, binnings, float(np.mean(shares)) if shares else 0.0)


def _codes(scores: pl.Series) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the code of each score, -1 for none, and the scores that occur."""
    x = scores.cast(pl.Float64).to_numpy()
    values = np.unique(x[~np.isnan(x)])
    return np.where(np.isnan(x), -1, np.searchsorted(values, x)), values


def _crossed(
    scores: NDArray[np.intp], bins: NDArray[np.int64], n_scores: int, n_bins: int
) -> Table:
    known = (scores >= 0) & (bins >= 0)
    cells = np.bincount(scores[known] * n_bins + bins[known], minlength=n_scores * n_bins)
    return cells.reshape(n_scores, n_bins)


def _protected(table: Table, k: int) -> Table:
    """Return the table without the rows and columns that have to go."""
    table = table.copy()
    while (small := (table > 0) & (table < k)).any():
        offers = [
            (int(table.sum(axis=1 - axis)[i]), axis, int(i))
            for axis in (0, 1)
            for i in np.flatnonzero(small.any(axis=1 - axis))
        ]
        _, axis, i = min(offers)
        table[(i, slice(None)) if axis == 0 else (slice(None), i)] = 0
    return table


def _entropy(table: Table) -> float:
    """Return what the bins tell about those who are in the table, in nats."""
    people = table.sum(axis=0)
    shares = people[people > 0] / max(people.sum(), 1)
    return float(-(shares * np.log(shares)).sum())
