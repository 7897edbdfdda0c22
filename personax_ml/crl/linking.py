"""Do the modalities share anything? Held-out canonical correlations with permutation p-values.

Belongs here: evidence for links between modalities that needs no truth. Does not belong here:
scores against known latents (`metrics`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_RIDGE = 1e-3


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
        """Return how many leading pairs are real, tested one after the other."""
        rejected = self.p_values < alpha
        return int(rejected.argmin()) if not rejected.all() else len(rejected)


def links_held_out(
    a: ArrayLike,
    b: ArrayLike,
    train: Bools,
    test: Bools,
    pairs: int | None = None,
    permutations: int = 999,
    random_state: int = 0,
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
    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    white_x, white_y = _whitening(x[train]), _whitening(y[train])
    u, v = (x - x[train].mean(axis=0)) @ white_x, (y - y[train].mean(axis=0)) @ white_y
    left, _, right = np.linalg.svd(u[train].T @ v[train], full_matrices=False)
    pairs = min(pairs or len(right), len(right))
    scores_a, scores_b = u[test] @ left[:, :pairs], v[test] @ right[:pairs].T
    scores_a, scores_b = _standardised(scores_a), _standardised(scores_b)
    observed = (scores_a * scores_b).mean(axis=0)
    rng = np.random.default_rng(random_state)
    exceed = np.zeros(pairs)
    for _ in range(permutations):
        exceed += (scores_a * scores_b[rng.permutation(len(scores_b))]).mean(axis=0) >= observed
    return Links(observed, (1 + exceed) / (1 + permutations))


def _whitening(x: Floats) -> Floats:
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / len(x)
    ridge = _RIDGE * np.trace(covariance) / len(covariance)
    values, vectors = np.linalg.eigh(covariance + ridge * np.eye(len(covariance)))
    whitening: Floats = vectors / np.sqrt(values)
    return whitening


def _standardised(x: Floats) -> Floats:
    standard: Floats = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-12)
    return standard
