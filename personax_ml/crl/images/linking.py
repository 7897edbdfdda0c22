"""Between modalities: scores of each that agree with the others', by deep canonical correlation.

Belongs here: the first stage, and how many of its canonical pairs are real. Does not belong here:
what a modality has beside the links (`within`).

Nonlinear functions of one linked latent are correlated across modalities too, and would come out
as further canonical pairs. So a pair counts if it is correlated on held-out rows (permutation
test) after removing from both sides what the earlier pairs predict of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from personax_ml.crl.config import ImageConfig, ModalitySpec
from personax_ml.crl.images.correlation import canonical_agreement, consensus
from personax_ml.crl.images.fitting import View, fit_scores
from personax_ml.crl.images.networks import Ensemble, PlaceNet, perceptron
from personax_ml.crl.images.scores import NormalScores
from personax_ml.crl.regression import predict_held_out

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_ALPHA = 0.05
_LEAST_NEW = 0.1
"""A pair of which earlier ones predict all but this share is no new pair."""


@dataclass(frozen=True)
class Rows:
    """Which rows are fitted on, and which choose the epoch and test the links."""

    train: Bools
    held_out: Bools

    def index(self, part: Bools, device: torch.device) -> Tensor:
        """Return the numbers of the rows of a part."""
        return torch.as_tensor(np.flatnonzero(part), device=device)


def linked_scores(
    modalities: Sequence[ModalitySpec],
    views: Sequence[View],
    rows: Rows,
    config: ImageConfig,
    generator: torch.Generator,
) -> list[NormalScores | None]:
    """Return each image modality's linked scores; None for one without a link, and for matrices.

    Parameters
    ----------
    modalities, views : sequence
        All modalities; matrices take part as partners.
    rows : Rows
        Rows to fit on, and to choose and test on.
    config : ImageConfig
        Sizes and epochs.
    generator : torch.Generator
        Order of the rows.
    """
    width = min(modality.n_latents for modality in modalities) if len(modalities) > 1 else 0
    if width > 1:  # as many as are real come out better when no more are asked for
        quick = replace(config, link_epochs=-(-config.link_epochs // 2))
        found = _linked(modalities, views, rows, width, quick, generator)
        width = max((scores.width for scores in found if scores), default=0)
    if not width:
        return [None] * len(modalities)
    return _linked(modalities, views, rows, width, config, generator)


def _linked(
    modalities: Sequence[ModalitySpec],
    views: Sequence[View],
    rows: Rows,
    width: int,
    config: ImageConfig,
    generator: torch.Generator,
) -> list[NormalScores | None]:
    """Train scores of a given width; keep of each image modality those whose links are real."""
    nets = _train(modalities, views, rows, width, config, generator)
    there = [view.present.cpu().numpy() for view in views]
    complete = np.all(there, axis=0)
    train, held_out = complete & rows.train, complete & rows.held_out
    joined = [
        _join(net, view, rows.train & seen)
        for net, view, seen in zip(nets, views, there, strict=True)
    ]
    fitted: list[NormalScores | None] = []
    for m, modality in enumerate(modalities):
        scores, offset, axes = joined[m]
        others = np.hstack([scores for i, (scores, _, _) in enumerate(joined) if i != m])
        own, other = canonical_axes(scores, others, train)
        real = real_pairs(scores @ own, others @ other, train, held_out, config.permutations)
        if modality.image_shape is None or not real:
            fitted.append(None)
            continue
        index = rows.index(rows.train & there[m], views[m].x.device)
        fitted.append(NormalScores.fit(nets[m], offset, axes @ own[:, :real], views[m], index))
    return fitted


def _join(net: nn.Module, view: View, train: Bools) -> tuple[Floats, Floats, Floats]:
    """Return the joined scores of all rows, and the offset and axes that join them."""
    with torch.no_grad():
        everyone = torch.arange(len(view.present), device=view.x.device)
        members = view.mean(net, everyone).double().cpu().numpy()
    offset, axes = consensus(members[train])
    return (members.reshape(len(members), -1) - offset) @ axes, offset, axes


def _train(
    modalities: Sequence[ModalitySpec],
    views: Sequence[View],
    rows: Rows,
    width: int,
    config: ImageConfig,
    generator: torch.Generator,
) -> list[nn.Module]:
    """Maximise the canonical correlations of every pair of modalities with images in it."""
    device = views[0].x.device
    train, held_out = rows.index(rows.train, device), rows.index(rows.held_out, device)
    nets = nn.ModuleList(
        Ensemble(1, partial(_net, modality, view, width, config))
        for modality, view in zip(modalities, views, strict=True)
    ).to(device)
    pairs = [
        (i, j)
        for i, j in combinations(range(len(modalities)), 2)
        if modalities[i].image_shape or modalities[j].image_shape
    ]

    def agreement(batch: Tensor, scores: Sequence[Tensor]) -> Tensor:
        values = []
        for i, j in pairs:
            both = views[i].present[batch] & views[j].present[batch]
            values.append(canonical_agreement(scores[i][both], scores[j][both]).mean())
        return torch.stack(values).mean()

    def loss(batch: Tensor) -> Tensor:
        drawn = [net(view.draw(batch, generator)) for net, view in zip(nets, views, strict=True)]
        return -agreement(batch, drawn)

    def held_out_score() -> float:
        means = [view.mean(net, held_out) for net, view in zip(nets, views, strict=True)]
        return float(agreement(held_out, means))

    fit_scores(nets, loss, held_out_score, train, config.link_epochs, config, generator)
    return list(nets)


def _net(modality: ModalitySpec, view: View, width: int, config: ImageConfig) -> nn.Module:
    if modality.image_shape is None:
        return perceptron(view.x.shape[-1], width)
    return PlaceNet(width, modality.image_shape, config)


def canonical_axes(own: Floats, other: Floats, train: Bools) -> tuple[Floats, Floats]:
    """Return the maps of both sides to their canonical scores over the training rows."""
    sides = [scores[train] - scores[train].mean(axis=0) for scores in (own, other)]
    whiteners = []
    for side in sides:
        values, vectors = np.linalg.eigh(side.T @ side)
        whiteners.append(vectors / np.sqrt(np.maximum(values, 1e-9 * len(side))))
    a, b = (side @ whitener for side, whitener in zip(sides, whiteners, strict=True))
    left, _, right = np.linalg.svd(a.T @ b, full_matrices=False)
    return whiteners[0] @ left, whiteners[1] @ right.T


def real_pairs(own: Floats, other: Floats, train: Bools, held_out: Bools, permutations: int) -> int:
    """Return how many leading pairs are correlated beyond what earlier ones predict of them.

    Parameters
    ----------
    own, other : array (n, pairs)
        Canonical scores.
    train, held_out : bool array (n,)
        Rows to fit the predictions on, and to test on.
    permutations : int
        Permutations of the held-out rows behind each p-value.
    """
    rng = np.random.default_rng(0)
    for pair in range(own.shape[1]):
        residuals = []
        for scores in (own, other):
            value = residual = scores[held_out, pair]
            if pair:
                known, sought = scores[:, :pair], scores[train, pair : pair + 1]
                residual = value - predict_held_out(known[train], sought, known[held_out])[:, 0]
            if residual.var() <= _LEAST_NEW * value.var():  # a constant score adds nothing either
                return pair
            residuals.append((residual - residual.mean()) / residual.std())
        a, b = residuals
        shuffled = np.array([(a * b[rng.permutation(len(b))]).mean() for _ in range(permutations)])
        if 1 + (shuffled >= (a * b).mean()).sum() >= _ALPHA * (1 + permutations):
            return pair
    return int(own.shape[1])
