"""Correlations to train for, and scores made comparable.

Belongs here: the objective of both stages, how members are joined, how a score becomes standard
normal. Does not belong here: networks.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

Floats = NDArray[np.float64]

KNOTS = 513
_RIDGE = 1e-4


def canonical_agreement(a: Tensor, b: Tensor) -> Tensor:
    """Return per member how much two scores agree.

    Parameters
    ----------
    a, b : Tensor (n, members, width)
        Scores of the same rows.

    Returns
    -------
    Tensor (members,)
        With one column each their correlation, with its sign; with more the sum of their squared
        canonical correlations, which is the squared norm of the whitened cross-covariance.
    """
    a, b = a - a.mean(dim=0), b - b.mean(dim=0)
    if a.shape[-1] == 1:
        scale = (a.square().mean(dim=0) * b.square().mean(dim=0) + 1e-12).sqrt()
        correlation: Tensor = (a * b).mean(dim=0) / scale
        return correlation.squeeze(-1)
    a, b = a.transpose(0, 1), b.transpose(0, 1)
    whitened: Tensor = _whitening(a) @ (a.mT @ b / a.shape[1]) @ _whitening(b).mT
    return whitened.square().sum(dim=(-2, -1))


def _whitening(a: Tensor) -> Tensor:
    covariance = a.mT @ a / a.shape[1]
    size = covariance.diagonal(dim1=-2, dim2=-1).mean(dim=-1)[..., None, None]
    identity = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    factor = torch.linalg.cholesky(covariance + (_RIDGE * size + 1e-12) * identity)
    inverse: Tensor = torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)
    return inverse


def consensus(scores: Floats) -> tuple[Floats, Floats]:
    """Return the linear map to what the members agree on best, and the offset before it.

    Parameters
    ----------
    scores : array (n, members, width)
        Scores of the training rows; each member's are known up to a linear map of its own.

    Returns
    -------
    offset : array (members x width,)
        Means to subtract from the flattened scores.
    axes : array (members x width, width)
        Leading axes of the members' whitened scores side by side (the maximum-variance form of
        generalised canonical correlation); the joined scores have unit variance.
    """
    n, members, width = scores.shape
    offset = scores.reshape(n, -1).mean(axis=0)
    centred = scores - offset.reshape(members, width)
    whiteners = []
    for k in range(members):
        values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(centred[:, k].T)))
        whiteners.append(vectors / np.sqrt(np.maximum(values, 1e-12)))
    whitened = np.concatenate([centred[:, k] @ w for k, w in enumerate(whiteners)], axis=1)
    axes = np.linalg.svd(whitened, full_matrices=False)[2][:width].T
    axes = np.concatenate(
        [w @ part for w, part in zip(whiteners, np.split(axes, members), strict=True)]
    )
    joined = centred.reshape(n, -1) @ axes
    return offset, axes / np.maximum(joined.std(axis=0), 1e-12)


def normal_knots(scores: Floats) -> Floats:
    """Return quantiles of each score, (knots, width), at which `to_normal` interpolates."""
    knots: Floats = np.quantile(scores, (np.arange(KNOTS) + 0.5) / KNOTS, axis=0)
    return knots


def to_normal(scores: Floats, knots: Floats) -> Floats:
    """Give scores a standard normal distribution, by their ranks among the training rows."""
    levels = ndtri((np.arange(len(knots)) + 0.5) / len(knots))
    columns = [
        np.interp(own, places, levels) for own, places in zip(scores.T, knots.T, strict=True)
    ]
    return np.stack(columns, axis=1) if columns else np.zeros_like(scores)
