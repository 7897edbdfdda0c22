"""Turning the bytes of a photograph into pixels without trusting them.

Belongs here: limits, the allow-list of formats, orientation, and every colour mode made RGB. Does
not belong here: where the bytes come from (`photographs`) or what is in the picture (`detection`).
"""

import warnings
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

Pixels = NDArray[np.uint8]

MAX_BYTES = 20_000_000
"""Largest file that is looked at."""

MAX_PIXELS = 40_000_000
"""Largest picture that is unpacked; the header says how large it is."""

FORMATS = ("JPEG", "PNG", "WEBP")
"""Formats that are read, whatever the file's name says. Each more is one more parser to attack."""

_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Refusal:
    """Why a photograph gives no face: one of `PHOTOGRAPH_STATUSES`, and the details."""

    status: str
    detail: str


def decode(data: bytes) -> Pixels | Refusal:
    """Unpack a photograph.

    Parameters
    ----------
    data : bytes
        The file.

    Returns
    -------
    array of shape (height, width, 3), or Refusal
        RGB, upright, the first picture if there are several, what is transparent on white. For
        bad data a refusal; nothing is raised.
    """
    if len(data) > MAX_BYTES:
        return Refusal("too_large", f"the file is larger than {MAX_BYTES / 1e6:.0f} MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about what is refused here anyway
            image = Image.open(BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                return _too_many_pixels(f"{width} x {height}")
            image.load()
            return np.asarray(_rgb(_upright(image)))
    except Image.DecompressionBombError:
        return _too_many_pixels("far more")
    except Exception as error:  # a decoder at odds with hostile data may raise anything
        return Refusal("undecodable", _described(data, error))


def _too_many_pixels(size: str) -> Refusal:
    return Refusal("too_large", f"the picture has {size} pixels, over {MAX_PIXELS / 1e6:.0f} MP")


def _upright(image: Image.Image) -> Image.Image:
    """Turn the picture as its EXIF orientation says; broken EXIF says nothing."""
    try:
        turn = _TURNS.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel: Pillow would clip instead of scale
        grey = np.asarray(image).astype(np.uint32) >> 8
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _described(data: bytes, error: Exception) -> str:
    if not data:
        return "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        return f"the file is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture"
    return " ".join(f"the picture is damaged: {error}".split())[:200]
