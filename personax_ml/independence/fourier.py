"""Stationary kernels as cosine series, for columns of many distinct values.

Belongs here: sums of exp(i j h x) over rows and what follows from them. Does not belong here:
the coefficients of a particular kernel (`shapes`).
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personax_ml.independence.columns import FloatArray
from personax_ml.independence.kernels import RELATIVE_RANK, Kernel, significant

_CHUNK = 1 << 16


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
        keep = values > RELATIVE_RANK * max(values[-1], 1.0)
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
        return significant(np.linalg.eigvalsh(gram)[::-1])


def _powers(base: NDArray[np.complex128], number: int) -> NDArray[np.complex128]:
    powers = np.empty((number, len(base)), dtype=np.complex128)
    powers[0] = 1.0
    for j in range(1, number):
        np.multiply(powers[j - 1], base, out=powers[j])
    return powers
