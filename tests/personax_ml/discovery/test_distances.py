"""Distances between graphs, and equivalence classes against causal-learn's."""

import numpy as np
import pytest
from causallearn.graph.Dag import Dag
from causallearn.graph.GraphNode import GraphNode
from causallearn.utils.DAG2CPDAG import dag2cpdag

from personax_ml.discovery import GraphDistances, cpdag, graph_distances

CHAIN = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
COLLIDER = np.array([[0, 0, 0], [1, 0, 1], [0, 0, 0]])


def peer_cpdag(dag: np.ndarray) -> np.ndarray:
    nodes = [GraphNode(f"x{i}") for i in range(len(dag))]
    graph = Dag(nodes)
    for effect, cause in zip(*np.nonzero(dag), strict=True):
        graph.add_directed_edge(nodes[cause], nodes[effect])
    # causal-learn marks entry (i, j) by the end of the edge at i: -1 a tail, 1 an arrow head
    ends = dag2cpdag(graph).graph
    return (ends != 0) & ~((ends == -1) & (ends.T == 1))


@pytest.mark.parametrize("seed", range(40))
def test_equivalence_classes_agree_with_causal_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 8))
    dag = np.tril(rng.random((size, size)) < rng.uniform(0.2, 0.7), -1)
    order = rng.permutation(size)
    dag = dag[np.ix_(order, order)]
    assert cpdag(dag).tolist() == peer_cpdag(dag).tolist()


def test_skeleton_class_and_directions_are_told_apart() -> None:
    turned = CHAIN.T
    assert graph_distances(CHAIN, CHAIN) == GraphDistances(0, 0, 0)
    assert graph_distances(turned, CHAIN) == GraphDistances(0, 0, 2)
    assert graph_distances(COLLIDER, CHAIN) == GraphDistances(0, 2, 1)
    assert graph_distances(CHAIN + CHAIN.T, CHAIN) == GraphDistances(0, 0, 2)
    assert graph_distances(np.zeros((3, 3)), CHAIN) == GraphDistances(2, 2, 2)
