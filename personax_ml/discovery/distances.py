"""How far an estimated graph is from a known one: skeleton, equivalence class and directions apart.

Belongs here: distances between graphs. Does not belong here: estimating them (`graphs`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from personax_ml.crl.metrics import structural_hamming_distance

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class GraphDistances:
    """Numbers of pairs of nodes that two graphs join differently.

    Parameters
    ----------
    skeleton : int
        Edges that are missing or too many, whatever their direction.
    cpdag : int
        Distance of the equivalence classes: a direction counts only where data can settle it.
    dag : int
        Distance of the directed graphs: an undirected or reversed edge counts.
    """

    skeleton: int
    cpdag: int
    dag: int


def graph_distances(estimate: ArrayLike, truth: ArrayLike) -> GraphDistances:
    """Compare an estimated graph with a true directed acyclic one.

    Parameters
    ----------
    estimate, truth : array (p, p)
        Entry (i, j) is non-zero where j is a cause of i; both (i, j) and (j, i) for an undirected
        edge, which the truth has none of.
    """
    a, b = (np.asarray(graph) != 0 for graph in (estimate, truth))
    undirected = bool((a & a.T).any())
    return GraphDistances(
        structural_hamming_distance(a, b, directed=False),
        structural_hamming_distance(a if undirected else cpdag(a), cpdag(b)),
        structural_hamming_distance(a, b),
    )


def cpdag(dag: ArrayLike) -> Bools:
    """Return the graph of a DAG's equivalence class, both (i, j) and (j, i) where undirected.

    Colliders whose parents are not joined keep their arrows; Meek's first three rules
    (Meek 1995) add those that follow, which is all that follows from colliders alone.
    """
    arrows: Bools = np.asarray(dag) != 0
    joined = arrows | arrows.T
    fixed = np.zeros_like(arrows)
    for child, parents in enumerate(arrows):
        for a in np.flatnonzero(parents):
            if (parents & ~joined[a] & (np.arange(len(arrows)) != a)).any():
                fixed[child, a] = True
    while True:
        new = arrows & ~fixed & _follows(fixed, joined)
        if not new.any():
            return joined & ~fixed.T
        fixed |= new


def _follows(fixed: Bools, joined: Bools) -> Bools:
    """Return which arrows (effect, cause) follow from fixed ones by Meek's rules 1 to 3."""
    follows = np.zeros_like(fixed)
    open_ = joined & ~fixed & ~fixed.T
    for b, a in zip(*np.nonzero(open_), strict=True):
        into_a = np.flatnonzero(fixed[a])
        new_collider = (~joined[into_a, b] & (into_a != b)).any()
        cycle = (fixed[b] & fixed[:, a]).any()
        between = np.flatnonzero(open_[a] & fixed[b])
        kite = any(not joined[c, d] for c in between for d in between if c != d)
        follows[b, a] = new_collider or cycle or kite
    return follows


def edge_matrix(edges: pl.DataFrame, names: Sequence[str]) -> Bools:
    """Return a table of edges as a matrix: effects in rows, undirected edges both ways."""
    matrix = np.zeros((len(names), len(names)), bool)
    for source, target, kind in edges.select("source", "target", "kind").iter_rows():
        i, j = names.index(target), names.index(source)
        matrix[i, j] = True
        matrix[j, i] |= kind == "undirected"
    return matrix
