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

_ONE_SIDED_5_PERCENT = 1.645


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


def agreed_maps(views: Sequence[Floats], width: int, train: Bools) -> list[Floats]:
    """Return each view's linear map to the code that the views agree on best.

    Parameters
    ----------
    views : sequence of array (n, k)
        The measurements of a modality, or the codes of the modalities.
    width : int
        Width of the code.
    train : bool array (n,)
        Rows to fit on; the others choose the ridge penalty by how well the views agree on them.
    """
    candidates = [_maps(views, width, train, ridge) for ridge in RIDGES]
    return max(candidates, key=lambda maps: mean_agreement(_held_out(views, maps, train)))


def linked_map(x: Floats, others: Sequence[Floats], width: int, train: Bools) -> Floats:
    """Return a linear map to a code of a modality that has a single measurement.

    As many directions as are really linked to the other modalities come first; what is left of
    the width goes to the principal components of the rest.

    Parameters
    ----------
    x : array (n, k)
        The measurement.
    others : sequence of array (n, k')
        The other modalities: their codes, or their measurements side by side.
    width : int
        Width of the code.
    train : bool array (n,)
        Rows to fit on; the others choose the ridge penalty and how many links are real.
    """
    most = min(width, x.shape[1], *(other.shape[1] for other in others)) if others else 0
    linked = np.empty((x.shape[1], 0))
    if most:
        views = [x, *others]
        candidates = [_maps(views, most, train, ridge) for ridge in RIDGES]
        agreements = [_pairwise(_held_out(views, maps, train)) for maps in candidates]
        chosen = int(np.argmax([np.maximum(a, 0).sum() for a in agreements]))
        real = agreements[chosen] > _ONE_SIDED_5_PERCENT / np.sqrt((~train).sum())
        linked = candidates[chosen][0][:, : int(np.cumprod(real).sum())]
    fitted = x[train]
    residual = fitted - fitted @ linked @ _least_squares(fitted @ linked, fitted)
    axes = np.linalg.svd(residual, full_matrices=False)[2][: width - linked.shape[1]].T
    return np.hstack([linked, axes])


def mean_agreement(scores: Sequence[Floats]) -> float:
    """Return the mean correlation, over pairs of views, between columns of the same rank."""
    return float(_pairwise(scores).mean())


def _maps(views: Sequence[Floats], width: int, train: Bools, ridge: float) -> list[Floats]:
    seen = [RidgeView(x[train], ridge) for x in views]
    targets = common_directions(seen, width)
    return [view.coefficients(targets) for view in seen]


def _held_out(views: Sequence[Floats], maps: Sequence[Floats], train: Bools) -> list[Floats]:
    return [x[~train] @ b for x, b in zip(views, maps, strict=True)]


def _pairwise(scores: Sequence[Floats]) -> Floats:
    """Return for every column its mean correlation over pairs of views."""
    standard = [(s - s.mean(axis=0)) / (s.std(axis=0) + 1e-9) for s in scores]
    pairs = [(a * b).mean(axis=0) for a, b in combinations(standard, 2)]
    return np.mean(pairs, axis=0) if pairs else np.zeros(scores[0].shape[1])


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
    own: Sequence[Floats], maps: Sequence[Floats], n_private: int, train: Bools
) -> tuple[Floats, list[LinearMeasurement]]:
    """Return a modality's whitened linear code and the linear maps from and to its measurements.

    The private codes are the leading principal components of what a measurement's own opinion
    leaves unexplained of it.

    Parameters
    ----------
    own : sequence of array (n, k)
        The modality's measurements.
    maps : sequence of array (k, width)
        Their maps to the code, up to a linear map that all share.
    n_private : int
        Width of the private codes.
    train : bool array (n,)
        Rows to fit on.
    """
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
