"""Contingency tables: all that an independence test needs to know about two columns.

Belongs here: counting, merging, subtracting and splitting tables. Does not belong here: any
statistic of them.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from personax_ml.independence.columns import Axis, Column, FloatArray, IntArray

SMALL_COUNT = 5.0
"""Expected counts below it are called small."""


@dataclass(frozen=True, eq=False)
class Table:
    """Counts of pairs of values, without empty rows or columns.

    Parameters
    ----------
    x, y : Axis
        The distinct values that occur.
    rows, cols : ndarray of int64, shape (m,)
        Position of each non-empty cell, ordered by row, then column.
    cells : ndarray of int64, shape (m,)
        Its count, positive.
    missing : int
        Rows left out because one of the two values is missing.
    """

    x: Axis
    y: Axis
    rows: IntArray
    cols: IntArray
    cells: IntArray
    missing: int = 0

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Number of distinct values of x and of y."""
        return len(self.x), len(self.y)

    @cached_property
    def n(self) -> int:
        """Rows counted."""
        return int(self.cells.sum())

    @cached_property
    def expected(self) -> FloatArray:
        """Expected counts of the non-empty cells under independence, shape (m,)."""
        return self.x_counts[self.rows] * self.y_counts[self.cols] / self.n

    @cached_property
    def chi2(self) -> float:
        """Sum of (observed - expected)^2 / expected over all cells."""
        deviations = self.cells - self.expected
        occupied = float((deviations * deviations / self.expected).sum())
        return occupied + self.n - float(self.expected.sum())

    @cached_property
    def counts(self) -> FloatArray:
        """The dense table, shape (kx, ky)."""
        dense = np.zeros(self.shape)
        dense[self.rows, self.cols] = self.cells
        return dense

    @cached_property
    def counts_by_y(self) -> FloatArray:
        """The dense table the other way round, shape (ky, kx)."""
        return self.counts.T

    @cached_property
    def x_counts(self) -> FloatArray:
        """Row sums."""
        return np.bincount(self.rows, self.cells, len(self.x)).astype(float)

    @cached_property
    def y_counts(self) -> FloatArray:
        """Column sums."""
        return np.bincount(self.cols, self.cells, len(self.y)).astype(float)

    def between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' N right for weights of the distinct values, (kx, r) and (ky, s)."""
        kx, ky = self.shape
        if kx * ky <= 8 * len(self.cells) + 4096:
            product: FloatArray = left.T @ (self.counts @ right)
        else:
            product = (left[self.rows] * self.cells[:, None]).T @ right[self.cols]
        return product

    def __add__(self, other: "Table") -> "Table":
        """Merge the counts of two disjoint sets of rows."""
        return _combined(self, other, 1)

    def __sub__(self, other: "Table") -> "Table":
        """Take out the counts of rows that are no longer part of the data."""
        return _combined(self, other, -1)


def crosstab(x: Column, y: Column, cells: IntArray | None = None) -> Table:
    """Count the pairs of values of two columns of the same rows; rows with a missing value not.

    Parameters
    ----------
    x, y : Column
        The columns.
    cells : ndarray of int, optional
        How many rows each row stands for; one if not given.

    Notes
    -----
    O(n) time while the table has at most a few cells per row, else O(n log n).
    """
    if len(x) != len(y):
        raise ValueError(f"{x.axis.name} has {len(x)} rows, {y.axis.name} has {len(y)}")
    kx, ky = len(x.axis), max(len(y.axis), 1)
    x_codes, y_codes, weights = x.codes, y.codes, cells
    if not (x.complete and y.complete):
        present = np.flatnonzero((x_codes >= 0) & (y_codes >= 0))
        x_codes, y_codes = x_codes[present], y_codes[present]
        weights = None if cells is None else cells[present]
    keys = x_codes * ky
    keys += y_codes
    if kx * ky <= 4 * len(x) + 4096:
        counts = np.bincount(keys, weights, kx * ky).astype(np.int64, copy=False)
        keys = np.flatnonzero(counts)
        sums = counts[keys]
    elif weights is None:
        keys, sums = np.unique(keys, return_counts=True)
    else:
        keys, sums = _summed(keys, weights)
    total = len(x) if cells is None else int(cells.sum())
    missing = total - int(sums.sum())
    return _without_empty(x.axis, y.axis, *np.divmod(keys, ky), sums, missing)


@dataclass(frozen=True, eq=False)
class Strata:
    """The table of two columns, split by the values of a third.

    Parameters
    ----------
    pooled : Table
        All rows together.
    given : Axis or None
        The distinct values of the third column; None if there is no condition.
    tables : tuple of Table
        One table per value of it, in order; without a condition the pooled table alone.
    """

    pooled: Table
    given: Axis | None
    tables: tuple[Table, ...]

    @cached_property
    def informative(self) -> tuple[Table, ...]:
        """The tables in which both columns vary: the others cannot speak for or against."""
        return tuple(t for t in self.tables if min(t.shape) > 1)

    @cached_property
    def sparsity(self) -> tuple[float, float]:
        """Share of cells with an expected count below 5, and the smallest expected count."""
        below, cells, smallest = 0.0, 0, np.inf
        for table in self.informative:
            ordered = np.sort(table.y_counts)
            limits = SMALL_COUNT * table.n / table.x_counts
            below += float(np.searchsorted(ordered, limits, side="left").sum())
            cells += table.shape[0] * table.shape[1]
            smallest = min(smallest, float(table.x_counts.min() * ordered[0]) / table.n)
        return below / cells, smallest

    def __add__(self, other: "Strata") -> "Strata":
        """Merge the counts of two disjoint sets of rows."""
        return self._combined(other, 1)

    def __sub__(self, other: "Strata") -> "Strata":
        """Take out the counts of rows that are no longer part of the data."""
        return self._combined(other, -1)

    def _combined(self, other: "Strata", sign: int) -> "Strata":
        pooled = _combined(self.pooled, other.pooled, sign)
        if self.given is None or other.given is None:
            if self.given is not other.given:
                raise ValueError("one of the tables is split by a condition, the other is not")
            return unconditional(pooled)
        tables = dict(zip(self.given.values.tolist(), self.tables, strict=True))
        for value, table in zip(other.given.values.tolist(), other.tables, strict=True):
            if value not in tables:
                tables[value] = Table(table.x, table.y, *(np.zeros(0, dtype=np.int64),) * 3)
            tables[value] = _combined(tables[value], table, sign)
        kept = {value: tables[value] for value in sorted(tables) if tables[value].n}
        given = Axis(
            self.given.name,
            self.given.spec,
            np.array(list(kept), dtype=np.result_type(self.given.values, other.given.values)),
        )
        return Strata(pooled, given, tuple(kept.values()))


def unconditional(table: Table) -> Strata:
    """Return a table as its only stratum."""
    return Strata(table, None, (table,))


def stratify(x: Column, y: Column, given: Column, cells: IntArray | None = None) -> Strata:
    """Count the pairs of values of two columns for each value of a third.

    Rows with a missing value in any of the three are left out. Arguments as of `crosstab`.
    """
    if len(given) != len(x):
        raise ValueError(f"{x.axis.name} has {len(x)} rows, {given.axis.name} has {len(given)}")
    known = given.codes >= 0
    pooled = crosstab(_masked(x, known), _masked(y, known), cells)
    order = np.argsort(given.codes, kind="stable")
    ends = np.searchsorted(given.codes[order], np.arange(len(given.axis) + 1))
    tables = []
    for start, end in pairwise(ends):
        rows = order[start:end]
        weights = None if cells is None else cells[rows]
        tables.append(
            crosstab(Column(x.axis, x.codes[rows]), Column(y.axis, y.codes[rows]), weights)
        )
    used = np.array([table.n > 0 for table in tables], dtype=bool)
    axis = Axis(given.axis.name, given.axis.spec, given.axis.values[used])
    return Strata(pooled, axis, tuple(table for table in tables if table.n))


def _masked(column: Column, rows: NDArray[np.bool_]) -> Column:
    return Column(column.axis, np.where(rows, column.codes, -1))


def _summed(keys: IntArray, cells: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct keys in order and the sums of their cells."""
    distinct, inverse = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(sums, inverse, cells)
    return distinct, sums


def _without_empty(
    x: Axis, y: Axis, rows: IntArray, cols: IntArray, cells: IntArray, missing: int
) -> Table:
    x, rows = _used(x, rows)
    y, cols = _used(y, cols)
    return Table(x, y, rows, cols, cells, missing)


def _used(axis: Axis, at: IntArray) -> tuple[Axis, IntArray]:
    occurrences = np.bincount(at, minlength=len(axis))
    if occurrences.all():
        return axis, at
    used = occurrences > 0
    return Axis(axis.name, axis.spec, axis.values[used]), (np.cumsum(used) - 1)[at]


def _canonical(
    x: Axis, y: Axis, rows: IntArray, cols: IntArray, cells: IntArray, missing: int
) -> Table:
    keys, sums = _summed(rows * max(len(y), 1) + cols, cells)
    if (sums < 0).any():
        raise ValueError(f"{x.name} by {y.name}: cannot take out rows that were never counted")
    keys, sums = keys[sums > 0], sums[sums > 0]
    return _without_empty(x, y, *np.divmod(keys, max(len(y), 1)), sums, missing)


def _combined(first: Table, second: Table, sign: int) -> Table:
    axes: list[Axis] = []
    rows: list[IntArray] = []
    cols: list[IntArray] = []
    for a, b, i, j, codes in (
        (first.x, second.x, first.rows, second.rows, rows),
        (first.y, second.y, first.cols, second.cols, cols),
    ):
        if (a.name, a.spec) != (b.name, b.spec):
            raise ValueError(f"tables of different variables: {a.name} and {b.name}")
        union = np.unique(np.concatenate((a.values, b.values)))
        axes.append(Axis(a.name, a.spec, union))
        codes.extend((np.searchsorted(union, a.values)[i], np.searchsorted(union, b.values)[j]))
    return _canonical(
        axes[0],
        axes[1],
        np.concatenate(rows),
        np.concatenate(cols),
        np.concatenate((first.cells, sign * second.cells)),
        first.missing + sign * second.missing,
    )
