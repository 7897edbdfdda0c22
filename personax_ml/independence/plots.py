"""Pictures of a grid: what depends on what, how strongly, and whether the tests can be trusted.

Belongs here: matplotlib figures of the frame that `independence_grid` returns. Does not belong
here: the numbers in them, files or HTML.

All colour maps are perceptually ordered and readable with any colour vision; significance is
marked by a sign as well, so that nothing depends on colour alone.
"""

from collections.abc import Sequence
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

LABELS = {
    "kci": "KCI",
    "rcit": "RCIT",
    "hsic": "HSIC",
    "chi2": "χ²",
    "gsq": "G²",
    "dcor": "dCor",
    "cka": "kernel alignment",
    "cramers_v": "Cramér's V",
}

_DARK, _MUTED, _RULE = "#1b2733", "#5a6772", "#c9d1d8"
_MISSING = "#e8ebee"
_CELL = 0.36
_LETTERS_PER_INCH = 15
_LOG10_P_CAP = 10.0

# Okabe and Ito (2008)
_SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def p_value_heatmap(
    grid: pl.DataFrame,
    test: str,
    *,
    profile: str = "recommended",
    given: str | None = None,
    value: str = "p_value",
    alpha: float = 0.05,
) -> Figure:
    """Draw traits by variables for one test, aggregated over raters.

    Parameters
    ----------
    grid : DataFrame
        Result of `independence_grid`.
    test : str
        The test.
    profile : {"recommended", "paper"}
        The profile.
    given : str, optional
        The condition.
    value : {"p_value", "q_value", "effect_size"}
        What the colour shows: -log10 of p or q, cut at 10, or the effect size.
    alpha : float
        Cells below it carry a dot.

    Returns
    -------
    Figure
    """
    rows = _selection(grid, profile, given, test, "aggregate")
    traits, variables = _order(rows, "trait"), _order(rows, "variable")
    figure, axes = _canvas(len(traits), len(variables))
    _cells(figure, axes, rows, traits, variables, value, alpha)
    axes.set_yticks(range(len(traits)), [_words(t) for t in traits])
    _title(
        figure, f"{LABELS[test]}: {_measure(rows, value)}", _subtitle(rows, profile, given, alpha)
    )
    return figure


def rater_heatmap(
    grid: pl.DataFrame,
    test: str,
    *,
    profile: str = "recommended",
    given: str | None = None,
    value: str = "p_value",
    alpha: float = 0.05,
) -> Figure:
    """Draw a block of traits per rater, the aggregate first, separated by dashed lines.

    Parameters as of `p_value_heatmap`.
    """
    rows = _selection(grid, profile, given, test, None)
    raters = sorted(_order(rows, "rater"), key=lambda rater: rater != "aggregate")
    traits, variables = _order(rows, "trait"), _order(rows, "variable")
    labels = [f"{rater}|{trait}" for rater in raters for trait in traits]
    rows = rows.with_columns(trait=pl.concat_str("rater", pl.lit("|"), "trait"))
    figure, axes = _canvas(len(labels), len(variables), left=1.9)
    _cells(figure, axes, rows, labels, variables, value, alpha)
    middle = (len(traits) - 1) // 2
    names = [f"{rater}   " if i == middle else "" for rater in raters for i in range(len(traits))]
    letters = [trait[0].upper() for _ in raters for trait in traits]
    axes.set_yticks(range(len(labels)), [n + t for n, t in zip(names, letters, strict=True)])
    for block in range(1, len(raters)):
        axes.axhline(block * len(traits) - 0.5, color=_DARK, linestyle="--", linewidth=1)
    _title(
        figure, f"{LABELS[test]}: {_measure(rows, value)}", _subtitle(rows, profile, given, alpha)
    )
    return figure


def conditional_comparison(
    grid: pl.DataFrame,
    given: str,
    *,
    test: str = "kci",
    profile: str = "recommended",
    rater: str = "aggregate",
    alpha: float = 0.05,
) -> Figure:
    """Draw, per variable and trait, the evidence without a condition and given one.

    Each pair is a line from the marginal to the conditional -log10 p, cut at 10: what falls to
    the left of the threshold was due to the condition.

    Parameters
    ----------
    grid : DataFrame
        Result of `independence_grid` with `given` among its conditions.
    given : str
        The condition.
    test, profile, rater : str
        Which rows.
    alpha : float
        Where to draw the threshold.
    """
    marginal = _selection(grid, profile, None, test, rater)
    conditional = _selection(grid, profile, given, test, rater)
    joined = conditional.join(marginal, on=["trait", "variable"], suffix="_marginal")
    traits, variables = _order(joined, "trait"), _order(joined, "variable")
    threshold = -np.log10(alpha)
    figure = Figure(
        figsize=(1.6 + 1.7 * len(traits), 1.6 + 0.25 * len(variables)), layout="constrained"
    )
    panels = figure.subplots(1, len(traits), sharex=True, sharey=True, squeeze=False)[0]
    for axes, trait in zip(panels, traits, strict=True):
        for row in joined.filter(pl.col("trait") == trait).iter_rows(named=True):
            if row["status"] != "ok" or row["status_marginal"] != "ok":
                continue
            y = variables.index(row["variable"])
            before, after = (
                min(-row[name], _LOG10_P_CAP) for name in ("log10_p_marginal", "log10_p")
            )
            axes.plot([before, after], [y, y], color=_RULE, linewidth=2, zorder=1)
            axes.scatter(before, y, s=60, facecolor="white", edgecolor=_SERIES[0], zorder=2)
            axes.scatter(after, y, s=20, color=_SERIES[1], marker="D", zorder=3)
        axes.axvline(threshold, color=_DARK, linestyle="--", linewidth=1, zorder=0)
        axes.set_title(_words(trait), fontsize=9, color=_DARK)
        axes.set_xlim(-0.6, _LOG10_P_CAP + 0.6)
        _bare(axes)
    panels[0].set_yticks(range(len(variables)), [_words(v) for v in variables])
    panels[0].invert_yaxis()
    figure.supxlabel(f"-log₁₀ p, cut at {_LOG10_P_CAP:g}", fontsize=9, color=_MUTED)
    first = panels[0].scatter([], [], s=60, facecolor="white", edgecolor=_SERIES[0])
    second = panels[0].scatter([], [], s=20, color=_SERIES[1], marker="D")
    figure.legend(
        [first, second],
        ["without a condition", f"given {_words(given)}"],
        loc="outside lower right",
        frameon=False,
        fontsize=9,
        ncols=2,
    )
    _title(
        figure,
        f"{LABELS[test]}: with and without {_words(given)}",
        f"{profile} profile, {rater}; dashed: p = {alpha:g}",
    )
    return figure


def p_value_qq(
    grid: pl.DataFrame, *, profile: str = "recommended", given: str | None = None
) -> Figure:
    """Draw the sorted p-values of each test against those expected if nothing depended.

    The band holds 95 % of the points of independent uniform p-values, one by one. On a grid of a
    permuted trait the points should stay in it.

    Parameters
    ----------
    grid : DataFrame
        Result of `independence_grid`.
    profile, given : str
        Which rows.
    """
    from scipy.stats import beta

    rows = grid.filter(
        pl.col("profile") == profile, pl.col("given").eq_missing(given), pl.col("status") == "ok"
    )
    figure = Figure(figsize=(5.6, 5.2), layout="constrained")
    axes = figure.add_subplot()
    tests = _order(rows, "test")
    largest = 1
    for i, test in enumerate(tests):
        observed = -np.sort(rows.filter(pl.col("test") == test)["log10_p"].to_numpy())
        expected = -np.log10((np.arange(len(observed)) + 0.5) / len(observed))
        largest = max(largest, len(observed))
        axes.plot(
            expected,
            np.minimum(observed, _LOG10_P_CAP),
            marker="osD^vP"[i % 6],
            markersize=4,
            linewidth=0,
            color=_SERIES[i % len(_SERIES)],
            label=LABELS[test],
        )
    rank = np.arange(1, largest + 1)
    x = -np.log10((rank - 0.5) / largest)
    low, high = (-np.log10(beta.ppf(share, rank, largest + 1 - rank)) for share in (0.975, 0.025))
    axes.fill_between(x, low, high, color=_RULE, alpha=0.6, linewidth=0, label="95 % band")
    axes.plot(x, x, color=_DARK, linewidth=1)
    axes.set_xlabel("expected -log₁₀ p")
    axes.set_ylabel("observed -log₁₀ p, cut at 10")
    _bare(axes)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    _title(figure, "P-values against uniform ones", _subtitle(rows, profile, given, None))
    return figure


def _selection(
    grid: pl.DataFrame, profile: str, given: str | None, test: str, rater: str | None
) -> pl.DataFrame:
    rows = grid.filter(
        pl.col("profile") == profile,
        pl.col("test") == test,
        pl.col("given").eq_missing(given),
        pl.lit(True) if rater is None else pl.col("rater") == rater,
    )
    if not len(rows):
        raise ValueError(f"grid: no rows of test {test}, profile {profile}, given {given}")
    return rows


def _order(rows: pl.DataFrame, column: str) -> list[str]:
    return rows[column].unique(maintain_order=True).to_list()


def _canvas(rows: int, columns: int, left: float = 1.7) -> tuple[Figure, Axes]:
    figure = Figure(
        figsize=(left + 1.5 + _CELL * max(columns, 6), 1.9 + _CELL * max(rows, 3)),
        layout="constrained",
    )
    return figure, figure.add_subplot()


def _cells(
    figure: Figure,
    axes: Axes,
    rows: pl.DataFrame,
    names: Sequence[str],
    variables: Sequence[str],
    value: str,
    alpha: float,
) -> None:
    """Fill the cells, mark significance, and add the colour bar."""
    shown = np.full((len(names), len(variables)), np.nan)
    p_values = np.full(shown.shape, np.nan)
    for row in rows.iter_rows(named=True):
        at = names.index(row["trait"]), variables.index(row["variable"])
        if row["status"] == "ok":
            p_values[at] = row["q_value"] if value == "q_value" else row["p_value"]
            shown[at] = _shade(row, value)
    name = "cividis" if value == "effect_size" else "viridis"
    colours: Colormap = mpl.colormaps[name].with_extremes(bad=_MISSING)
    top = 1.0 if value == "effect_size" else _LOG10_P_CAP
    if value == "effect_size":
        top = float(max(0.1, np.ceil(np.nanmax(shown, initial=0.0) * 10) / 10))
    image = axes.imshow(np.ma.masked_invalid(shown), cmap=colours, vmin=0, vmax=top, aspect="equal")
    for (i, j), p_value in np.ndenumerate(p_values):
        if p_value < alpha:
            light = shown[i, j] > 0.6 * top
            axes.plot(j, i, marker="o", markersize=4, color=_DARK if light else "white")
        elif np.isnan(p_value):
            axes.plot(j, i, marker="x", markersize=4, color=_MUTED)
    axes.set_xticks(
        range(len(variables)),
        [_words(v) for v in variables],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_xticks(np.arange(len(variables) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0, labelsize=9, labelcolor=_DARK)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.02, aspect=18)
    bar.set_label(_measure(rows, value), color=_MUTED, fontsize=9)
    bar.ax.tick_params(labelsize=8, length=0)
    bar.outline.set_visible(False)


def _shade(row: dict[str, Any], value: str) -> float:
    if value == "effect_size":
        return float(row["effect_size"])
    logarithm = row["log10_p"] if value == "p_value" else np.log10(max(row["q_value"], 1e-300))
    return float(min(-logarithm, _LOG10_P_CAP))


def _measure(rows: pl.DataFrame, value: str) -> str:
    if value == "effect_size":
        measures = rows["effect_measure"].drop_nulls().unique(maintain_order=True)
        return " / ".join(LABELS[m] for m in measures)
    return f"-log₁₀ {value[0]}"


def _subtitle(rows: pl.DataFrame, profile: str, given: str | None, alpha: float | None) -> str:
    condition = "" if given is None else f" given {_words(given)}"
    sizes = sorted(set(rows["n"].drop_nulls().to_list()))
    people = f"n = {sizes[0]:,}" + (f" to {sizes[-1]:,}" if len(sizes) > 1 else "")
    mark = "" if alpha is None else f"; a dot: below {alpha:g}, a cross: not testable"
    return f"{profile} profile{condition}, {people}{mark}"


def _title(figure: Figure, title: str, subtitle: str) -> None:
    """Write both above everything, the second line broken to the figure's width."""
    lines = fill(subtitle, int(figure.get_figwidth() * _LETTERS_PER_INCH))
    # empty lines of the title keep the second line's place in the layout
    figure.suptitle(
        title + "\n" * (1 + lines.count("\n")),
        x=0.01,
        ha="left",
        fontsize=12,
        color=_DARK,
        fontweight="bold",
    )
    height = figure.get_figheight()
    figure.text(0.01, 1 - 0.30 / height, lines, va="top", fontsize=9, color=_MUTED)


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_RULE)
    axes.tick_params(colors=_MUTED, labelsize=9)
    axes.xaxis.label.set_color(_MUTED)
    axes.yaxis.label.set_color(_MUTED)


def _words(name: str) -> str:
    units = {"height_cm": "height", "weight_kg": "weight"}
    return units.get(name, name.replace("_", " "))
