"""How latents go with traits, bios and planted factors, for description.

Belongs here: rank correlations and shares of variance between columns. Does not belong here:
tests, or metrics of a model (those are held out and come with it).
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rank_correlations(left: pl.DataFrame, right: pl.DataFrame) -> Floats:
    """Return the rank correlation of each column of `left` with each of `right`.

    Columns are ranked among their known values; a pair of columns is correlated over the rows
    in which both are known. NaN where either is constant.
    """
    x, y = _ranks(left), _ranks(right)
    known_x, known_y = (~np.isnan(x)).astype(float), (~np.isnan(y)).astype(float)
    x, y = np.nan_to_num(x), np.nan_to_num(y)
    n = known_x.T @ known_y
    sum_x, sum_y = x.T @ known_y, known_x.T @ y
    spread_x = n * ((x**2).T @ known_y) - sum_x**2
    spread_y = n * (known_x.T @ (y**2)) - sum_y**2
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: Floats = (n * (x.T @ y) - sum_x * sum_y) / np.sqrt(spread_x * spread_y)
    correlation[(spread_x <= 1e-9) | (spread_y <= 1e-9)] = np.nan
    return correlation


def _ranks(frame: pl.DataFrame) -> Floats:
    """Return ranks between -1/2 and 1/2 per column; NaN where unknown."""
    ranked = frame.select(
        (pl.col(name).fill_nan(None) if frame[name].dtype.is_float() else pl.col(name))
        .rank()
        .alias(name)
        for name in frame.columns
    )
    ranks = ranked.select(pl.all() / pl.all().max() - 0.5)
    return ranks.to_numpy().astype(np.float64)


def explained_by_categories(left: pl.DataFrame, categories: pl.Series) -> Floats:
    """Return the root of the share of each column's rank variance that categories explain.

    The share is adjusted for what as many random categories would explain (epsilon squared).
    """
    known = categories.is_not_null()
    x = _ranks(left.filter(known))
    _, group = np.unique(categories.filter(known).to_numpy(), return_inverse=True)
    sizes = np.bincount(group)
    result = np.full(x.shape[1], np.nan)
    spare = len(group) - len(sizes)
    if len(sizes) < 2 or spare < 1:
        return result
    for j in range(x.shape[1]):
        column = np.where(np.isnan(x[:, j]), np.nanmean(x[:, j]), x[:, j])
        total = float(((column - column.mean()) ** 2).sum())
        means = np.bincount(group, column) / sizes
        within = float(((column - means[group]) ** 2).sum())
        if total > 0:
            share = 1 - (within / spare) / (total / (len(group) - 1))
            result[j] = np.sqrt(max(share, 0.0))
    return result
