"""What may be claimed about each latent.

Belongs here: evidence that needs no truth, per latent: is it linked to another modality, and does
it come out the same when the model is fitted again? Does not belong here: scores against known
latents (`metrics`).

Two kinds of evidence count, both on people that no fit saw. `link`: the other modalities predict
the latent (for a shared latent: the modalities, each by itself, infer the same value).
`stability`: refits on random parts of the training people, with other seeds, return the same
column after matching. A latent is called identified if it has both: it is then a direction that
other data of the kind would give again. That it is one of the factors that made the data, and not
a mixture of several, does not follow. A latent without a link is supported at best as a member of
its modality's latents as a group: rotations within the group explain the data as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from personax_ml.crl.estimator import MultimodalCRL
from personax_ml.crl.linking import holm
from personax_ml.crl.reduction import Matrix, Measurements
from personax_ml.crl.regression import predict_held_out
from personax_ml.crl.splits import Split

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_STABILITY = 0.8
"""Below this correlation with its refits a latent is not called identified."""

ALPHA = 0.05
"""Level of the permutation test of a link, over all latents together (Holm)."""

_REFIT_SHARE = 0.8
_LEAST_PEOPLE = 10
_LEAST_SPREAD = 1e-9  # latents have standard deviation 1


@dataclass(frozen=True)
class Evidence:
    """What supports one latent.

    Parameters
    ----------
    latent : str
        Its name.
    link : float
        Held-out correlation with what the other modalities say about it.
    link_p_value : float
        Permutation p-value of the link, adjusted over all latents.
    stability : float
        Mean absolute correlation with its namesake in the refits, held out.
    """

    latent: str
    link: float
    link_p_value: float
    stability: float

    @property
    def identified(self) -> bool:
        """Whether the latent is linked and stable."""
        return self.link_p_value < ALPHA and self.stability >= LEAST_STABILITY

    @property
    def claim(self) -> str:
        """The evidence in words."""
        link = f"link {self.link:.2f} (p = {self.link_p_value:.3f})"
        verdict = "identified" if self.identified else "not identified"
        return f"{verdict}: {link}, stability {self.stability:.2f}"


def identification(
    model: MultimodalCRL,
    measurements: Measurements,
    split: Split,
    refits: int = 2,
    permutations: int = 999,
    callback: Callable[[int], None] | None = None,
    checkpoints: Path | None = None,
) -> list[Evidence]:
    """Collect the evidence for every latent of a fitted model.

    Parameters
    ----------
    model : MultimodalCRL
        Fitted on the training people of `split`.
    measurements : mapping
        All people.
    split : Split
        Training people fit, test people score.
    refits : int
        Number of refits for the stability; with none it is NaN, and nothing is identified.
    permutations : int
        Number of permutations behind a p-value.
    callback : callable, optional
        Called with 1 after every refit.
    checkpoints : Path, optional
        Folder for the state of the refits; see `MultimodalCRL.fit`.
    """
    latents = model.transform(measurements)
    pairs = [
        *_predicted_pairs(model, latents, split),
        *_shared_pairs(model, measurements, split),
    ]
    rng = np.random.default_rng(model.config.random_state)
    links, p_values = zip(*(_link(x, y, permutations, rng) for x, y in pairs), strict=True)
    stability = _stability(model, measurements, latents, split, refits, callback, checkpoints)
    rows = zip(model.latent_names, links, holm(np.array(p_values)), stability, strict=True)
    return [Evidence(name, *(float(v) for v in values)) for name, *values in rows]


Pair = tuple[Floats, Floats]


def _predicted_pairs(model: MultimodalCRL, latents: Matrix, split: Split) -> list[Pair]:
    """Pair every modality's latents with their prediction from the other modalities', on test."""
    width = sum(modality.n_latents for modality in model.config.modalities)
    complete = np.isfinite(latents).all(axis=1)
    fitted, scored = complete & split.train, complete & split.test
    pairs: list[Pair] = []
    for modality in model.config.modalities:
        own = np.arange(len(pairs), len(pairs) + modality.n_latents)
        others = np.setdiff1d(np.arange(width), own)
        predicted = predict_held_out(
            latents[np.ix_(fitted, others)],
            latents[np.ix_(fitted, own)],
            latents[np.ix_(scored, others)],
        )
        truth = latents[np.ix_(scored, own)].astype(np.float64)
        pairs += zip(truth.T, predicted.T, strict=True)
    return pairs


def _shared_pairs(model: MultimodalCRL, measurements: Measurements, split: Split) -> list[Pair]:
    """Pair what the first modality alone says of each shared latent with what the others say."""
    if not model.config.n_shared:
        return []
    test = {name: x[split.test] for name, x in measurements.items()}
    first, *others = (modality.measurements for modality in model.config.modalities)
    rest = [name for names in others for name in names]
    shared = slice(-model.config.n_shared, None)
    alone, together = (
        model.transform(
            {name: x if name in seen else np.full_like(x, np.nan) for name, x in test.items()}
        )[:, shared].astype(np.float64)
        for seen in (first, rest)
    )
    both = np.isfinite(alone).all(axis=1) & np.isfinite(together).all(axis=1)
    return list(zip(alone[both].T, together[both].T, strict=True))


def _link(x: Floats, y: Floats, permutations: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the correlation of a pair and its one-sided permutation p-value."""
    if len(x) < _LEAST_PEOPLE or min(x.std(), y.std()) < _LEAST_SPREAD:
        return 0.0, 1.0
    a, b = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    observed = float((a * b).mean())
    shuffled = np.array([(a * b[rng.permutation(len(b))]).mean() for _ in range(permutations)])
    return observed, float((1 + (shuffled >= observed).sum()) / (1 + permutations))


def _stability(
    model: MultimodalCRL,
    measurements: Measurements,
    latents: Matrix,
    split: Split,
    refits: int,
    callback: Callable[[int], None] | None,
    checkpoints: Path | None,
) -> Floats:
    """Return each latent's mean correlation with its namesake in refits, on test people."""
    seed = model.config.random_state
    people = np.flatnonzero(split.train)
    agreements = []
    for refit in range(1, refits + 1):
        rng = np.random.default_rng([seed, refit])
        drawn = np.sort(rng.permutation(people)[: round(_REFIT_SHARE * len(people))])
        other = MultimodalCRL(replace(model.config, random_state=seed + refit)).fit(
            _rows(measurements, drawn),
            validation=_rows(measurements, split.select),
            checkpoint=None if checkpoints is None else checkpoints / f"refit-{refit}.safetensors",
        )
        agreements.append(other.match(_rows(measurements, split.test), latents[split.test]))
        if callback is not None:
            callback(1)
    mean: Floats = np.mean(agreements, axis=0) if agreements else np.full(latents.shape[1], np.nan)
    return mean


def _rows(measurements: Measurements, rows: NDArray[np.int64] | Bools) -> dict[str, Matrix]:
    return {name: x[rows] for name, x in measurements.items()}
