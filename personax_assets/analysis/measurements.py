"""From embedding tables to the measurements that Level II models.

Belongs here: which column of which table is which measurement. Does not belong here: models.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.datasets import SubDataset

if TYPE_CHECKING:
    from personax_ml.crl import Split

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class MeasuredPeople:
    """Measurements of people, aligned by row.

    Parameters
    ----------
    person_ids : tuple of str
        One per row, sorted.
    measurements : mapping of str to array of float32, (n, d)
        One matrix per measurement; a row of NaN is a missing one.
    """

    person_ids: tuple[str, ...]
    measurements: Mapping[str, Matrix]

    @cached_property
    def split(self) -> "Split":
        """Who trains, selects and tests: decided by a hash of the person id."""
        from personax_ml.crl import three_way_split

        return three_way_split(self.person_ids)

    def has(self, measurement: str) -> NDArray[np.bool_]:
        """Return who has a measurement."""
        there: NDArray[np.bool_] = ~np.isnan(self.measurements[measurement][:, 0])
        return there

    @cached_property
    def digest(self) -> str:
        """Hash of everything: the same people with the same values have the same digest."""
        content = hashlib.sha256("\n".join(self.person_ids).encode())
        for name, values in sorted(self.measurements.items()):
            content.update(name.encode())
            content.update(np.ascontiguousarray(values).tobytes())
        return content.hexdigest()[:32]

    def rows(self, chosen: NDArray[np.bool_]) -> dict[str, Matrix]:
        """Return the measurements of some of the people."""
        return {name: values[chosen] for name, values in self.measurements.items()}


def measurement_names(sub: SubDataset, raters: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the measurements of each modality: one per photograph, one per rater."""
    faces = tuple(f"face_{i + 1}" for i in range(sub.photographs))
    return {"face": faces, "text": tuple(f"text_{rater}" for rater in raters)}


def measured_people(
    faces: pl.DataFrame, texts: pl.DataFrame, sub: SubDataset, raters: Sequence[str]
) -> MeasuredPeople:
    """Align face and text embeddings by person; whoever has neither is left out.

    Parameters
    ----------
    faces : DataFrame
        `person_id, measurement, embedding`.
    texts : DataFrame
        `person_id, rater, embedding`.
    sub : SubDataset
        The sub-dataset.
    raters : sequence of str
        Names of the raters, in order.
    """
    people = pl.concat([faces["person_id"], texts["person_id"]]).unique().sort()
    index = pl.DataFrame({"person_id": people}).with_row_index("row")
    names = measurement_names(sub, raters)
    measurements = {
        name: _matrix(faces.filter(pl.col("measurement") == i + 1), index)
        for i, name in enumerate(names["face"])
    }
    for name, rater in zip(names["text"], raters, strict=True):
        measurements[name] = _matrix(texts.filter(pl.col("rater") == rater), index)
    return MeasuredPeople(tuple(people), measurements)


def measured_frame(frame: Any, widths: Mapping[str, int]) -> dict[str, Matrix]:
    """Return the measurements in a data frame whose cells are lists of floats, or null.

    Parameters
    ----------
    frame : pandas.DataFrame
        One column per measurement; a column that is not there is missing for everybody.
    widths : mapping of str to int
        Measurements that the model knows, and their lengths.

    Raises
    ------
    ValueError
        If a cell has another length; the message names row and column.
    """
    result = {}
    for name, width in widths.items():
        matrix = np.full((len(frame), width), np.nan, np.float32)
        cells = frame[name] if name in frame.columns else ()
        for row, cell in enumerate(cells):
            if not isinstance(cell, Sequence | np.ndarray):  # None, or the NaN pandas makes of it
                continue
            if len(cell) != width:
                raise ValueError(
                    f"row {row}, column {name}: {len(cell)} numbers, the model was trained on "
                    f"{width}; embed with the same encoder"
                )
            matrix[row] = cell
        result[name] = matrix
    return result


def framed(measurements: Mapping[str, Matrix]) -> Any:
    """Return measurements as such a data frame: the inverse of `measured_frame`."""
    import pandas as pd  # type: ignore[import-untyped]

    columns = {
        name: [None if np.isnan(row).any() else row.astype(float).tolist() for row in values]
        for name, values in measurements.items()
    }
    return pd.DataFrame(columns, dtype=object)


def _matrix(embeddings: pl.DataFrame, index: pl.DataFrame) -> Matrix:
    kind = embeddings.schema["embedding"]
    width = kind.size if isinstance(kind, pl.Array) else 0
    matrix = np.full((index.height, width), np.nan, np.float32)
    placed = embeddings.join(index, on="person_id")
    if not placed.is_empty():
        matrix[placed["row"].to_numpy()] = placed["embedding"].to_numpy()
    return matrix
