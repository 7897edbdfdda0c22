"""Who was counted for Level I, and the counts; brought up to date by those who changed.

Belongs here: from bios and scores to one row per person, and from two states of these rows to new
counts. Does not belong here: tests, or when any of this happens (`independence`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.schemas.level1 import PAIR, score_column
from personax_assets.schemas.traits import AGGREGATE
from personax_ml.independence.columns import VariableSpec
from personax_ml.independence.counts import add_counts, count_people, subtract_counts

Pair = tuple[str, str, str]
"""Rater (or aggregate), trait and variable."""


@dataclass(frozen=True)
class Counted:
    """People and their counts.

    Parameters
    ----------
    people : DataFrame
        Who was counted with which values, as in `schemas.level1.independence_people`.
    counts : DataFrame
        What that came to, as in `schemas.level1.independence_counts`.
    """

    people: pl.DataFrame
    counts: pl.DataFrame


def kinds_of(sub: SubDataset) -> dict[str, VariableSpec]:
    """Return the variables of a sub-dataset as the tests know them."""
    return {v.name: VariableSpec(v.kind, v.discrete, v.period) for v in sub.variables}


def people_of(bios: pl.DataFrame, scores: pl.DataFrame, raters: Sequence[str]) -> pl.DataFrame:
    """Return one row per person with variables and scores; a score of zero is no score.

    Parameters
    ----------
    bios : DataFrame
        `person_id` and the variables.
    scores : DataFrame
        The table `trait_scores`.
    raters : sequence of str
        The raters.
    """
    columns = {"score": AGGREGATE, **{rater: rater for rater in raters}}
    known = scores.select(
        "person_id", "trait", *(pl.when(pl.col(c) > 0).then(pl.col(c)).alias(c) for c in columns)
    )
    wide = bios
    for trait in TRAITS:
        of_trait = known.filter(pl.col("trait") == trait).select(
            "person_id",
            *(
                pl.col(column).cast(pl.Float64).alias(score_column(trait, rater))
                for column, rater in columns.items()
            ),
        )
        wide = wide.join(of_trait, on="person_id", how="left", maintain_order="left")
    return wide


def pairs_of(people: pl.DataFrame, sub: SubDataset, raters: Sequence[str]) -> list[Pair]:
    """Return the pairs to test: of raters and traits with at least one score, every variable."""
    return [
        (rater, trait, variable.name)
        for rater in (AGGREGATE, *raters)
        for trait in TRAITS
        if people[score_column(trait, rater)].count()
        for variable in sub.variables
    ]


def counted(people: pl.DataFrame, sub: SubDataset, raters: Sequence[str]) -> Counted:
    """Count people from nothing."""
    names = {
        score_column(trait, rater): (rater, trait)
        for rater in (AGGREGATE, *raters)
        for trait in TRAITS
    }
    known = pl.DataFrame(
        [(column, *name) for column, name in names.items()],
        schema=("column", "rater", "trait"),
        orient="row",
    )
    scores = (
        people.unpivot(list(names), index="person_id", variable_name="column", value_name="score")
        .drop_nulls("score")
        .join(known, on="column")
    )
    return Counted(people, count_people(scores, people, kinds_of(sub), sub.stratum))


def recounted(
    stored: Counted, people: pl.DataFrame, sub: SubDataset, raters: Sequence[str]
) -> tuple[Counted, set[Pair] | None]:
    """Bring counts up to date by counting those alone who came, changed or went.

    Returns
    -------
    Counted
        Equal to `counted(people, ...)`.
    set of Pair, or None
        The pairs whose counts changed; None if the stored counts were not of the stored people,
        so that everybody was counted again.
    """
    same = {"on": people.columns, "how": "anti", "nulls_equal": True}
    new = counted(people.join(stored.people, **same), sub, raters).counts  # type: ignore[arg-type]
    old = counted(stored.people.join(people, **same), sub, raters).counts  # type: ignore[arg-type]
    change = subtract_counts(new, old)
    counts = add_counts(stored.counts, change)
    if not _agree(counts, people, sub, raters):
        return counted(people, sub, raters), None
    return Counted(people, counts), set(change.select(PAIR).unique().iter_rows())


def _agree(
    counts: pl.DataFrame, people: pl.DataFrame, sub: SubDataset, raters: Sequence[str]
) -> bool:
    """Tell whether counts are positive and, pair by pair, sum to the people with both values."""
    totals = counts.group_by(PAIR).agg(
        pl.col("people").sum(), pl.col("people").min().alias("least")
    )
    found = {(r, t, v): n for r, t, v, n in totals.select(*PAIR, "people").iter_rows()}
    known = people.select(pl.all().is_not_null().cast(pl.Int64))
    expected = {
        (rater, trait, v.name): n
        for rater in (AGGREGATE, *raters)
        for trait in TRAITS
        for v in sub.variables
        if (n := known[score_column(trait, rater)].dot(known[v.name]))
    }
    return found == expected and (totals["least"] > 0).all()
