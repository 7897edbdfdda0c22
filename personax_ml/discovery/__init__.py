"""Graphs over latents: estimated, compared, drawn, exported.

Belongs here: structure learning over columns that are already there. Does not belong here: where
the latents come from (`personax_ml.crl`). causal-learn and matplotlib load on first use.
"""

from personax_ml.discovery.bootstrap import (
    FREQUENCY_COLUMNS,
    edge_frequencies,
    with_frequencies,
)
from personax_ml.discovery.distances import GraphDistances, cpdag, edge_matrix, graph_distances
from personax_ml.discovery.drawing import as_networkx, draw_graph
from personax_ml.discovery.export import to_dot, to_graphml, to_mermaid
from personax_ml.discovery.graphs import (
    EDGE_COLUMNS,
    latent_graph,
    learned_graph,
    partial_correlations,
)

__all__ = [
    "EDGE_COLUMNS",
    "FREQUENCY_COLUMNS",
    "GraphDistances",
    "as_networkx",
    "cpdag",
    "draw_graph",
    "edge_frequencies",
    "edge_matrix",
    "graph_distances",
    "latent_graph",
    "learned_graph",
    "partial_correlations",
    "to_dot",
    "to_graphml",
    "to_mermaid",
    "with_frequencies",
]
