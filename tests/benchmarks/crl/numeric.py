"""Level II on matrices whose latents are known and, by the theory, can be found.

The worlds, and which condition of the theory supports each: `worlds`. All methods see the same
people: 70 % train, 15 % select, 15 % test, and the test people are scored once.

crl         the estimator with its defaults
start       its closed-form linear start alone
pca         two principal components of each modality's measurements side by side
supervised  nonlinear regression of the truth on all measurements: a ceiling for R2
truth       the latents themselves: a ceiling for the graph by PC

R2 and MCC are held out as in `personax_ml.crl.metrics`; `mcc_one_code` and `mcc_chance` are what
one code copied to all places, and codes of other people, score. `skeleton_flow` counts wrong or
missing edges of the learned adjacency (path coefficients above 0.1), `skeleton_pc` those of PC
(Fisher z, alpha 0.001) on the matched latents of held-out people; `cpdag` and `dag` compare
equivalence classes and directions of the learned adjacency.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_ml.crl import CRLConfig, MultimodalCRL, Split, three_way_split
from personax_ml.crl.metrics import chance_levels, mcc_held_out, r2_held_out
from personax_ml.crl.reduction import Reduction
from personax_ml.crl.regression import predict_held_out
from personax_ml.discovery import edge_matrix, graph_distances, latent_graph, learned_graph
from tests.benchmarks.crl.part import Part
from tests.benchmarks.crl.worlds import LATENTS, NUISANCE, World, draw_world

FRESH_SEEDS, TUNING_SEEDS = range(3000, 3005), range(2)
PEOPLE = {False: 6000, True: 2000}
ALPHA = 0.001

CONFIGURATIONS_TRIED = 9
"""Settings of the estimator that were compared, on worlds 0 to 12 and on their selection people.

With and without shared latents, rotations restarted or not, the likelihood's gradient stopped at
the codes or not, three times the flow's weights, and combinations. Fresh worlds were drawn after.
"""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """What a method makes of a world: a code per latent and, where it learns one, a graph."""

    codes: Floats
    adjacency: Floats | None = None


def measure(quick: bool) -> Part:
    """Score every method on every world."""
    seeds = TUNING_SEEDS if quick else FRESH_SEEDS
    rows = [row for seed in seeds for row in recovery(seed, PEOPLE[quick])]
    table = pl.DataFrame(rows, infer_schema_length=None)
    scores = [c for c in table.columns if c not in ("world", "modalities", "condition", "method")]
    means = table.group_by("method", maintain_order=True).agg(
        pl.col(scores).mean(),
        *((pl.col(c) == 0).mean().alias(f"{c}_exact") for c in ("skeleton_flow", "skeleton_pc")),
    )
    protocol = {
        "people": PEOPLE[quick],
        "worlds": len(seeds),
        "configurations_tried": CONFIGURATIONS_TRIED,
        "chosen_on": "other worlds",
    }
    return Part(
        {"world by world": rows, "mean over worlds": means.to_dicts(), "protocol": [protocol]}
    )


def recovery(seed: int, n: int) -> list[dict[str, Any]]:
    """Score every method on one world."""
    world = draw_world(seed, n)
    split = three_way_split([f"{seed}/{i}" for i in range(n)])
    about = {"world": seed, "modalities": len(world.modalities), "condition": world.condition}
    rows = [
        {**about, "method": method, **_scores(estimate, world, split)}
        for method, estimate in estimates(world, split, seed).items()
    ]
    x = np.hstack(list(world.measurements.values()))
    predicted = predict_held_out(x[split.train], world.latents[split.train], x[split.test])
    residual = ((world.latents[split.test] - predicted) ** 2).mean(axis=0)
    ceiling = float((1 - residual / world.latents[split.test].var(axis=0)).mean())
    truth = _skeleton_pc(world.latents[~split.train], world)
    return [
        *rows,
        {**about, "method": "supervised", "r2_held_out": ceiling},
        {**about, "method": "truth", "skeleton_pc": truth},
    ]


def estimates(world: World, split: Split, seed: int) -> dict[str, Estimate]:
    """Return every method's estimate of the latents."""
    width = world.latents.shape[1]
    config = CRLConfig(world.modalities, n_shared=2, n_private=NUISANCE, random_state=seed)
    models = {"crl": fitted(config, world, split)}
    models["start"] = fitted(replace(config, epochs=0), world, split)
    found = {
        name: Estimate(
            model.transform(world.measurements)[:, :width].astype(np.float64),
            model.adjacency[:width, :width] if name == "crl" else None,
        )
        for name, model in models.items()
    }
    components = [_principal(world, m.measurements, split.train) for m in world.modalities]
    return found | {"pca": Estimate(np.hstack(components))}


def fitted(config: CRLConfig, world: World, split: Split) -> MultimodalCRL:
    """Fit on training people, stop by those who select."""
    train, select = (
        {name: x[rows] for name, x in world.measurements.items()}
        for rows in (split.train, split.select)
    )
    return MultimodalCRL(config).fit(train, select)


def _principal(world: World, names: tuple[str, ...], train: NDArray[np.bool_]) -> Floats:
    x = np.hstack([world.measurements[name] for name in names])
    return Reduction.fit(x[train], LATENTS, np.random.default_rng(0)).apply(x).astype(np.float64)


def _scores(estimate: Estimate, world: World, split: Split) -> dict[str, float]:
    codes, train, test = estimate.codes, split.train, split.test
    matched = mcc_held_out(codes, world.latents, train, test)
    chance = chance_levels(codes, world.latents, train, test)
    in_order = matched.codes[np.argsort(matched.truths)]
    scores = {
        "r2_held_out": float(r2_held_out(codes, world.latents, train, test).mean()),
        "mcc_held_out": matched.mcc,
        "mcc_one_code": chance.mcc_one_code,
        "mcc_chance": chance.mcc,
        "skeleton_pc": _skeleton_pc(codes[~train][:, in_order], world),
    }
    if estimate.adjacency is not None:
        found = learned_graph(estimate.adjacency[np.ix_(in_order, in_order)], _names(world))
        distances = graph_distances(edge_matrix(found, _names(world)), world.adjacency)
        scores |= {
            "skeleton_flow": distances.skeleton,
            "cpdag": distances.cpdag,
            "dag": distances.dag,
        }
    return scores


def _skeleton_pc(latents: Floats, world: World) -> int:
    edges = latent_graph(latents, alpha=ALPHA, names=_names(world))
    return graph_distances(edge_matrix(edges, _names(world)), world.adjacency).skeleton


def _names(world: World) -> list[str]:
    return [name for modality in world.modalities for name in modality.latent_names]
