"""The reduction of images: latents found by the two stages, and what is left of the image.

Belongs here: putting the stages together behind the interface that matrices are reduced by. Does
not belong here: the stages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from personax_ml.crl.config import CRLConfig, ImageConfig, ModalitySpec
from personax_ml.crl.images.correlation import KNOTS
from personax_ml.crl.images.fitting import View, fit_scores, in_chunks
from personax_ml.crl.images.linking import Rows, linked_scores
from personax_ml.crl.images.networks import Ensemble, Painter, PatternNet, PlaceNet
from personax_ml.crl.images.scores import NormalScores
from personax_ml.crl.images.within import within_scores
from personax_ml.crl.reduction import (
    Matrix,
    Measurements,
    Reduced,
    Reduction,
    Tensors,
    observed_rows,
)

Floats = NDArray[np.float64]

_PAINTER_STEPS, _PAINTER_BATCH, _PAINTER_RATE = 600, 128, 2e-3


class ImageEncoder(nn.Module):
    """The latents of a modality of images: linked ones first, then the others.

    Parameters
    ----------
    linked, within : NormalScores, optional
        The scores of either stage.
    """

    def __init__(self, linked: NormalScores | None, within: NormalScores | None) -> None:
        super().__init__()
        self.linked, self.within = linked, within

    def forward(self, images: Tensor) -> Floats:
        """Return the latents of images, (n, latents)."""
        parts = [scores(images) for scores in (self.linked, self.within) if scores is not None]
        return np.hstack(parts)


@dataclass(frozen=True)
class ImageReduction:
    """Images as latents and, beside them, principal components of what the latents do not paint.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width.
    encoder : ImageEncoder
        From images to latents; the measurements of a modality share it.
    painter : Painter
        From latents to the mean image.
    rest : Reduction
        Principal components of image minus mean image: eta.
    """

    shape: tuple[int, int, int]
    encoder: ImageEncoder
    painter: Painter
    rest: Reduction

    @property
    def width(self) -> int:
        """Number of latents and of components beside them."""
        return self.painter.n_latents + self.rest.width

    def apply(self, x: Matrix) -> Matrix:
        """Return latents and components; zero for missing rows."""
        reduced = np.zeros((len(x), self.width), np.float32)
        there = observed_rows(x)
        if there.any():
            images = torch.as_tensor(np.ascontiguousarray(x[there]), device=self._device)
            latents = self.encoder(images).astype(np.float32)
            unpainted = x[there].reshape(len(images), -1) - self._paint(latents)
            reduced[there] = np.hstack([latents, self.rest.apply(unpainted)])
        return reduced

    def invert(self, reduced: Matrix) -> Matrix:
        """Return the images that latents and components stand for."""
        n_latents = self.painter.n_latents
        images = self._paint(reduced[:, :n_latents]) + self.rest.invert(reduced[:, n_latents:])
        return images.reshape(-1, *self.shape)

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """Return what has to be stored."""
        parts = {"encoder": self.encoder.state_dict(), "painter": self.painter.state_dict()}
        stored: dict[str, NDArray[np.generic]] = {
            f"{part}/{name}": value.cpu().numpy()
            for part, state in parts.items()
            for name, value in state.items()
        }
        return stored | {f"rest/{name}": value for name, value in self.rest.tensors().items()}

    @classmethod
    def from_tensors(
        cls, modality: ModalitySpec, config: ImageConfig, tensors: Tensors
    ) -> "ImageReduction":
        """Return the reduction that `tensors` described."""
        shape = _image_shape(modality)
        encoder_state, painter_state, rest = (
            {
                name.removeprefix(part): value
                for name, value in tensors.items()
                if name.startswith(part)
            }
            for part in ("encoder/", "painter/", "rest/")
        )
        stages: dict[str, NormalScores | None] = {}
        for stage, architecture in _STAGES.items():
            if f"{stage}.axes" not in encoder_state:
                stages[stage] = None
                continue
            size, kept = encoder_state[f"{stage}.axes"].shape
            members = config.members if stage == "within" else 1
            net = Ensemble(members, partial(architecture, size // members, shape, config))
            stages[stage] = NormalScores(
                net, np.zeros(size), np.zeros((size, kept)), np.zeros((KNOTS, kept))
            )
        encoder = ImageEncoder(stages["linked"], stages["within"])
        painter = Painter(modality.n_latents, int(np.prod(shape)))
        for module, state in ((encoder, encoder_state), (painter, painter_state)):
            module.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
            module.to(device()).eval()
        return cls(shape, encoder, painter, Reduction.from_tensors(rest))

    @property
    def _device(self) -> torch.device:
        return next(self.painter.parameters()).device

    @torch.no_grad()
    def _paint(self, latents: Matrix) -> Matrix:
        given = torch.as_tensor(np.ascontiguousarray(latents), device=self._device)
        painted: Matrix = in_chunks(self.painter, given).cpu().numpy()
        return painted


_STAGES = {"linked": PlaceNet, "within": PatternNet}


def device() -> torch.device:
    """Return the device that networks of images live on."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fit_image_reductions(
    config: CRLConfig,
    measurements: Measurements,
    validation: Measurements,
    matrices: Mapping[str, Reduced],
) -> dict[str, ImageReduction]:
    """Find the latents of all image modalities.

    Parameters
    ----------
    config : CRLConfig
        The model.
    measurements, validation : mapping
        Rows to fit on, and rows that choose epochs and test links.
    matrices : mapping
        The reductions of the measurements that are matrices, which images may be linked to.

    Raises
    ------
    ValueError
        If an image measurement does not vary, or an image modality is linked to no other.
    """
    for name in config.image_shapes:
        if np.ptp(measurements[name][observed_rows(measurements[name])], axis=0).max() == 0:
            raise ValueError(
                f"measurement {name}: every observed row is the same; leave the measurement out"
            )
    names = config.measurement_names
    everyone = {name: np.concatenate([measurements[name], validation[name]]) for name in names}
    counts = len(measurements[names[0]]), len(validation[names[0]])
    train = np.repeat([True, False], counts)
    rows = Rows(train, ~train)
    views = [_view(modality, everyone, matrices) for modality in config.modalities]
    generator = torch.Generator(device()).manual_seed(config.random_state)
    linked = linked_scores(config.modalities, views, rows, config.images, generator)
    reductions: dict[str, ImageReduction] = {}
    for modality, view, scores in zip(config.modalities, views, linked, strict=True):
        if modality.image_shape is None:
            continue
        encoder = _encoder(modality, view, rows, scores, config.images, generator)
        for name in modality.measurements:
            reductions[name] = _reduce(everyone[name], modality, encoder, rows, config, generator)
    return reductions


def _view(modality: ModalitySpec, everyone: Measurements, matrices: Mapping[str, Reduced]) -> View:
    """Return a modality's images; of matrices the components side by side."""
    there = np.stack([observed_rows(everyone[name]) for name in modality.measurements])
    if modality.image_shape is not None:
        x = np.nan_to_num(np.stack([everyone[name] for name in modality.measurements]))
    else:
        parts = [matrices[name].apply(everyone[name]) for name in modality.measurements]
        x, there = np.hstack(parts)[None], np.any(there, axis=0, keepdims=True)
    return View(torch.as_tensor(x, device=device()), torch.as_tensor(there, device=device()))


def _encoder(
    modality: ModalitySpec,
    view: View,
    rows: Rows,
    linked: NormalScores | None,
    config: ImageConfig,
    generator: torch.Generator,
) -> ImageEncoder:
    """Add the second stage to the first."""
    if linked is None:
        raise ValueError(
            f"modality {modality.name}: its images are linked to no other modality, so nothing "
            "of them can be identified; reduce them to a matrix (an embedding) instead"
        )
    if linked.width == modality.n_latents:
        return ImageEncoder(linked, None)
    there = view.present.cpu().numpy()
    within = within_scores(
        view, _image_shape(modality), linked.average(view), modality.n_latents - linked.width,
        rows.index(rows.train & there, view.x.device),
        rows.index(rows.held_out & there, view.x.device), config, generator,
    )  # fmt: skip
    return ImageEncoder(linked, within)


def _reduce(
    x: Matrix,
    modality: ModalitySpec,
    encoder: ImageEncoder,
    rows: Rows,
    config: CRLConfig,
    generator: torch.Generator,
) -> ImageReduction:
    """Learn to paint a measurement from its latents; reduce what is not painted."""
    there = observed_rows(x)
    images = torch.as_tensor(x[there], device=device())
    flat = images.flatten(1)
    latents = torch.as_tensor(encoder(images), dtype=torch.float32, device=device())
    painter = Painter(modality.n_latents, flat.shape[1]).to(device())
    train, held_out = (rows.index(part[there], device()) for part in (rows.train, rows.held_out))

    def error(batch: Tensor) -> Tensor:
        return nn.functional.mse_loss(painter(latents[batch]), flat[batch])

    painting = replace(config.images, batch_size=_PAINTER_BATCH, learning_rate=_PAINTER_RATE)
    fit_scores(
        nn.ModuleList([painter]), error, lambda: -float(error(held_out)), train,
        -(-_PAINTER_STEPS * _PAINTER_BATCH // len(train)), painting, generator,
    )  # fmt: skip
    with torch.no_grad():
        unpainted = (flat[train] - painter(latents[train])).cpu().numpy()
    rest = Reduction.fit(unpainted, config.n_private, np.random.default_rng(config.random_state))
    return ImageReduction(_image_shape(modality), encoder, painter, rest)


def _image_shape(modality: ModalitySpec) -> tuple[int, int, int]:
    if modality.image_shape is None:
        raise ValueError(f"modality {modality.name} is not made of images")
    return modality.image_shape
