"""What all baselines have in common: images in, codes out, one training loop.

Belongs here: the protocol, encoders and decoders. Does not belong here: objectives.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from personax_ml.crl.config import ImageConfig, ModalitySpec
from personax_ml.crl.images.fitting import fit_scores, in_chunks
from personax_ml.crl.images.reduction import device
from personax_ml.crl.reduction import Matrix, Measurements
from personax_ml.crl.training import reproducible

_CHANNELS, _HIDDEN = 32, 128


@dataclass(frozen=True)
class Effort:
    """How long and how fast a baseline is trained; the same for all.

    Parameters
    ----------
    epochs, batch_size : int
        Passes over the training rows, rows of a minibatch.
    learning_rate, weight_decay : float
        Of Adam with decoupled weight decay; the rate rises and falls in one cycle.
    """

    epochs: int = 40
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4


class Baseline(ABC):
    """A method that turns images of several modalities into latents.

    Parameters
    ----------
    modalities : sequence of ModalitySpec
        All of them images.
    effort : Effort
        Training.
    random_state : int
        Seed of everything random.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        effort: Effort | None = None,
        random_state: int = 0,
    ) -> None:
        self.modalities = tuple(modalities)
        self.effort = effort or Effort()
        self.random_state = random_state
        self.widths = [modality.n_latents for modality in self.modalities]
        self.shapes = [_joint_shape(modality) for modality in self.modalities]

    def fit(self, measurements: Measurements, validation: Measurements) -> Self:
        """Train on some people; others choose the epoch."""
        with reproducible(self.random_state):
            generator = torch.Generator(device()).manual_seed(self.random_state)
            self.module = self.build().to(device())
            train, held_out = self._images(measurements), self._images(validation)
            rows = torch.arange(len(train[0]), device=device())

            def loss(batch: Tensor) -> Tensor:
                return self.loss([x[batch] for x in train], batch, generator)

            def held_out_score() -> float:
                fixed = torch.Generator(device()).manual_seed(self.random_state)
                return -float(self.loss(held_out, None, fixed))

            effort = self.effort
            config = ImageConfig(
                batch_size=effort.batch_size,
                learning_rate=effort.learning_rate,
                weight_decay=effort.weight_decay,
            )
            fit_scores(
                nn.ModuleList([self.module]), loss, held_out_score, rows, effort.epochs,
                config, generator,
            )  # fmt: skip
        return self

    @torch.no_grad()
    def transform(self, measurements: Measurements) -> Matrix:
        """Return the latents, (n, number of latents), modality by modality."""
        numbers = torch.arange(len(next(iter(measurements.values()))), device=device())
        images = self._images(measurements)
        codes: Matrix = (
            in_chunks(lambda rows: self.codes([x[rows] for x in images]), numbers).cpu().numpy()
        )
        return codes

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the module to train."""

    @abstractmethod
    def loss(
        self, images: Sequence[Tensor], rows: Tensor | None, generator: torch.Generator
    ) -> Tensor:
        """Return the objective of some people's images.

        `rows` are their numbers among the training people, None for the validation people.
        """

    @abstractmethod
    def codes(self, images: Sequence[Tensor]) -> Tensor:
        """Return the latents of images."""

    def encoders(self, outputs: Sequence[int]) -> nn.ModuleList:
        """Return an encoder per modality."""
        return nn.ModuleList(
            encoder(shape, width) for shape, width in zip(self.shapes, outputs, strict=True)
        )

    def decoders(self, inputs: Sequence[int]) -> nn.ModuleList:
        """Return a decoder per modality."""
        return nn.ModuleList(
            decoder(shape, width) for shape, width in zip(self.shapes, inputs, strict=True)
        )

    def _images(self, measurements: Measurements) -> list[Tensor]:
        return [
            torch.as_tensor(
                np.concatenate([measurements[name] for name in modality.measurements], axis=1),
                device=device(),
            )
            for modality in self.modalities
        ]


def encoder(shape: tuple[int, int, int], width: int) -> nn.Sequential:
    """Return a convolutional network from images to a code."""
    channels, height, breadth = shape
    pixels = -(-height // 4) * -(-breadth // 4)
    return nn.Sequential(
        nn.Conv2d(channels, _CHANNELS, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(_CHANNELS, 2 * _CHANNELS, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(2 * _CHANNELS * pixels, _HIDDEN),
        nn.SiLU(),
        nn.Linear(_HIDDEN, width),
    )


def decoder(shape: tuple[int, int, int], width: int) -> nn.Sequential:
    """Return a perceptron from a code to images."""
    return nn.Sequential(
        nn.Linear(width, _HIDDEN),
        nn.SiLU(),
        nn.Linear(_HIDDEN, 2 * _HIDDEN),
        nn.SiLU(),
        nn.Linear(2 * _HIDDEN, int(np.prod(shape))),
        nn.Unflatten(1, shape),
    )


def _joint_shape(modality: ModalitySpec) -> tuple[int, int, int]:
    if modality.image_shape is None:
        raise ValueError(f"modality {modality.name}: this method needs images")
    channels, height, breadth = modality.image_shape
    return channels * len(modality.measurements), height, breadth
