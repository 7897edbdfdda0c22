"""Finding faces.

Belongs here: the detector and what it takes to get one box per face. Does not belong here: which
of several faces is the person's, or what becomes of it (`crops`).

The detector is the cascade of local binary patterns for frontal faces that ships inside
scikit-image (S. Liao et al., ICB 2007): no download, no weights to look after.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from personax_assets.faces.decoding import Pixels

DETECTOR = "lbp-frontal"
DETECTOR_VERSION = "1"
"""To be raised whenever the same pixels give other boxes."""

_LONGEST = 480
"""Pixels along the longer side that are searched; larger pictures are shrunk."""

_SCALE_STEP = 1.12
_PASSES = (3, 6, 12)
"""Faces of at least this fraction of the shorter side are sought first, then smaller ones.

The time grows with the number of small windows and so does the number of false alarms: smaller
faces matter only where there is no larger one.
"""


class Box(NamedTuple):
    """A square around a face, from the brows to the chin, in pixels of the photograph."""

    left: float
    top: float
    size: float

    def holds(self, other: "Box") -> bool:
        """Tell whether the middle of the other box lies in this one."""
        x, y = other.left + other.size / 2, other.top + other.size / 2
        return self.left <= x <= self.left + self.size and self.top <= y <= self.top + self.size


def detect(pixels: Pixels) -> list[Box]:
    """Return a box for each face, the largest first.

    Parameters
    ----------
    pixels : array of shape (height, width, 3)
        The photograph, RGB.
    """
    image = Image.fromarray(pixels)
    shrink = min(_LONGEST / max(image.size), 1.0)
    if shrink < 1.0:
        size = [max(round(side * shrink), 1) for side in image.size]
        image = image.resize((size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=2.0)
    grey = np.asarray(image.convert("L"))
    cascade = _cascade()
    side = min(grey.shape)
    for fraction in _PASSES:
        smallest = max(side // fraction, cascade.window_width)
        if smallest >= side:
            continue
        found = cascade.detect_multi_scale(grey, _SCALE_STEP, 1, (smallest, smallest), (side, side))
        if found:
            boxes = (Box(f["c"] / shrink, f["r"] / shrink, f["width"] / shrink) for f in found)
            return _distinct(sorted(boxes, key=lambda box: (-box.size, box)))
    return []


def _distinct(boxes: list[Box]) -> list[Box]:
    """Keep the largest of the boxes that lie over each other."""
    kept: list[Box] = []
    for box in boxes:
        if not any(larger.holds(box) for larger in kept):
            kept.append(box)
    return kept


@cache
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())  # type: ignore[no-untyped-call]
