"""The cleaning of a sub-dataset, end to end.

Belongs here: the order of the steps and the accounting. Does not belong here: any single rule;
each has a module of its own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from personax_assets.bios.cleaning.body import height_in_cm, weight_in_kg
from personax_assets.bios.cleaning.dates import read_dates
from personax_assets.bios.cleaning.filler import drop_filler
from personax_assets.bios.cleaning.identity import identify
from personax_assets.bios.cleaning.places import read_countries
from personax_assets.bios.cleaning.plausibility import drop_implausible, limits_of
from personax_assets.bios.cleaning.versions import current, distinct_versions, observations
from personax_assets.bios.raw import QUARANTINE_SCHEMA
from personax_assets.bios.text import shown
from personax_assets.datasets import SubDataset
from personax_assets.schemas.people import bios as bios_schema

_TRUE, _FALSE = ("true", "1", "1.0", "yes"), ("false", "0", "-1", "0.0", "-1.0", "no")

_WRITTEN = {
    "birth_date": "birth_date",
    "coordinates": "written_latitude",
    "height_cm": "height",
    "weight_kg": "weight",
}
"""Fields, and the columns that hold them as the source writes them; else `written_<field>`."""

_WHY_NOT_USED = ("why_name", "why_snapshot", "why_row")
"""Reasons that send the whole row to quarantine."""

_TIMES = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")
_ZONED_TIMES = tuple(f"{time}%:z" for time in _TIMES)


@dataclass(frozen=True)
class CleanBatch:
    """Clean bios, with everything that the raw rows said about earlier times.

    Parameters
    ----------
    bios : polars.DataFrame
        Columns of `bios`: each person once, as currently known.
    versions : polars.DataFrame
        Columns of `bios`, `valid_from` (the snapshot; NULL if the source has none) and
        `in_scope`: each person's distinct consecutive versions in time. Where `in_scope` is
        false the person left at that time.
    quarantine : polars.DataFrame
        Rows that could not be used, each once, with the reason.
    counts : mapping of str to int
        `rows_in` = `rows_out` + `superseded` + `quarantined`.
    group : str, optional
        The column of `bios` by which the source comes in parts of its own; None if as a whole.
    """

    bios: pl.DataFrame
    versions: pl.DataFrame
    quarantine: pl.DataFrame
    counts: Mapping[str, int]
    group: str | None


def _compared(sub: SubDataset) -> tuple[str, ...]:
    """Return the fields in which two rows about the same person may not contradict each other."""
    return ("country", "height_cm", "weight_kg", "photograph", *sub.bio_columns)


def clean_bios(raw: pl.DataFrame, sub: SubDataset, today: datetime | None = None) -> CleanBatch:
    """Clean raw rows.

    Parameters
    ----------
    raw : polars.DataFrame
        Columns of `raw_bios`.
    sub : SubDataset
        The sub-dataset.
    today : datetime, optional
        When rows without a snapshot were observed: only its year counts, and only for ages.
    """
    schema = bios_schema(sub).polars
    frame = _noted(_identified(raw, sub, (today or datetime.now(UTC)).year))

    unusable = pl.col("why_row").is_not_null()
    usable = frame.filter(~unusable & ~pl.col("superseded"))
    observed = observations(usable, [*_compared(sub), "birth_year", "birth_month", "birth_day"])
    versions = distinct_versions(observed, [name for name in schema if name != "notes"])
    bios = current(observed)
    rejected = frame.filter(unusable)
    replaced = frame.filter(~unusable & pl.col("superseded")).height
    return CleanBatch(
        bios=bios.select(pl.col(name).cast(dtype) for name, dtype in schema.items()),
        versions=versions.select(
            *(pl.col(name).cast(dtype) for name, dtype in schema.items()),
            pl.col("snapshot_at").alias("valid_from"),
            "in_scope",
        ),
        quarantine=_quarantine(rejected),
        counts={
            "rows_in": raw.height,
            "rows_out": bios.height,
            "superseded": replaced + usable.height - bios.height,
            "quarantined": rejected.height,
        },
        group=sub.stratum if sub.partitions else None,
    )


def person_ids(raw: pl.DataFrame, sub: SubDataset) -> pl.Series:
    """Return whom each raw row is about: `person_id`, also of rows that cannot be used."""
    return _identified(raw, sub, datetime.now(UTC).year)["person_id"]


def _identified(raw: pl.DataFrame, sub: SubDataset, this_year: int) -> pl.DataFrame:
    """Read every value, leave out what cannot be believed, and tell who each row is about."""
    frame = _typed(raw, sub, this_year)
    groups = ["source", *(["league"] if "league" in sub.bio_columns else [])]
    frame = drop_filler(frame, groups)
    frame = drop_implausible(frame, limits_of(sub), this_year)
    return identify(frame, sub, _compared(sub)).with_columns(
        pl.coalesce("why_name", "why_snapshot", "why_row").alias("why_row")
    )


def _typed(raw: pl.DataFrame, sub: SubDataset, this_year: int) -> pl.DataFrame:
    """Read every value; what cannot be read is NULL, with the reason in `why_<field>`."""
    frame = raw.with_row_index("row")
    for name in ("name", "source_id", *sub.bio_columns):
        stripped = pl.col(name).str.strip_chars()
        frame = frame.with_columns(pl.when(stripped != "").then(stripped).alias(name))
    frame = frame.with_columns(_time("snapshot").alias("snapshot_at"))
    frame = _joined(frame, read_dates(raw, this_year), ["birth_date", "birth_date_format"])
    countries = read_countries(raw["country"]).rename({"country_as_written": "written_country"})
    frame = _joined(frame.rename({"country": "written_country"}), countries, ["written_country"])
    for field, read in (("height", height_in_cm), ("weight", weight_in_kg)):
        pair = [field, f"{field}_unit"]
        typed = f"{field}_cm" if field == "height" else f"{field}_kg"
        values = raw.select(pair).unique().with_columns(read(*map(pl.col, pair)).alias(typed))
        why = _unreadable(field, typed, f"cannot be read as a {field}: state its unit")
        frame = _joined(frame, values.with_columns(why.alias(f"why_{typed}")), pair)
    place = {
        name: pl.col(name).cast(pl.Float64, strict=False) for name in ("latitude", "longitude")
    }
    valid = place["latitude"].is_between(-90, 90) & place["longitude"].is_between(-180, 180)
    stated = pl.col("latitude").is_not_null() | pl.col("longitude").is_not_null()
    frame = frame.with_columns(
        pl.col("latitude").alias("written_latitude"),
        *(
            pl.when(valid).then(place[name]).otherwise(pl.col(f"country_{name}")).alias(name)
            for name in place
        ),
        pl.when(stated & ~valid.fill_null(False))
        .then(pl.lit("not degrees north and east: the country's coordinates stand in"))
        .alias("why_coordinates"),
        pl.when(pl.col("name").is_null() & pl.col("source_id").is_null())
        .then(pl.lit("no name and no source id: such a person cannot be used"))
        .alias("why_name"),
        _unreadable("snapshot", "snapshot_at", "is not an ISO 8601 time").alias("why_snapshot"),
        pl.when(pl.col("written_country").is_not_null())
        .then("country_basis")
        .alias("country_basis"),
    )
    return _booleans(frame, sub)


def _booleans(frame: pl.DataFrame, sub: SubDataset) -> pl.DataFrame:
    """Read the yes-or-no columns of a sub-dataset."""
    for name, dtype in bios_schema(sub).polars.items():
        if dtype == pl.Boolean and name in sub.bio_columns:
            text = pl.col(name).str.to_lowercase()
            value = pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False)
            why = pl.when(text.is_not_null() & value.is_null()).then(pl.lit("is not true or false"))
            frame = frame.with_columns(
                value.alias(name), why.alias(f"why_{name}"), pl.col(name).alias(f"written_{name}")
            )
    return frame


def _time(column: str) -> pl.Expr:
    """Read ISO 8601 as UTC; a date alone is its midnight."""
    text = pl.col(column).str.strip_chars().str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T")
    text = text.str.replace(r"[Zz]$", "+00:00")
    naive = pl.Datetime("us")
    return pl.coalesce(
        *(text.str.to_datetime(f, time_unit="us", strict=False) for f in _TIMES),
        *(
            text.str.to_datetime(f, time_unit="us", time_zone="UTC", strict=False)
            .dt.replace_time_zone(None)
            .cast(naive)
            for f in _ZONED_TIMES
        ),
        text.str.to_date("%Y-%m-%d", strict=False).cast(naive),
    )


def _unreadable(raw: str, typed: str, why: str) -> pl.Expr:
    missed = pl.col(raw).str.strip_chars().ne("") & pl.col(typed).is_null()
    return pl.when(missed).then(pl.lit(why))


def _joined(frame: pl.DataFrame, read: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Attach what was read from distinct values to the rows that hold them."""
    return frame.join(read, on=on, how="left", nulls_equal=True, maintain_order="left")


def _noted(frame: pl.DataFrame) -> pl.DataFrame:
    """Collect the reasons in `notes`: JSON, field to reason with the value as written."""
    reasons = [c for c in frame.columns if c.startswith("why_") and c not in _WHY_NOT_USED]
    some = frame.filter(pl.any_horizontal(pl.col(reason).is_not_null() for reason in reasons))
    fields = [(reason, reason.removeprefix("why_")) for reason in reasons]
    notes = [
        json.dumps(
            {
                field: f"{shown(row[_WRITTEN.get(field) or f'written_{field}'])}: {row[reason]}"
                for reason, field in fields
                if row[reason] is not None
            },
            ensure_ascii=False,
        )
        for row in some.iter_rows(named=True)
    ]
    column = some.select("row").with_columns(pl.Series("notes", notes, dtype=pl.String))
    return frame.join(column, on="row", how="left", maintain_order="left")


def _quarantine(rejected: pl.DataFrame) -> pl.DataFrame:
    field = (
        pl.when(pl.col("why_name").is_not_null())
        .then(pl.lit("name"))
        .when(pl.col("why_snapshot").is_not_null())
        .then(pl.lit("snapshot"))
        .when(pl.col("source_id").is_not_null())
        .then(pl.lit("source_id"))
        .otherwise(pl.lit("birth_date"))
    )
    rows = rejected.with_columns(
        field.alias("field"), pl.col("why_row").alias("reason"), pl.col("raw").alias("raw_row")
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in QUARANTINE_SCHEMA.items())
