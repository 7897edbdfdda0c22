"""Sources that come back too short.

Belongs here: leaving a group of people as it is when too many of them would vanish at once. Does
not belong here: the history itself (`history`).

A half-written file, a changed layout or a query that timed out looks like a mass retirement. So
what such a source says about the group is not believed at all until a person says so.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import polars as pl

from personax_assets.bios.cleaning import CleanBatch

LARGEST_SHARE = 0.10
"""Largest share of a group's people that may leave at once."""


@dataclass(frozen=True)
class Shortfall:
    """A group that came back too short: `missing` of its `known` people."""

    group: str
    missing: int
    known: int

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"{self.group}: {self.missing:,} of {self.known:,}"


def hold_short_groups(
    history: pl.DataFrame,
    clean: CleanBatch,
    accepted: Collection[str] = (),
    largest_share: float = LARGEST_SHARE,
) -> tuple[CleanBatch, tuple[Shortfall, ...]]:
    """Leave the groups as they are of which too many people would leave.

    Parameters
    ----------
    history : polars.DataFrame
        The known versions: columns of `bios_history`.
    clean : CleanBatch
        What the source says now; its `group` says what a group is.
    accepted : collection of str
        Groups that really are so much smaller now.
    largest_share : float
        Largest share of a group's people that may leave at once.

    Returns
    -------
    CleanBatch
        The same, with the known bios for the held groups.
    tuple of Shortfall
        The held groups.
    """
    group = (pl.col(clean.group) if clean.group else pl.lit(EVERYBODY)).alias("group")
    known = history.filter(pl.col("valid_to").is_null()).with_columns(group)
    gone = known.join(clean.bios, on="person_id", how="anti")
    counts = known.group_by("group").len("known").join(
        gone.group_by("group").len("missing"), on="group", nulls_equal=True
    ).filter(pl.col("missing") > largest_share * pl.col("known"))  # fmt: skip
    found = [
        Shortfall(str(name), missing, n)
        for name, missing, n in counts.select("group", "missing", "known").sort("group").iter_rows()
    ]
    held = tuple(short for short in found if short.group not in accepted)
    if not held:
        return clean, ()
    names = [short.group for short in held]
    # Whoever moved between a held group and another one stays where they were, too.
    people = pl.concat([known, clean.bios.with_columns(group)], how="diagonal").filter(
        pl.col("group").is_in(names)
    )["person_id"].unique()  # fmt: skip
    left = ~pl.col("person_id").is_in(people.implode())
    kept = known.filter(~left).select(clean.bios.columns)
    return replace(
        clean,
        bios=pl.concat([clean.bios.filter(left), kept]),
        versions=clean.versions.filter(left),
    ), held


EVERYBODY = "all"
"""Name of the group where people are not grouped."""
