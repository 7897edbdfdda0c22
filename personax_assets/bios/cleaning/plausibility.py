"""Values that no source should be believed about.

Belongs here: the limits, and setting to NULL what lies outside them, with the reason. Does not
belong here: what cannot be read at all (`body`, `dates`).
"""

from dataclasses import dataclass

import polars as pl

from personax_assets.datasets import ATHLEPERSONA, SubDataset


@dataclass(frozen=True)
class Limits:
    """Inclusive limits of what is believed about one kind of people.

    Parameters
    ----------
    height_cm, weight_kg : tuple of float
        Lowest and highest.
    age : tuple of int
        Years between birth and the source's observation.
    """

    height_cm: tuple[float, float]
    weight_kg: tuple[float, float]
    age: tuple[int, int]


ATHLETES = Limits(height_cm=(140, 240), weight_kg=(40, 220), age=(12, 110))
"""The shortest and tallest, lightest and heaviest players on record, with a margin."""

PEOPLE = Limits(height_cm=(100, 260), weight_kg=(30, 260), age=(0, 250))

EARLIEST_BIRTH_YEAR = 1850

BODY_MASS_INDEX = (11, 60)
"""Outside it height and weight cannot both be right, and nothing tells which is wrong."""


def limits_of(sub: SubDataset) -> Limits:
    """Return what is believed about the people of a sub-dataset."""
    return ATHLETES if sub == ATHLEPERSONA else PEOPLE


def drop_implausible(frame: pl.DataFrame, limits: Limits, this_year: int) -> pl.DataFrame:
    """Set implausible values to NULL and state why in the field's `why_` column.

    Parameters
    ----------
    frame : polars.DataFrame
        Typed bios with `why_birth_date`, `why_height_cm`, `why_weight_kg` and `snapshot_at`.
    limits : Limits
        What is believed.
    this_year : int
        The year in which rows without a snapshot were observed.
    """
    observed = pl.col("snapshot_at").dt.year().fill_null(this_year)
    age = observed.cast(pl.Int32) - pl.col("birth_year")
    young, old = limits.age
    too_early = pl.col("birth_year") < EARLIEST_BIRTH_YEAR
    why_age = (
        pl.when(age.is_between(young, old) & ~too_early)
        .then(None)
        .otherwise(pl.lit(f"the age would be outside the plausible {young} to {old} years"))
    )
    frame = _forget(frame, ("birth_year", "birth_month", "birth_day"), "birth_date", why_age)
    for field, (low, high) in (
        ("height_cm", limits.height_cm),
        ("weight_kg", limits.weight_kg),
    ):
        unit = field.rpartition("_")[2]
        why = pl.when(~pl.col(field).is_between(low, high)).then(
            pl.format(f"{{}} {unit} is outside the plausible {low} to {high} {unit}", field)
        )
        frame = _forget(frame, (field,), field, why)
    index = pl.col("weight_kg") / (pl.col("height_cm") / 100) ** 2
    why_index = pl.when(~index.is_between(*BODY_MASS_INDEX)).then(
        pl.format(
            "{} cm and {} kg do not fit together: one of them is wrong", "height_cm", "weight_kg"
        )
    )
    frame = frame.with_columns(why_index.alias("why_index"))
    for field in ("height_cm", "weight_kg"):
        frame = _forget(frame, (field,), field, pl.col("why_index"))
    return frame.drop("why_index")


def _forget(
    frame: pl.DataFrame, columns: tuple[str, ...], field: str, why: pl.Expr
) -> pl.DataFrame:
    """Set `columns` to NULL where there is a reason and the first of them is known."""
    reason = pl.when(pl.col(columns[0]).is_not_null()).then(why)
    frame = frame.with_columns(reason.alias("reason"))
    kept = [pl.when(pl.col("reason").is_null()).then(pl.col(name)).alias(name) for name in columns]
    why_column = f"why_{field}"
    return frame.with_columns(*kept, pl.coalesce("reason", why_column).alias(why_column)).drop(
        "reason"
    )
