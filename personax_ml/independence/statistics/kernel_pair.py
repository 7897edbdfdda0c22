"""Two kernels and the table that joins them.

Belongs here: the sums over pairs of rows that KCI and HSIC share. Does not belong here: what a
test makes of them.
"""

import numpy as np

from personax_ml.independence.columns import FloatArray
from personax_ml.independence.kernels import DeltaKernel, DenseKernel, Kernel
from personax_ml.independence.tables import Table

_MAX_CELLS = 1 << 25
_BLOCK = 512


def cross_statistic(table: Table, kernel_x: Kernel, kernel_y: Kernel) -> float:
    """Return the sum of Kxc * Kyc over all pairs of rows, n^2 times the biased HSIC.

    It is the sum of Ky * (N' Kxc N) over pairs of distinct values of the column that has fewer of
    them, N being the table.
    """
    oriented = _few_on_the_right(table, kernel_x, kernel_y)
    if oriented is None:
        return float((feature_cross(table, kernel_x, kernel_y) ** 2).sum())
    counts, many, few = oriented
    between = many.centred_between(counts)
    if isinstance(few, DeltaKernel):
        return float(np.trace(between))
    return float((between * few.matrix).sum())


def squared_cross(table: Table, kernel_x: Kernel, kernel_y: Kernel) -> float:
    """Return the sum of (Kxc * Kyc)^2 over all pairs of rows."""
    oriented = _few_on_the_right(table, kernel_x, kernel_y)
    if oriented is None:
        return _squared_cross_by_blocks(table, kernel_x, kernel_y)
    counts, many, few = oriented
    if isinstance(few, DeltaKernel):
        few = DenseKernel(np.eye(len(few.counts)), few.counts)
    return float((many.centred_squared_between(counts) * few.centred**2).sum())


def squared_cross_diagonal(table: Table, kernel_x: Kernel, kernel_y: Kernel) -> float:
    """Return the part of `squared_cross` that pairs every row with itself."""
    diagonal_x = kernel_x.centred_diagonal[table.rows]
    diagonal_y = kernel_y.centred_diagonal[table.cols]
    return float(table.cells @ (diagonal_x * diagonal_y) ** 2)


def feature_cross(table: Table, kernel_x: Kernel, kernel_y: Kernel) -> FloatArray:
    """Return Fx' N Fy for the features of two kernels, shape (rx, ry)."""
    return table.between(kernel_x.features(), kernel_y.features())


def _few_on_the_right(
    table: Table, kernel_x: Kernel, kernel_y: Kernel
) -> tuple[FloatArray, Kernel, DenseKernel | DeltaKernel] | None:
    kx, ky = table.shape
    if kx * ky > _MAX_CELLS:
        return None
    if kx >= ky and isinstance(kernel_y, DenseKernel | DeltaKernel):
        return table.counts, kernel_x, kernel_y
    if isinstance(kernel_x, DenseKernel | DeltaKernel):
        return table.counts_by_y, kernel_y, kernel_x
    return None


def _squared_cross_by_blocks(table: Table, kernel_x: Kernel, kernel_y: Kernel) -> float:
    """O(m^2 r) time, O(m) memory, for two columns of many distinct values (m cells)."""
    features_x = kernel_x.features()[table.rows]
    features_y = kernel_y.features()[table.cols]
    weights = table.cells.astype(float)
    total = 0.0
    for start in range(0, len(weights), _BLOCK):
        part = slice(start, start + _BLOCK)
        products = (features_x[part] @ features_x.T) * (features_y[part] @ features_y.T)
        total += float(weights[part] @ (products * products) @ weights)
    return total
