"""Held-out metrics of a trained Level II model.

Belongs here: which scores a sub-dataset's model gets, under which names; all are computed on test
people, after fitting and choosing on training people. Does not belong here: how a score is
computed (`personax_ml.crl.metrics`, `personax_ml.crl.linking`).
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.datasets import TRAITS

if TYPE_CHECKING:
    from personax_assets.analysis.measurements import MeasuredPeople
    from personax_ml.crl import MultimodalCRL

Latents = NDArray[np.float32]

SCORE = "held_out_score"
"""The metric that decides between a new version and the champion."""

_LEAST_PAIRS = 10


def held_out_metrics(
    model: "MultimodalCRL", people: "MeasuredPeople", over: Collection[str] | None = None
) -> dict[str, float]:
    """Return what can be measured without a truth.

    `reconstruction_r2_held_out_<modality>`: share of the measurements' variance that the decoders
    explain. `link_correlation_held_out_<i>`, `link_p_value_<i>`: canonical correlations between
    the modalities' latents and their permutation p-values; `links_significant`: how many of them
    are real. `held_out_score`: the mean of the mean share and the mean correlation, by which two
    models of the same data are compared.

    Parameters
    ----------
    model : MultimodalCRL
        The model.
    people : MeasuredPeople
        The data.
    over : collection of str, optional
        Measurements whose reconstruction counts; by default all that the model has.
    """
    explained = _reconstruction(model, people, over or model.config.measurement_names)
    links = _links(model, people)
    pairs = [v for name, v in links.items() if name.startswith("link_correlation")]
    score = float((np.mean(list(explained.values())) + np.mean(pairs)) / 2)
    return {SCORE: score, **explained, **links}


def _reconstruction(
    model: "MultimodalCRL", people: "MeasuredPeople", over: Collection[str]
) -> dict[str, float]:
    train, test = (people.rows(part) for part in (people.split.train, people.split.test))
    restored = model.reconstruct(test)
    metrics = {}
    for modality in model.config.modalities:
        shares = []
        for name in (k for k in modality.measurements if k in over):
            error = np.nansum((test[name] - restored[name]) ** 2, dtype=np.float64)
            spread = np.nansum(
                (test[name] - np.nanmean(train[name], axis=0)) ** 2, dtype=np.float64
            )
            if spread > 0:
                shares.append(1 - error / spread)
        metrics[f"reconstruction_r2_held_out_{modality.name}"] = float(np.mean(shares))
    return metrics


def _links(model: "MultimodalCRL", people: "MeasuredPeople") -> dict[str, float]:
    """Set the first modality's latents against all others', in as many pairs as are shared."""
    from personax_ml.crl.linking import links_held_out

    latents = model.transform(people.measurements)
    width, n_shared = model.config.modalities[0].n_latents, model.config.n_shared
    complete = np.isfinite(latents).all(axis=1)
    links = links_held_out(
        latents[complete, :width],
        latents[complete, width:-n_shared],
        people.split.train[complete],
        people.split.test[complete],
    )
    metrics = {"links_significant": float(links.significant())}
    for i, (r, p) in enumerate(zip(links.correlations, links.p_values, strict=True)):
        if i < n_shared:
            metrics |= {
                f"link_correlation_held_out_{i + 1}": float(r),
                f"link_p_value_{i + 1}": float(p),
            }
    return metrics


def trait_metrics(
    latents: Latents, people: "MeasuredPeople", trait_scores: pl.DataFrame
) -> dict[str, float]:
    """Return how well each trait's best latent, chosen in training, goes with its score."""
    scores = _score_matrix(people, trait_scores)
    fitted = np.abs(_spearman(latents, scores, people.split.train))
    tested = np.abs(_spearman(latents, scores, people.split.test))
    chosen = np.nan_to_num(fitted).argmax(axis=0)
    best = tested[chosen, np.arange(len(TRAITS))]
    known = np.isfinite(best)
    return {"trait_association_held_out": float(best[known].mean())} if known.any() else {}


def planted_metrics(
    latents: Latents, people: "MeasuredPeople", planted: pl.DataFrame
) -> dict[str, float]:
    """Return how well the planted factors of an invented cohort are found again.

    MCC and R² with their chance levels: people permuted, and one code in the place of all. Per
    factor `planted_r2_held_out_<factor>` by all latents, `planted_r_held_out_<factor>`, the
    correlation with its best single latent (chosen on training people), and
    `planted_supervised_r_held_out_<factor>`, what a regression reaches that learns the factor
    itself from the same measurements: the ceiling of any method.
    """
    from personax_ml.crl.metrics import (
        best_single_held_out,
        chance_levels,
        mcc_held_out,
        r2_held_out,
    )
    from personax_ml.crl.regression import supervised_held_out

    factors = [name for name in planted.columns if name != "person_id"]
    truth = _in_order(people, planted).select(factors).cast(pl.Float64).to_numpy()
    known = np.isfinite(latents).all(axis=1) & np.isfinite(truth).all(axis=1)
    train, test = people.split.train & known, people.split.test & known
    chance = chance_levels(latents, truth, train, test)
    scores = {
        "planted_r2_held_out": r2_held_out(latents, truth, train, test),
        "planted_r_held_out": best_single_held_out(latents, truth, train, test),
        "planted_supervised_r_held_out": supervised_held_out(
            people.measurements, truth, train, test
        ),
    }
    return {
        "planted_mcc_held_out": mcc_held_out(latents, truth, train, test).mcc,
        "planted_mcc_chance": chance.mcc,
        "planted_mcc_one_code": chance.mcc_one_code,
        "planted_r2_held_out": float(scores["planted_r2_held_out"].mean()),
        "planted_r2_chance": chance.r2,
        **{
            f"{score}_{factor}": float(value)
            for score, values in scores.items()
            for factor, value in zip(factors, values, strict=True)
        },
    }


def _in_order(people: "MeasuredPeople", frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame's rows in the order of the people; null for those it does not have."""
    ids = pl.DataFrame({"person_id": people.person_ids})
    return ids.join(frame, on="person_id", how="left", maintain_order="left")


def _score_matrix(people: "MeasuredPeople", trait_scores: pl.DataFrame) -> NDArray[np.float64]:
    """Return people x traits; NaN where there is no score."""
    wide = trait_scores.pivot("trait", index="person_id", values="score")
    missing = [pl.lit(None, pl.Float64).alias(t) for t in TRAITS if t not in wide.columns]
    ordered = _in_order(people, wide.with_columns(missing))
    return ordered.select(pl.col(TRAITS).cast(pl.Float64)).to_numpy()


def _spearman(a: Latents, b: NDArray[np.float64], rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the rank correlation of every column of a with every column of b; NaN if unknown."""
    from scipy.stats import rankdata

    result = np.full((a.shape[1], b.shape[1]), np.nan)
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            both = rows & np.isfinite(a[:, i]) & np.isfinite(b[:, j])
            x, y = rankdata(a[both, i]), rankdata(b[both, j])
            if both.sum() >= _LEAST_PAIRS and x.std() > 0 and y.std() > 0:
                result[i, j] = np.corrcoef(x, y)[0, 1]
    return result
