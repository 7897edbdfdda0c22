"""Every version of every bio in time (slowly changing dimension, type 2).

Belongs here: what has to change in the history when a source was read again. Does not belong
here: writing it, what the rows mean, or sources that come back too short (`shortfall`).

A person's history is a function of time: which version held, or none. The source's snapshots are
its points; a source without snapshots is a point at the time of reading. New points are laid over
the known ones: a point that says what already held changes nothing, one between two known points
splits the interval, one at a known time replaces what was known of it. Afterwards the open
versions are exactly the current bios. Reading the same rows again changes nothing. Nothing is
ever deleted: who leaves has a last version with `retired_at`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from personax_assets.bios.cleaning import CleanBatch

TIME = pl.Datetime("us")
BIO_VERSION = "1"
"""To be raised when the same values come to mean something else; part of every row's hash."""

_KEY = ["person_id", "valid_from"]
_NOT_HASHED = ("person_id", "notes", "valid_from", "valid_to", "retired_at", "in_scope", "row_hash")


@dataclass(frozen=True)
class HistoryDelta:
    """What changes in the history.

    Parameters
    ----------
    opened : polars.DataFrame
        Columns of `bios_history`: versions to insert, or to put in place of one with the same
        key.
    closed : polars.DataFrame
        `person_id, valid_from, valid_to, retired_at`: known versions that end at another time
        than thought (NULL: they still hold). None of them is in `opened`.
    counts : mapping of str to int
        People who are `new` (or came back), `changed`, `unchanged` and `retired` now.
    """

    opened: pl.DataFrame
    closed: pl.DataFrame
    counts: Mapping[str, int]


def history_delta(history: pl.DataFrame, clean: CleanBatch, as_of: datetime) -> HistoryDelta:
    """Compare what a source says now with what is known.

    Parameters
    ----------
    history : polars.DataFrame
        The known versions: columns of `bios_history`.
    clean : CleanBatch
        What the source says now.
    as_of : datetime
        The time of reading, UTC.
    """
    bios = clean.bios.with_columns(row_hash=row_hashes(clean.bios), in_scope=pl.lit(True))
    versions = clean.versions.with_columns(
        pl.col("valid_from").fill_null(as_of).cast(TIME), row_hash=row_hashes(clean.versions)
    )
    known = _known_points(history)
    timeline = _timeline(known, versions)
    last = timeline.unique("person_id", keep="last", maintain_order=True)
    # where the newest point is not the current bio, the time of reading is a point of its own
    later = pl.max_horizontal(
        pl.lit(as_of).cast(TIME), pl.col("valid_from") + pl.duration(microseconds=1)
    )
    turned = (
        last.select("person_id", later.alias("valid_from"), pl.col("row_hash").alias("last_hash"))
        .join(bios, on="person_id", how="left")
        .filter(pl.col("row_hash").ne_missing(pl.col("last_hash")))
        .with_columns(pl.col("in_scope").fill_null(False))
    )
    candidates = pl.concat([versions, turned.select(versions.columns)])
    if not turned.is_empty():
        timeline = _timeline(known, candidates)
    opened, closed = _difference(history, timeline, candidates)
    return HistoryDelta(opened, closed, _counts(history, bios))


def row_hashes(frame: pl.DataFrame) -> pl.Series:
    """Hash bios: the version of their meaning, and each column's name and value, as JSON.

    So NULL is told from empty, no two fields run together, another source or another set of
    columns makes another hash, and numbers count with every bit. Notes are left out: the same
    bio with another wording of a reason is the same version.
    """
    names = [name for name in frame.columns if name not in _NOT_HASHED]
    # As text a number might look different to another version of polars; its bits do not.
    number = pl.col(pl.Float64)
    bits = pl.when(number == 0).then(0.0).otherwise(number).reinterpret(dtype=pl.Int64)
    rows = frame.select(names).with_columns(bits.name.keep())
    texts = rows.select(pl.struct(names).struct.json_encode()).to_series()
    hashes = [hashlib.sha256((BIO_VERSION + text).encode()).hexdigest()[:32] for text in texts]
    return pl.Series("row_hash", hashes, dtype=pl.String)


def _counts(history: pl.DataFrame, bios: pl.DataFrame) -> dict[str, int]:
    known = history.filter(pl.col("valid_to").is_null())
    both = known.select("person_id", pl.col("row_hash").alias("known")).join(
        bios.select("person_id", "row_hash"), on="person_id"
    )
    unchanged = both.filter(pl.col("known") == pl.col("row_hash")).height
    return {
        "new": bios.height - both.height,
        "changed": both.height - unchanged,
        "unchanged": unchanged,
        "retired": known.height - both.height,
    }


def _known_points(history: pl.DataFrame) -> pl.DataFrame:
    """Return the history as points: each version's start, and each end that no other starts at."""
    starts = history.select(*_KEY, "row_hash")
    ends = (
        history.filter(pl.col("valid_to").is_not_null())
        .select("person_id", pl.col("valid_to").alias("valid_from"))
        .join(starts, on=_KEY, how="anti")
        .with_columns(pl.lit(None, pl.String).alias("row_hash"))
    )
    return pl.concat([starts, ends])


def _timeline(known: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Lay new points over known ones; `row_hash` is NULL where nothing holds from then on."""
    state = pl.when("in_scope").then("row_hash").alias("row_hash")
    points = pl.concat(
        [
            known.with_columns(pl.lit(False).alias("new")),
            new.select(*_KEY, state, pl.lit(True).alias("new")),
        ]
    ).sort(*_KEY, "new")

    def next_to(column: str, step: int) -> pl.Expr:
        return pl.col(column).eq_missing(pl.col(column).shift(step))

    replaced = next_to("person_id", -1) & next_to("valid_from", -1)
    was_known = ~pl.col("new") | (
        next_to("person_id", 1) & next_to("valid_from", 1) & ~pl.col("new").shift()
    ).fill_null(False)
    points = points.with_columns(was_known.alias("known")).filter(~replaced)
    # what held before: nothing, for a person's first point
    repeated = pl.col("new") & (
        pl.when(next_to("person_id", 1))
        .then(next_to("row_hash", 1))
        .otherwise(pl.col("row_hash").is_null())
    )
    # a known start stays even if the point before now says the same
    kept = ~repeated | (pl.col("known") & pl.col("row_hash").is_not_null())
    return points.filter(kept).select(*_KEY, "row_hash")


def _difference(
    history: pl.DataFrame, timeline: pl.DataFrame, candidates: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the versions to open and those that end at another time."""
    followed = pl.col("person_id").eq_missing(pl.col("person_id").shift(-1))
    ends = pl.when(followed).then(pl.col("valid_from").shift(-1))
    wanted = timeline.with_columns(
        ends.alias("valid_to"),
        pl.when(pl.col("row_hash").shift(-1).is_null()).then(ends).alias("retired_at"),
    ).filter(pl.col("row_hash").is_not_null())
    known = history.select(*_KEY, *(pl.col(c).alias(f"known_{c}") for c in _STATED))
    compared = wanted.join(known, on=_KEY, how="left", maintain_order="left")
    same = pl.col("row_hash").eq_missing(pl.col("known_row_hash"))
    moved = pl.any_horizontal(
        pl.col(c).ne_missing(pl.col(f"known_{c}")) for c in ("valid_to", "retired_at")
    )
    content = candidates.drop("in_scope").unique([*_KEY, "row_hash"], keep="last")
    opened = compared.filter(~same).join(
        content, on=[*_KEY, "row_hash"], how="left", maintain_order="left"
    )
    bios = [name for name in content.columns if name not in (*_KEY, "row_hash")]
    return (
        opened.select(*_KEY, "valid_to", "retired_at", *bios, "row_hash"),
        compared.filter(same & moved).select(*_KEY, "valid_to", "retired_at"),
    )


_STATED = ("row_hash", "valid_to", "retired_at")
