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

_HELD_OUT = "held_out_"

LEAST_PATH = 0.1
"""Standardised path coefficients below this are not drawn."""


def loss_curves(curves: Sequence[Mapping[str, float]]) -> "Figure":
    """Draw the loss and each of its terms over epochs, in training and held out."""
    from matplotlib.figure import Figure

    terms = [name.removeprefix(_HELD_OUT) for name in curves[-1] if name.startswith(_HELD_OUT)]
    columns = 3
    rows = -(-len(terms) // columns)
    figure = Figure(figsize=(9, 2.3 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, term in zip(panels, terms, strict=False):
        for part, colour in (("train_", "#0072B2"), (_HELD_OUT, "#D55E00")):
            name = f"{part}{term}"
            points = [(c["epoch"], c[name]) for c in curves if np.isfinite(c.get(name, np.nan))]
            label = part.replace("_", " ").strip()
            if points:
                axes.plot(*zip(*points, strict=True), color=colour, label=label)
        axes.set_title(term, fontsize=10, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(terms) :]:
        axes.set_axis_off()
    panels[0].legend(frameon=False)
    figure.supxlabel("epoch", fontsize=10)
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


def latents_against_traits(
    latents: pl.DataFrame, scores: pl.DataFrame, seed: int
) -> "Figure | None":
    """Draw how each trait score goes with each latent, by a test of Level I.

    Parameters
    ----------
    latents : DataFrame
        `person_id` and a column per latent, of people whom the model has not seen.
    scores : DataFrame
        `person_id, trait, score`.
    seed : int
        Seed of the test.

    Returns
    -------
    Figure or None
        Effect size of HSIC, with a mark where p < 0.05; None where nobody has a score.
    """
    from threadpoolctl import threadpool_limits

    from personax_ml.independence import VariableSpec, independence_grid
    from personax_ml.independence.plots import p_value_heatmap

    known = scores.filter(pl.col("score") > 0).join(latents.select("person_id"), on="person_id")
    if known.is_empty():
        return None
    names = [name for name in latents.columns if name != "person_id"]
    with threadpool_limits(1, "blas"):
        grid = independence_grid(
            known.with_columns(rater=pl.lit("aggregate")), latents,
            {name: VariableSpec("numeric", discrete=False) for name in names},
            profiles=("recommended",), tests=("hsic",), seed=seed,
        )  # fmt: skip
    return p_value_heatmap(grid, "hsic", value="effect_size")
