"""Level II on matrices whose latents are known.

Each world is a random causal model over two to four modalities with two latents each. Every
latent of a later modality has one cause, in an earlier modality; siblings in one modality have
different causes. A modality is seen through one to three measurements, each an invertible network
of the latents and of two nuisance factors of its own, plus noise. Methods see the same rows:

crl         the estimator with its defaults
start       its closed-form linear start alone
pca         two principal components of each modality's measurements side by side
supervised  nonlinear regression of the truth on all measurements: a ceiling for R2
truth       the latents themselves: a ceiling for the skeleton

R2 and MCC are held out as in `personax_ml.crl.metrics`. `skeleton` counts wrong or missing edges
of PC (Fisher z, alpha 0.01) on the matched latents of held-out people.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_ml.crl import CRLConfig, ModalitySpec, MultimodalCRL, Split, three_way_split
from personax_ml.crl.metrics import (
    chance_levels,
    mcc_held_out,
    r2_held_out,
    structural_hamming_distance,
)
from personax_ml.crl.reduction import Matrix, Reduction
from personax_ml.crl.regression import predict_held_out
from personax_ml.discovery import latent_graph
from tests.benchmarks.crl.part import Part

FRESH_SEEDS, TUNING_SEEDS = range(2000, 2006), range(2)
PEOPLE = {False: 6000, True: 2000}

Floats = NDArray[np.float64]
_WIDTH, _NUISANCE, _NOISE, _LATENTS = 10, 2, 0.05, 2


@dataclass(frozen=True)
class World:
    """Measurements, the latents behind them and who causes whom (effects in rows)."""

    modalities: tuple[ModalitySpec, ...]
    measurements: dict[str, Matrix]
    latents: Floats
    adjacency: NDArray[np.bool_]


def draw_world(seed: int, n: int) -> World:
    """Draw a random causal model and people from it."""
    rng = np.random.default_rng(seed)
    n_modalities = 2 + seed % 3
    size = _LATENTS * n_modalities
    z, adjacency = rng.standard_normal((n, size)), np.zeros((size, size), bool)
    for m in range(1, n_modalities):
        causes = rng.choice(_LATENTS * m, _LATENTS, replace=False)
        for i, cause in enumerate(causes):
            effect = _LATENTS * m + i
            bent = z[:, cause] + 0.6 * (np.sin(1.5 * z[:, cause]), np.tanh(2 * z[:, cause]))[i]
            weight = rng.uniform(0.6, 0.75) + 0.15 * i
            z[:, effect] = weight * _standard(bent) + np.sqrt(1 - weight**2) * z[:, effect]
            adjacency[effect, cause] = True
    z = _standard(z)
    modalities, measurements = [], {}
    for m in range(n_modalities):
        names = tuple(f"m{m + 1}_{k + 1}" for k in range(rng.integers(1, 4)))
        own = z[:, _LATENTS * m : _LATENTS * (m + 1)]
        measurements |= {name: _measured(own, rng) for name in names}
        modalities.append(ModalitySpec(f"m{m + 1}", names, _LATENTS, f"m{m + 1}"))
    return World(tuple(modalities), measurements, z, adjacency)


def _measured(z: Floats, rng: np.random.Generator) -> Matrix:
    hidden = np.hstack([z, rng.standard_normal((len(z), _NUISANCE))])
    for _ in range(2):
        hidden = hidden @ np.linalg.qr(rng.standard_normal((hidden.shape[1],) * 2))[0]
        hidden = np.where(hidden > 0, hidden, 0.6 * hidden)
    x = _standard(hidden @ rng.standard_normal((hidden.shape[1], _WIDTH)))
    noisy: Matrix = (x + _NOISE * rng.standard_normal(x.shape)).astype(np.float32)
    return noisy


def _standard(x: Floats) -> Floats:
    return (x - x.mean(axis=0)) / x.std(axis=0)


def codes_of(world: World, split: Split, seed: int) -> dict[str, Floats]:
    """Return every method's estimate of the latents."""
    n_latents = world.latents.shape[1]
    config = CRLConfig(world.modalities, n_shared=2, n_private=_NUISANCE, random_state=seed)
    train, select = (
        {name: x[rows] for name, x in world.measurements.items()}
        for rows in (split.train, split.select)
    )
    models = {
        "crl": MultimodalCRL(config).fit(train, select),
        "start": MultimodalCRL(replace(config, epochs=0)).fit(train, select),
    }
    codes = {
        name: model.transform(world.measurements)[:, :n_latents].astype(np.float64)
        for name, model in models.items()
    }
    codes["pca"] = np.hstack(
        [_principal(world, modality, split.train) for modality in world.modalities]
    )
    return codes


def _principal(world: World, modality: ModalitySpec, train: NDArray[np.bool_]) -> Floats:
    x = np.hstack([world.measurements[name] for name in modality.measurements])
    return Reduction.fit(x[train], _LATENTS, np.random.default_rng(0)).apply(x).astype(np.float64)


def recovery(seed: int, n: int) -> list[dict[str, Any]]:
    """Score every method on one world."""
    world = draw_world(seed, n)
    split = three_way_split([f"{seed}/{i}" for i in range(n)])
    train, test = split.train, split.test
    rows: list[dict[str, Any]] = []
    for method, codes in codes_of(world, split, seed).items():
        matched = mcc_held_out(codes, world.latents, train, test)
        in_order = matched.codes[np.argsort(matched.truths)]
        rows.append(
            {
                "world": seed,
                "modalities": len(world.modalities),
                "method": method,
                "r2_held_out": float(r2_held_out(codes, world.latents, train, test).mean()),
                "mcc_held_out": matched.mcc,
                "mcc_one_code": chance_levels(codes, world.latents, train, test).mcc_one_code,
                "skeleton": _skeleton(codes[~train][:, in_order], world.adjacency),
            }
        )
    x = np.hstack(list(world.measurements.values()))
    predicted = predict_held_out(x[train], world.latents[train], x[test])
    residual = ((world.latents[test] - predicted) ** 2).mean(axis=0)
    ceiling = {"world": seed, "modalities": len(world.modalities), "method": "supervised"}
    spread = world.latents[test].var(axis=0)
    truth = {
        **ceiling, "method": "truth", "r2_held_out": 1.0, "mcc_held_out": 1.0,
        "skeleton": _skeleton(world.latents[~train], world.adjacency),
    }  # fmt: skip
    return [*rows, ceiling | {"r2_held_out": float((1 - residual / spread).mean())}, truth]


def _skeleton(latents: Floats, truth: NDArray[np.bool_]) -> int:
    edges = latent_graph(latents, alpha=0.01)
    found = np.zeros_like(truth)
    for source, target in edges.select("source", "target").iter_rows():
        found[int(target[2:]) - 1, int(source[2:]) - 1] = True
    return structural_hamming_distance(found, truth, directed=False)


def measure(quick: bool) -> Part:
    """Score every method on every world."""
    seeds = TUNING_SEEDS if quick else FRESH_SEEDS
    rows = [row for seed in seeds for row in recovery(seed, PEOPLE[quick])]
    table = pl.DataFrame(rows, infer_schema_length=None)
    means = table.group_by("method", maintain_order=True).agg(
        pl.col("r2_held_out", "mcc_held_out", "mcc_one_code", "skeleton").mean().round(3),
        (pl.col("skeleton") == 0).mean().alias("skeleton_exact").round(3),
    )
    return Part({"world by world": rows, "mean over worlds": means.to_dicts()})
