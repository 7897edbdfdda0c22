"""The shapes that are drawn: from IDX files in a folder, or from scikit-learn's digits.

Belongs here: reading glyphs and choosing a pool of them. Does not belong here: placing them.
"""

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.integer[Any]]
Pool = Literal["one", "class", "all"]

GLYPH_SIZE = 28
DIGIT_CLASSES = (6,)
FASHION_CLASSES = (5, 7, 9)  # sandal, sneaker, ankle boot

_UNSIGNED_BYTES = 0x08


@dataclass(frozen=True)
class GlyphPool:
    """Shapes of the two items.

    Parameters
    ----------
    digits, fashion : array (g, 28, 28)
        Grey levels from 0 to 1.
    source : str
        Where they come from, for tables.
    """

    digits: Floats
    fashion: Floats
    source: str


def glyph_pool(pool: Pool, folder: Path | None = None) -> GlyphPool:
    """Return the shapes of a pool.

    Parameters
    ----------
    pool : {"one", "class", "all"}
        One six and one shoe (the first in the files); all sixes and all shoes (Fashion-MNIST's
        classes 5, 7 and 9); everything.
    folder : Path, optional
        Folder with IDX files `mnist-*-images-idx3-ubyte`, `mnist-*-labels-idx1-ubyte` and the
        same with `fashion-mnist-`, plain or gzipped. Without it the digits that ship in
        scikit-learn are enlarged from 8 x 8; fives, sevens and nines stand in for the shoes.

    Raises
    ------
    ValueError
        If a file is missing, torn or not what its name says.
    """
    if pool not in ("one", "class", "all"):
        raise ValueError(f"pool is {pool!r}; use one, class or all")
    if folder is None:
        mnist = fashion_mnist = _small_digits()
    else:
        mnist, fashion_mnist = (_read_set(folder, name) for name in ("mnist", "fashion-mnist"))
    return GlyphPool(
        digits=_choose(*mnist, pool, DIGIT_CLASSES),
        fashion=_choose(*fashion_mnist, pool, FASHION_CLASSES),
        source="digits" if folder is None else "idx",
    )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or gzipped.

    Raises
    ------
    ValueError
        If it is not such a file, or not all of it is there.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError) as error:
        raise ValueError(f"{path}: torn or not gzipped ({error}); fetch it again") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _UNSIGNED_BYTES:
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise ValueError(f"{path}: its header is torn; fetch it again")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    values = np.frombuffer(data, np.uint8, offset=start)
    if values.size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path}: {values.size} values, its header says {shape}; fetch it again")
    return values.reshape(shape)


def _read_set(folder: Path, name: str) -> tuple[Floats, Labels]:
    """Return the images and labels of all files of a set, in the order of their names."""
    images, labels = (
        [read_idx(path) for path in _files(folder, f"{name}-*-{kind}-ubyte")]
        for kind in ("images-idx3", "labels-idx1")
    )
    shapes = [(x.shape[1:], len(x)) for x in images]
    if shapes != [((GLYPH_SIZE, GLYPH_SIZE), len(y)) for y in labels]:
        raise ValueError(
            f"{folder}: the {name} images {[x.shape for x in images]} do not go with the labels "
            f"{[y.shape for y in labels]}; images are 28 x 28, one label each"
        )
    return np.concatenate(images) / 255, np.concatenate(labels)


def _files(folder: Path, pattern: str) -> list[Path]:
    found = {path.name.removesuffix(".gz"): path for path in folder.glob(f"{pattern}.gz")}
    found |= {path.name: path for path in folder.glob(pattern)}
    if not found:
        raise ValueError(f"{folder}: no file {pattern} or {pattern}.gz; put it there")
    return [found[name] for name in sorted(found)]


def _small_digits() -> tuple[Floats, Labels]:
    """Return scikit-learn's digits, enlarged to 28 x 28 (bilinear)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = digits.images.shape[1]
    place = (np.arange(GLYPH_SIZE) + 0.5) * small / GLYPH_SIZE - 0.5
    weights = np.maximum(0, 1 - np.abs(place[:, None].clip(0, small - 1) - np.arange(small)))
    return weights @ digits.images @ weights.T / 16, digits.target


def _choose(images: Floats, labels: Labels, pool: Pool, classes: tuple[int, ...]) -> Floats:
    if pool != "all":
        images = images[np.isin(labels, classes)]
    if not len(images):
        raise ValueError(f"the images hold none of the classes {classes}")
    return images[:1] if pool == "one" else images
