"""What is known of a release: the one source of its documents and its report.

Belongs here: values. Does not belong here: words (`documents`, `page`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.release.attacks import Linkage
from personax_assets.release.counts import Level1Counts
from personax_assets.release.gate import Bars, Obfuscated
from personax_assets.release.plan import Plan
from personax_assets.release.utility import Agreement
from personax_assets.schemas.level1 import score_column
from personax_assets.schemas.traits import AGGREGATE


@dataclass(frozen=True)
class Diversity:
    """How much the classes differ inside.

    Parameters
    ----------
    classes : int
        Combinations of what is shown.
    k : int
        People in the smallest one.
    distinct : mapping of str to int
        Per trait, the fewest different median scores in any class (distinct l-diversity).
    """

    classes: int
    k: int
    distinct: Mapping[str, int]

    @property
    def l(self) -> int:  # noqa: E743  # the name that it has in the literature
        """The fewest over all traits."""
        return min(self.distinct.values(), default=0)


def diversity_of(people: pl.DataFrame, names: Sequence[str]) -> Diversity:
    """Return k and l of the rows of a release.

    Parameters
    ----------
    people : DataFrame
        The rows.
    names : sequence of str
        The variables shown.
    """
    scores = [score_column(trait, AGGREGATE) for trait in TRAITS]
    groups = (
        people.with_columns(everybody=pl.lit(0))
        .group_by("everybody", *names)
        .agg(pl.len().alias("people"), *(pl.col(s).drop_nulls().n_unique() for s in scores))
    )
    least = {
        trait: int(groups[column].min() or 0)  # type: ignore[arg-type]  # of integers
        for trait, column in zip(TRAITS, scores, strict=True)
    }
    return Diversity(groups.height, int(groups["people"].min() or 0), least)  # type: ignore[arg-type]


@dataclass(frozen=True)
class ReleaseFacts:
    """Everything that documents say of a release.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    raters : tuple of str
        The raters.
    simulated : bool
        Whether everybody is invented.
    people : int
        Rows.
    bars : Bars
        What it was held to.
    plan : Plan
        What is shown of each person.
    suppressed, left_out : int
        Cells set to null, and people left out, because too few shared a combination.
    counts : Level1Counts
        The Level I tables.
    linkage : Linkage
        Attack by the full roster.
    agreement : Agreement
        Level I on the tables.
    by_people : Agreement, optional
        Level I on the rows, of the variables that they show.
    diversity : Diversity
        k and l.
    asked_again : mapping
        What answers of the same models betray: reported, not gated.
    chosen : Obfuscated, optional
        The embeddings released.
    frontier : tuple of Obfuscated
        All strengths of noise that were measured.
    """

    sub: SubDataset
    raters: tuple[str, ...]
    simulated: bool
    people: int
    bars: Bars
    plan: Plan
    suppressed: int
    left_out: int
    counts: Level1Counts
    linkage: Linkage
    agreement: Agreement
    by_people: Agreement | None
    diversity: Diversity
    asked_again: Mapping[str, float]
    chosen: Obfuscated | None = None
    frontier: tuple[Obfuscated, ...] = ()
