"""Every version of every bio in time (slowly changing dimension, type 2).

Belongs here: what has to change in the history when a source was read again. Does not belong
here: writing it, or what the rows mean.

A person's history is a function of time: which version held, or none. The source's snapshots are
its points; a source without snapshots is a point at the time of reading. New points are laid over
the known ones: a point that says what already held changes nothing, one between two known points
splits the interval, one at a known time replaces what was known of it. Afterwards the open
versions are exactly the current bios. Reading the same rows again changes nothing.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from personax_assets.bios.cleaning import CleanBatch
from personax_assets.errors import PersonaXError

TIME = pl.Datetime("us")
_KEY = ["person_id", "valid_from"]
_NOT_HASHED = ("person_id", "notes", "valid_from", "valid_to", "in_scope", "row_hash")


class SourceShrankError(PersonaXError):
    """A source came back so short that history is not closed on its word."""


@dataclass(frozen=True)
class HistoryDelta:
    """What changes in the history.

    Parameters
    ----------
    opened : polars.DataFrame
        Columns of `bios_history`: versions to insert, or to put in place of one with the same
        key.
    closed : polars.DataFrame
        `person_id, valid_from, valid_to`: known versions that end at another time than thought
        (NULL: they still hold). None of them is in `opened`.
    """

    opened: pl.DataFrame
    closed: pl.DataFrame


def history_delta(
    history: pl.DataFrame,
    clean: CleanBatch,
    as_of: datetime,
    retire_missing_limit: float = 0.10,
    by: str | None = None,
) -> HistoryDelta:
    """Compare what a source says now with what is known.

    Parameters
    ----------
    history : polars.DataFrame
        The known versions: columns of `bios_history`.
    clean : CleanBatch
        What the source says now.
    as_of : datetime
        The time of reading, UTC.
    retire_missing_limit : float
        Largest share of a stratum's people that may leave at once.
    by : str, optional
        The stratum; by default the sub-dataset's own.

    Raises
    ------
    SourceShrankError
        If more people than that would leave.
    """
    _refuse_shrinking(history, clean, retire_missing_limit, by or clean.stratum)
    bios = clean.bios.with_columns(row_hash=row_hashes(clean.bios), in_scope=pl.lit(True))
    versions = clean.versions.with_columns(
        pl.col("valid_from").fill_null(as_of).cast(TIME), row_hash=row_hashes(clean.versions)
    )
    known = _known_points(history)
    last = _timeline(known, versions).group_by("person_id").agg(pl.all().last())
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
    return _difference(history, _timeline(known, candidates), candidates)


def row_hashes(frame: pl.DataFrame) -> pl.Series:
    """Hash the values of bios: as JSON, so that NULL is told from empty and no fields run together.

    Notes are left out: the same bio with another wording of a reason is the same version.
    """
    names = [name for name in frame.columns if name not in _NOT_HASHED]
    hashes = [
        hashlib.sha256(json.dumps(row).encode()).hexdigest()[:32]
        for row in frame.select(names).iter_rows()
    ]
    return pl.Series("row_hash", hashes, dtype=pl.String)


def _refuse_shrinking(history: pl.DataFrame, clean: CleanBatch, limit: float, stratum: str) -> None:
    known = history.filter(pl.col("valid_to").is_null())
    gone = known.join(clean.bios, on="person_id", how="anti")
    counts = (
        known.group_by(stratum)
        .len("known")
        .join(gone.group_by(stratum).len("gone"), on=stratum, nulls_equal=True)
    )
    short = counts.filter(pl.col("gone") > limit * pl.col("known")).sort(stratum)
    if short.height:
        rows = [f"{name}: {n} of {total}" for name, total, n in short.iter_rows()]
        raise SourceShrankError(
            f"{'; '.join(rows)} known people would leave at once, more than {limit:.0%}: check "
            "that the source is complete; if it really is, start a new home for it (PERSONAX_HOME)"
        )


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
            known.with_columns(pl.lit(0, pl.Int8).alias("new")),
            new.select(*_KEY, state, pl.lit(1, pl.Int8).alias("new")),
        ]
    ).sort(*_KEY, "new")
    points = points.unique(_KEY, keep="last", maintain_order=True)
    before = pl.col("row_hash").shift().over("person_id")
    repeated = (pl.col("new") == 1) & pl.col("row_hash").eq_missing(before)
    starts = known.select(_KEY).with_columns(pl.lit(True).alias("known"))
    points = points.join(starts, on=_KEY, how="left", maintain_order="left")
    # a known start stays even if the point before now says the same
    kept = ~repeated | (pl.col("known").fill_null(False) & pl.col("row_hash").is_not_null())
    return points.filter(kept).select(*_KEY, "row_hash")


def _difference(
    history: pl.DataFrame, timeline: pl.DataFrame, candidates: pl.DataFrame
) -> HistoryDelta:
    wanted = timeline.with_columns(
        pl.col("valid_from").shift(-1).over("person_id").alias("valid_to")
    ).filter(pl.col("row_hash").is_not_null())
    known = history.select(
        *_KEY, pl.col("row_hash").alias("known_hash"), pl.col("valid_to").alias("known_to")
    )
    compared = wanted.join(known, on=_KEY, how="left", maintain_order="left")
    same = pl.col("row_hash").eq_missing(pl.col("known_hash"))
    moved = pl.col("valid_to").ne_missing(pl.col("known_to"))
    content = candidates.drop("in_scope").unique([*_KEY, "row_hash"], keep="last")
    opened = compared.filter(~same).join(
        content, on=[*_KEY, "row_hash"], how="left", maintain_order="left"
    )
    bios = [name for name in content.columns if name not in (*_KEY, "row_hash")]
    return HistoryDelta(
        opened=opened.select(*_KEY, "valid_to", *bios, "row_hash"),
        closed=compared.filter(same & moved).select(*_KEY, "valid_to"),
    )
