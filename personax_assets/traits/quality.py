"""How well the raters do.

Belongs here: each rater's failures, abstention, speed and price, and the agreement between
raters, as the rows of one table. Does not belong here: the statistics (`personax_ml.agreement`).

Shares are of the people about whom a rater was asked. A measure that cannot be computed is NULL.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import combinations

import polars as pl

from personax_assets.datasets import SUB_DATASETS, TRAITS
from personax_assets.schemas import ANSWER_STATUSES
from personax_assets.schemas import rater_quality as quality_schema

BOOTSTRAP_SEED = 20_240
EVERYTHING = "all"

_HESITANT = ("refusal", "content_filter")
_MALFORMED = ("truncated", "invalid_json", "schema_violation", "empty")

_Row = tuple[str, str, str, float | None, int]


def rater_quality(texts: Mapping[str, pl.DataFrame], scores: pl.DataFrame) -> pl.DataFrame:
    """Measure the raters.

    Parameters
    ----------
    texts : mapping of str to polars.DataFrame
        `trait_texts_<rater>` by rater.
    scores : polars.DataFrame
        `trait_scores` of the same answers.

    Returns
    -------
    polars.DataFrame
        `rater_quality`. Per rater: `missing` (no answer), `hesitation` (refused, filtered, or no
        trait scored), `malformed` (answers that could not be read), `outcome_<status>` for all
        that occurred, `abstention` over all traits and per trait, `latency_p50_s`,
        `latency_p95_s`, `attempts`, `prompt_tokens`, `completion_tokens`, `cost_usd`. For all
        raters together, per trait: ordinal Krippendorff's `alpha` with its 95 % bootstrap
        interval `alpha_low`, `alpha_high`, and `kappa_<a>_<b>`, the quadratic weighted kappa of
        two raters.
    """
    rows: list[_Row] = []
    for rater, frame in texts.items():
        rows += _of_rater(rater, frame)
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
    malformed = sum(outcomes.get(status, 0) for status in _MALFORMED)
    yield row("missing", share(n - answers.height, n), n)
    yield row("hesitation", share(hesitant, n), n)
    yield row("malformed", share(malformed, n), n)
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
