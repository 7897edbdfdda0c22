"""The two profiles: which kernel a test uses for which kind of variable.

Belongs here: widths, and the choice between Gaussian, circular and delta kernels. Does not belong
here: the kernels themselves.

`paper` reproduces what causal-learn (KCI) and conditional_independence (HSIC) do by default, which
is what the PersonaX paper ran: every variable is a number. `recommended` respects the scale of
measurement and does not change with units or, for nominal variables, with labels.
"""

from collections.abc import Callable, Hashable
from typing import Any, Literal, TypeVar

import numpy as np

from personax_ml.independence.columns import Axis, FloatArray, Kind
from personax_ml.independence.kernels import Kernel
from personax_ml.independence.shapes import Shape

Profile = Literal["paper", "recommended"]
KernelChoice = Literal["paper_kci", "paper_hsic", "multiscale", "median"]

_SCALES: dict[Kind, tuple[float, ...]] = {
    "ordinal": (1.0, 4.0),
    "numeric": (0.5, 1.0, 2.0),
    "circular": (0.5, 1.0, 2.0),
}
"""Widths of the multiscale kernel in median distances: few ordered categories need a wide one to
see trends, a measurement also a narrow one to see bumps."""

_MEDIAN_POINTS = 256

_Made = TypeVar("_Made")


def standardised(positions: FloatArray, counts: FloatArray) -> FloatArray:
    """Return z-scores of the rows (denominator n - 1) at the distinct values; 0 if constant."""
    n = counts.sum()
    centred = positions - counts @ positions / n
    deviation = np.sqrt(counts @ centred**2 / (n - 1))
    return centred / deviation if deviation > 0 else np.zeros_like(positions)


def median_distance(
    positions: FloatArray, counts: FloatArray, period: float | None = None
) -> float:
    """Return the median distance of two rows whose values differ.

    With a period, the chord on the unit circle. Of more than 256 distinct values, 256 evenly
    spaced order statistics stand for all.
    """
    if len(positions) > _MEDIAN_POINTS:
        ranks = (np.arange(_MEDIAN_POINTS) + 0.5) / _MEDIAN_POINTS * counts.sum()
        chosen = np.searchsorted(np.cumsum(counts), ranks)
        positions, counts = positions[chosen], np.ones(_MEDIAN_POINTS)
    i, j = np.triu_indices(len(positions), 1)
    distances = positions[j] - positions[i]
    if period is not None:
        distances = 2 * np.abs(np.sin(np.pi * distances / period))
    order = np.argsort(distances)
    order = order[distances[order] > 0]
    if not len(order):
        return 1.0
    cumulative = np.cumsum((counts[i] * counts[j])[order])
    total = cumulative[-1]
    middle = np.searchsorted(cumulative, (np.ceil(total / 2), np.ceil((total + 1) / 2)))
    return float(distances[order[middle]].mean())


def choose_shape(choice: KernelChoice, axis: Axis, counts: FloatArray) -> Shape:
    """Return the kernel that a test uses for a variable.

    Parameters
    ----------
    choice : {"paper_kci", "paper_hsic", "multiscale", "median"}
        causal-learn's width on z-scores; conditional_independence's width in raw units; or, by
        kind of variable, delta, circular or Gaussian. "median" takes the median distance as
        width; "multiscale" averages several multiples of it, each weighted so that its centred
        kernel has the same trace.
    axis : Axis
        The distinct values.
    counts : ndarray, shape (k,)
        How often each occurs.
    """
    positions = axis.positions
    if choice == "paper_kci":
        n = counts.sum()
        width = 0.8 if n < 200 else 0.5 if n < 1200 else 0.3
        deviation = np.sqrt(counts @ (positions - counts @ positions / n) ** 2 / (n - 1))
        return Shape("gaussian", (width * float(deviation),))
    if choice == "paper_hsic":
        return Shape("gaussian", (float(np.sqrt(0.5)),))
    kind, period = axis.spec.kind, axis.spec.period
    if kind in ("nominal", "binary"):
        return Shape("delta")
    family: Literal["circular", "gaussian"] = "gaussian" if period is None else "circular"
    median = median_distance(positions, counts, period)
    if choice == "median":
        return Shape(family, (median,), period=period)
    widths = tuple(scale * median for scale in _SCALES[kind])
    inverse = [1 / Shape(family, (w,), period=period).on(positions, counts).trace for w in widths]
    return Shape(family, widths, tuple(i / sum(inverse) for i in inverse), period)


class Kernels:
    """Shapes, kernels and features with a short memory: a column meets many others in a grid."""

    _REMEMBERED = 256

    def __init__(self) -> None:
        self._known: dict[tuple[Hashable, ...], Any] = {}

    def shape(self, choice: KernelChoice, axis: Axis, counts: FloatArray) -> Shape:
        """Return `choose_shape` of the arguments."""
        return self.remember(
            (choice, axis.spec), axis, counts, lambda: choose_shape(choice, axis, counts)
        )

    def on(self, shape: Shape, axis: Axis, counts: FloatArray) -> Kernel:
        """Return `shape.on` of the distinct values of an axis."""
        return self.remember((shape,), axis, counts, lambda: shape.on(axis.positions, counts))

    def remember(
        self,
        what: tuple[Hashable, ...],
        axis: Axis,
        counts: FloatArray,
        make: Callable[[], _Made],
    ) -> _Made:
        """Return what was made of these distinct values and counts before, or make it now."""
        key = (*what, axis.positions.tobytes(), counts.tobytes())
        made: _Made = self._known.pop(key) if key in self._known else make()
        self._known[key] = made  # the youngest is last
        if len(self._known) > self._REMEMBERED:
            del self._known[next(iter(self._known))]
        return made
