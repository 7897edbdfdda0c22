"""All methods on one data set of variant MNIST, in one protocol.

Belongs here: which methods, controls and ceilings there are, and how their latents are scored.
Does not belong here: how many data sets are drawn, or where the figures go.

No method sees a latent of any row, but for the supervised ceiling. All fit on the training rows
and choose their epoch on the selection rows; the test rows are scored once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from personax_ml.crl.baselines.contrastive import MCL
from personax_ml.crl.baselines.protocol import Baseline, Effort
from personax_ml.crl.baselines.supervised import Supervised
from personax_ml.crl.baselines.variational import MMCRL, BetaVAE, CausalVAE
from personax_ml.crl.config import CRLConfig, ImageConfig, ModalitySpec
from personax_ml.crl.estimator import MultimodalCRL
from personax_ml.crl.metrics import mcc_held_out, r2_held_out
from personax_ml.crl.reduction import Matrix, Measurements
from personax_ml.synthetic.variant_mnist import DIGIT, FASHION, LATENTS, VariantMNIST

MODALITIES = (
    ModalitySpec("digit", DIGIT, 2, "digit", (3, 14, 14)),
    ModalitySpec("fashion", FASHION, 2, "fashion", (1, 14, 14)),
)

KINDS = {
    "crl": "ours",
    "betavae": "baseline",
    "mcl": "baseline",
    "causalvae": "baseline",
    "mmcrl": "baseline",
    "link scores twice": "control",
    "link scores + maximum pixel": "control",
    "supervised": "ceiling",
    "crl, one network": "ablation",
    "crl, zero padding": "ablation",
    "crl, no maximum pooling": "ablation",
    "crl, no agreement": "ablation",
}
"""What each row of the table is."""

BASELINES: dict[str, type[Baseline]] = {
    "betavae": BetaVAE, "mcl": MCL, "causalvae": CausalVAE, "mmcrl": MMCRL,
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How hard every method tries.

    Parameters
    ----------
    images : ImageConfig
        Ours.
    flow_epochs : int
        Passes of the part of ours that comes after the images' latents; it does not change them.
    effort : Effort
        The baselines.
    ceiling : Effort
        The supervised ceiling: steps as large as ours.
    """

    images: ImageConfig = field(default_factory=ImageConfig)
    flow_epochs: int = 20
    effort: Effort = field(default_factory=Effort)
    ceiling: Effort = field(
        default_factory=lambda: Effort(batch_size=128, learning_rate=1e-2, weight_decay=1e-2)
    )


SMALL = Settings(
    ImageConfig(depth=2, link_epochs=12, within_epochs=10, learning_rate=2e-3),
    flow_epochs=1,
    effort=Effort(epochs=10),
    ceiling=Effort(epochs=10),
)
"""For a thousand rows and a look within a minute: what it gives is no result to quote."""

Codes = Mapping[str, Matrix]
"""Latents of all rows, by method."""


def codes_of(
    world: VariantMNIST, method: str, settings: Settings, random_state: int
) -> dict[str, Matrix]:
    """Fit a method; return its latents of all rows, and with `crl` those of the controls.

    Parameters
    ----------
    world : VariantMNIST
        The data.
    method : str
        A key of `KINDS` that is no control.
    settings : Settings
        Sizes and epochs.
    random_state : int
        Seed of the method.
    """
    train, select = (
        {name: x[rows] for name, x in world.measurements.items()}
        for rows in (world.train, world.select)
    )
    if method in BASELINES:
        model = BASELINES[method](MODALITIES, settings.effort, random_state)
        return {method: model.fit(train, select).transform(world.measurements)}
    if method == "supervised":
        truth = world.latents[world.train], world.latents[world.select]
        told = Supervised(MODALITIES, *truth, settings.ceiling, random_state)
        return {method: told.fit(train, select).transform(world.measurements)}
    config = CRLConfig(
        MODALITIES, n_shared=0, epochs=settings.flow_epochs,
        images=_ABLATIONS[method](settings.images), random_state=random_state,
    )  # fmt: skip
    latents = MultimodalCRL(config).fit(train, select).transform(world.measurements)
    own = latents[:, : len(LATENTS)]
    return {method: own, **(_controls(own, world.measurements) if method == "crl" else {})}


_ABLATIONS: dict[str, Callable[[ImageConfig], ImageConfig]] = {
    "crl": lambda images: images,
    "crl, one network": lambda images: replace(images, members=1),
    "crl, zero padding": lambda images: replace(images, cyclic=False),
    "crl, no maximum pooling": lambda images: replace(images, maximum=False),
    "crl, no agreement": lambda images: replace(images, agreement=0.0),
}


def _controls(latents: Matrix, measurements: Measurements) -> dict[str, Matrix]:
    """Put in the place of the second stage what takes no learning."""
    first = np.cumsum([0, *(modality.n_latents for modality in MODALITIES)])[:-1]
    links = latents[:, first]
    brightest = np.stack(
        [
            np.mean([measurements[name].max(axis=(1, 2, 3)) for name in m.measurements], axis=0)
            for m in MODALITIES
        ],
        axis=1,
    )
    return {
        "link scores twice": np.hstack([links, links]),
        "link scores + maximum pixel": np.hstack([links, brightest]),
    }


def scores_of(world: VariantMNIST, codes: Codes) -> Iterator[dict[str, Any]]:
    """Score latents against the truth on the test rows, one row of a table per method."""
    for method, latents in codes.items():
        matched = mcc_held_out(latents, world.latents, world.train, world.test)
        correlations = matched.correlations[np.argsort(matched.truths)]
        r2 = r2_held_out(latents, world.latents, world.train, world.test)
        yield {
            "method": method,
            "kind": KINDS[method],
            "mcc_held_out": matched.mcc,
            "r2_held_out": float(r2.mean()),
            **{f"mcc_{name}": float(v) for name, v in zip(LATENTS, correlations, strict=True)},
            **{f"r2_{name}": float(v) for name, v in zip(LATENTS, r2, strict=True)},
        }
