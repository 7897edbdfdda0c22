"""What the raters said: the section on trait scores.

Belongs here: distributions, abstention, failures, cost and agreement. Does not belong here:
computing agreement (it is a table).
"""

import math
from collections.abc import Mapping, Sequence

import polars as pl

from personax_assets.datasets import TRAITS
from personax_assets.report import figures
from personax_assets.report.blocks import (
    Block,
    Picture,
    Pictures,
    Prose,
    Section,
    Swatches,
    Table,
)
from personax_assets.report.model import RunInfo, SubDatasetReport
from personax_assets.report.palette import SCORES
from personax_assets.report.svg import inline_svg
from personax_assets.report.words import (
    MISSING,
    clean,
    count,
    duration,
    listed,
    number,
    percent,
    short,
)
from personax_assets.traits.quality import OVERALL

_VALUES = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0)
VALUE_NAMES = ("insufficient information", "1 low", "1.5", "2 medium", "2.5", "3 high")

_MEASURES: tuple[tuple[str, str], ...] = (
    ("missing", "No answer"),
    ("hesitation", "Hesitated (refused, filtered, or scored nothing)"),
    ("malformed", "Calls whose answer could not be read"),
    ("abstention", "Traits scored “insufficient information”"),
    ("consistency", "Same score when asked again"),
    ("latency_p50_s", "Median time of an answer"),
    ("latency_p95_s", "95th percentile of the time"),
    ("attempts", "Calls per person"),
    ("prompt_tokens", "Tokens sent"),
    ("completion_tokens", "Tokens received"),
    ("cost_usd", "Cost (US dollars)"),
    ("overall", "Overall score, relative to these raters"),
)


def raters_of(report: SubDatasetReport) -> list[str]:
    """Return the raters that a report has scores of, in order."""
    scores = report.frames.get("trait_scores")
    fixed = {"person_id", "trait", "score", "n_raters"}
    return [] if scores is None else [name for name in scores.columns if name not in fixed]


def quality_values(report: SubDatasetReport) -> dict[tuple[str, str, str], tuple[float, int]]:
    """Return the known measures of rater quality: (rater, trait, measure) to value and n."""
    quality = report.frame("rater_quality")
    if quality is None:
        return {}
    known = quality.filter(pl.col("value").is_not_null() & pl.col("value").is_not_nan())
    return {
        (row["rater"], row["trait"], row["measure"]): (row["value"], row["n"] or 0)
        for row in known.iter_rows(named=True)
    }


def traits_section(report: SubDatasetReport, run: RunInfo) -> Section:
    """Return what the raters said about the five traits."""
    title = "Trait scores"
    scores = report.frame("trait_scores")
    scored = scores is not None and scores["score"].null_count() < scores.height
    if scores is None or not scored:
        reason = report.why_absent("trait_scores")
        return Section("traits", title, [Prose(f"There are no trait scores: {reason}.")])
    raters = raters_of(report)
    blocks: list[Block] = [
        Prose(
            "Each rater scores each Big Five trait 1 (low), 2 (medium) or 3 (high), or 0 where it "
            "finds too little information. Zeros are dropped; the aggregate is the median over "
            f"the raters that remain. Raters: {listed([_rater(r, run) for r in raters])}."
        )
    ]
    pictures = [_distributions(report, scores, raters)]
    values = quality_values(report)
    agreement = _agreement(report, values)
    if agreement is not None:
        pictures.append(agreement)
    blocks += [
        Swatches("Score", list(zip(SCORES, VALUE_NAMES, strict=True))),
        Pictures(pictures),
    ]
    if values:
        blocks += [_quality_table(raters, values), Prose(f"Overall score: the {OVERALL}.")]
    kappas = _kappa_table(raters, values)
    if kappas is not None:
        blocks.append(kappas)
    return Section("traits", title, blocks)


def _rater(name: str, run: RunInfo) -> str:
    about = run.raters.get(name)
    return f"{clean(name)} ({clean(about, 120)})" if about else clean(name)


def value_shares(scores: pl.DataFrame, raters: Sequence[str]) -> list[tuple[str, list[float]]]:
    """Return the share of each value among the scores by each rater and their median.

    Parameters
    ----------
    scores : DataFrame
        Rows of `trait_scores`.
    raters : sequence of str
        Its columns of raters.
    """
    bars = []
    for label, column in (*((r, r) for r in raters), ("aggregate", "score")):
        known = scores[column].drop_nulls().cast(pl.Float64)
        n = max(known.len(), 1)
        bars.append((clean(label, 12), [float(known.eq(value).sum() / n) for value in _VALUES]))
    return bars


def _distributions(report: SubDatasetReport, scores: pl.DataFrame, raters: list[str]) -> Picture:
    groups = []
    told = []
    for trait in TRAITS:
        of_trait = scores.filter(pl.col("trait") == trait)
        groups.append((trait.capitalize(), value_shares(of_trait, raters)))
        mean = of_trait["score"].cast(pl.Float64).mean()
        told.append(f"{trait} {number(mean if isinstance(mean, float) else None)}")
    figure = figures.stacked_shares(groups, SCORES, VALUE_NAMES)
    alt = f"Shares of each score per trait and rater. Mean aggregate: {', '.join(told)}."
    return Picture(
        inline_svg(figure, f"{report.sub.name}-scores", alt),
        "How the scores are distributed",
        "Share of the answers in percent, per trait and rater. Half points arise where the median "
        f"falls between two scores. Mean aggregate score: {', '.join(told)}.",
    )


def _intervals(
    values: Mapping[tuple[str, str, str], tuple[float, int]],
) -> list[tuple[str, float, float, float]]:
    rows = []
    for trait in TRAITS:
        alpha, low, high = (
            values.get(("all", trait, measure), (math.nan, 0))[0]
            for measure in ("alpha", "alpha_low", "alpha_high")
        )
        if math.isfinite(alpha):
            rows.append((trait.capitalize(), alpha, low, high))
    return rows


def _agreement(
    report: SubDatasetReport, values: Mapping[tuple[str, str, str], tuple[float, int]]
) -> Picture | None:
    rows = _intervals(values)
    if not rows:
        return None
    figure = figures.intervals(
        rows, "Krippendorff’s α (ordinal)", {0.667: "tentative", 0.8: "reliable"}
    )
    told = ", ".join(f"{label.lower()} {alpha:.2f}" for label, alpha, *_ in rows)
    return Picture(
        inline_svg(figure, f"{report.sub.name}-agreement", f"Agreement between raters: {told}."),
        "How far the raters agree",
        "Ordinal Krippendorff’s α between raters with its 95 % bootstrap interval: 0 is chance, 1 "
        "is perfect. By Krippendorff’s custom, data below 0.667 are not relied upon and those "
        "below 0.8 support tentative conclusions only. Agreement is not validity: raters can "
        "share an error.",
    )


def _quality_table(
    raters: list[str], values: Mapping[tuple[str, str, str], tuple[float, int]]
) -> Table:
    def cell(rater: str, measure: str) -> str:
        value, _ = values.get((rater, "all", measure), (None, 0))
        if value is None:
            return MISSING
        if measure.startswith("latency"):
            return duration(value) if value >= 1 else f"{1000 * value:.0f}\u00a0ms"
        if measure.endswith("tokens"):
            return count(value)
        if measure in ("attempts", "cost_usd"):
            return number(value)
        return percent(value)

    asked = [count(values.get((rater, "all", "missing"), (0, 0))[1]) for rater in raters]
    rows = [["People asked about", *asked]]
    rows += [[label, *(cell(rater, measure) for rater in raters)] for measure, label in _MEASURES]
    rows += [
        [f"… {trait}", *(_share(values, rater, trait) for rater in raters)] for trait in TRAITS
    ]
    position = 1 + [measure for measure, _ in _MEASURES].index("abstention") + 1
    rows = [*rows[:position], *rows[-len(TRAITS) :], *rows[position : -len(TRAITS)]]
    return Table("The raters at work", ("Measure", *(clean(r, 16) for r in raters)), rows)


def _share(values: Mapping[tuple[str, str, str], tuple[float, int]], rater: str, trait: str) -> str:
    return percent(values.get((rater, trait, "abstention"), (None, 0))[0])


def _kappa_table(
    raters: list[str], values: Mapping[tuple[str, str, str], tuple[float, int]]
) -> Table | None:
    """Return the agreement of each pair of raters."""
    pairs = [(a, b) for i, a in enumerate(raters) for b in raters[i + 1 :]]
    rows = []
    for a, b in pairs:
        kappas = [values.get(("all", trait, f"kappa_{a}_{b}"), (None, 0))[0] for trait in TRAITS]
        if any(kappa is not None for kappa in kappas):
            rows.append([f"{clean(a, 16)} – {clean(b, 16)}", *(short(kappa) for kappa in kappas)])
    if not rows:
        return None
    columns = ("Raters", *(trait[:5].capitalize() + "." for trait in TRAITS))
    return Table("Agreement of pairs: quadratic weighted κ", columns, rows)
