"""Within a modality: scores that say as much as they can about the linked ones, but not where.

Belongs here: the second stage. Does not belong here: links between modalities (`linking`).

A linked latent moves other latents of its modality. A network that cannot see places, trained for
maximal correlation (Renyi 1959, doi:10.1007/BF02024507) with a perceptron of the linked scores,
finds what the image says about them otherwise: the latents that depend on them. If measurements
differ in what is no latent, they must agree on the score, which keeps the rest out of it.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from personax_ml.crl.config import ImageConfig
from personax_ml.crl.images.correlation import canonical_agreement, consensus
from personax_ml.crl.images.fitting import View, fit_scores
from personax_ml.crl.images.networks import Ensemble, PatternNet, perceptron
from personax_ml.crl.images.scores import NormalScores

Floats = NDArray[np.float64]


def within_scores(
    view: View,
    shape: tuple[int, int, int],
    linked: Floats,
    width: int,
    train: Tensor,
    held_out: Tensor,
    config: ImageConfig,
    generator: torch.Generator,
) -> NormalScores:
    """Return scores of a modality beside its linked ones.

    Parameters
    ----------
    view : View
        The modality.
    shape : tuple of int
        Channels, height and width of its images.
    linked : array (n, links)
        Linked scores of all rows.
    width : int
        Number of scores to find.
    train, held_out : Tensor of int
        Rows to fit on and rows that choose the epoch; all of them have the modality.
    config : ImageConfig
        Sizes and epochs.
    generator : torch.Generator
        Order of the rows.
    """
    device = view.x.device
    target = torch.as_tensor(linked, dtype=torch.float32, device=device)
    score_net = Ensemble(config.members, lambda: PatternNet(width, shape, config))
    target_net = Ensemble(config.members, lambda: perceptron(target.shape[1], width))
    nets = nn.ModuleList([score_net, target_net]).to(device)

    def loss(batch: Tensor) -> Tensor:
        scores = score_net(view.draw(batch, generator))
        agreement = canonical_agreement(scores, target_net(target[batch]))
        if len(view.x) > 1:
            again = score_net(view.draw(batch, generator))
            agreement = agreement + config.agreement * canonical_agreement(scores, again)
        return -agreement.mean()

    def held_out_score() -> float:
        scores = view.mean(score_net, held_out)
        return float(canonical_agreement(scores, target_net(target[held_out])).mean())

    fit_scores(nets, loss, held_out_score, train, config.within_epochs, config, generator)
    with torch.no_grad():
        offset, axes = consensus(view.mean(score_net, train).double().cpu().numpy())
    return NormalScores.fit(score_net, offset, axes, view, train)
