"""Random causal models whose latents the theory says can be found, and people drawn from them.

A world has two to four modalities with two latents each. Every latent of a later modality has one
cause in an earlier modality, siblings have different causes, and from three modalities on some
latents have a second cause in yet another modality. No latent has a cause in its own modality. A
modality is seen through one to three measurements, each an invertible leaky-ReLU network of the
latents and of two nuisance factors of its own, plus noise of 5 % of its spread.

What the theory asks for (Sun et al., ICLR 2025, arXiv 2411.06518, where G holds the partial
derivatives of latents with respect to latents, and T = diag(T_1, ..., T_M) is any invertible
re-coding of the latents within each modality):

Condition 4.1   measurements are smooth invertible functions of latents and nuisance, and every
                modality's latents influence the others' with linearly independent Jacobian
                columns. Ours are invertible but only piecewise smooth; of the second half,
                `distinct_neighbours` verifies the graphical part: a different neighbour in
                another modality for each latent.
Condition 4.3   unless T is a permutation and a scaling, the cross-modal blocks of T^-1 G T have
                more non-zero entries than those of G. `sparsest` verifies it, whatever the size
                of the effects.

Condition 4.3 is out of reach for two modalities with edges in one direction: G_21 always has a
re-coding with rank(G_21) non-zero entries, and its automorphisms are re-codings that keep them. In
two-modality worlds each latent has one partner, and what tells the pairs apart is that siblings
are independent and their correlations with the partners differ (the simple singular values of
canonical correlation analysis). `World.condition` says which of the two supports a world.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personax_ml.crl import ModalitySpec
from personax_ml.crl.reduction import Matrix

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LATENTS, NUISANCE = 2, 2
_WIDTH, _NOISE, _SECOND_CAUSE = 10, 0.05, 0.3


@dataclass(frozen=True)
class World:
    """Measurements, the latents behind them and who causes whom (effects in rows)."""

    modalities: tuple[ModalitySpec, ...]
    measurements: dict[str, Matrix]
    latents: Floats
    adjacency: Bools
    condition: str


def draw_world(seed: int, n: int) -> World:
    """Draw a random causal model and people from it."""
    rng = np.random.default_rng(seed)
    n_modalities = 2 + seed % 3
    adjacency = draw_graph(n_modalities, rng)
    z = rng.standard_normal((n, len(adjacency)))
    for effect, causes in enumerate(adjacency):
        if causes.any():
            bent = sum(
                share * _standard(_bent(z[:, cause], (effect + k) % 2))
                for k, (cause, share) in enumerate(
                    zip(np.flatnonzero(causes), (1.0, 0.7), strict=False)
                )
            )
            weight = rng.uniform(0.6, 0.75) + 0.15 * (effect % LATENTS)
            z[:, effect] = weight * _standard(bent) + np.sqrt(1 - weight**2) * z[:, effect]
    z = _standard(z)
    modalities, measurements = [], {}
    for m in range(n_modalities):
        names = tuple(f"m{m + 1}_{k + 1}" for k in range(rng.integers(1, 4)))
        own = z[:, LATENTS * m : LATENTS * (m + 1)]
        measurements |= {name: _measured(own, rng) for name in names}
        modalities.append(ModalitySpec(f"m{m + 1}", names, LATENTS, f"m{m + 1}"))
    condition = "4.3" if sparsest(adjacency) else "unequal links"
    return World(tuple(modalities), measurements, z, adjacency, condition)


def draw_graph(n_modalities: int, rng: np.random.Generator) -> Bools:
    """Draw graphs until one meets what can be asked of its number of modalities."""
    while True:
        size = LATENTS * n_modalities
        adjacency = np.zeros((size, size), bool)
        for first in range(LATENTS, size, LATENTS):
            earlier = rng.permutation(first)
            for i in range(LATENTS):
                adjacency[first + i, earlier[i]] = True
                others = np.flatnonzero(np.arange(first) // LATENTS != earlier[i] // LATENTS)
                if others.size and rng.random() < _SECOND_CAUSE:
                    adjacency[first + i, rng.choice(others)] = True
        met = one_to_one(adjacency) and distinct_neighbours(adjacency)
        if met and (n_modalities == 2 or sparsest(adjacency)):
            return adjacency


def one_to_one(adjacency: Bools) -> bool:
    """Return whether no latent has two effects, or two causes, in one other modality."""
    blocks = _blocks(adjacency)
    return bool((blocks.sum(axis=1) <= 1).all() and (blocks.sum(axis=3) <= 1).all())


def distinct_neighbours(adjacency: Bools) -> bool:
    """Return whether siblings can be given different neighbours in other modalities."""
    joined = adjacency | adjacency.T
    pairs = joined.reshape(-1, LATENTS, len(joined))
    return all(
        a.any() and b.any() and (a | b).sum() >= LATENTS and not joined[2 * m, 2 * m + 1]
        for m, (a, b) in enumerate(pairs)
    )


def sparsest(adjacency: Bools) -> bool:
    """Return whether Condition 4.3 holds for a one-to-one graph, whatever its effects.

    A block of a one-to-one graph has as many non-zero entries as its rank, so no re-coding
    T has fewer, and T has as many only if every block of T^-1 G T is one-to-one again. Think of
    T_m as two lines in the plane of modality m. A block with one edge j -> i stays one-to-one
    only if the axis of i is a line of its modality, and the axis of j's sibling (the kernel) a
    line of j's. A block with two edges maps the lines of one modality to those of the other, and
    axes to axes. The condition holds if these rules make every axis a line: then all T_m are
    permutations and scalings.
    """
    fixed = np.zeros((len(adjacency) // LATENTS, LATENTS), bool)
    moved = []
    for m, n, block in _pairs(adjacency):
        effects, causes = np.nonzero(block)
        if len(effects) == 1:
            fixed[m, effects[0]] = fixed[n, 1 - causes[0]] = True
        else:
            moved += [((m, i), (n, j)) for i, j in zip(effects, causes, strict=True)]
    for _ in range(fixed.size):
        for here, there in moved:
            fixed[here] = fixed[there] = fixed[here] | fixed[there]
    return bool(fixed.all())


def _blocks(adjacency: Bools) -> NDArray[np.int64]:
    """Return edges as (modality, latent) of the effect x (modality, latent) of the cause."""
    m = len(adjacency) // LATENTS
    return adjacency.reshape(m, LATENTS, m, LATENTS).astype(np.int64)


def _pairs(adjacency: Bools) -> list[tuple[int, int, NDArray[np.int64]]]:
    blocks = _blocks(adjacency)
    modalities = range(len(blocks))
    every = [(m, n, blocks[m, :, n, :]) for m in modalities for n in modalities]
    return [(m, n, block) for m, n, block in every if block.any()]


def _bent(x: Floats, kind: int) -> Floats:
    bend: Floats = (np.sin(1.5 * x), np.tanh(2 * x))[kind]
    return x + 0.6 * bend


def _measured(z: Floats, rng: np.random.Generator) -> Matrix:
    hidden = np.hstack([z, rng.standard_normal((len(z), NUISANCE))])
    for _ in range(2):
        hidden = hidden @ np.linalg.qr(rng.standard_normal((hidden.shape[1],) * 2))[0]
        hidden = np.where(hidden > 0, hidden, 0.6 * hidden)
    x = _standard(hidden @ rng.standard_normal((hidden.shape[1], _WIDTH)))
    noisy: Matrix = (x + _NOISE * rng.standard_normal(x.shape)).astype(np.float32)
    return noisy


def _standard(x: Floats) -> Floats:
    standard: Floats = (x - x.mean(axis=0)) / x.std(axis=0)
    return standard
