"""Figures that go with a training run.

Belongs here: drawing curves and associations. Does not belong here: where the figures go.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from personax_ml.crl import MultimodalCRL

LEAST_PATH = 0.1
"""Standardised path coefficients below this are not drawn."""


def loss_curves(curves: Sequence[Mapping[str, float]]) -> "Figure":
    """Draw training and held-out loss over epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, colour in (("train_loss", "#0072B2"), ("held_out_loss", "#D55E00")):
        points = [(c["epoch"], c[name]) for c in curves if np.isfinite(c.get(name, np.nan))]
        axes.plot(*zip(*points, strict=True), color=colour, label=name.replace("_", " "))
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def learned_graph(model: "MultimodalCRL", title: str) -> "Figure":
    """Draw the adjacency that the likelihood taught the model, without its weak edges."""
    from personax_ml.discovery import EDGE_COLUMNS, draw_graph

    names, adjacency = model.latent_names, model.adjacency
    rows = [
        (names[j], names[i], "directed", float(abs(adjacency[i, j])), "learned adjacency")
        for i, j in np.argwhere(np.abs(adjacency) >= LEAST_PATH)
    ]
    edges = pl.DataFrame(rows, schema=EDGE_COLUMNS, orient="row")
    return draw_graph(edges, names, f"{title}: learned adjacency, paths of {LEAST_PATH} and more")


def latents_against_traits(latents: pl.DataFrame, scores: pl.DataFrame) -> "Figure":
    """Draw the rank correlation of each latent with each trait score.

    Parameters
    ----------
    latents : DataFrame
        `person_id` and a column per latent.
    scores : DataFrame
        `person_id, trait, score`.
    """
    from matplotlib.figure import Figure
    from scipy.stats import spearmanr

    wide = scores.pivot("trait", index="person_id", values="score")
    joined = latents.join(wide, on="person_id")
    rows, columns = latents.columns[1:], wide.columns[1:]
    values = np.array(
        [
            [spearmanr(joined[r], joined[c], nan_policy="omit").statistic for c in columns]
            for r in rows
        ]
    )
    figure = Figure(figsize=(5, 0.9 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap="PuOr_r", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    figure.colorbar(image, label="Spearman correlation")
    return figure
