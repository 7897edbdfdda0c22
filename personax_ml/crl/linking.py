"""Do the modalities share anything? Held-out canonical correlations with permutation p-values.

Belongs here: evidence for links between modalities that needs no truth. Does not belong here:
scores against known latents (`metrics`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personax_ml.crl.config import CRLConfig
from personax_ml.crl.reduction import (
    Matrix,
    Measurements,
    Reduction,
    check_measurements,
    observed_rows,
)
from personax_ml.crl.regression import kernel_features, predict_held_out
from personax_ml.crl.splits import Split

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_RIDGE = 1e-3
_RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
_BANDWIDTHS = (None, 1.0, 2.0, 4.0)  # in units of the root of the number of columns; None: linear
_CENTRES = 200


@dataclass(frozen=True)
class Links:
    """Canonical pairs between two modalities.

    Parameters
    ----------
    correlations : array
        Held-out correlation of each pair, in the order of the training correlations.
    p_values : array
        Share of permutations of the test people that correlate at least as much.
    """

    correlations: Floats
    p_values: Floats

    def significant(self, alpha: float = 0.05) -> int:
        """Return how many pairs are real, at this level for all pairs together (Holm)."""
        return int((holm(self.p_values) < alpha).sum())


def holm(p_values: Floats) -> Floats:
    """Adjust p-values for testing all of them (Holm 1979)."""
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def links_held_out(
    a: ArrayLike,
    b: ArrayLike,
    train: Bools,
    test: Bools,
    pairs: int | None = None,
    permutations: int = 999,
    random_state: int = 0,
    ridge: float = _RIDGE,
) -> Links:
    """Fit canonical directions on training rows; correlate and test them on test rows.

    Because nothing is fitted on the test rows, permuting one side of them gives an exact null.

    Parameters
    ----------
    a, b : array (n, p), (n, q)
        Codes of two modalities.
    train, test : bool array (n,)
        Rows to fit and to score on.
    pairs : int, optional
        Number of canonical pairs; by default as many as the narrower side has columns.
    permutations : int
        Number of permutations.
    random_state : int
        Seed of the permutations.
    ridge : float
        Penalty on the directions, in units of the mean variance of a column.
    """
    scores = _canonical_scores(np.asarray(a, np.float64), np.asarray(b, np.float64), train, ridge)
    left, right = (side[test, :pairs] for side in scores)
    return _tested(left, right, permutations, random_state)


def kernel_links_held_out(
    a: ArrayLike,
    b: ArrayLike,
    split: Split,
    pairs: int,
    permutations: int = 999,
    random_state: int = 0,
) -> Links:
    """Correlate two modalities by kernel canonical correlation; test the pairs on test rows.

    One factor that two modalities share gives many canonical pairs of functions: the factor, its
    square, and so on. So every pair is tested for what it adds: from each score its nonlinear
    regression on the side's earlier scores is taken first. What is left counts factors.

    Each side is seen through its columns and, beside them, a Gaussian kernel with random training
    rows (Nystroem's approximation of kernel CCA, Bach and Jordan 2002). Bandwidth, or none, and
    penalty are those with the largest correlations on the rows that select.

    Parameters
    ----------
    a, b : array (n, p), (n, q)
        Measurements or codes of two modalities; all rows complete.
    split : Split
        Rows to fit on, to choose on and to score on.
    pairs : int
        Number of canonical pairs.
    permutations, random_state : int
        Number of permutations and the seed of everything random.
    """
    x, y = (_scaled(np.asarray(values, np.float64), split.train) for values in (a, b))
    best, chosen = -np.inf, (x, y)
    for bandwidth in _BANDWIDTHS:
        seen = [_with_kernel(side, split.train, bandwidth, random_state) for side in (x, y)]
        for ridge in _RIDGES:
            u, v = _canonical_scores(seen[0], seen[1], split.train, ridge)
            tried = _tested(u[split.select, :pairs], v[split.select, :pairs], 0, 0)
            gained = float(np.maximum(tried.correlations, 0).sum())
            if gained > best:
                best, chosen = gained, (u[:, :pairs], v[:, :pairs])
    left, right = (_innovations(side, split) for side in chosen)
    return _tested(left, right, permutations, random_state)


def modality_links(
    measurements: Measurements,
    config: CRLConfig,
    split: Split,
    pairs: int = 5,
    permutations: int = 999,
) -> dict[tuple[str, str], Links]:
    """Say for every two modalities how many canonical pairs their measurements really share.

    Needs no model: it tells beforehand how many shared latents, or latents with a link, the data
    can support.

    Parameters
    ----------
    measurements : mapping
        All people.
    config : CRLConfig
        Which measurement is of which modality, and to how many components each is reduced.
    split : Split
        Who fits, who chooses, who scores.
    pairs : int
        At most so many canonical pairs.
    permutations : int
        Number of permutations behind a p-value.
    """
    check_measurements(measurements, config.measurement_names, config.image_shapes)
    rng = np.random.default_rng(config.random_state)
    sides, there = {}, {}
    for modality in config.modalities:
        own = [measurements[name] for name in modality.measurements]
        reductions = [Reduction.fit(x[split.train], config.components, rng) for x in own]
        sides[modality.name] = np.hstack([r.apply(x) for r, x in zip(reductions, own, strict=True)])
        there[modality.name] = np.all([observed_rows(x) for x in own], axis=0)
    return {
        (a, b): kernel_links_held_out(
            *_complete((sides[a], sides[b]), split, there[a] & there[b]),
            pairs,
            permutations,
            config.random_state,
        )
        for a, b in combinations(sides, 2)
    }


def _canonical_scores(x: Floats, y: Floats, train: Bools, ridge: float) -> tuple[Floats, Floats]:
    """Return the canonical scores of all rows, fitted on training rows, strongest pair first."""
    u, v = ((side - side[train].mean(axis=0)) @ _whitening(side[train], ridge) for side in (x, y))
    left, _, right = np.linalg.svd(u[train].T @ v[train], full_matrices=False)
    return u @ left, v @ right.T


def _tested(u: Floats, v: Floats, permutations: int, random_state: int) -> Links:
    """Correlate scores pair by pair; permuting one side gives the null."""
    a, b = _standardised(u), _standardised(v)
    observed = (a * b).mean(axis=0)
    rng = np.random.default_rng(random_state)
    exceed = np.zeros(len(observed))
    for _ in range(permutations):
        exceed += (a * b[rng.permutation(len(b))]).mean(axis=0) >= observed
    return Links(observed, (1 + exceed) / (1 + permutations))


def _innovations(scores: Floats, split: Split) -> Floats:
    """Return the test rows of what each score adds to the earlier ones of its side."""
    parts = [scores[split.test, :1]]
    for j in range(1, scores.shape[1]):
        earlier, own = scores[:, :j], scores[:, j : j + 1]
        expected = predict_held_out(earlier[split.train], own[split.train], earlier[split.test])
        parts.append(own[split.test] - expected)
    return np.hstack(parts)


def _complete(sides: Sequence[Matrix], split: Split, there: Bools) -> tuple[Floats, Floats, Split]:
    left, right = (side[there].astype(np.float64) for side in sides)
    return left, right, Split(split.train[there], split.select[there], split.test[there])


def _scaled(x: Floats, train: Bools) -> Floats:
    """Centre columns, and scale all alike so that their mean variance is one."""
    centred = x - x[train].mean(axis=0)
    scaled: Floats = centred / (np.sqrt((centred[train] ** 2).mean()) + 1e-12)
    return scaled


def _with_kernel(x: Floats, train: Bools, bandwidth: float | None, random_state: int) -> Floats:
    if bandwidth is None:
        return x
    rows = np.random.default_rng(random_state).permutation(np.flatnonzero(train))[:_CENTRES]
    return kernel_features(x, x[rows], bandwidth * np.sqrt(x.shape[1]))


def _whitening(x: Floats, ridge: float) -> Floats:
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / len(x)
    ridge = ridge * np.trace(covariance) / len(covariance)
    values, vectors = np.linalg.eigh(covariance + ridge * np.eye(len(covariance)))
    whitening: Floats = vectors / np.sqrt(values)
    return whitening


def _standardised(x: Floats) -> Floats:
    standard: Floats = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-12)
    return standard
