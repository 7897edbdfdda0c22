"""What a face latent looks like: traversals drawn as pictures.

Belongs here: from a latent's values to pixels. Does not belong here: whose faces may be shown; the
caller hands over crops of invented people only.

The model ends at embeddings, so a picture needs one more step, a linear regression of pixels on
embeddings. What it draws is an average look and nobody's photograph. Beside it stand two crops as
they are, of the held-out people with the lowest and the highest value of the latent.
"""

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.analysis.measurements import MeasuredPeople

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from personax_ml.crl import MultimodalCRL

Floats = NDArray[np.float64]

STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Values of the latent, in standard deviations; all others are held at their mean."""

_SIDE = 64
_RIDGE = 1e-2
"""Penalty, in units of the mean variance of an embedding's entries."""


def face_traversals(
    model: "MultimodalCRL", people: MeasuredPeople, crops: pl.DataFrame, modality: str = "face"
) -> "Figure | None":
    """Draw what changes in the first photograph when one latent does.

    Parameters
    ----------
    model : MultimodalCRL
        The fitted model.
    people : MeasuredPeople
        The data.
    crops : DataFrame
        `person_id` and `crop` (PNG) of the first photograph.
    modality : str
        The modality whose latents are traversed.

    Returns
    -------
    Figure or None
        A row per latent; None where no crop belongs to anybody.
    """
    from matplotlib.figure import Figure

    spec = next(m for m in model.config.modalities if m.name == modality)
    measurement = spec.measurements[0]
    known = pl.DataFrame({"person_id": people.person_ids}).with_row_index("row")
    placed = known.join(crops, on="person_id", maintain_order="left")
    placed = placed.filter(people.has(measurement)[placed["row"].to_numpy()])
    if placed.is_empty():
        return None
    rows = placed["row"].to_numpy()
    pictures = np.stack([_pixels(crop) for crop in placed["crop"]])
    draw = _Drawing(people.measurements[measurement][rows], pictures)
    latents = model.transform(people.rows(np.isin(np.arange(len(people.person_ids)), rows)))
    tested = np.flatnonzero(people.split.test[rows])
    figure = Figure(figsize=(len(STEPS) + 3.2, spec.n_latents + 0.9), layout="constrained")
    grid = figure.subplots(spec.n_latents, len(STEPS) + 2, squeeze=False)
    for axes, name in zip(grid, spec.latent_names, strict=True):
        column = model.latent_names.index(name)
        points = np.zeros((len(STEPS), len(model.latent_names)), np.float32)
        points[:, column] = STEPS
        drawn = draw(model.decode(points)[measurement])
        order = tested[np.argsort(latents[tested, column])]
        extremes = (pictures[order[0]], pictures[order[-1]]) if len(order) else (None, None)
        for axis, picture in zip(axes, (extremes[0], *drawn, extremes[1]), strict=True):
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if picture is not None:
                axis.imshow(picture)
        axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    titles = (
        "lowest,\nas it is",
        *(f"{step:+.0f} SD" if step else "mean" for step in STEPS),
        "highest,\nas it is",
    )
    for axis, title in zip(grid[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    figure.suptitle(
        "Decoded embeddings, drawn by a linear regression of pixels. Invented people.", fontsize=9
    )
    return figure


def _pixels(crop: bytes) -> Floats:
    from PIL import Image

    picture = Image.open(BytesIO(crop), formats=("PNG",)).convert("RGB").resize((_SIDE, _SIDE))
    return np.asarray(picture, np.float64) / 255


class _Drawing:
    """Ridge regression of pixels on embeddings."""

    def __init__(self, embeddings: NDArray[np.float32], pictures: Floats) -> None:
        x = embeddings.astype(np.float64)
        self._x, self._y = x.mean(axis=0), pictures.mean(axis=0)
        centred = x - self._x
        penalty = _RIDGE * len(x) * centred.var(axis=0).mean() * np.eye(x.shape[1])
        targets = (pictures - self._y).reshape(len(x), -1)
        self._map = np.linalg.solve(centred.T @ centred + penalty, centred.T @ targets)

    def __call__(self, embeddings: NDArray[np.float32]) -> Floats:
        """Return the pictures of embeddings, with values from 0 to 1."""
        drawn = (embeddings - self._x) @ self._map
        shape = (len(embeddings), *self._y.shape)
        pictures: Floats = np.clip(drawn.reshape(shape) + self._y, 0, 1)
        return pictures
