"""The graph over the latents of a sub-dataset.

Belongs here: which people and which prior knowledge it is estimated with. Does not belong here:
the search (`personax_ml.discovery`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from personax_ml.crl import MultimodalCRL

LEAST_PEOPLE = 60
"""With fewer held-out people the graph is estimated on everybody."""

BOOTSTRAP_SAMPLES = 50
"""Samples of the people by which the frequency of an edge is counted."""


def graph_over_latents(latents: pl.DataFrame, model: "MultimodalCRL") -> pl.DataFrame:
    """Estimate the graph by PC, on people that the model was not fitted to.

    On training people the latents of a modality with one measurement follow the other modality
    more closely than they would on anybody else, which would show as edges.

    Parameters
    ----------
    latents : DataFrame
        `person_id` and a column per latent.
    model : MultimodalCRL
        The model they are from; it knows the causal order and how sure the shared latents are.

    Returns
    -------
    DataFrame
        Edges as in the table `latent_graph`.
    """
    from personax_ml.crl import three_way_split
    from personax_ml.discovery import edge_frequencies, latent_graph, with_frequencies

    complete = latents.fill_nan(None).drop_nulls()
    held_out = complete.filter(~pl.Series(three_way_split(complete["person_id"].to_list()).train))
    people = held_out if held_out.height >= LEAST_PEOPLE else complete
    table = people.select(model.latent_names)
    tiers = _tiers(model)
    edges = latent_graph(table, tiers=tiers, doubt=model.doubt)
    counted = edge_frequencies(table, BOOTSTRAP_SAMPLES, tiers=tiers, doubt=model.doubt)
    return with_frequencies(edges, counted)


def _tiers(model: "MultimodalCRL") -> list[Sequence[str]]:
    """Return the latents in the model's causal order, shared first."""
    by_name = {modality.name: modality for modality in model.config.modalities}
    order = model.config.causal_order or tuple(by_name)
    return [tuple(model.doubt), *(by_name[name].latent_names for name in order)]
