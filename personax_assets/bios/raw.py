"""What a source hands over: raw rows, and the rows that could not be read.

Belongs here: the batch that every source returns. Does not belong here: where the rows come from
(`sources`, `rosters`) or what they mean (`cleaning`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from personax_assets.schemas import quarantine

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
    """

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    counts: Mapping[str, int]
