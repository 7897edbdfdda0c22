"""How well the raters do.

Belongs here: each rater's failures, abstention, speed and price, and the agreement between
raters, as the rows of one table. Does not belong here: the statistics (`personax_ml.agreement`).

Shares are of the people about whom a rater was asked, unless stated otherwise. A measure that
cannot be computed is NULL.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import combinations
from types import MappingProxyType

import polars as pl

from personax_assets.datasets import SUB_DATASETS, TRAITS
from personax_assets.schemas.traits import ANSWER_STATUSES
from personax_assets.schemas.traits import rater_quality as quality_schema

BOOTSTRAP_SEED = 20_240
EVERYTHING = "all"

_HESITANT = ("refusal", "content_filter")

OVERALL = (
    "mean of 1 - missing, 1 - hesitation, 1 - malformed, consistency, (lowest median latency) / "
    "(own), and (lowest cost of an answer) / (own); the cost in US dollars if all raters have "
    "prices, else in tokens; a term that is not known of every rater is left out for all"
)
"""How the overall score is made: between 0 and 1, and relative to the raters it is shown with."""

_Row = tuple[str, str, str, float | None, int]


def rater_quality(
    texts: Mapping[str, pl.DataFrame],
    scores: pl.DataFrame,
    consistency: Mapping[str, tuple[float, int]] = MappingProxyType({}),
) -> pl.DataFrame:
    """Measure the raters.

    Parameters
    ----------
    texts : mapping of str to polars.DataFrame
        `trait_texts_<rater>` by rater.
    scores : polars.DataFrame
        `trait_scores` of the same answers.
    consistency : mapping of str to (float, int)
        Per rater the share of repeated questions that got the same score, and their number; from
        the calibration of prompts.

    Returns
    -------
    polars.DataFrame
        `rater_quality`. Per rater: `missing` (no answer), `hesitation` (refused, filtered, or no
        trait scored), `malformed` (share of the calls whose answer could not be read, those
        before a good one included), `outcome_<status>` for all that occurred, `abstention` over
        all traits and per trait, `consistency`, `latency_p50_s`, `latency_p95_s`, `attempts`,
        `prompt_tokens`, `completion_tokens`, `cost_usd`, and `overall` (see `OVERALL`). For all
        raters together, per trait: ordinal Krippendorff's `alpha` with its 95 % bootstrap
        interval `alpha_low`, `alpha_high`, and `kappa_<a>_<b>`, the quadratic weighted kappa of
        two raters.
    """
    rows: list[_Row] = []
    for rater, frame in texts.items():
        rows += _of_rater(rater, frame)
        same, n = consistency.get(rater, (None, 0))
        rows.append((rater, EVERYTHING, "consistency", same, n))
    rows += _overall(
        rows, {rater: frame.filter(status="ok").height for rater, frame in texts.items()}
    )
    rows += _agreement(list(texts), scores)
    sub = next(iter(SUB_DATASETS.values()))  # the columns are the same for every sub-dataset
    return pl.DataFrame(rows, schema=quality_schema(sub, tuple(texts)).polars, orient="row")


def _of_rater(rater: str, frame: pl.DataFrame) -> Iterator[_Row]:
    """Measure one rater."""
    asked = frame.filter(pl.col("status") != "not_rated")
    answers = asked.filter(pl.col("status") == "ok")
    n = asked.height

    def share(count: int, of: int) -> float | None:
        return count / of if of else None

    def row(measure: str, value: object, n: int, trait: str = EVERYTHING) -> _Row:
        return rater, trait, measure, value if isinstance(value, float) else None, n

    outcomes = dict(asked["status"].value_counts().iter_rows())
    silent = answers.filter(
        pl.all_horizontal(pl.col(f"{trait}_score") == 0 for trait in TRAITS)
    ).height
    hesitant = sum(outcomes.get(status, 0) for status in _HESITANT) + silent
    yield row("missing", share(n - answers.height, n), n)
    yield row("hesitation", share(hesitant, n), n)
    calls = int(asked["attempts"].sum())
    yield row("malformed", share(int(asked["malformed"].sum()), calls), calls)
    for status in ANSWER_STATUSES:
        if status in outcomes:
            yield row(f"outcome_{status}", outcomes[status] / n, n)
    zeros = {trait: answers.filter(pl.col(f"{trait}_score") == 0).height for trait in TRAITS}
    judged = answers.height * len(TRAITS)
    yield row("abstention", share(sum(zeros.values()), judged), judged)
    for trait, count in zeros.items():
        yield row("abstention", share(count, answers.height), answers.height, trait)
    latency = answers["latency_s"].drop_nulls()
    yield row("latency_p50_s", latency.quantile(0.5, "linear"), latency.len())
    yield row("latency_p95_s", latency.quantile(0.95, "linear"), latency.len())
    yield row("attempts", asked["attempts"].cast(pl.Float64).mean(), n)
    for name in ("prompt_tokens", "completion_tokens", "cost_usd"):
        known = asked[name].drop_nulls()
        yield row(name, float(known.sum()) if known.len() else None, known.len())


def _overall(rows: list[_Row], answers: Mapping[str, int]) -> Iterator[_Row]:
    """Sum up each rater's measures, by the formula in `OVERALL`."""
    asked = {
        rater for rater, _, measure, value, _ in rows if measure == "missing" and value is not None
    }

    def known(measure: str) -> dict[str, float]:
        found = {r: v for r, t, m, v, _ in rows if (t, m) == (EVERYTHING, measure) and r in asked}
        whole = {rater: value for rater, value in found.items() if value is not None}
        return whole if whole.keys() == asked else {}

    def relative(costs: Mapping[str, float]) -> dict[str, float]:
        lowest = min(costs.values(), default=0.0)
        return {rater: lowest / cost for rater, cost in costs.items()} if lowest > 0 else {}

    def per_answer(totals: Mapping[str, float]) -> dict[str, float]:
        complete = all(answers[rater] for rater in totals)
        return (
            {rater: total / answers[rater] for rater, total in totals.items()} if complete else {}
        )

    received, sent = known("completion_tokens"), known("prompt_tokens")
    tokens = {rater: sent[rater] + received[rater] for rater in received} if sent else {}
    terms = [
        *(
            {rater: 1 - value for rater, value in known(measure).items()}
            for measure in ("missing", "hesitation", "malformed")
        ),
        known("consistency"),
        relative(known("latency_p50_s")),
        relative(per_answer(known("cost_usd") or tokens)),
    ]
    for rater in answers:
        values = [term[rater] for term in terms if rater in term]
        mean = math.fsum(values) / len(values) if values else None
        yield rater, EVERYTHING, "overall", mean, len(values)


def _agreement(raters: list[str], scores: pl.DataFrame) -> Iterator[_Row]:
    """Measure how far the raters agree, abstentions counting as missing."""
    from personax_ml.agreement import (
        krippendorff_alpha,
        krippendorff_interval,
        quadratic_weighted_kappa,
    )

    if len(raters) < 2:
        return
    for trait in TRAITS:
        informed = scores.filter(pl.col("trait") == trait).select(
            pl.col(raters).replace(0, None).cast(pl.Float64).fill_null(math.nan)
        )
        ratings = informed.to_numpy()
        n = informed.filter(
            pl.sum_horizontal(pl.col(rater).is_not_nan() for rater in raters) >= 2
        ).height
        low, high = krippendorff_interval(ratings, rng=BOOTSTRAP_SEED)
        yield EVERYTHING, trait, "alpha", _finite(krippendorff_alpha(ratings)), n
        yield EVERYTHING, trait, "alpha_low", _finite(low), n
        yield EVERYTHING, trait, "alpha_high", _finite(high), n
        for a, b in combinations(raters, 2):
            pair = informed.filter(pl.col(a).is_not_nan() & pl.col(b).is_not_nan())
            kappa = quadratic_weighted_kappa(pair[a].to_numpy(), pair[b].to_numpy())
            yield EVERYTHING, trait, f"kappa_{a}_{b}", _finite(kappa), pair.height


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
