"""Figures about raters and prompts, for the Dagster UI.

Belongs here: drawing tables of measures. Does not belong here: computing them.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from personax_assets.datasets import TRAITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIMULATED = " (simulated raters)"
"""Ends the title of a figure whose answers are invented."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#c46a9c", "#b98a00", "#7d858d", "#56b4e9", "#000000")
"""Okabe and Ito's, one per rater in order; they start again after eight."""

_SHARES = ("missing", "hesitation", "malformed", "abstention")


def quality_figure(quality: pl.DataFrame, title: str) -> "Figure":
    """Draw how the raters fail and how far they agree.

    Parameters
    ----------
    quality : polars.DataFrame
        `rater_quality`.
    title : str
        What is shown of whom.

    Returns
    -------
    matplotlib.figure.Figure
        Left: shares of missing, hesitant, malformed and abstaining answers per rater. Right:
        Krippendorff's ordinal alpha per trait with its 95 % bootstrap interval.
    """
    from matplotlib.figure import Figure

    raters = quality.filter(pl.col("rater") != "all")["rater"].unique(maintain_order=True).to_list()
    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    measures = {
        (rater, measure): 100 * value
        for rater, trait, measure, value in quality.select(
            "rater", "trait", "measure", "value"
        ).iter_rows()
        if trait == "all" and value is not None
    }
    grouped_bars(
        left, raters, _SHARES, [[measures.get((r, m), math.nan) for m in _SHARES] for r in raters]
    )
    left.set_ylabel("per cent")
    found = {
        (trait, measure): value
        for trait, measure, value in quality.filter(rater="all")
        .select("trait", "measure", "value")
        .iter_rows()
        if value is not None
    }
    for place, trait in enumerate(reversed(TRAITS)):
        if (trait, "alpha") in found:
            alpha, low, high = (found[trait, name] for name in ("alpha", "alpha_low", "alpha_high"))
            right.plot([low, high], [place, place], color=COLOURS[0], linewidth=2)
            right.plot([alpha], [place], "o", color=COLOURS[0])
    right.set_yticks(range(len(TRAITS)), reversed(TRAITS))
    for limit in (0.667, 0.8):
        right.axvline(limit, color="0.6", linewidth=0.8, linestyle=":")
    right.set_xlim(min(-0.05, *found.values()) if found else 0, 1)
    right.set_xlabel("Krippendorff's ordinal alpha, 95 % interval")
    return figure


def grouped_bars(
    axes: "Axes", series: Sequence[str], groups: Sequence[str], values: Sequence[Sequence[float]]
) -> None:
    """Draw bars of each series side by side in each group, with their values on top."""
    width = 0.8 / max(len(series), 1)
    for i, name in enumerate(series):
        places = [g + (i - (len(series) - 1) / 2) * width for g in range(len(groups))]
        bars = axes.bar(places, values[i], width, label=name, color=COLOURS[i % len(COLOURS)])
        axes.bar_label(bars, fmt="%.2g", fontsize=7)
    axes.set_xticks(range(len(groups)), groups)
    axes.margins(y=0.15)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def calibration_figure(calibration: pl.DataFrame, title: str) -> "Figure":
    """Draw what prompts do to the answers.

    Parameters
    ----------
    calibration : polars.DataFrame
        `prompt_calibration`.
    title : str
        What is shown of whom.

    Returns
    -------
    matplotlib.figure.Figure
        Left: spread between repeats per variant of the prompt. Right: how far scores depend on
        league or occupation in each arm, as the mean over the traits.
    """
    from matplotlib.figure import Figure

    from personax_assets.traits.calibration import ARMS, EVERYTHING, FULL, VARIANTS

    raters = calibration["rater"].unique(maintain_order=True).to_list()
    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    spreads = calibration.filter(trait=EVERYTHING, measure="spread")
    grouped_bars(left, raters, VARIANTS, _values(spreads, raters, VARIANTS))
    left.set_title("How much answers vary between repeats", fontsize=10)
    left.set_ylabel("standard deviation / scale")
    arms = (FULL, *ARMS)
    matters = calibration.filter(measure="dependence").group_by("rater", "arm").agg(
        pl.col("value").mean()
    )  # fmt: skip
    grouped_bars(right, raters, arms, _values(matters, raters, arms))
    labels = ["full prompt", *(arm.replace("_", " ") for arm in ARMS)]
    right.set_xticks(range(len(arms)), labels)
    right.set_title("How much scores depend on league or occupation told", fontsize=10)
    right.set_ylabel("eta squared of ranks, mean over traits")
    return figure


def _values(table: pl.DataFrame, raters: Sequence[str], arms: Sequence[str]) -> list[list[float]]:
    found = {(r, a): v for r, a, v in table.select("rater", "arm", "value").iter_rows()}
    return [[_or_nan(found.get((rater, arm))) for arm in arms] for rater in raters]


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
