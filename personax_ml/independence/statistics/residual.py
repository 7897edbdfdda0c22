"""Tests on features of x and y from which the strata's means are taken out.

Belongs here: the cross-covariance of such features, summed over strata, its null and its
resampling; HSIC given a condition and RCIT have this form. Does not belong here: which features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from personax_ml.independence.columns import ColumnError, FloatArray
from personax_ml.independence.nulls import saddlepoint_log_sf
from personax_ml.independence.prepared import Resampling, linear_contribution, positions_in
from personax_ml.independence.tables import Strata

_MAX_PRODUCTS = 2048
"""Size of the largest covariance of which eigenvalues are computed."""


@dataclass(frozen=True, eq=False)
class ResidualFeatures:
    """Features of x and y in each informative stratum, of mean 0 in it.

    Parameters
    ----------
    strata : Strata
        The tables.
    x, y : sequence of ndarray, shape (kx, rx) and (ky, ry)
        Per stratum, features of its distinct values.
    """

    strata: Strata
    x: Sequence[FloatArray]
    y: Sequence[FloatArray]

    @cached_property
    def cross(self) -> FloatArray:
        """Sum over strata and rows of the products of features, shape (rx, ry)."""
        total: FloatArray = np.sum(
            [
                t.between(x, y)
                for t, x, y in zip(self.strata.informative, self.x, self.y, strict=True)
            ],
            axis=0,
        )
        return total

    @property
    def squared_cross(self) -> float:
        """Squared Frobenius norm of `cross`, the raw statistic."""
        return float((self.cross**2).sum())

    @cached_property
    def scatters(self) -> list[tuple[FloatArray, FloatArray]]:
        """Per stratum, the sums over rows of products of features of x, and of y."""
        return [
            ((x.T * t.x_counts) @ x, (y.T * t.y_counts) @ y)
            for t, x, y in zip(self.strata.informative, self.x, self.y, strict=True)
        ]

    @cached_property
    def scatter_norms(self) -> tuple[float, float]:
        """Squared Frobenius norms of the scatters of x and y, summed over strata."""
        x, y = (np.sum(side, axis=0) for side in zip(*self.scatters, strict=True))
        return float((x**2).sum()), float((y**2).sum())

    def log_sf(self, raw: FloatArray) -> FloatArray:
        """Return log p of values of |cross|^2.

        Permuting y within strata, the covariance of the cross matrix is the sum over strata of
        Sx (x) Sy / (n - 1); its eigenvalues are the weights of the chi-square variables.
        """
        sizes = [t.n for t in self.strata.informative]
        if len(sizes) == 1:
            spectra = [np.linalg.eigvalsh(s) for s in self.scatters[0]]
            weights = np.outer(*spectra).ravel() / (sizes[0] - 1)
        else:
            covariance = np.sum(
                [np.kron(x, y) / (n - 1) for (x, y), n in zip(self.scatters, sizes, strict=True)],
                axis=0,
            )
            weights = np.linalg.eigvalsh(covariance)
        return saddlepoint_log_sf(raw, weights)

    def resampling(self) -> Resampling:
        """Return |cross|^2 as a function of tables."""
        return Resampling(
            [linear_contribution(x, y) for x, y in zip(self.x, self.y, strict=True)],
            lambda sums: np.einsum("bm,bm->b", sums, sums),
        )


def residual_features(strata: Strata, x: FloatArray, y: FloatArray) -> ResidualFeatures:
    """Return the features of all distinct values, split by stratum and centred there.

    Raises
    ------
    ColumnError
        If there are too many features for the null given a condition.
    """
    size = x.shape[1] * y.shape[1]
    if strata.given is not None and size > _MAX_PRODUCTS:
        raise ColumnError(
            "too_many_values",
            f"{strata.pooled.x.name} and {strata.pooled.y.name}: {size} products of features given "
            f"{strata.given.name}, more than {_MAX_PRODUCTS}; merge rare values",
        )
    sides_x, sides_y = [], []
    for table in strata.informative:
        at_x, at_y = positions_in(strata, table)
        sides_x.append(x[at_x] - table.x_counts @ x[at_x] / table.n)
        sides_y.append(y[at_y] - table.y_counts @ y[at_y] / table.n)
    return ResidualFeatures(strata, sides_x, sides_y)
