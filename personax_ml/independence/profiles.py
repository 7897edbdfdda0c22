"""The two profiles: which kernel a test uses for which kind of variable.

Belongs here: widths, and the choice between Gaussian, circular and delta kernels. Does not belong
here: the kernels themselves.

`paper` reproduces what causal-learn (KCI) and conditional_independence (HSIC) do by default, which
is what the PersonaX paper ran: every variable is a number. `recommended` respects the scale of
measurement and does not change with units or, for nominal variables, with labels.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from personax_ml.independence.columns import Axis, FloatArray
from personax_ml.independence.kernels import DeltaKernel, Kernel, circular, gaussian

Profile = Literal["paper", "recommended"]
KernelChoice = Literal["paper_kci", "paper_hsic", "multiscale", "median"]

_SCALES: dict[str, tuple[float, ...]] = {"multiscale": (0.5, 1.0, 2.0), "median": (1.0,)}

_MEDIAN_POINTS = 256


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


def build_kernel(choice: KernelChoice, axis: Axis, counts: FloatArray) -> Kernel:
    """Return the kernel that a test uses for a variable.

    Parameters
    ----------
    choice : {"paper_kci", "paper_hsic", "multiscale", "median"}
        causal-learn's width on z-scores; conditional_independence's width in raw units; or, by
        kind of variable, delta, circular or Gaussian with the median distance as width (times
        1/2, 1 and 2, averaged, for "multiscale").
    axis : Axis
        The distinct values.
    counts : ndarray, shape (k,)
        How often each occurs.
    """
    positions = axis.positions
    if choice == "paper_kci":
        n = counts.sum()
        width = 0.8 if n < 200 else 0.5 if n < 1200 else 0.3
        return gaussian(standardised(positions, counts), counts, (width,))
    if choice == "paper_hsic":
        return gaussian(positions, counts, (float(np.sqrt(0.5)),))
    if axis.spec.kind in ("nominal", "binary"):
        return DeltaKernel(counts)
    width = median_distance(positions, counts, axis.spec.period)
    widths = [scale * width for scale in _SCALES[choice]]
    if axis.spec.period is not None:
        return circular(positions, counts, axis.spec.period, widths)
    return gaussian(positions, counts, widths)


KernelSource = Callable[[KernelChoice, Axis, FloatArray], Kernel]
"""Anything that answers like `build_kernel`."""


class KernelCache:
    """`build_kernel` with a memory: the same column meets many others in a grid."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, bytes, bytes], Kernel] = {}

    def __call__(self, choice: KernelChoice, axis: Axis, counts: FloatArray) -> Kernel:
        """Return the kernel, built at most once."""
        key = (choice, axis.name, axis.positions.tobytes(), counts.tobytes())
        if key not in self._known:
            self._known[key] = build_kernel(choice, axis, counts)
        return self._known[key]
