"""Graphs over latents: estimated, drawn.

Belongs here: structure learning over columns that are already there. Does not belong here: where
the latents come from (`personax_ml.crl`). causal-learn and matplotlib load on first use.
"""

from personax_ml.discovery.distances import GraphDistances, cpdag, edge_matrix, graph_distances
from personax_ml.discovery.drawing import as_networkx, draw_graph
from personax_ml.discovery.graphs import (
    EDGE_COLUMNS,
    latent_graph,
    learned_graph,
    partial_correlations,
)

__all__ = [
    "EDGE_COLUMNS",
    "GraphDistances",
    "as_networkx",
    "cpdag",
    "draw_graph",
    "edge_matrix",
    "graph_distances",
    "latent_graph",
    "learned_graph",
    "partial_correlations",
]
