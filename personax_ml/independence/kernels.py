"""Centred kernels on the distinct values of a column, weighted by their counts.

Belongs here: kernel matrices in compressed form (dense, Fourier, delta) and the few operations
that the tests need of them. Does not belong here: which kernel a profile chooses (`profiles`) or
a test's statistic.

Notation: a column has k distinct values with counts c (sum n); K is the k x k kernel matrix of
the distinct values and Kc the same, centred as the n x n kernel matrix of the rows would be:
Kc = (I - 1c'/n) K (I - c1'/n). Sums over pairs of rows are sums over pairs of distinct values
weighted by counts, so nothing here ever has n x n entries.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive

from personax_ml.independence.columns import FloatArray

_TAIL = 8.6
"""exp(-_TAIL**2 / 2) is below 1e-16: Gaussians are cut there."""

_CHUNK = 1 << 16

_RELATIVE_RANK = 1e-13


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
        cross = self.between(p * weights, weights)
        sums, first = weights.sum(axis=0), (p * weights).sum(axis=0)
        second = (p * p * weights).sum(axis=0)
        total: FloatArray = self.squared_between(weights, weights) - 2 * (cross + cross.T)
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
    def spectrum(self) -> FloatArray:
        """Non-zero eigenvalues of the centred n x n kernel matrix, descending."""
        features = self.features()
        return _significant(np.linalg.eigvalsh((features.T * self.counts) @ features)[::-1])


def _significant(eigenvalues: FloatArray) -> FloatArray:
    if not len(eigenvalues):
        return eigenvalues
    kept: FloatArray = eigenvalues[eigenvalues > _RELATIVE_RANK * max(eigenvalues[0], 1.0)]
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
        keep = values > _RELATIVE_RANK * max(values[-1], 1.0)
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
        return np.eye(len(self.counts)) - self.counts / self.n

    @cached_property
    def spectrum(self) -> FloatArray:
        """Eigenvalues of diag(c) - cc'/n: a count that m values share is one m - 1 times."""
        distinct, multiplicity = np.unique(self.counts, return_counts=True)
        reduced = distinct * np.sqrt(multiplicity)
        values = np.linalg.eigvalsh(np.diag(distinct) - np.outer(reduced, reduced) / self.n)
        return _significant(
            np.sort(np.concatenate((values, np.repeat(distinct, multiplicity - 1))))[::-1]
        )


class FourierKernel(Kernel):
    """A stationary kernel on a line or circle as a finite cosine series.

    k(d) = sum_j a_j cos(j h d), a_j >= 0, is exact for the circular kernel but for its cut tail.
    For a Gaussian on a line it is the trapezoidal rule applied to its spectral density; by
    Poisson's summation formula the error is the sum of the copies of the kernel at distance
    2 pi / h, which is chosen so far away that they vanish, and the cut tail of the series.
    Everything then follows from sums of exp(i j h x) over rows, group by group of the other
    variable: O(k r) with matrix products for r frequencies, whatever n is.

    Parameters
    ----------
    positions : ndarray, shape (k,)
        The distinct values in the unit of the kernel.
    counts : ndarray, shape (k,)
        How often each occurs.
    step : float
        h.
    series, squared_series : ndarray
        a_j of the kernel and of its square.
    error_bound : float
        Bound on the absolute error of k(d).
    """

    def __init__(
        self,
        positions: FloatArray,
        counts: FloatArray,
        step: float,
        series: FloatArray,
        squared_series: FloatArray,
        error_bound: float,
    ) -> None:
        super().__init__(counts)
        self.positions = positions
        self.step = step
        self.series = series
        self.squared_series = squared_series
        self.error_bound = error_bound

    def _transform(self, weights: FloatArray, frequencies: int) -> NDArray[np.complex128]:
        """Return sum_a weights[a, g] exp(i j h x_a), shape (frequencies, g).

        j is split into a high and a low part so that a matrix product of two thin factors
        yields all frequencies.
        """
        low = int(np.ceil(np.sqrt(frequencies)))
        high = -(-frequencies // low)
        total = np.zeros((weights.shape[1], high, low), dtype=np.complex128)
        for start in range(0, len(self.positions), _CHUNK):
            angle = 1j * self.step * self.positions[start : start + _CHUNK]
            fine = _powers(np.exp(angle), low)
            coarse = _powers(np.exp(low * angle), high)
            for g, column in enumerate(weights[start : start + _CHUNK].T):
                used = np.flatnonzero(column)
                if 2 * len(used) > len(column):
                    total[g] += (coarse * column) @ fine.T
                elif len(used):
                    total[g] += (coarse[:, used] * column[used]) @ fine[:, used].T
        return total.reshape(weights.shape[1], -1)[:, :frequencies].T

    def between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' K right."""
        return self._series_between(self.series, left, right)

    def squared_between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' (K * K) right."""
        return self._series_between(self.squared_series, left, right)

    def _series_between(
        self, series: FloatArray, left: FloatArray, right: FloatArray
    ) -> FloatArray:
        a = self._transform(left, len(series))
        b = a if left is right else self._transform(right, len(series))
        real: FloatArray = ((a.conj().T * series) @ b).real
        return real

    def row_means(self) -> FloatArray:
        """Return K c / n."""
        transform = self._transform(self.counts[:, None], len(self.series))[:, 0]
        coefficients = self.series * transform.conj() / self.n
        low = int(np.ceil(np.sqrt(len(coefficients))))
        high = -(-len(coefficients) // low)
        grid = np.zeros(high * low, dtype=np.complex128)
        grid[: len(coefficients)] = coefficients
        means = np.empty(len(self.positions))
        for start in range(0, len(means), _CHUNK):
            angle = 1j * self.step * self.positions[start : start + _CHUNK]
            fine, coarse = _powers(np.exp(angle), low), _powers(np.exp(low * angle), high)
            part = np.einsum("ha,ha->a", coarse, grid.reshape(high, low) @ fine)
            means[start : start + _CHUNK] = part.real
        return means

    def features(self) -> FloatArray:
        """Return F with F F' = Kc."""
        phases = self.step * np.outer(self.positions, np.arange(len(self.series)))
        amplitude = np.sqrt(self.series)
        basis = np.hstack((amplitude * np.cos(phases), amplitude[1:] * np.sin(phases[:, 1:])))
        basis -= self.counts @ basis / self.n
        values, vectors = np.linalg.eigh((basis.T * self.counts) @ basis)
        keep = values > _RELATIVE_RANK * max(values[-1], 1.0)
        reduced: FloatArray = basis @ vectors[:, keep][:, ::-1]
        return reduced

    @cached_property
    def spectrum(self) -> FloatArray:
        """Eigenvalues of the feature covariance, from sums of and differences in frequency."""
        r = len(self.series)
        sums = self._transform(self.counts[:, None], 2 * r - 1)[:, 0]
        j = np.arange(r)
        difference, total = np.abs(j[:, None] - j[None, :]), j[:, None] + j[None, :]
        sign = np.sign(j[:, None] - j[None, :])
        cos_cos = (sums.real[difference] + sums.real[total]) / 2
        sin_sin = (sums.real[difference] - sums.real[total]) / 2
        sin_cos = (sums.imag[total] + sign * sums.imag[difference]) / 2
        gram = np.block([[cos_cos, sin_cos.T], [sin_cos, sin_sin]])
        mean = np.concatenate((sums.real[:r], sums.imag[:r]))
        amplitude = np.tile(np.sqrt(self.series), 2)
        gram -= np.outer(mean, mean) / self.n
        gram *= np.outer(amplitude, amplitude)
        return _significant(np.linalg.eigvalsh(gram)[::-1])


def _powers(base: NDArray[np.complex128], number: int) -> NDArray[np.complex128]:
    powers = np.empty((number, len(base)), dtype=np.complex128)
    powers[0] = 1.0
    for j in range(1, number):
        np.multiply(powers[j - 1], base, out=powers[j])
    return powers


def fourier_size(positions: FloatArray, widths: Sequence[float]) -> int:
    """Return the number of frequencies that `gaussian` would need."""
    spread = float(positions[-1] - positions[0])
    return int(np.ceil(_TAIL / min(widths) * (spread + _TAIL * max(widths)) / (2 * np.pi))) + 1


def gaussian(
    positions: FloatArray, counts: FloatArray, widths: Sequence[float], max_dense: int = 256
) -> Kernel:
    """Return the mean of Gaussian kernels exp(-d**2 / 2w**2) over widths w.

    Dense if there are few distinct values, else a cosine series if that is smaller.

    Parameters
    ----------
    positions : ndarray, shape (k,)
        Distinct values, ascending.
    counts : ndarray, shape (k,)
        How often each occurs.
    widths : sequence of float
        Standard deviations of the Gaussians.
    max_dense : int
        Number of distinct values up to which the dense form is always taken.
    """
    if len(positions) <= max_dense or 2 * fourier_size(positions, widths) >= len(positions):
        return DenseKernel(_gaussian_matrix(positions, widths), counts)
    period = float(positions[-1] - positions[0]) + _TAIL * max(widths)
    step = 2 * np.pi / period
    frequency = step * np.arange(fourier_size(positions, widths))
    series = _mean([_density(frequency, w, step) for w in widths])
    # the product of two Gaussians is a Gaussian of smaller width
    products = [float(np.hypot(1 / a, 1 / b)) ** -1 for a in widths for b in widths]
    squared_frequency = step * np.arange(int(np.ceil(_TAIL / min(products) / step)) + 1)
    squared = _mean([_density(squared_frequency, w, step) for w in products])
    cut = float(np.exp(-(_TAIL**2) / 2))
    return FourierKernel(positions - positions[0], counts, step, series, squared, 6 * cut)


def _density(frequency: FloatArray, width: float, step: float) -> FloatArray:
    density: FloatArray = (
        step * width / np.sqrt(2 * np.pi) * np.exp(-((width * frequency) ** 2) / 2)
    )
    density[1:] *= 2
    return density


def _gaussian_matrix(positions: FloatArray, widths: Sequence[float]) -> FloatArray:
    squares = np.subtract.outer(positions, positions)
    squares *= squares
    return _mean([np.exp(squares * (-0.5 / w**2)) for w in widths])


def _mean(matrices: Sequence[FloatArray]) -> FloatArray:
    mean: FloatArray = sum(matrices[1:], matrices[0]) / len(matrices)
    return mean


def circular(
    positions: FloatArray,
    counts: FloatArray,
    period: float,
    widths: Sequence[float],
    max_dense: int = 256,
) -> Kernel:
    """Return the mean over widths w of exp(-chord**2 / 2w**2) on the circle.

    The chord is the straight distance of two points of the unit circle. Arguments as in
    `gaussian`; `period` is the length of the cycle in the unit of the positions.
    """
    angles = 2 * np.pi * positions / period
    concentrations = [1 / w**2 for w in widths]
    if len(angles) <= max_dense:
        chords = 1 - np.cos(np.subtract.outer(angles, angles))
        return DenseKernel(_mean([np.exp(-c * chords) for c in concentrations]), counts)
    series = _circular_series(concentrations)
    squared = _circular_series([a + b for a in concentrations for b in concentrations])
    return FourierKernel(angles, counts, 1.0, series, squared, 1e-16)


def _circular_series(concentrations: Sequence[float]) -> FloatArray:
    j = np.arange(32 + int(12 * np.sqrt(max(concentrations)) + max(concentrations) / 8))
    series = _mean([ive(j, c) for c in concentrations])
    series[1:] *= 2
    return series[: int(np.flatnonzero(series > 1e-18)[-1]) + 1]
