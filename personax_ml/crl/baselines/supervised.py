"""The ceiling: our networks, told the truth."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from personax_ml.crl.baselines.protocol import Baseline, Effort
from personax_ml.crl.config import ImageConfig, ModalitySpec
from personax_ml.crl.images.networks import PatternNet, PlaceNet
from personax_ml.crl.images.reduction import device


class PlaceAndPattern(nn.Module):
    """The sum of a network of places and one of patterns, with twice the maps that ours has."""

    def __init__(self, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        ours = ImageConfig()
        config = replace(ours, channels=2 * ours.channels)
        self.place = PlaceNet(width, shape, config)
        self.pattern = PatternNet(width, shape, config)

    def forward(self, x: Tensor) -> Tensor:
        """Return predictions, (n, width)."""
        predicted: Tensor = self.place(x) + self.pattern(x)
        return predicted


class Supervised(Baseline):
    """Regression of the true latents on the images: no method, but a ceiling for methods.

    Parameters
    ----------
    modalities, effort, random_state
        As for every baseline.
    truth, validation_truth : array (n, number of latents)
        True latents of the people to fit on and of those who choose the epoch.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        truth: ArrayLike,
        validation_truth: ArrayLike,
        effort: Effort | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(modalities, effort, random_state)
        self._truth, self._validation_truth = (
            torch.as_tensor(np.asarray(values, np.float32), device=device())
            for values in (truth, validation_truth)
        )

    def build(self) -> nn.Module:
        """Return both of our networks per modality."""
        return nn.ModuleList(
            PlaceAndPattern(shape, width)
            for shape, width in zip(self.shapes, self.widths, strict=True)
        )

    def loss(
        self, images: Sequence[Tensor], rows: Tensor | None, generator: torch.Generator
    ) -> Tensor:
        """Return the mean squared error."""
        truth = self._validation_truth if rows is None else self._truth[rows]
        return nn.functional.mse_loss(self.codes(images), truth)

    def codes(self, images: Sequence[Tensor]) -> Tensor:
        """Return the predicted latents."""
        assert isinstance(self.module, nn.ModuleList)
        return torch.cat([net(x) for net, x in zip(self.module, images, strict=True)], dim=1)
