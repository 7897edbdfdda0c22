"""Measurements in, tidy matrices out: validation, missing rows, principal components.

Belongs here: what every measurement goes through before the model sees it, and how a matrix is
reduced. Does not belong here: networks; images are reduced by learned ones (`images`). NumPy only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Measurements = Mapping[str, Matrix]
"""A matrix or images per measurement, one row per person; a row of NaN is a missing measurement."""

Tensors = Mapping[str, NDArray[np.generic]]
"""What is stored of a reduction."""

_OVERSAMPLING = 16
_POWER_ITERATIONS = 3


class Reduced(Protocol):
    """The reduction of a measurement to components, whatever it is learned by."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row of the measurement."""

    @property
    def width(self) -> int:
        """Number of components."""

    def apply(self, x: Matrix) -> Matrix:
        """Return the components, (n, width); zero (the mean) for missing rows."""

    def invert(self, reduced: Matrix) -> Matrix:
        """Return the rows that components stand for."""

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """Return what has to be stored."""


def check_measurements(
    measurements: Measurements,
    names: Sequence[str],
    image_shapes: Mapping[str, tuple[int, int, int]],
) -> int:
    """Return the number of rows, after making sure that the measurements can be used.

    Parameters
    ----------
    measurements : mapping
        What was given.
    names : sequence of str
        Measurements that are needed.
    image_shapes : mapping
        Channels, height and width of those that are images; the others are matrices.

    Raises
    ------
    ValueError
        If a measurement lacks, has another number of rows, holds an infinity, or has a row of
        which only a part is missing.
    """
    absent = [name for name in names if name not in measurements]
    if absent:
        raise ValueError(f"measurement {absent[0]} is not given; pass NaN rows where it is missing")
    rows = {name: len(measurements[name]) for name in names}
    if len(set(rows.values())) > 1:
        raise ValueError(f"measurements differ in their number of rows: {rows}")
    for name in names:
        x = measurements[name]
        if name in image_shapes and x.shape[1:] != image_shapes[name]:
            raise ValueError(
                f"measurement {name}: shape {x.shape}; it must be rows x {image_shapes[name]}"
            )
        if name not in image_shapes and x.ndim != 2:
            raise ValueError(f"measurement {name}: shape {x.shape}; it must be rows x columns")
        if np.isinf(x).any():
            raise ValueError(f"measurement {name}: an infinite value; mend it or make its row NaN")
        missing = np.isnan(x).reshape(len(x), -1).mean(axis=1)
        partly = np.flatnonzero((missing > 0) & (missing < 1))
        if partly.size:
            raise ValueError(f"measurement {name}: row {partly[0]} is NaN in some columns, not all")
    return next(iter(rows.values()))


def observed_rows(x: Matrix) -> NDArray[np.bool_]:
    """Return which rows of a measurement are there."""
    there: NDArray[np.bool_] = ~np.isnan(x.reshape(len(x), -1)[:, 0])
    return there


@dataclass(frozen=True)
class Reduction:
    """A centred, scaled projection onto principal components.

    The components keep their relative variances; the scale makes their mean variance one.

    Parameters
    ----------
    mean : array of float32, (d,)
        Column means of the training rows.
    axes : array of float32, (d, k)
        Orthonormal principal axes.
    scale : float
        Root mean variance of the components.
    """

    mean: Matrix
    axes: Matrix
    scale: float

    @classmethod
    def fit(cls, x: Matrix, components: int, rng: np.random.Generator) -> "Reduction":
        """Estimate from the observed rows of a measurement.

        A randomised range finder with power iterations (Halko, Martinsson and Tropp 2011,
        doi:10.1137/090771806) keeps the cost linear in rows and columns.
        """
        x = x[observed_rows(x)]
        k = min(components, x.shape[1], len(x) - 1)
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = x - mean
        width = min(k + _OVERSAMPLING, *x.shape)
        basis = centred @ rng.standard_normal((x.shape[1], width), dtype=np.float32)
        for _ in range(_POWER_ITERATIONS):
            basis = centred @ np.linalg.qr(centred.T @ np.linalg.qr(basis)[0])[0]
        basis = np.linalg.qr(basis)[0]
        _, singular, axes = np.linalg.svd(basis.T @ centred, full_matrices=False)
        kept = min(k, int((singular > 1e-4 * singular[0]).sum())) if singular[0] > 0 else 0
        if kept == 0:
            raise ValueError("every observed row is the same; leave the measurement out")
        scale = float(np.sqrt(np.mean(singular[:kept] ** 2) / (len(x) - 1)))
        return cls(mean, np.ascontiguousarray(axes[:kept].T), scale)

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> "Reduction":
        """Return the reduction that `tensors` described."""
        mean, axes = (np.asarray(tensors[part], np.float32) for part in ("mean", "axes"))
        return cls(mean, axes, float(tensors["scale"][0]))

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """Return what has to be stored."""
        return {"mean": self.mean, "axes": self.axes, "scale": np.array([self.scale], np.float64)}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row of the measurement."""
        return self.mean.shape

    @property
    def width(self) -> int:
        """Number of components."""
        return int(self.axes.shape[1])

    def apply(self, x: Matrix) -> Matrix:
        """Return the scaled components; zero (the mean) for missing rows."""
        there = observed_rows(x)
        reduced = np.zeros((len(x), self.axes.shape[1]), np.float32)
        reduced[there] = (x[there] - self.mean) @ self.axes / np.float32(self.scale)
        return reduced

    def invert(self, reduced: Matrix) -> Matrix:
        """Return the rows that the components stand for."""
        restored: Matrix = reduced @ self.axes.T * np.float32(self.scale) + self.mean
        return restored
