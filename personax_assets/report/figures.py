"""The drawings of the report.

Belongs here: one function per kind of drawing, from plain values to a matplotlib figure, in the
colours of `palette` and at the width of a phone. Does not belong here: which values are shown.
Draw inside `svg.drawing_style`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from personax_assets.report.palette import CATEGORIES, LIGHT, RAMP, ink_on
from personax_assets.report.svg import TIP, WIDTH
from personax_assets.report.words import clean, count, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


def canvas(
    height: float,
    *,
    left: float = 34,
    right: float = 8,
    top: float = 8,
    bottom: float = 28,
    width: float = WIDTH,
) -> "tuple[Figure, Axes]":
    """Return a figure with one set of axes; all lengths in points."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72))
    axes = figure.add_axes(
        (
            left / width,
            bottom / height,
            (width - left - right) / width,
            (height - top - bottom) / height,
        )
    )
    return figure, axes


def colour_of(i: int) -> str:
    """Return the colour of the i-th category."""
    return LIGHT[CATEGORIES[i % len(CATEGORIES)]]


@dataclass(frozen=True)
class GridCell:
    """A cell of `cell_grid`.

    Parameters
    ----------
    colour : str
        Role of its colour; empty for a cell in which there is nothing to show.
    text : str
        What is written in it.
    below : str
        What is written under that, smaller.
    strong : bool
        Whether `text` is in bold.
    flag : str
        Role of the colour of a small mark in its corner; empty for none.
    frame : str
        Role of the colour of a frame; empty for none.
    tip : str
        What is shown when one points at it.
    """

    colour: str
    text: str = ""
    below: str = ""
    strong: bool = False
    flag: str = ""
    frame: str = ""
    tip: str = ""


def cell_grid(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[int, int], Sequence[GridCell]],
    *,
    row_height: float = 19,
    rotate: bool = False,
) -> "Figure":
    """Draw a table of coloured cells.

    Parameters
    ----------
    rows, columns : sequence of str
        Labels.
    cells : mapping
        From (row, column) to the cell there; several stand side by side in its place.
    row_height : float
        Points per row.
    rotate : bool
        Write the column labels upwards.
    """
    from matplotlib.patches import Polygon, Rectangle

    right, left = 4.0, 12 + 5.2 * max(map(len, rows), default=0)
    top = (8 + 4.6 * max(map(len, columns), default=0)) if rotate else 30
    width = (WIDTH - left - right) / max(len(columns), 1)
    figure, axes = canvas(
        top + row_height * max(len(rows), 1) + 4, left=left, right=right, top=top, bottom=4
    )
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH - left - right)
    axes.set_ylim(row_height * max(len(rows), 1), 0)
    text_size = min(9.0, 0.5 * row_height)
    for i, label in enumerate(rows):
        axes.text(-6, (i + 0.5) * row_height, label, ha="right", va="center_baseline", size=9.2)
    for j, label in enumerate(columns):
        axes.text(
            (j + 0.5) * width, -5, label, ha="center", va="bottom", size=8.4, linespacing=1.05,
            rotation=90 if rotate else 0,
        )  # fmt: skip
    for (i, j), side_by_side in cells.items():
        part = (width - 1.5) / len(side_by_side)
        for k, cell in enumerate(side_by_side):
            x, y = j * width + k * part, i * row_height
            w, h = part - (0.5 if len(side_by_side) > 1 else 0), row_height - 1.5
            if not cell.colour:
                axes.text(x + w / 2, y + h / 2, cell.text or "·", ha="center",
                          va="center_baseline", size=text_size, color=LIGHT["muted"])  # fmt: skip
                continue
            box = Rectangle((x, y), w, h, facecolor=LIGHT[cell.colour], linewidth=0)
            if cell.frame:
                box.set(edgecolor=LIGHT[cell.frame], linewidth=1.6)
            box.set_clip_on(False)
            axes.add_artist(box).set_gid(TIP + cell.tip)
            if cell.flag:
                corner = [(x + w, y), (x + w - 5, y), (x + w, y + 5)]
                axes.add_artist(Polygon(corner, facecolor=LIGHT[cell.flag], linewidth=0))
            if cell.text:
                axes.text(
                    x + w / 2, y + h * (0.32 if cell.below else 0.5), cell.text, ha="center",
                    va="center_baseline", size=text_size,
                    weight="bold" if cell.strong else "normal", color=LIGHT[ink_on(cell.colour)],
                )  # fmt: skip
            if cell.below:
                axes.text(
                    x + w / 2, y + h * 0.75, cell.below, ha="center", va="center_baseline",
                    size=7.2, color=LIGHT[ink_on(cell.colour)],
                )  # fmt: skip
    return figure


def ramp_step(value: float, edges: Sequence[float]) -> str:
    """Return the colour of a value on the ramp whose steps begin at `edges` (five of them)."""
    return RAMP[int(np.searchsorted(edges, value, side="right"))]


def histograms(columns: Mapping[str, Floats]) -> "Figure":
    """Draw the distribution of several numeric columns, one below the other."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    height = 96.0 * len(columns)
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    for i, (label, values) in enumerate(columns.items()):
        bottom = (height - 96 * (i + 1) + 30) / height
        axes = figure.add_axes((34 / WIDTH, bottom, (WIDTH - 44) / WIDTH, 54 / height))
        whole = bool(np.all(values == np.round(values)))
        low, high = float(values.min()), float(values.max())
        step = max((high - low) / 30, 1.0 if whole else 1e-9)
        step = float(np.ceil(step)) if whole else step
        edges = np.arange(low - step / 2, high + step, step)
        counts, _ = np.histogram(values, edges)
        axes.stairs(counts, edges, fill=True, color=LIGHT["ramp-3"])
        middle = float(np.median(values))
        axes.axvline(middle, color=LIGHT["ink"], linewidth=1)
        axes.text(0.995, 1.0, f"median {middle:.0f}", transform=axes.transAxes, ha="right",
                  va="bottom", size=8, color=LIGHT["muted"])  # fmt: skip
        axes.set_xlabel(label, size=8.5, labelpad=2)
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        axes.set_ylim(0, max(int(counts.max()), 1) * 1.08)
        axes.tick_params(axis="x", pad=2)
    return figure


def stacked_shares(
    groups: Sequence[tuple[str, Sequence[tuple[str, Sequence[float]]]]],
    colours: Sequence[str],
    names: Sequence[str],
) -> "Figure":
    """Draw bars of shares that add up to one.

    Parameters
    ----------
    groups : sequence of (title, bars)
        Each bar a label and its shares.
    colours : sequence of str
        Role of the colour of each share.
    names : sequence of str
        What each share stands for.
    """
    bar, head = 14.0, 20.0
    height = sum(head + bar * len(bars) for _, bars in groups) + 22
    figure, axes = canvas(height, left=78, right=6, top=2, bottom=20)
    axes.set_xlim(0, 1)
    axes.set_ylim(height - 22, 0)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25", "50", "75", "100 %"])
    y = 0.0
    for title, bars in groups:
        axes.annotate(
            title, (0, y + head - 6), xycoords=("axes fraction", "data"), xytext=(-72, 0),
            textcoords="offset points", size=9, weight="bold",
        )  # fmt: skip
        y += head
        for label, shares in bars:
            axes.text(-0.02, y + bar / 2, label, ha="right", va="center_baseline", size=8.5)
            start = 0.0
            for share, colour, name in zip(shares, colours, names, strict=True):
                if share <= 0:
                    continue
                patch = axes.barh(y + bar / 2, share, bar - 3, left=start, color=LIGHT[colour])[0]
                patch.set_gid(f"{TIP}{clean(label)}, {name}: {percent(share)}")
                if share >= 0.085:
                    axes.text(start + share / 2, y + bar / 2, f"{100 * share:.0f}", ha="center",
                              va="center_baseline", size=7.5,
                              color=LIGHT[ink_on(colour)])  # fmt: skip
                start += share
            y += bar
    return figure


def intervals(rows: Sequence[tuple[str, float, float, float]], label: str,
              marks: Mapping[float, str]) -> "Figure":  # fmt: skip
    """Draw estimates with their intervals.

    Parameters
    ----------
    rows : sequence of (label, estimate, low, high)
        The estimates; an interval that is not known is NaN.
    label : str
        What the axis shows.
    marks : mapping of float to str
        Reference lines and their names; the first is written to its left, others to their right.
    """
    figure, axes = canvas(22.0 * len(rows) + 58, left=96, right=14, top=26, bottom=32)
    least = min([0.0, *(v for row in rows for v in row[1:] if np.isfinite(v))])
    axes.set_xlim(min(least - 0.02, 0), 1)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.tick_params(axis="y", length=0)
    for i, (value, name) in enumerate(marks.items()):
        axes.axvline(value, color=LIGHT["grey"], linewidth=0.8, linestyle=(0, (3, 2)))
        axes.text(value, -0.9, f"{name} " if i == 0 else f" {name}", va="bottom", size=8,
                  ha="right" if i == 0 else "left", color=LIGHT["muted"])  # fmt: skip
    for i, (_, estimate, low, high) in enumerate(rows):
        axes.plot([low, high], [i, i], color=LIGHT["blue"], linewidth=2.2, solid_capstyle="round")
        axes.plot([estimate], [i], "o", color=LIGHT["blue"], markersize=6)
        axes.text(estimate, i - 0.22, f"{estimate:.2f}", ha="center", va="bottom", size=8)
    axes.set_xlabel(label, size=8.5)
    return figure


def curves(
    panels: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]],
) -> "Figure":
    """Draw training curves: a panel per quantity, a line (epochs, values) per part of the data."""
    from matplotlib.figure import Figure

    each, columns = 112.0, 2 if len(panels) > 1 else 1
    lines = -(-len(panels) // columns)
    height = each * lines + 4
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    parts = list(dict.fromkeys(part for panel in panels.values() for part in panel))
    width = WIDTH / columns
    for i, (name, panel) in enumerate(panels.items()):
        x, y = (i % columns) * width, height - each * (i // columns + 1)
        axes = figure.add_axes(
            ((x + 34) / WIDTH, (y + 24) / height, (width - 42) / WIDTH, (each - 42) / height)
        )
        for part, (epochs, values) in panel.items():
            k = parts.index(part)
            axes.plot(
                epochs, values, color=colour_of(k), linewidth=1.4,
                linestyle=("-", (0, (4, 1.5)), (0, (1, 1)))[k % 3],
            )  # fmt: skip
        axes.set_title(name, size=8.5, loc="left", pad=4, color=LIGHT["ink"])
        axes.grid(axis="y")
        axes.locator_params(axis="y", nbins=4)
        axes.locator_params(axis="x", nbins=4, integer=True)
        axes.tick_params(labelsize=7.5, pad=2)
    return figure


def bubble_sizes(counts: Floats) -> Floats:
    """Return the areas of bubbles, the largest as wide as the map allows."""
    areas: Floats = np.clip(120.0 * counts / counts.max(), 4.0, None)
    return areas


def size_note(counts: Floats) -> str:
    """Say what the largest bubble stands for."""
    return f"the largest stands for {count(float(counts.max()))}"
