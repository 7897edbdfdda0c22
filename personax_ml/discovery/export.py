"""Graphs over latents as text that other programs read: DOT, Mermaid, GraphML.

Belongs here: formats. Does not belong here: pictures (`drawing`), estimation (`graphs`).
"""

from collections.abc import Sequence

import polars as pl

from personax_ml.discovery.drawing import as_networkx


def to_dot(edges: pl.DataFrame, names: Sequence[str]) -> str:
    """Return the graph in Graphviz' language; undirected edges have no arrow head.

    Parameters
    ----------
    edges : DataFrame
        Edges as `latent_graph` returns them; a column `frequency` becomes the edges' label.
    names : sequence of str
        All latents, also those without an edge.
    """
    lines = ["digraph latents {"]
    lines += [f"  {_quoted(name)};" for name in names]
    for edge in edges.iter_rows(named=True):
        style = [f"penwidth={0.8 + 4 * edge['strength']:.2f}"]
        style += ["dir=none"] if edge["kind"] == "undirected" else []
        style += [f"label={_quoted(label)}"] if (label := frequency_label(edge)) else []
        ends = f"{_quoted(edge['source'])} -> {_quoted(edge['target'])}"
        lines.append(f"  {ends} [{', '.join(style)}];")
    return "\n".join([*lines, "}"]) + "\n"


def to_mermaid(edges: pl.DataFrame, names: Sequence[str]) -> str:
    """Return the graph as a Mermaid flowchart, which Markdown viewers draw; as `to_dot`."""
    ids = {name: f"n{i}" for i, name in enumerate(names)}
    lines = ["flowchart TD"]
    lines += [f'  {ids[name]}["{name.replace(chr(34), "#quot;")}"]' for name in names]
    for edge in edges.iter_rows(named=True):
        arrow = "---" if edge["kind"] == "undirected" else "-->"
        label = f"|{text}|" if (text := frequency_label(edge)) else ""
        lines.append(f"  {ids[edge['source']]} {arrow}{label} {ids[edge['target']]}")
    return "\n".join(lines) + "\n"


def to_graphml(edges: pl.DataFrame, names: Sequence[str]) -> str:
    """Return the graph as GraphML; the attribute `kind` tells undirected edges; as `to_dot`."""
    import networkx as nx

    return "\n".join(nx.generate_graphml(as_networkx(edges, names))) + "\n"


def frequency_label(edge: dict[str, object]) -> str:
    """Return the bootstrap frequency of an edge as a percentage, if it has one."""
    frequency = edge.get("frequency")
    return "" if frequency is None else f"{frequency:.0%}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
