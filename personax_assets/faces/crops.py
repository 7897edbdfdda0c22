"""Face crops: one row per photograph, with the face or the reason why there is none.

Belongs here: the choice of the person's face, the crop, its quality, and when a row is up to date.
Does not belong here: decoding, detecting, spreading the work over processes (`pool`).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from io import BytesIO
from itertools import islice

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from personax_assets.datasets import ATHLEPERSONA
from personax_assets.faces.decoding import FORMATS, MAX_BYTES, MAX_PIXELS, Pixels, Refusal, decode
from personax_assets.faces.detection import DETECTOR, DETECTOR_VERSION, Box, detect
from personax_assets.faces.photographs import Photograph
from personax_assets.faces.pool import Lost, isolated_map
from personax_assets.schemas.faces import face_crops

BATCH = 500
"""Rows that `crop_faces` hands out together."""

_SCHEMA = face_crops(ATHLEPERSONA).polars  # the same columns for every sub-dataset


SIDE = 224
"""Width and height of a crop in pixels."""

MARGIN = 0.25
"""Share of the face's box that is added on each side: hair, ears and chin lie outside of it."""

SMALLEST_FACE = 40
"""A face whose box is smaller, in pixels of the photograph, is `small_face`."""

LEAST_SHARPNESS = 4.0
"""Variance of the Laplacian of the grey crop below which it is `blurry`."""

RIVAL = 0.7
"""A second face of at least this share of the largest one's size makes it `many_faces`."""

CROP_VERSION = "1"
"""To be raised whenever the same photograph and the same limits give another row."""

_RECIPE = (
    *(DETECTOR, DETECTOR_VERSION, CROP_VERSION, FORMATS, MAX_BYTES, MAX_PIXELS),
    *(SIDE, MARGIN, SMALLEST_FACE, LEAST_SHARPNESS, RIVAL),
)


@dataclass(frozen=True)
class CropRow:
    """One row of `face_crops`; see the schema for the meaning of the fields."""

    person_id: str
    measurement: int
    status: str
    detector: str
    simulated: bool
    input_hash: str
    crop: bytes | None = None
    box_left: int | None = None
    box_top: int | None = None
    box_size: int | None = None
    faces: int | None = None
    sharpness: float | None = None
    brightness: float | None = None
    detail: str | None = None


def process(photograph: Photograph) -> CropRow:
    """Look for the face in a photograph; whatever is wrong with it ends up in the status."""
    try:
        data = photograph.source.load()
    except OSError as error:
        detail = f"cannot be read: {error.strerror or error}"
        return _row(photograph, "unreadable", detail=detail)
    pixels = decode(data)
    if isinstance(pixels, Refusal):
        return _row(photograph, pixels.status, detail=pixels.detail)
    faces = detect(pixels)
    if not faces:
        return _row(photograph, "no_face", faces=0)
    box = faces[0]
    found = {
        "faces": len(faces),
        "box_left": round(box.left),
        "box_top": round(box.top),
        "box_size": round(box.size),
    }
    rivals = [face for face in faces[1:] if face.size >= RIVAL * box.size]
    if rivals:
        detail = f"{len(rivals) + 1} faces are about equally large; crop it to the person's"
        return _row(photograph, "many_faces", detail=detail, **found)
    if box.size < SMALLEST_FACE:
        detail = f"the face is {box.size:.0f} pixels wide, {SMALLEST_FACE} are needed"
        return _row(photograph, "small_face", detail=detail, **found)
    face = cut_out(pixels, box)
    grey = np.asarray(face.convert("L"), dtype=np.float32)
    quality = {
        "sharpness": round(sharpness(grey), 3),
        "brightness": round(float(grey.mean()) / 255, 4),
    }
    if quality["sharpness"] < LEAST_SHARPNESS:
        return _row(photograph, "blurry", **found, **quality)
    return _row(photograph, "ok", crop=_png(face), **found, **quality)


def cut_out(pixels: Pixels, box: Box) -> Image.Image:
    """Return the square around a face; what lies outside of the photograph repeats its edge."""
    height, width = pixels.shape[:2]
    around = MARGIN * box.size
    low = np.floor([box.top - around, box.left - around]).astype(int)
    high = np.ceil([box.top + box.size + around, box.left + box.size + around]).astype(int)
    top, left = np.maximum(low, 0)
    bottom, right = np.minimum(high, [height, width])
    inside = pixels[top:bottom, left:right]
    if inside.shape[:2] != tuple(high - low):
        missing = ((top - low[0], high[0] - bottom), (left - low[1], high[1] - right), (0, 0))
        inside = np.pad(inside, missing, mode="edge")
    size = (SIDE, SIDE)
    return Image.fromarray(inside).resize(size, Image.Resampling.BICUBIC)


def sharpness(grey: NDArray[np.float32]) -> float:
    """Return the variance of the Laplacian of a grey picture with levels from 0 to 255."""
    neighbours = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((neighbours - 4 * grey[1:-1, 1:-1]).var())


def expected_hashes(photographs: Sequence[Photograph]) -> pl.DataFrame:
    """Return `person_id`, `measurement` and `input_hash` of the rows there should be."""
    return pl.DataFrame(
        [(p.person_id, p.measurement, _input_hash(p)) for p in photographs],
        schema={name: _SCHEMA[name] for name in ("person_id", "measurement", "input_hash")},
        orient="row",
    )


def crop_faces(
    photographs: Sequence[Photograph],
    advance: Callable[[int], None] = lambda done: None,
    workers: int | None = None,
) -> Iterator[pl.DataFrame]:
    """Crop the face out of each photograph, on all cores.

    Parameters
    ----------
    photographs : sequence of Photograph
        What to look at.
    advance : callable
        Called with the number of photographs just finished.
    workers : int, optional
        Number of processes; by default as many as cores are at hand.

    Yields
    ------
    DataFrame
        Up to `BATCH` rows of `face_crops`, in the order of the photographs.
    """
    rows = _rows(photographs, advance, workers or len(os.sched_getaffinity(0)))
    while batch := list(islice(rows, BATCH)):
        yield pl.DataFrame([asdict(row) for row in batch], schema=_SCHEMA)


def _rows(
    photographs: Sequence[Photograph], advance: Callable[[int], None], workers: int
) -> Iterator[CropRow]:
    results = isolated_map(process, photographs, workers)
    for photograph, result in zip(photographs, results, strict=True):
        advance(1)
        if isinstance(result, Lost):
            yield _row(photograph, "undecodable", detail=result.detail)
        else:
            yield result


def _row(photograph: Photograph, status: str, **found: object) -> CropRow:
    return CropRow(
        photograph.person_id,
        photograph.measurement,
        status,
        f"{DETECTOR} {DETECTOR_VERSION}",
        photograph.simulated,
        _input_hash(photograph),
        **found,  # type: ignore[arg-type]
    )


def _input_hash(photograph: Photograph) -> str:
    return blake2b(f"{_RECIPE}/{photograph.fingerprint}".encode(), digest_size=16).hexdigest()


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", compress_level=2)  # a third of the default's time, a tenth larger
    return file.getvalue()
