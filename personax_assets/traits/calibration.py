"""What a prompt does to the answers: how much they waver, and what it gives away.

Belongs here: the questions of the study and the measures that its answers allow. Does not belong
here: asking (`engine`), the prompts themselves, or drawing (`figures`).

The variants of the prompt are asked several times about the same people. The arms take something
away from the prompt of the main tables, or swap it:

- ``name_only``: the name without league or occupation,
- ``context_only``: league or occupation without a name,
- ``other_name``: the league or occupation of one person with the name of another one, drawn at
  random. Names are then independent of what is told besides, so whatever of a score still depends
  on the league or occupation told came with the prompt and not with the person.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.schemas.traits import prompt_calibration
from personax_assets.traits.prompts import (
    DEFAULT_PROMPT,
    WITHHELD,
    Request,
    build_requests,
    load_prompt,
)
from personax_assets.traits.raters import RaterConfig

if TYPE_CHECKING:
    from personax_ml.rank_dependence import RankDependence

STUDY = "calibration"
VARIANTS = ("numeric_3", "numeric_5", "textual_3", "textual_5")
ARMS = ("name_only", "context_only", "other_name")
FULL = DEFAULT_PROMPT
"""The variant that the arms are compared with: name and context, as in the main tables."""

EVERYTHING = "all"

_SWAP_SEED = 97
_Row = tuple[str, str, str, str, str, float | None, float | None, float | None, float | None, int]


def sample(people: pl.DataFrame, sub: SubDataset, n: int) -> pl.DataFrame:
    """Return n people whose league or occupation is known, the same ones every time."""
    known = people.filter(pl.col(sub.stratum).is_not_null(), pl.col("name").is_not_null())
    order = [hashlib.sha256(person.encode()).hexdigest() for person in known["person_id"]]
    return (
        known.with_columns(pl.Series("order", order, pl.String)).sort("order").head(n).drop("order")
    )


def questions(
    people: pl.DataFrame, sub: SubDataset, rater: RaterConfig, repeats: int
) -> tuple[pl.DataFrame, list[Request]]:
    """Make the questions of the study to one rater.

    Parameters
    ----------
    people : polars.DataFrame
        From `sample`: `person_id`, `name` and the stratum.
    sub : SubDataset
        Where the people belong.
    rater : RaterConfig
        Who is asked.
    repeats : int
        How often each variant is asked.

    Returns
    -------
    polars.DataFrame
        `person_id, arm, repeat, told` (league or occupation in the question, or that of the
        person where none is told), `named` (whose name is in it): a row per request.
    list of Request
        The requests, in the same order.
    """
    about: list[pl.DataFrame] = []
    requests: list[Request] = []

    def ask(arm: str, asked: pl.DataFrame, prompt: str, repeat: int = 0) -> None:
        wording = load_prompt(prompt)
        if arm != prompt:
            wording = replace(wording, version=f"{wording.version}/{arm}")
        requests.extend(build_requests(asked, sub, rater, wording, repeat, STUDY))
        about.append(
            asked.select(
                "person_id",
                pl.lit(arm).alias("arm"),
                pl.lit(repeat, pl.Int16).alias("repeat"),
                pl.col("told"),
                pl.col("named"),
            )
        )

    plain = people.with_columns(told=pl.col(sub.stratum), named=pl.col("person_id"))
    for variant in VARIANTS:
        for repeat in range(repeats):
            ask(variant, plain, variant, repeat)
    ask("name_only", plain.with_columns(pl.lit(None, pl.String).alias(sub.stratum)), FULL)
    swapped = _deranged(people.height)
    others = people.select("name", named="person_id")[swapped]
    ask("other_name", plain.with_columns(others["name"], others["named"]), FULL)
    nameless = plain.with_columns(
        pl.lit(WITHHELD).alias("name"),
        pl.lit(None, pl.String).alias("named"),
        (pl.col("told").cum_count().over("told") - 1).alias("nth"),
    )
    # The words are the same for everybody of a league: each person is another draw of them.
    for (nth,), rows in nameless.group_by("nth", maintain_order=True):
        ask("context_only", rows, FULL, int(nth))
    return pl.concat(about), requests


def _deranged(n: int) -> list[int]:
    """Return a random order in which nobody keeps his place (with two people or more)."""
    rng = np.random.default_rng(_SWAP_SEED)
    order = np.arange(n)
    while n > 1 and (order == np.arange(n)).any():
        order = rng.permutation(n)
    return [int(i) for i in order]


def measures(
    answers: pl.DataFrame,
    strata: pl.DataFrame,
    texts: Mapping[str, pl.DataFrame],
    bios: pl.DataFrame,
    sub: SubDataset,
) -> pl.DataFrame:
    """Measure what the prompts do.

    Parameters
    ----------
    answers : polars.DataFrame
        `prompt_answers`.
    strata : polars.DataFrame
        `person_id` and the stratum of everybody in the study.
    texts : mapping of str to polars.DataFrame
        `trait_texts_<rater>` of the main tables by rater.
    bios : polars.DataFrame
        `person_id` and the variables of `sub` of the people in the main tables.
    sub : SubDataset
        Where the people belong.

    Returns
    -------
    polars.DataFrame
        `prompt_calibration`. Per rater and variant: `changed` (share of pairs of repeats with
        different scores), `spread` (mean standard deviation over repeats, in shares of the
        scale), `abstention`, `missing`. Per rater, arm and trait: `dependence` of the score on
        the league or occupation told (eta squared of ranks; for `name_only`: on the person's own),
        `abstention_dependence` of abstaining on it, and for `other_name` also
        `dependence_on_named` (on that of the person named) and `prompt_share`: which share of the
        dependence under the full prompt comes with the prompt alone, known where the full
        prompt's dependence is significant at 5 %. For the main tables (arm `main`):
        `abstention_dependence` on each variable of the bios.
    """
    rows: list[_Row] = []
    for (rater,), found in answers.group_by("rater", maintain_order=True):
        for variant in VARIANTS:
            asked = found.filter(arm=variant)
            rows += _wavering(str(rater), variant, asked)
        rows += _giving_away(str(rater), found, strata, sub)
    for rater, frame in texts.items():
        rows += _abstaining(rater, frame.join(bios, on="person_id"), sub)
    return pl.DataFrame(rows, schema=prompt_calibration(sub).polars, orient="row")


def consistency(calibration: pl.DataFrame) -> dict[str, tuple[float, int]]:
    """Return per rater how often the main prompt gets the same score again, and of how many."""
    found = calibration.filter(arm=FULL, trait=EVERYTHING, measure="changed")
    return {
        rater: (1 - value, n)
        for rater, value, n in found.select("rater", "value", "n").iter_rows()
        if value is not None
    }


def _row(
    rater: str, arm: str, trait: str, measure: str, value: float | None, n: int,
    *, variable: str = EVERYTHING, low: float | None = None, high: float | None = None,
    p_value: float | None = None,
) -> _Row:  # fmt: skip
    numbers = [_finite(x) for x in (value, low, high, p_value)]
    return rater, arm, trait, variable, measure, *numbers, n  # type: ignore[return-value]


def _dependence(
    rater: str, arm: str, trait: str, measure: str, variable: str, found: "RankDependence"
) -> _Row:
    return _row(
        rater, arm, trait, measure, found.eta2, found.n, variable=variable, p_value=found.p_value
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _wavering(rater: str, variant: str, asked: pl.DataFrame) -> Iterator[_Row]:
    """Measure how a variant's answers differ between repeats."""
    points = len(load_prompt(variant).levels) - 1
    good = asked.filter(status="ok")
    totals = np.zeros(2)
    spreads: list[float] = []
    zeros = 0
    for trait in TRAITS:
        scores = good.select("person_id", score=f"{trait}_score").sort("person_id")
        differing, pairs, spread = _between_repeats(scores, points)
        totals += (differing, pairs)
        spreads += spread
        abstained = int((scores["score"] == 0).sum())
        zeros += abstained
        yield _row(rater, variant, trait, "changed", _share(differing, pairs), pairs)
        yield _row(rater, variant, trait, "spread", _mean(spread), len(spread))
        yield _row(rater, variant, trait, "abstention", _share(abstained, good.height), good.height)
    judged = good.height * len(TRAITS)
    yield _row(rater, variant, EVERYTHING, "changed", _share(*totals), int(totals[1]))
    yield _row(rater, variant, EVERYTHING, "spread", _mean(spreads), len(spreads))
    yield _row(rater, variant, EVERYTHING, "abstention", _share(zeros, judged), judged)
    failed = asked.height - good.height
    yield _row(rater, variant, EVERYTHING, "missing", _share(failed, asked.height), asked.height)


def _between_repeats(scores: pl.DataFrame, points: int) -> tuple[int, int, list[float]]:
    """Count differing pairs and all pairs of repeats; return each person's spread."""
    differing = pairs = 0
    spreads: list[float] = []
    for _, rows in groupby(scores.iter_rows(), key=lambda row: row[0]):
        values = np.array([score for _, score in rows])
        pairs += math.comb(values.size, 2)
        same = sum(math.comb(int(n), 2) for n in np.unique(values, return_counts=True)[1])
        differing += math.comb(values.size, 2) - same
        judged = values[values > 0]
        if judged.size > 1:
            spreads.append(float(judged.std(ddof=1)) / (points - 1))
    return differing, pairs, spreads


def _giving_away(
    rater: str, found: pl.DataFrame, strata: pl.DataFrame, sub: SubDataset
) -> Iterator[_Row]:
    """Measure how scores and abstention depend on the league or occupation in each arm."""
    from personax_ml.rank_dependence import rank_dependence, share_interval

    own = strata.select(named="person_id", named_group=sub.stratum)
    first = found.filter((pl.col("repeat") == 0) | (pl.col("arm") == "context_only"))
    arms = {arm: first.filter(arm=arm).join(own, on="named", how="left") for arm in (FULL, *ARMS)}
    for trait in TRAITS:
        column = f"{trait}_score"
        full_matters = False
        for arm, frame in arms.items():
            good = frame.filter(status="ok")
            scored = good.filter(pl.col(column) > 0)
            matter = rank_dependence(scored[column], scored["told"])
            if arm == FULL:
                full_matters = matter.p_value < 0.05
            yield _dependence(rater, arm, trait, "dependence", sub.stratum, matter)
            silent = rank_dependence(good[column] == 0, good["told"])
            yield _dependence(rater, arm, trait, "abstention_dependence", sub.stratum, silent)
            share = _share(int((good[column] == 0).sum()), good.height)
            yield _row(rater, arm, trait, "abstention_share", share, good.height)
            if arm == "other_name":
                known = scored.filter(pl.col("named_group").is_not_null())
                named = rank_dependence(known[column], known["named_group"])
                yield _dependence(rater, arm, trait, "dependence_on_named", sub.stratum, named)
        value = low = high = None
        both = _scored(arms["other_name"], column).join(_scored(arms[FULL], column), on="person_id")
        if full_matters:
            value, low, high = share_interval(
                (both["score"].to_numpy(), both["told"]),
                (both["score_right"].to_numpy(), both["told_right"]),
            )
        yield _row(
            rater, "other_name", trait, "prompt_share", value, both.height,
            variable=sub.stratum, low=low, high=high,
        )  # fmt: skip


def _scored(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return everybody's score as a number, NaN where there is none."""
    known = pl.when(pl.col("status") == "ok", pl.col(column) > 0).then(pl.col(column))
    return frame.select("person_id", "told", score=known.cast(pl.Float64).fill_null(math.nan))


def _abstaining(rater: str, frame: pl.DataFrame, sub: SubDataset) -> Iterator[_Row]:
    """Measure how abstaining in the main tables depends on the variables of the bios."""
    from personax_ml.rank_dependence import rank_dependence

    for trait in TRAITS:
        for variable in sub.variables:
            known = frame.filter(status="ok").select(
                "person_id", variable.name, silent=pl.col(f"{trait}_score") == 0
            ).drop_nulls()  # fmt: skip
            values, groups = known["silent"], known[variable.name].cast(pl.String)
            if variable.kind in ("numeric", "ordinal", "circular"):
                values, groups = known[variable.name], known["silent"]
            found = rank_dependence(values, groups)
            yield _dependence(rater, "main", trait, "abstention_dependence", variable.name, found)


def _share(count: float, of: float) -> float | None:
    return float(count / of) if of else None


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
