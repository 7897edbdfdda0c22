"""Who a row is about.

Belongs here: the key of a person, `person_id`, and rows whose person cannot be told. Does not
belong here: which of a person's rows is current (`versions`).

The key is the source's own id. A source without ids gets a composite of name and birth date. If
the birth date is unknown too, name and country stand in, under conditions, because a name alone
is nobody:

- with no country either, or where rows of that name differ, the rows are quarantined;
- where the source also has exactly one person of that name with a birth date, a row that
  contradicts nothing known about that person adds nothing and is superseded by that person's;
  otherwise it is quarantined.
"""

import hashlib
import json
from collections.abc import Sequence

import polars as pl

from personax_assets.bios.text import folded_name
from personax_assets.datasets import SubDataset

NO_IDENTITY = "no source id, no birth date and no country: a name alone does not identify a person"
UNDATED_DIFFER = "rows without id and birth date share the name but differ: add an id or birth date"
UNDATED_CLASH = "no source id or birth date, and the source has others of this name: add either"
ID_SHARED = "the source uses this id for people with different names and birth dates"


def identify(frame: pl.DataFrame, sub: SubDataset, content: Sequence[str]) -> pl.DataFrame:
    """Add `person_id`, `superseded` and `why_row`.

    Parameters
    ----------
    frame : polars.DataFrame
        Typed bios.
    sub : SubDataset
        The sub-dataset, part of every id.
    content : sequence of str
        Columns in which two rows about the same person may not contradict each other.

    Returns
    -------
    polars.DataFrame
        The same rows in the same order. `superseded`: the row's person is another row's.
        `why_row`: why the row cannot be used, or NULL.
    """
    born = pl.concat_str(
        [pl.col(f"birth_{p}").cast(pl.String).fill_null("?") for p in ("year", "month", "day")],
        separator="-",
    )
    has_id, has_date = pl.col("source_id").is_not_null(), pl.col("birth_year").is_not_null()
    frame = frame.with_columns(
        folded_name(pl.col("name")).alias("folded"),
        pl.when(has_id)
        .then(pl.lit("id"))
        .when(has_date)
        .then(pl.lit("born"))
        .otherwise(pl.lit("undated"))
        .alias("key_kind"),
        pl.when(has_id)
        .then("source_id")
        .when(has_date)
        .then(born)
        .otherwise("country")
        .alias("key"),
    )
    frame = _undated(frame, content).with_columns(
        pl.coalesce("why_row", _shared_ids()).alias("why_row")
    )
    keys = frame.select("source", "key_kind", "key", "folded").unique()
    ids = [_person_id(sub.name, *row) for row in keys.iter_rows()]
    keys = keys.with_columns(pl.Series("person_id", ids, dtype=pl.String))
    on = ["source", "key_kind", "key", "folded"]
    joined = frame.join(keys, on=on, how="left", nulls_equal=True, maintain_order="left")
    return joined.drop("folded", "key_kind", "key")


_quoted = json.JSONEncoder().encode


def _person_id(sub: str, source: str, kind: str, key: str | None, folded: str) -> str:
    parts = [sub, source, key] if kind == "id" else [sub, source, folded, kind, key]
    # The JSON of the list; to encode it string by string takes a third of the time.
    text = f"[{', '.join(map(_quoted, parts))}]"
    return f"{sub[0]}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def _shared_ids() -> pl.Expr:
    """Say so where one id stands for several people in the same snapshot."""
    same = ["source", "key_kind", "key", "snapshot_at"]
    names = pl.col("folded").n_unique().over(same)
    dates = pl.struct("birth_year", "birth_month", "birth_day")
    known = pl.when(pl.col("birth_year").is_not_null()).then(dates)
    different = (names > 1) & (known.drop_nulls().n_unique().over(same) > 1)
    return pl.when((pl.col("key_kind") == "id") & different).then(pl.lit(ID_SHARED))


def _undated(frame: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """Decide about rows that have neither id nor birth date."""
    undated = pl.col("key_kind") == "undated"
    person = ["source", "folded"]
    dated = (
        frame.filter(pl.col("key_kind") == "born")
        .group_by(*person)
        .agg(
            pl.col("key").n_unique().alias("dated"),
            *(pl.col(c).drop_nulls().first().alias(f"dated_{c}") for c in content),
        )
    )
    frame = frame.join(dated, on=person, how="left", maintain_order="left")
    fits = pl.all_horizontal(
        pl.col(c).is_null() | pl.col(c).eq_missing(pl.col(f"dated_{c}")) for c in content
    )
    at_once = (pl.struct(content).n_unique().over("key_kind", *person, "snapshot_at") > 1) | (
        pl.col("country").n_unique().over("key_kind", *person) > 1
    )
    superseded = undated & (pl.col("dated") == 1) & fits
    why = (
        pl.when(~undated | superseded.fill_null(False))
        .then(None)
        .when(pl.col("dated").is_not_null())
        .then(pl.lit(UNDATED_CLASH))
        .when(pl.col("country").is_null())
        .then(pl.lit(NO_IDENTITY))
        .when(at_once)
        .then(pl.lit(UNDATED_DIFFER))
    )
    frame = frame.with_columns(
        superseded.fill_null(False).alias("superseded"), why.alias("why_row")
    )
    return frame.drop("dated", *(f"dated_{c}" for c in content))
