"""What a source hands over: raw rows, and the rows that could not be read.

Belongs here: the batch that every source returns. Does not belong here: where the rows come from
(`sources`, `rosters`) or what they mean (`cleaning`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from personax_assets.datasets import SubDataset
from personax_assets.schemas.people import quarantine, raw_bios

QUARANTINE_SCHEMA = quarantine("quarantine").polars


@dataclass(frozen=True)
class RawBatch:
    """The rows of one partition, as the source gives them.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns of `raw_bios`.
    quarantine : polars.DataFrame
        Rows that could not be used, each once, with the reason.
    counts : mapping of str to int
        `rows_in` = `rows_out` + `quarantined` + `out_of_scope`; `people_in` is the number of
        different source ids (or names, without ids) among the readable rows.
    terms : str, optional
        The terms under which the rows were published.
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    counts: Mapping[str, int]
    terms: str | None = None


def raw_rows(sub: SubDataset, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Lay rows about real people out as `raw_bios`.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    rows : iterable of mapping
        Values by column; one that is missing is unknown. `record_id` follows from the others.
    """
    schema = raw_bios(sub).polars
    laid_out = [
        {"in_scope": True, **row, "record_id": _record_id(row), "simulated": False} for row in rows
    ]
    return pl.DataFrame(
        {name: [row.get(name) for row in laid_out] for name in schema}, schema=schema
    )


def quarantined(
    rows: Sequence[tuple[str, int | None, str | None, str, str | None]],
) -> pl.DataFrame:
    """Lay out rows that could not be used: file, row, field, reason, the row as read."""
    return pl.DataFrame(rows, schema=QUARANTINE_SCHEMA, orient="row")


def _record_id(row: Mapping[str, Any]) -> str:
    parts = [row.get(name) for name in ("source", "source_file", "source_row", "league", "raw")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
