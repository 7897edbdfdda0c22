"""Columns: one variable as its distinct values and a code per row.

Belongs here: reading a variable (kind, distinct values, missing rows) and refusing what cannot be
tested. Does not belong here: counting pairs of variables (`tables`) or kernels (`kernels`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.signedinteger[Any]]

Kind = Literal["numeric", "ordinal", "nominal", "binary", "circular"]


class ColumnError(ValueError):
    """A column that cannot be tested.

    Parameters
    ----------
    status : str
        Short name of the reason, as it appears in the `status` column of a grid.
    message : str
        What is wrong and what would mend it.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class VariableSpec:
    """What kind of variable a column is.

    Parameters
    ----------
    kind : {"numeric", "ordinal", "nominal", "binary", "circular"}
        Scale of measurement. The recommended profile compares values of a nominal or binary
        variable for equality only and wraps a circular one around.
    discrete : bool
        Whether chi-square and G-square apply.
    period : float, optional
        Length of the cycle of a circular variable, in its own unit.
    """

    kind: Kind = "numeric"
    discrete: bool = False
    period: float | None = None

    def __post_init__(self) -> None:
        if (self.kind == "circular") != (self.period is not None):
            raise ValueError("period: a circular variable needs one, no other kind takes one")
        if self.period is not None and not self.period > 0:
            raise ValueError(f"period: must be positive, got {self.period}")


@dataclass(frozen=True, eq=False)
class Axis:
    """The distinct values of one variable, in ascending order.

    Parameters
    ----------
    name : str
        Name of the variable.
    spec : VariableSpec
        Its kind.
    values : ndarray, shape (k,)
        Distinct values: float64, or strings for a nominal variable given as strings.
    """

    name: str
    spec: VariableSpec
    values: NDArray[Any]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def positions(self) -> FloatArray:
        """Values as numbers; of strings, their rank (what integer coding makes of them)."""
        if self.values.dtype.kind == "f":
            return self.values
        return np.arange(len(self.values), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Column:
    """One variable of n rows.

    Parameters
    ----------
    axis : Axis
        Its distinct values.
    codes : ndarray of int64, shape (n,)
        Index into the axis per row; -1 where the value is missing.
    """

    axis: Axis
    codes: IntArray

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def complete(self) -> bool:
        """Whether no value is missing."""
        return not len(self.codes) or int(self.codes.min()) >= 0


def infer_spec(values: pl.Series) -> VariableSpec:
    """Return the kind that the type of a column suggests.

    Strings are nominal, booleans binary, everything else numeric and continuous.
    """
    if values.dtype in (pl.String, pl.Categorical, pl.Enum):
        return VariableSpec("nominal", discrete=True)
    if values.dtype == pl.Boolean:
        return VariableSpec("binary", discrete=True)
    return VariableSpec("numeric")


def encode(
    values: pl.Series | Sequence[Any] | NDArray[Any],
    spec: VariableSpec | None = None,
    name: str | None = None,
) -> Column:
    """Read a variable.

    Parameters
    ----------
    values : polars Series, sequence or array, length n
        The values; null (None) is missing. NaN is refused: it is as often an accident of
        arithmetic as a missing value.
    spec : VariableSpec, optional
        What kind of variable it is; inferred from the type if not given.
    name : str, optional
        Name for messages; that of the series if not given.

    Returns
    -------
    Column

    Raises
    ------
    ColumnError
        If the values are not numbers where numbers are needed, not finite, more than two in a
        binary variable, or further apart than the period of a circular one.

    Notes
    -----
    O(n) time for few distinct numbers, else O(n log n).
    """
    series = values if isinstance(values, pl.Series) else pl.Series(values=values, strict=False)
    name = name or series.name or "values"
    spec = spec or infer_spec(series)
    if series.dtype in (pl.String, pl.Categorical, pl.Enum):
        if spec.kind not in ("nominal", "binary"):
            raise ColumnError(
                "not_numeric", f"{name}: strings in a {spec.kind} variable; declare it nominal"
            )
        distinct, codes = _distinct_strings(series.cast(pl.String))
    else:
        distinct, codes = _distinct_numbers(_numbers(series, spec, name))
    if spec.kind == "binary" and len(distinct) > 2:
        raise ColumnError(
            "not_binary", f"{name}: {len(distinct)} distinct values; declare it nominal or ordinal"
        )
    return Column(Axis(name, spec, distinct), codes)


def _numbers(series: pl.Series, spec: VariableSpec, name: str) -> FloatArray:
    """Return the values as floats, NaN standing for null."""
    if not (series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null)):
        raise ColumnError(
            "not_numeric", f"{name}: values of type {series.dtype}; convert them to numbers"
        )
    array: FloatArray = series.cast(pl.Float64).to_numpy()
    if np.isnan(array).sum() > series.null_count():
        raise ColumnError("nan_values", f"{name}: NaN; write null where the value is missing")
    if np.isinf(array).any():
        raise ColumnError("infinite_values", f"{name}: infinite values; write null or a number")
    if spec.period is not None and len(array):
        span = np.fmax.reduce(array) - np.fmin.reduce(array)
        if span > spec.period:
            raise ColumnError(
                "beyond_period",
                f"{name}: values span {span:g}, more than the period {spec.period:g}",
            )
    return array


def _distinct_strings(series: pl.Series) -> tuple[NDArray[Any], IntArray]:
    distinct = series.drop_nulls().unique().sort()
    codes = series.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64).fill_null(-1)
    return distinct.to_numpy().astype(str), codes.to_numpy()


def _distinct_numbers(values: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return sorted distinct values and the index of each value among them, of NaN -1.

    Halves of integers in a range that is not much longer than the column need no sorting.
    """
    codes = np.full(len(values), -1, dtype=np.int64)
    present = ~np.isnan(values)
    known = values[present]
    if not len(known):
        return known, codes
    low, high = float(known.min()), float(known.max())
    if high - low < 2 * len(known) + 64 and max(-low, high) < 2**50:
        halves = (2 * known).astype(np.int64)
        if (halves == 2 * known).all():
            halves -= int(2 * low)
            used = np.bincount(halves) > 0
            codes[present] = (np.cumsum(used) - 1)[halves]
            return low + np.flatnonzero(used) / 2, codes
    distinct, codes[present] = np.unique(known + 0.0, return_inverse=True)  # one kind of zero
    return distinct, codes
