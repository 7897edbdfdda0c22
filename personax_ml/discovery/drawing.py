"""Pictures of graphs over latents.

Belongs here: layout and colours. Does not belong here: estimation (`graphs`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
"""Okabe and Ito's colours, which colour-blind people can tell apart."""

_EDGE = "#3a3a3a"
_NODE_SIZE = 1500


def draw_graph(edges: pl.DataFrame, names: Sequence[str], title: str = "") -> "Figure":
    """Draw a graph over latents, a row of nodes per block (`shared_1` and `shared_2` are one).

    Parameters
    ----------
    edges : DataFrame
        Edges as `latent_graph` returns them; a column `frequency` is written on them.
    names : sequence of str
        All latents, also those without an edge.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Arrows for directed edges, plain lines for undirected ones; the stronger, the thicker.
        The figure is not registered with pyplot.
    """
    from matplotlib.figure import Figure

    graph = as_networkx(edges, names)
    rows = _rows(graph)
    width = max(len(row) for row in rows.values())
    figure = Figure(figsize=(max(6.0, 1.1 * width + 0.6), 1.9 * len(rows) + 0.8))
    axes = figure.add_subplot()
    positions = _positions(rows)
    _draw_edges(axes, graph, positions)
    _draw_nodes(axes, graph, positions, list(rows))
    if edges.is_empty():
        axes.set_xlabel("no edges")
    axes.set_title(title, fontsize=12)
    axes.margins(0.1, 0.22)
    axes.set_frame_on(False)
    figure.tight_layout()
    return figure


def as_networkx(edges: pl.DataFrame, names: Sequence[str]) -> "nx.DiGraph":
    """Return the graph; an undirected edge is one arc whose `kind` says so."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from((name, {"block": name.rpartition("_")[0] or name}) for name in names)
    for edge in edges.iter_rows(named=True):
        values = {key: edge[key] for key in ("kind", "strength", "frequency") if key in edge}
        graph.add_edge(edge["source"], edge["target"], **values)
    return graph


def _rows(graph: "nx.DiGraph") -> dict[str, list[str]]:
    """Return the nodes of each block, shared first, each row ordered by its neighbours' places."""
    blocks = dict(graph.nodes(data="block"))
    order = sorted(dict.fromkeys(blocks.values()), key=lambda block: block != "shared")
    rows = {block: [node for node in blocks if blocks[node] == block] for block in order}
    for _ in range(8):
        for block in order:
            places = _places({b: row for b, row in rows.items() if b != block})
            own = _places(rows)

            def pull(
                node: str, places: Mapping[str, float] = places, own: Mapping[str, float] = own
            ) -> float:
                near = [
                    places[other]
                    for other in (*graph.predecessors(node), *graph.successors(node))
                    if other in places
                ]
                return sum(near) / len(near) if near else own[node]

            rows[block] = sorted(rows[block], key=pull)
    return rows


def _places(rows: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return horizontal places between -1 and 1, every row centred."""
    width = max((len(row) for row in rows.values()), default=1)
    return {
        node: (2 * i - (len(row) - 1)) / width
        for row in rows.values()
        for i, node in enumerate(row)
    }


def _positions(rows: Mapping[str, Sequence[str]]) -> dict[str, tuple[float, float]]:
    places = _places(rows)
    return {node: (places[node], -float(y)) for y, row in enumerate(rows.values()) for node in row}


def _draw_nodes(
    axes: "Axes",
    graph: "nx.DiGraph",
    positions: Mapping[str, tuple[float, float]],
    blocks: Sequence[str],
) -> None:
    import networkx as nx

    for node, block in graph.nodes(data="block"):
        colour = _PALETTE[blocks.index(block) % len(_PALETTE)]
        nx.draw_networkx_nodes(
            graph, positions, [node], node_size=_NODE_SIZE, node_color="white",
            edgecolors=colour, linewidths=2.5, ax=axes,
        )  # fmt: skip
    labels = {node: node.replace("_", "\n") for node in graph}
    nx.draw_networkx_labels(graph, positions, labels, font_size=8, ax=axes)


def _draw_edges(
    axes: "Axes", graph: "nx.DiGraph", positions: Mapping[str, tuple[float, float]]
) -> None:
    import networkx as nx

    for source, target, edge in graph.edges(data=True):
        (x, y), (u, v) = positions[source], positions[target]
        # An edge to the next row is straight, any other one bends around what lies between.
        bend = {0.0: 0.35, 1.0: 0.0}.get(abs(y - v), 0.12)
        bow = bend if x < u else -bend
        nx.draw_networkx_edges(
            graph, positions, [(source, target)], ax=axes, node_size=_NODE_SIZE,
            width=0.8 + 4 * edge["strength"], edge_color=_EDGE, arrows=True, arrowsize=16,
            arrowstyle="-|>" if edge["kind"] == "directed" else "-",
            connectionstyle=f"arc3,rad={bow}",
        )  # fmt: skip
        if "frequency" in edge:
            nx.draw_networkx_edge_labels(
                graph, positions, {(source, target): f"{edge['frequency']:.0%}"}, ax=axes,
                font_size=7, rotate=False, label_pos=0.68, connectionstyle=f"arc3,rad={bow}",
            )  # fmt: skip
