"""Where people come from.

Belongs here: the seam between the stages and any source of bios, and the sources there are. Does
not belong here: how roster files are read (`rosters`) or people invented (`personax_ml.synthetic`).
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import polars as pl

from personax_assets.bios.raw import QUARANTINE_SCHEMA, RawBatch
from personax_assets.datasets import SubDataset
from personax_assets.schemas.people import raw_bios

if TYPE_CHECKING:
    from personax_assets.bios.rosters import RosterList

__all__ = ["BioSource", "RawBatch", "RosterSource", "SyntheticSource"]


class BioSource(Protocol):
    """Something that knows people."""

    @property
    def name(self) -> str:
        """What the source is called."""

    @property
    def simulated(self) -> bool:
        """Whether its people are invented."""

    @property
    def partitions(self) -> tuple[str, ...]:
        """The partitions that it can have rows for."""

    def fingerprint(self, partition: str | None) -> str:
        """Return a hash that changes when the rows of a partition (None: all) may have changed."""

    def read(self, partition: str | None) -> RawBatch:
        """Return the rows of a partition (None: all)."""


class RosterSource:
    """Real people from roster files.

    Parameters
    ----------
    rosters : RosterList
        Which files, and how to read them.
    """

    name = "rosters"
    simulated = False

    def __init__(self, rosters: "RosterList") -> None:
        self.rosters = rosters

    @property
    def partitions(self) -> tuple[str, ...]:
        """The leagues that some file feeds."""
        return self.rosters.leagues

    def _selected(self, partition: str | None) -> tuple[str, ...]:
        return self.partitions if partition is None else (partition,)

    def fingerprint(self, partition: str | None) -> str:
        """Return a hash of the descriptions and contents of the files."""
        from personax_assets.bios.rosters import fingerprint

        leagues = self._selected(partition)
        return _digest(*(fingerprint(self.rosters, league) for league in leagues))

    def read(self, partition: str | None) -> RawBatch:
        """Read the files of a league; a league that none feeds has no rows."""
        from personax_assets.bios.rosters import read_league

        batches = [read_league(self.rosters, league) for league in self._selected(partition)]
        if len(batches) == 1:
            return batches[0]
        return RawBatch(
            rows=pl.concat([batch.rows for batch in batches]),
            quarantine=pl.concat([batch.quarantine for batch in batches]),
            counts={key: sum(b.counts[key] for b in batches) for key in batches[0].counts},
        )


class SyntheticSource:
    """Invented people from the planted world.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    n : int
        How many people.
    seed : int
        Which draw.
    """

    name = "synthetic"
    simulated = True

    def __init__(self, sub: SubDataset, n: int, seed: int) -> None:
        self.sub, self.n, self.seed = sub, n, seed

    @property
    def partitions(self) -> tuple[str, ...]:
        """The sub-dataset's partitions."""
        return self.sub.partitions

    def fingerprint(self, partition: str | None) -> str:
        """Return a hash of the people, as drawn by the code at hand."""
        rows = self.read(partition).rows
        return _digest(*rows["record_id"])

    def read(self, partition: str | None) -> RawBatch:
        """Return the people, as a source would write them."""
        rows = _synthetic_rows(self.sub, self.n, self.seed)
        if partition is not None:
            rows = rows.filter(pl.col("league") == partition)
        return RawBatch(
            rows=rows,
            quarantine=pl.DataFrame(schema=QUARANTINE_SCHEMA),
            counts={
                **dict.fromkeys(("rows_in", "rows_out", "people_in"), rows.height),
                **dict.fromkeys(("quarantined", "out_of_scope"), 0),
            },
        )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=2)
def _synthetic_rows(sub: SubDataset, n: int, seed: int) -> pl.DataFrame:
    """Draw a cohort and lay it out as raw rows, every value a text."""
    from personax_ml.synthetic import draw_cohort

    schema = raw_bios(sub).polars
    bios = draw_cohort(sub.name, n, seed).bios
    raw = pl.struct(pl.all()).struct.json_encode()
    date = pl.concat_str(
        pl.col("birth_year").cast(pl.String),
        *(pl.col(f"birth_{part}").cast(pl.String).str.zfill(2) for part in ("month", "day")),
        separator="-",
    )
    rows = bios.with_columns(
        raw.alias("raw"), pl.int_range(1, pl.len() + 1).alias("source_row")
    ).with_columns(
        _each(pl.col("raw"), lambda text: _digest(sub.name, str(seed), text)).alias("record_id"),
        pl.lit("synthetic").alias("source"),
        pl.lit(f"cohort {sub.name} seed {seed}").alias("source_file"),
        pl.coalesce(date, pl.col("birth_year").cast(pl.String)).alias("birth_date"),
        pl.lit("birth").alias("country_basis"),
        pl.col("height_cm").alias("height"),
        pl.lit("cm").alias("height_unit"),
        pl.col("weight_kg").alias("weight"),
        pl.lit("kg").alias("weight_unit"),
        pl.lit(True).alias("in_scope"),
        pl.lit(True).alias("simulated"),
    )
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )


def _each(text: pl.Expr, function: Callable[[str], str]) -> pl.Expr:
    return text.map_elements(function, return_dtype=pl.String)
