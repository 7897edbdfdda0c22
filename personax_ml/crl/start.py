"""Where training starts: the closed-form linear solution.

Belongs here: generalised canonical correlation within and between modalities, and the linear
encoders, decoders and heads that follow from it. Does not belong here: gradient training.
NumPy only; every matrix is rows x columns with zeros (the mean) for missing rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RIDGES = (0.003, 0.03, 0.3, 3.0)
"""Ridge penalties to choose from, in units of the mean variance of a component."""


class RidgeView:
    """A matrix seen through ridge regression: its smoother and its coefficients.

    Parameters
    ----------
    x : array (n, k)
        The matrix.
    ridge : float
        Penalty, in units of the mean variance of a column.
    """

    def __init__(self, x: Floats, ridge: float) -> None:
        left, singular, right = np.linalg.svd(x, full_matrices=False)
        penalty = ridge * len(x) * float(x.var(axis=0).mean())
        shrink = singular**2 / (singular**2 + penalty)
        self.smoother_root = left * np.sqrt(shrink)
        self._left = left
        self._solve = right.T * (shrink / np.maximum(singular, 1e-12))

    def coefficients(self, targets: Floats) -> Floats:
        """Return the ridge coefficients that predict targets from the matrix."""
        solution: Floats = self._solve @ (self._left.T @ targets)
        return solution


def common_directions(views: Sequence[RidgeView], width: int) -> Floats:
    """Return orthonormal rows x width targets that the views predict best together.

    Maximum-variance generalised canonical correlation: the leading eigenvectors of the sum of the
    views' smoothers.
    """
    stacked = np.concatenate([view.smoother_root for view in views], axis=1)
    left = np.linalg.svd(stacked, full_matrices=False)[0][:, :width]
    targets: Floats = left * np.sqrt(len(left))
    return targets


def linear_codes(
    own: Sequence[Floats], other: Sequence[Floats], width: int, train: Bools
) -> list[Floats]:
    """Return each view's linear map to the code that the views agree on best.

    Parameters
    ----------
    own : sequence of array (n, k)
        The views that get a map: a modality's measurements, or the modalities' codes.
    other : sequence of array (n, k')
        Views that only have a say: the other modalities, each as one matrix.
    width : int
        Width of the code.
    train : bool array (n,)
        Rows to fit on; the others choose the ridge penalty by how well the views agree on them.
    """
    fitted: list[tuple[float, list[Floats]]] = []
    for ridge in RIDGES:
        views = [RidgeView(x[train], ridge) for x in (*own, *other)]
        targets = common_directions(views, width)
        maps = [view.coefficients(targets) for view in views]
        scores = [x[~train] @ b for x, b in zip((*own, *other), maps, strict=True)]
        fitted.append((mean_agreement(scores), maps[: len(own)]))
    return max(fitted, key=lambda candidate: candidate[0])[1]


def mean_agreement(scores: Sequence[Floats]) -> float:
    """Return the mean correlation, over pairs of views, between columns of the same rank."""
    standard = [(s - s.mean(axis=0)) / (s.std(axis=0) + 1e-9) for s in scores]
    pairs = [float((a * b).mean()) for a, b in combinations(standard, 2)]
    return float(np.mean(pairs)) if pairs else 0.0


@dataclass(frozen=True)
class LinearMeasurement:
    """Linear encoder and decoder of one measurement.

    Parameters
    ----------
    encoder : array (k, width + n_private)
        To its opinion of the modality's code, and to its private code.
    decoder : array (width + n_private, k)
        Back from the modality's code and the private code.
    """

    encoder: Floats
    decoder: Floats


def linear_modality(
    own: Sequence[Floats],
    other: Sequence[Floats],
    width: int,
    n_private: int,
    train: Bools,
) -> tuple[Floats, list[LinearMeasurement]]:
    """Return a modality's whitened linear code and the linear maps from and to its measurements.

    The private codes are the leading principal components of what a measurement's own opinion
    leaves unexplained of it.
    """
    maps = linear_codes(own, other, width, train)
    opinions = [x @ b for x, b in zip(own, maps, strict=True)]
    mean: Floats = np.stack(opinions).mean(axis=0)
    whitening: Floats = np.linalg.inv(np.linalg.cholesky(_covariance(mean[train]))).T
    code: Floats = mean @ whitening
    measurements = []
    for x, b in zip(own, maps, strict=True):
        opinion = b @ whitening
        explained = opinion @ _least_squares(x[train] @ opinion, x[train])
        residual = x[train] - x[train] @ explained
        axes = np.linalg.svd(residual, full_matrices=False)[2][:n_private].T
        private = axes - explained @ axes
        private /= (x[train] @ private).std(axis=0) + 1e-9
        private = np.pad(private, ((0, 0), (0, n_private - private.shape[1])))
        decoder = _least_squares(np.hstack([code, x @ private])[train], x[train])
        measurements.append(LinearMeasurement(np.hstack([opinion, private]), decoder))
    return code, measurements


def _covariance(x: Floats) -> Floats:
    centred = x - x.mean(axis=0)
    covariance: Floats = centred.T @ centred / len(x)
    return covariance + 1e-9 * np.eye(x.shape[1])


def _least_squares(x: Floats, y: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], np.float64)
