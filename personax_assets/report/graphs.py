"""The drawing of a graph over latents.

Belongs here: nodes on a circle, group by group, and the edges between them. Does not belong here:
estimating a graph.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from personax_assets.report.figures import canvas
from personax_assets.report.palette import LIGHT
from personax_assets.report.svg import WIDTH
from personax_assets.report.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GROUP_COLOURS = ("green", "blue", "orange", "pink", "amber")
_RADIUS = 0.115


def latent_graph(edges: pl.DataFrame, latents: Sequence[str]) -> "Figure":
    """Draw a graph over latents.

    Parameters
    ----------
    edges : DataFrame
        Rows of `latent_graph`.
    latents : sequence of str
        All latents, group by group; the group is the name without its number.
    """
    from matplotlib.patches import FancyArrowPatch

    figure, axes = canvas(WIDTH, left=4, right=4, top=4, bottom=4)
    axes.set_axis_off()
    axes.set_xlim(-1.22, 1.22)
    axes.set_ylim(-1.22, 1.22)
    groups = list(dict.fromkeys(name.rpartition("_")[0] for name in latents))
    turns = _turns(latents)
    places = {
        name: (float(np.sin(t)), float(np.cos(t))) for name, t in zip(latents, turns, strict=True)
    }
    shrink = _RADIUS * (WIDTH - 8) / 2.44
    for row in edges.iter_rows(named=True):
        if row["source"] not in places or row["target"] not in places:
            continue
        directed = row["kind"] == "directed"
        strength = row["strength"] or 0.0
        arrow = FancyArrowPatch(
            places[row["source"]], places[row["target"]],
            arrowstyle="-|>,head_length=5,head_width=2.6" if directed else "-",
            connectionstyle="arc3,rad=0.14", shrinkA=shrink, shrinkB=shrink,
            color=LIGHT["muted"], linewidth=0.8 + 2.4 * strength,
            linestyle="-" if directed else (0, (4, 2)), joinstyle="miter", mutation_scale=1,
        )  # fmt: skip
        arrow.set_gid(f"tip:{row['source']} – {row['target']}: {number(strength)}")
        axes.add_patch(arrow)
    for name, (x, y) in places.items():
        colour = LIGHT[_GROUP_COLOURS[groups.index(name.rpartition("_")[0]) % 5]]
        axes.plot([x], [y], "o", markersize=2 * shrink, color=LIGHT["surface"],
                  markeredgecolor=colour, markeredgewidth=1.8)  # fmt: skip
        group, _, place = name.rpartition("_")
        axes.text(x, y, f"{group}\n{place}", ha="center", va="center", size=7.5, linespacing=1.0)
    return figure


def _turns(latents: Sequence[str]) -> list[float]:
    """Return the angle of each latent, with a gap between groups."""
    gap, position, previous = 0.5, 0.0, None
    positions = []
    for name in latents:
        group = name.rpartition("_")[0]
        position += 1.0 + (gap if previous not in (None, group) else 0.0)
        positions.append(position)
        previous = group
    whole = position + gap
    start = positions[0] if positions else 0.0
    return [2 * np.pi * (p - start) / whole - np.pi / 2 for p in positions]
