"""Centred kernels on the distinct values of a column, weighted by their counts.

Belongs here: what the tests need of a kernel, and kernels in dense form. Does not belong here:
kernels as series (`fourier`), families of kernels (`shapes`) or a test's statistic.

Notation: a column has k distinct values with counts c (sum n); K is the k x k kernel matrix of
the distinct values and Kc the same, centred as the n x n kernel matrix of the rows would be:
Kc = (I - 1c'/n) K (I - c1'/n). Sums over pairs of rows are sums over pairs of distinct values
weighted by counts, so nothing here ever has n x n entries.
"""

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np

from personax_ml.independence.columns import ColumnError, FloatArray

_MAX_INDICATORS = 4096

RELATIVE_RANK = 1e-13


class Kernel(ABC):
    """A positive definite kernel with k(x, x) = 1 on the distinct values of a column.

    Parameters
    ----------
    counts : ndarray, shape (k,)
        How often each distinct value occurs.
    """

    error_bound = 0.0
    """Largest absolute error of an entry of K, apart from rounding."""

    def __init__(self, counts: FloatArray) -> None:
        self.counts = counts
        self.n = float(counts.sum())

    @abstractmethod
    def between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' K right for weights of shape (k, g) and (k, h)."""

    @abstractmethod
    def squared_between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' (K * K) right, the product being entry by entry."""

    @abstractmethod
    def row_means(self) -> FloatArray:
        """Return K c / n, shape (k,)."""

    @abstractmethod
    def features(self) -> FloatArray:
        """Return F, shape (k, r), with F F' = Kc."""

    @cached_property
    def _means(self) -> FloatArray:
        return self.row_means()

    @cached_property
    def mean(self) -> float:
        """Mean of the kernel over all pairs of rows."""
        return float(self.counts @ self._means) / self.n

    def centred_between(self, weights: FloatArray) -> FloatArray:
        """Return weights' Kc weights, shape (g, g)."""
        centred = weights - np.outer(self.counts / self.n, weights.sum(axis=0))
        return self.between(centred, centred)

    def centred_squared_between(self, weights: FloatArray) -> FloatArray:
        """Return weights' (Kc * Kc) weights, shape (g, g).

        With p the row means less half the mean, Kc_ab = K_ab - p_a - p_b; the square is expanded
        so that no k x k matrix is needed.
        """
        p = (self._means - self.mean / 2)[:, None]
        total: FloatArray = self.squared_between(weights, weights)
        cross = self.between(p * weights, weights)
        sums, first = weights.sum(axis=0), (p * weights).sum(axis=0)
        second = (p * p * weights).sum(axis=0)
        total -= 2 * (cross + cross.T)
        total += np.outer(second, sums) + np.outer(sums, second) + 2 * np.outer(first, first)
        return total

    @cached_property
    def centred_diagonal(self) -> FloatArray:
        """The diagonal of Kc, shape (k,)."""
        return self.mean + 1.0 - 2 * self._means

    @cached_property
    def trace(self) -> float:
        """Trace of the centred n x n kernel matrix."""
        return float(self.counts @ self.centred_diagonal)

    @cached_property
    def frobenius(self) -> float:
        """Squared Frobenius norm of the centred n x n kernel matrix."""
        return float(self.centred_squared_between(self.counts[:, None])[0, 0])

    @cached_property
    def squared_diagonal(self) -> float:
        """Sum of squares of the diagonal of the centred n x n kernel matrix."""
        return float(self.counts @ self.centred_diagonal**2)

    @cached_property
    def spectrum(self) -> FloatArray:
        """Non-zero eigenvalues of the centred n x n kernel matrix, descending."""
        features = self.features()
        return significant(np.linalg.eigvalsh((features.T * self.counts) @ features)[::-1])


def significant(eigenvalues: FloatArray) -> FloatArray:
    """Return the eigenvalues, given in descending order, that are not rounding errors."""
    if not len(eigenvalues):
        return eigenvalues
    kept: FloatArray = eigenvalues[eigenvalues > RELATIVE_RANK * max(eigenvalues[0], 1.0)]
    return kept


class DenseKernel(Kernel):
    """A kernel given by its matrix on the distinct values.

    Parameters
    ----------
    matrix : ndarray, shape (k, k)
        Kernel values, ones on the diagonal.
    counts : ndarray, shape (k,)
        How often each distinct value occurs.
    """

    def __init__(self, matrix: FloatArray, counts: FloatArray) -> None:
        super().__init__(counts)
        self.matrix = matrix

    def between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' K right."""
        product: FloatArray = left.T @ (self.matrix @ right)
        return product

    def squared_between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' (K * K) right."""
        product: FloatArray = left.T @ (self._squared @ right)
        return product

    @cached_property
    def _squared(self) -> FloatArray:
        return self.matrix * self.matrix

    def row_means(self) -> FloatArray:
        """Return K c / n."""
        means: FloatArray = self.matrix @ self.counts / self.n
        return means

    @cached_property
    def centred(self) -> FloatArray:
        """Kc, shape (k, k)."""
        return self.matrix - self._means[:, None] - self._means[None, :] + self.mean

    @cached_property
    def _eigen(self) -> tuple[FloatArray, FloatArray]:
        root = np.sqrt(self.counts)
        values, vectors = np.linalg.eigh(root[:, None] * self.centred * root[None, :])
        keep = values > RELATIVE_RANK * max(values[-1], 1.0)
        return values[keep][::-1], (vectors[:, keep] / root[:, None])[:, ::-1]

    @cached_property
    def spectrum(self) -> FloatArray:
        """Non-zero eigenvalues, from the same decomposition as the features."""
        return self._eigen[0]

    def features(self) -> FloatArray:
        """Return F with F F' = Kc."""
        values, vectors = self._eigen
        return vectors * np.sqrt(values)


class DeltaKernel(Kernel):
    """k(a, b) = 1 if a = b, else 0: all that a nominal scale allows.

    Every operation is a closed form, O(k) memory but for `features`; the spectrum needs one
    eigenvalue problem of the size of the number of distinct counts, at most sqrt(2n).
    """

    def between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' K right."""
        product: FloatArray = left.T @ right
        return product

    def squared_between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' (K * K) right."""
        product: FloatArray = left.T @ right
        return product

    def row_means(self) -> FloatArray:
        """Return K c / n."""
        return self.counts / self.n

    def features(self) -> FloatArray:
        """Return F with F F' = Kc."""
        if len(self.counts) > _MAX_INDICATORS:
            raise ColumnError(
                "too_many_values",
                f"{len(self.counts)} categories, more than {_MAX_INDICATORS}; merge rare ones",
            )
        return np.eye(len(self.counts)) - self.counts / self.n

    @cached_property
    def spectrum(self) -> FloatArray:
        """Eigenvalues of diag(c) - cc'/n: a count that m values share is one m - 1 times."""
        distinct, multiplicity = np.unique(self.counts, return_counts=True)
        reduced = distinct * np.sqrt(multiplicity)
        values = np.linalg.eigvalsh(np.diag(distinct) - np.outer(reduced, reduced) / self.n)
        return significant(
            np.sort(np.concatenate((values, np.repeat(distinct, multiplicity - 1))))[::-1]
        )
