"""Pictures for tests, made by the tests themselves."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from personax_assets.faces.decoding import Pixels


def portrait(seed: int = 1) -> Image.Image:
    """A drawn face, which the detector finds."""
    from personax_ml.synthetic.portraits import render_portrait

    return Image.open(io.BytesIO(render_portrait({"face_skin": -1.0}, 1, seed))).convert("RGB")


def astronaut() -> Image.Image:
    """A photograph of one face; it ships with scikit-image."""
    import skimage.data

    return Image.fromarray(skimage.data.astronaut())


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, bit_depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG written by hand: its header may promise anything."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def gradient(height: int = 40, width: int = 60) -> Pixels:
    """Red grows to the right, green downwards."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), 0 * x], axis=-1).astype(
        np.uint8
    )


@dataclass(frozen=True)
class Bytes:
    """A photograph that is in memory."""

    data: bytes

    def load(self) -> bytes:
        return self.data
