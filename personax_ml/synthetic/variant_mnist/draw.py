"""The causal model behind the images, and how its latents become pixels.

Belongs here: latents, rendering, splits. Does not belong here: where the shapes come from.

A digit is seen in three measurements (red, green, blue), a fashion item in one. Where the digit
stands (z11, from left to right) moves how strong it is (z12) and where the item stands (z21, from
top to bottom); that moves how strong the item is (z22)::

    z11 = e
    z12 = .6 (.8 z11 + .5 sin 1.5 z11) + .7 e
    z21 = .6 (.9 z11 + .6 tanh 2 z11) + .7 e
    z22 = .6 (.8 z21 - .5 cos 1.5 z21) + .7 e

each standardised, every e independent. A latent v becomes lo + (hi - lo) / (1 + exp(-1.3 v)): a
shift between -7 and 7 of 28 pixels, a factor between .25 and 1. The shape is scaled (digit .65,
item .55) and shifted with bilinear sampling, multiplied by its factor, and halved to 14 x 14.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from personax_ml.synthetic.streams import normals, uniforms
from personax_ml.synthetic.variant_mnist.glyphs import GLYPH_SIZE, GlyphPool, Pool, glyph_pool

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Images = NDArray[np.float32]
Noise = Literal["normal", "laplace", "uniform"]
Glyphs = Literal["shared", "indep"]

LATENTS = ("z11", "z12", "z21", "z22")
EDGES = (("z11", "z12"), ("z11", "z21"), ("z21", "z22"))
"""Causes and effects."""

DIGIT = ("digit_red", "digit_green", "digit_blue")
FASHION = ("fashion",)

_SCALES = {"digit": 0.65, "fashion": 0.55}
_SHIFT = (-7.0, 7.0)
_FACTOR = (0.25, 1.0)
_SELECT = _TEST = 0.1


@dataclass(frozen=True)
class VariantMNIST:
    """Images, the latents behind them, and who is fitted, selected and tested on.

    Parameters
    ----------
    measurements : dict of str to array of float32
        `digit_red`, `digit_green`, `digit_blue` (n, 3, 14, 14): all channels but one are dark;
        `fashion` (n, 1, 14, 14). Grey levels from 0 to 1.
    latents : array (n, 4)
        `LATENTS`, standardised.
    glyphs : dict of str to array of int, (n,)
        Which shape each image shows.
    train, select, test : bool array (n,)
        80, 10 and 10 % of the rows, in this order.
    """

    measurements: dict[str, Images]
    latents: Floats
    glyphs: dict[str, NDArray[np.int64]]
    train: Bools
    select: Bools
    test: Bools


def draw_variant_mnist(
    n: int = 10_000,
    pool: Pool = "class",
    glyphs: Glyphs = "shared",
    noise: Noise = "normal",
    seed: int = 0,
    disjoint: bool = False,
    folder: Path | None = None,
) -> VariantMNIST:
    """Draw a data set.

    Parameters
    ----------
    n : int
        Number of rows.
    pool : {"one", "class", "all"}
        Which shapes, see `glyph_pool`.
    glyphs : {"shared", "indep"}
        Whether the three measurements of a digit show the same shape or one each.
    noise : {"normal", "laplace", "uniform"}
        Distribution of every e, of variance one.
    seed : int
        Seed of latents and shapes.
    disjoint : bool
        Whether test rows show shapes (a tenth of the pool) that no other row shows.
    folder : Path, optional
        Folder with IDX files; without it scikit-learn's digits are used.

    Raises
    ------
    ValueError
        If an option is unknown, there are too few rows for three parts, or too few shapes.
    """
    for name, value, known in (
        ("glyphs", glyphs, get_args(Glyphs)), ("noise", noise, get_args(Noise)),
    ):  # fmt: skip
        if value not in known:
            raise ValueError(f"{name} is {value!r}; use one of {', '.join(known)}")
    if n < 10:
        raise ValueError(f"n is {n}; at least 10 rows make three parts")
    shapes = glyph_pool(pool, folder)
    place = (np.arange(n) + 0.5) / n
    test = place > 1 - _TEST
    train = place < 1 - _TEST - _SELECT
    latents = draw_latents(n, noise, seed)
    streams = {name: name if glyphs == "indep" else "digit" for name in DIGIT}
    counts = dict.fromkeys(DIGIT, len(shapes.digits)) | dict.fromkeys(FASHION, len(shapes.fashion))
    chosen = {
        name: _choose_glyphs(count, test & disjoint, seed, streams.get(name, name))
        for name, count in counts.items()
    }
    return VariantMNIST(
        render(latents, shapes, chosen), latents, chosen, train, ~(train | test), test
    )


def draw_latents(n: int, noise: Noise, seed: int) -> Floats:
    """Return n rows of the latents, (n, 4), each standardised over the rows."""
    e11, e12, e21, e22 = (_noise(noise, seed, name, n) for name in LATENTS)
    z11 = _standard(e11)
    z12 = _standard(0.6 * (0.8 * z11 + 0.5 * np.sin(1.5 * z11)) + 0.7 * e12)
    z21 = _standard(0.6 * (0.9 * z11 + 0.6 * np.tanh(2 * z11)) + 0.7 * e21)
    z22 = _standard(0.6 * (0.8 * z21 - 0.5 * np.cos(1.5 * z21)) + 0.7 * e22)
    return np.stack([z11, z12, z21, z22], axis=1)


def render(
    latents: Floats, shapes: GlyphPool, chosen: dict[str, NDArray[np.int64]]
) -> dict[str, Images]:
    """Return the images of latents, given which shape each one shows."""
    z11, z12, z21, z22 = latents.T
    still = _sampling(np.zeros(1), _SCALES["digit"])[0]
    across = _sampling(_between(z11, _SHIFT), _SCALES["digit"])
    strength = _between(z12, _FACTOR)[:, None, None]
    rows = still @ shapes.digits
    images = {}
    for channel, name in enumerate(DIGIT):
        pixels = np.zeros((len(latents), len(DIGIT), GLYPH_SIZE // 2, GLYPH_SIZE // 2), np.float32)
        pixels[:, channel] = strength * (rows[chosen[name]] @ across.mT)
        images[name] = pixels
    still = _sampling(np.zeros(1), _SCALES["fashion"])[0]
    down = _sampling(_between(z21, _SHIFT), _SCALES["fashion"])
    columns = shapes.fashion @ still.T
    for name in FASHION:
        pixels = _between(z22, _FACTOR)[:, None, None] * (down @ columns[chosen[name]])
        images[name] = pixels[:, None].astype(np.float32)
    return images


def _sampling(shift: Floats, scale: float) -> Floats:
    """Return matrices (n, 14, 28) that scale a line of pixels about its middle, shift and halve it.

    Bilinear sampling of an image is such a matrix for its rows and one for its columns. Halving
    is bilinear too: every new pixel is the mean of two.
    """
    middle = (GLYPH_SIZE - 1) / 2
    pixel = np.arange(GLYPH_SIZE)
    source = (pixel - middle - shift[:, None]) / scale + middle
    full = np.maximum(0, 1 - np.abs(source[:, :, None] - pixel))
    halved: Floats = full.reshape(len(shift), GLYPH_SIZE // 2, 2, GLYPH_SIZE).mean(axis=2)
    return halved


def _between(v: Floats, limits: tuple[float, float]) -> Floats:
    low, high = limits
    return low + (high - low) / (1 + np.exp(-1.3 * v))


_INVERSES: dict[Noise, Callable[[Floats], Floats]] = {
    "laplace": lambda u: -np.sign(u - 0.5) * np.log1p(-2 * np.abs(u - 0.5)) / np.sqrt(2),
    "uniform": lambda u: np.sqrt(12) * (u - 0.5),
}
"""Quantile functions of variance one."""


def _noise(noise: Noise, seed: int, name: str, n: int) -> Floats:
    stream = ("variant_mnist", seed, name)
    if noise == "normal":
        return normals(*stream, count=n)
    return _INVERSES[noise](uniforms(*stream, count=n))


def _choose_glyphs(count: int, apart: Bools, seed: int, stream: str) -> NDArray[np.int64]:
    """Draw one of `count` glyphs per row; rows `apart` draw from a tenth of their own."""
    drawn = uniforms("variant_mnist", seed, stream, "glyph", count=len(apart))
    if not apart.any():
        return (drawn * count).astype(np.int64)
    if count < 2:
        raise ValueError("disjoint: the pool has a single shape; use class or all")
    order = np.argsort(uniforms("variant_mnist", seed, stream, "order", count=count))
    own = max(round(_TEST * count), 1)
    place = np.where(apart, count - own + drawn * own, drawn * (count - own))
    return order[place.astype(np.int64)]


def _standard(x: Floats) -> Floats:
    standard: Floats = (x - x.mean()) / x.std()
    return standard
