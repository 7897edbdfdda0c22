"""All tables of a grid as one frame of counts, to be kept and brought up to date.

Belongs here: counting people for a whole grid, adding and taking out people, and the tables of
what is counted. Does not belong here: where counts are kept.
"""

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from personax_ml.independence.columns import ColumnError, VariableSpec, encode
from personax_ml.independence.grid import TRAIT, TableKey
from personax_ml.independence.tables import Strata, crosstab, stratify, unconditional

COUNTS: dict[str, type[pl.DataType]] = {
    "rater": pl.String,
    "trait": pl.String,
    "variable": pl.String,
    "stratum": pl.String,
    "score": pl.Float64,
    "number": pl.Float64,
    "label": pl.String,
    "people": pl.Int64,
}
"""Columns of a frame of counts: so many people have this score, this value of the variable (a
number, or the label of a nominal variable) and this stratum (null if unknown)."""

_CELL = [name for name in COUNTS if name != "people"]


def count_people(
    scores: pl.DataFrame,
    variables: pl.DataFrame,
    kinds: Mapping[str, VariableSpec],
    stratum: str,
) -> pl.DataFrame:
    """Count people for every pair of a rater's trait score and a variable.

    Parameters
    ----------
    scores : DataFrame
        `person_id, trait, rater, score`; one row per person, trait and rater, no null.
    variables : DataFrame
        `person_id` and one column per variable; null is missing.
    kinds : mapping of str to VariableSpec
        The variables.
    stratum : str
        The one to condition on.

    Returns
    -------
    DataFrame
        Columns as in `COUNTS`.
    """
    parts = [pl.DataFrame(schema=COUNTS)]
    for name in kinds:
        values = variables.select(
            "person_id",
            pl.col(stratum).cast(pl.String).alias("stratum"),
            pl.col(name).alias("value"),
        ).drop_nulls("value")
        text = values.schema["value"] == pl.String
        joined = scores.join(values, on="person_id")
        counted = joined.group_by("rater", "trait", "stratum", "score", "value").len("people")
        parts.append(
            counted.select(
                "rater",
                "trait",
                pl.lit(name).alias("variable"),
                "stratum",
                pl.col("score").cast(pl.Float64),
                (pl.lit(None) if text else pl.col("value")).cast(pl.Float64).alias("number"),
                (pl.col("value") if text else pl.lit(None)).cast(pl.String).alias("label"),
                pl.col("people").cast(pl.Int64),
            )
        )
    return pl.concat(parts)


def add_counts(counts: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """Return the counts of two groups of people together, cells that come to nothing left out."""
    both = pl.concat([counts, more]).group_by(_CELL).agg(pl.col("people").sum())
    return both.filter(pl.col("people") != 0)


def subtract_counts(counts: pl.DataFrame, less: pl.DataFrame) -> pl.DataFrame:
    """Take the people of `less` out; of people who were not in, negative counts remain."""
    return add_counts(counts, less.with_columns(-pl.col("people")))


def tables_of(
    counts: pl.DataFrame,
    kinds: Mapping[str, VariableSpec],
    stratum: str,
    pairs: Iterable[tuple[str, str, str]],
) -> Iterator[tuple[TableKey, Strata | ColumnError]]:
    """Yield the tables of pairs, each as it is and given the stratum, for `grid_from_tables`.

    Parameters
    ----------
    counts : DataFrame
        Columns as in `COUNTS`.
    kinds : mapping of str to VariableSpec
        The variables.
    stratum : str
        The one to condition on.
    pairs : iterable of (rater, trait, variable)
        The pairs; one that nobody was counted for has an empty table.
    """
    of_pair = counts.partition_by("rater", "trait", "variable", as_dict=True)
    empty = pl.DataFrame(schema=COUNTS)
    for rater, trait, name in pairs:
        cells = of_pair.get((rater, trait, name), empty)
        for condition in (None, stratum):
            if name != condition:
                key = (rater, trait, condition, name)
                try:
                    yield key, _strata(cells, (rater, trait, name), kinds, condition)
                except ColumnError as error:
                    yield key, error


def _strata(
    cells: pl.DataFrame,
    pair: tuple[str, str, str],
    kinds: Mapping[str, VariableSpec],
    condition: str | None,
) -> Strata:
    rater, trait, name = pair
    values = cells["number"] if cells["label"].null_count() == len(cells) else cells["label"]
    x, y = encode(cells["score"], TRAIT, f"{trait} by {rater}"), encode(values, kinds[name], name)
    people = cells["people"].to_numpy()
    if condition is None:
        return unconditional(crosstab(x, y, people))
    return stratify(x, y, encode(cells["stratum"], kinds[condition], condition), people)
