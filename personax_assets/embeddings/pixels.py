"""The embedded face encoder: shades, colours and edges on a grid, no weights.

Belongs here: features of a face crop. Does not belong here: finding the face.

It does not recognise people. It is a linear sketch of what the crop looks like, in which skin,
hair and the shapes of brows, eyes, nose, mouth and chin can be read off by linear regression.
"""

from collections.abc import Sequence
from functools import cached_property
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from personax_assets.embeddings.projection import random_signs

Floats = NDArray[np.float64]

_SHADES, _COLOURS, _EDGES = 28, 14, 7
"""Cells along each side of the three grids."""

_WEIGHTS = 0.1, 1.0, 0.75
"""With these the grids vary about equally between faces, and a vector's length is about one."""

_ORIENTATIONS = 8

_EDGE_PIXELS = 112
"""Side to which a crop is shrunk before edges are sought: finer ones are noise."""


class PixelEncoder:
    """Grids of luminance, chrominance and gradient orientations, projected at random.

    What lies outside of the face (background, clothes) counts little. Lengths are left as they
    are, about one: brightness is part of how a face looks.
    """

    name = "pixels"
    version = "1"
    dim = 256
    modality = "face"

    def embed(self, batch: Sequence[bytes]) -> NDArray[np.float32]:
        """Embed face crops.

        Parameters
        ----------
        batch : sequence of bytes
            Crops as PNG files.

        Returns
        -------
        array of shape (len(batch), dim)
            A row does not depend on the rest of the batch.
        """
        rows = [_features(crop) @ self._projection for crop in batch]
        return np.array(rows, dtype=np.float32).reshape(len(batch), self.dim)

    @cached_property
    def _projection(self) -> Floats:
        n_features = _SHADES**2 + 2 * _COLOURS**2 + _ORIENTATIONS * _EDGES**2
        return random_signs(f"{self.name} {self.version}", n_features, self.dim).astype(np.float64)


def _features(crop: bytes) -> Floats:
    luminance, *chrominance = Image.open(BytesIO(crop), formats=("PNG",)).convert("YCbCr").split()
    shades = _shrunk(luminance, _SHADES)[..., None]
    colours = np.stack([_shrunk(channel, _COLOURS) for channel in chrominance], axis=-1)
    edges = _orientations(_shrunk(luminance, _EDGE_PIXELS))
    grids = zip(_WEIGHTS, (shades, colours, edges), strict=True)
    return np.concatenate([(weight * _window(len(grid)) * grid).ravel() for weight, grid in grids])


def _shrunk(channel: Image.Image, side: int) -> Floats:
    """Return a channel at another size, with levels from -1/2 to 1/2."""
    small = channel.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64) / 255 - 0.5


def _orientations(grey: Floats) -> Floats:
    """Return histograms of gradient orientations by cell: the root of each one's strength."""
    down, right = np.gradient(grey)
    strength = np.hypot(right, down).ravel()
    angle = (np.arctan2(down, right) % np.pi).ravel() * (_ORIENTATIONS / np.pi)
    lower = np.floor(angle)
    upper_share = angle - lower
    cell = np.arange(len(grey)) * _EDGES // len(grey)
    first = ((cell[:, None] * _EDGES + cell) * _ORIENTATIONS).ravel()
    bins = [first + (lower + i).astype(np.intp) % _ORIENTATIONS for i in (0, 1)]
    shares = [strength * (1 - upper_share), strength * upper_share]
    size = _EDGES * _EDGES * _ORIENTATIONS
    sums = np.bincount(np.concatenate(bins), np.concatenate(shares), size)
    return np.sqrt(sums / (len(grey) / _EDGES) ** 2).reshape(_EDGES, _EDGES, _ORIENTATIONS)


def _window(side: int) -> Floats:
    """Return the weight of each cell: flat over the face, next to nothing at the border."""
    middle = (np.arange(side) + 0.5) / side
    across, down = (middle - 0.5) / 0.24, (middle - 0.55) / 0.30
    distance = across**2 + down[:, None] ** 2
    window: Floats = 0.05 + 0.95 * np.exp(-0.5 * distance**2)
    return window[..., None]
