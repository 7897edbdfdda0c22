"""Fitted scores of images: a network of several members, joined, and made standard normal.

Belongs here: what both stages leave behind. Does not belong here: how they are trained.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from personax_ml.crl.images.correlation import normal_knots, to_normal
from personax_ml.crl.images.fitting import View, in_chunks

Floats = NDArray[np.float64]


class NormalScores(nn.Module):
    """Scores of images, standard normal over the training rows.

    Parameters
    ----------
    net : Module
        From images to (n, members, width).
    offset, axes : array (members x width,), (members x width, kept)
        How the members are joined.
    knots : array (knots, kept)
        Quantiles of the joined scores.
    """

    offset: Tensor
    axes: Tensor
    knots: Tensor

    def __init__(self, net: nn.Module, offset: Floats, axes: Floats, knots: Floats) -> None:
        super().__init__()
        self.net = net
        for name, value in {"offset": offset, "axes": axes, "knots": knots}.items():
            self.register_buffer(name, torch.as_tensor(np.ascontiguousarray(value)))

    @property
    def width(self) -> int:
        """Number of scores."""
        return self.knots.shape[1]

    @classmethod
    def fit(
        cls, net: nn.Module, offset: Floats, axes: Floats, view: View, train: Tensor
    ) -> "NormalScores":
        """Learn what is made normal: the scores of the training rows in all measurements."""
        joined = [
            (_flat(net, x[train][there[train]]) - offset) @ axes
            for x, there in zip(view.x, view.there, strict=True)
        ]
        return cls(net, offset, axes, normal_knots(np.concatenate(joined))).to(view.x.device)

    def forward(self, images: Tensor) -> Floats:
        """Return the scores of images, (n, kept)."""
        offset, axes, knots = (
            buffer.cpu().numpy() for buffer in (self.offset, self.axes, self.knots)
        )
        return to_normal((_flat(self.net, images) - offset) @ axes, knots)

    def average(self, view: View) -> Floats:
        """Return every row's scores averaged over its measurements; zero if it has none."""
        there = view.there.cpu().numpy()
        total = sum(self(x) * seen[:, None] for x, seen in zip(view.x, there, strict=True))
        average: Floats = total / np.maximum(there.sum(axis=0), 1)[:, None]
        return average


@torch.no_grad()
def _flat(net: nn.Module, images: Tensor) -> Floats:
    scores: Floats = in_chunks(net, images).flatten(1).double().cpu().numpy()
    return scores
