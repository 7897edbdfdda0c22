"""The benchmark's worlds are what they claim to be."""

import itertools

import numpy as np
import pytest

from tests.benchmarks.crl.worlds import (
    LATENTS,
    distinct_neighbours,
    draw_graph,
    draw_world,
    one_to_one,
    sparsest,
)


def graph(n_modalities: int, *edges: tuple[int, int]) -> np.ndarray:
    """Return a graph from (cause, effect) pairs."""
    adjacency = np.zeros((LATENTS * n_modalities,) * 2, bool)
    for cause, effect in edges:
        adjacency[effect, cause] = True
    return adjacency


def cross_modal_entries(effects: np.ndarray, recoding: np.ndarray) -> int:
    """Count the non-zero cross-modal entries of T^-1 G T."""
    recoded = np.linalg.solve(recoding, effects @ recoding)
    modality = np.arange(len(effects)) // LATENTS
    return int((np.abs(recoded) > 1e-9)[modality[:, None] != modality].sum())


def block_diagonal(blocks: list[np.ndarray]) -> np.ndarray:
    size = LATENTS * len(blocks)
    whole = np.zeros((size, size))
    for m, block in enumerate(blocks):
        whole[LATENTS * m : LATENTS * (m + 1), LATENTS * m : LATENTS * (m + 1)] = block
    return whole


def recodings(effects: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Return re-codings that are likely to keep zeros: every modality's lines are axes, lines
    that other modalities' axes or one free line map to, or random."""
    size = len(effects) // LATENTS
    free = rng.standard_normal((LATENTS, 1))
    choices = []
    for m in range(size):
        lines = [np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]]), free]
        for n in range(size):
            block = effects[2 * m : 2 * m + 2, 2 * n : 2 * n + 2]
            back = effects[2 * n : 2 * n + 2, 2 * m : 2 * m + 2]
            lines += [block @ free] if np.linalg.matrix_rank(block) == LATENTS else []
            if np.linalg.matrix_rank(back) == LATENTS:
                lines.append(np.linalg.solve(back, free))
        pairs = (np.hstack(pair) for pair in itertools.combinations(lines, 2))
        choices.append([pair for pair in pairs if abs(np.linalg.det(pair)) > 1e-6])
    return [block_diagonal(list(blocks)) for blocks in itertools.product(*choices)]


def is_scaled_permutation(matrix: np.ndarray) -> bool:
    nonzero = np.abs(matrix) > 1e-9
    return bool((nonzero.sum(axis=0) == 1).all())


def effects_of(adjacency: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(adjacency, rng.uniform(0.5, 1.5, adjacency.shape), 0.0)


@pytest.mark.parametrize("seed", range(8))
def test_other_recodings_need_more_edges_where_the_condition_holds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    adjacency = draw_graph(3, rng)
    assert sparsest(adjacency)
    effects = effects_of(adjacency, rng)
    tried = [t for t in recodings(effects, rng) if not is_scaled_permutation(t)]
    assert len(tried) > 20
    assert min(cross_modal_entries(effects, t) for t in tried) > adjacency.sum()


def test_where_the_condition_fails_another_recoding_is_as_sparse() -> None:
    """Partners mixed alike: two modalities, chains over three, one latent without an anchor."""
    rng = np.random.default_rng(0)
    for adjacency in (
        graph(2, (0, 2), (1, 3)),
        graph(3, (0, 2), (1, 3), (2, 4), (3, 5)),
        graph(3, (0, 2), (1, 3), (0, 4), (2, 5)),
    ):
        assert not sparsest(adjacency)
        effects = effects_of(adjacency, rng)
        others = [t for t in recodings(effects, rng) if not is_scaled_permutation(t)]
        assert min(cross_modal_entries(effects, t) for t in others) <= adjacency.sum()


def test_graphs_are_acyclic_cross_modal_and_connected() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        for n_modalities in (2, 3, 4):
            adjacency = draw_graph(n_modalities, rng)
            assert not np.triu(adjacency).any()
            siblings = np.kron(np.eye(n_modalities), np.ones((2, 2))) > 0
            assert not adjacency[siblings].any()
            assert one_to_one(adjacency)
            assert distinct_neighbours(adjacency)
    assert not distinct_neighbours(graph(2, (0, 2)))
    assert not one_to_one(graph(2, (0, 2), (0, 3)))


def test_worlds_name_what_supports_them_and_repeat() -> None:
    worlds = [draw_world(seed, 50) for seed in range(3)]
    assert [len(w.modalities) for w in worlds] == [2, 3, 4]
    assert [w.condition for w in worlds] == ["unequal links", "4.3", "4.3"]
    again = draw_world(1, 50)
    for name, x in worlds[1].measurements.items():
        assert np.array_equal(x, again.measurements[name])
