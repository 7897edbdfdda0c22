"""How well codes recover latents whose truth is known; the protocol is in every name.

Belongs here: held-out scores, their chance levels, distances between graphs. Does not belong
here: who is in which part (`splits`), or scores that need no truth (`linking`).

`held_out` means: everything that is fitted, tuned or assigned sees training rows only, and the
score is computed on test rows only.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from personax_ml.crl.regression import predict_held_out

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Correlation = Literal["pearson", "spearman"]


def r2_held_out(
    codes: ArrayLike, truth: ArrayLike, train: Bools, test: Bools, random_state: int = 0
) -> Floats:
    """Return the share of each true latent's variance that the codes predict on test rows.

    The regression is nonlinear, and tuned and fitted on training rows; so the score does not
    change under invertible maps of a code that the regression can undo, and knows no negative
    surprise in training. It is 0 for the training mean and negative for anything worse.

    Parameters
    ----------
    codes : array (n, p)
        Estimated latents.
    truth : array (n, q)
        True latents.
    train, test : bool array (n,)
        Rows to fit and to score on.
    random_state : int
        Seed of the regression.

    Returns
    -------
    array (q,)
        One score per true latent.
    """
    x, y = (_matrix(values, train | test) for values in (codes, truth))
    predicted = predict_held_out(x[train], y[train], x[test], random_state)
    residual = ((y[test] - predicted) ** 2).sum(axis=0)
    spread = ((y[test] - y[train].mean(axis=0)) ** 2).sum(axis=0)
    scores: Floats = 1 - residual / spread
    return scores


@dataclass(frozen=True)
class MatchedCorrelations:
    """Codes and true latents matched one to one.

    Parameters
    ----------
    codes, truths : array of int
        Columns of each matched pair.
    correlations : array
        Absolute correlation of each pair on test rows.
    """

    codes: NDArray[np.int64]
    truths: NDArray[np.int64]
    correlations: Floats

    @property
    def mcc(self) -> float:
        """The mean correlation coefficient."""
        return float(self.correlations.mean())


def mcc_held_out(
    codes: ArrayLike,
    truth: ArrayLike,
    train: Bools,
    test: Bools,
    correlation: Correlation = "spearman",
) -> MatchedCorrelations:
    """Match codes and true latents on training rows; correlate the pairs on test rows.

    Parameters
    ----------
    codes, truth : array (n, p), (n, q)
        Estimated and true latents.
    train, test : bool array (n,)
        Rows that fix the assignment, and rows that are scored.
    correlation : {"spearman", "pearson"}
        Spearman's does not change under increasing maps of a latent.
    """
    x, y = (_matrix(values, train | test) for values in (codes, truth))
    rows, columns = linear_sum_assignment(-_correlations(x[train], y[train], correlation))
    scored = _correlations(x[test], y[test], correlation)[rows, columns]
    return MatchedCorrelations(rows, columns, scored)


def best_single_held_out(codes: ArrayLike, truth: ArrayLike, train: Bools, test: Bools) -> Floats:
    """Choose the best code of each true latent on training rows; correlate it on test rows.

    Unlike in `mcc_held_out` several true latents may have the same best code.

    Returns
    -------
    array (q,)
        Absolute Pearson correlations.
    """
    x, y = (_matrix(values, train | test) for values in (codes, truth))
    best = _correlations(x[train], y[train], "pearson").argmax(axis=0)
    scored: Floats = _correlations(x[test], y[test], "pearson")[best, np.arange(y.shape[1])]
    return scored


@dataclass(frozen=True)
class ChanceLevels:
    """What codes that know nothing, or next to nothing, score.

    Parameters
    ----------
    r2, mcc : float
        Mean over permutations of the people, which break every link between codes and truth.
    mcc_one_code : float
        MCC of the best single code copied to all places: what correlated true latents give away.
    """

    r2: float
    mcc: float
    mcc_one_code: float


def chance_levels(
    codes: ArrayLike,
    truth: ArrayLike,
    train: Bools,
    test: Bools,
    correlation: Correlation = "spearman",
    permutations: int = 5,
    random_state: int = 0,
) -> ChanceLevels:
    """Score codes against permuted people, and one code in the place of all."""
    x, y = (_matrix(values, train | test) for values in (codes, truth))
    rng = np.random.default_rng(random_state)
    r2, mcc = [], []
    for _ in range(permutations):
        shuffled = y[rng.permutation(len(y))]
        r2.append(float(r2_held_out(x, shuffled, train, test).mean()))
        mcc.append(mcc_held_out(x, shuffled, train, test, correlation).mcc)
    best = int(_correlations(x[train], y[train], correlation).mean(axis=1).argmax())
    one = _correlations(x[test][:, [best]], y[test], correlation)
    return ChanceLevels(float(np.mean(r2)), float(np.mean(mcc)), float(one.mean()))


def structural_hamming_distance(
    estimate: ArrayLike, truth: ArrayLike, directed: bool = True
) -> int:
    """Return the number of pairs of nodes that two graphs join differently.

    Parameters
    ----------
    estimate, truth : array (p, p)
        Adjacency: entry (i, j) is non-zero where j is a cause of i; both (i, j) and (j, i) for an
        undirected edge.
    directed : bool
        Whether a reversed or undirected edge counts; without it skeletons are compared.
    """
    a, b = (np.asarray(graph) != 0 for graph in (estimate, truth))
    if not directed:
        a, b = a | a.T, b | b.T
    differs = (a != b) | (a.T != b.T)
    return int(np.triu(differs, k=1).sum())


def _correlations(x: Floats, y: Floats, kind: Correlation) -> Floats:
    """Return absolute correlations between columns; 0 where one does not vary."""
    if kind == "spearman":
        x, y = rankdata(x, axis=0), rankdata(y, axis=0)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    norms = np.outer(np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0))
    absolute: Floats = np.abs(np.divide(x.T @ y, norms, out=np.zeros_like(norms), where=norms > 0))
    return absolute


def _matrix(values: ArrayLike, used: Bools) -> Floats:
    matrix = np.asarray(values, np.float64)
    if not np.isfinite(matrix[used]).all():
        raise ValueError("codes and truth must be finite; leave people without them out")
    return matrix if matrix.ndim == 2 else matrix[:, None]
