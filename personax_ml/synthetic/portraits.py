"""Portraits drawn from face factors.

Belongs here: the picture as a whole, from the background to the file. Does not belong here: what
is decided beforehand (`looks`), the parts of the face (`features`, `hair`), shapes (`canvas`).

Photograph j of person i shows each factor with an error of its own, `factor + PHOTOGRAPH_NOISE
e_ij`, in another pose and with other light, clothes, background and (where it is no factor) mood.
Hair style, build and the colour of the eyes stay with the person. A portrait is a function of
(factors, photograph, seed) and of nothing else.
"""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from personax_ml.synthetic import features, hair
from personax_ml.synthetic.canvas import SIZE, Canvas, ellipse, mirrored, mix
from personax_ml.synthetic.looks import BLACK, PHOTOGRAPH_NOISE, WHITE, Look
from personax_ml.synthetic.streams import noise_bytes

__all__ = ["PHOTOGRAPH_NOISE", "SIZE", "render_portrait"]

_GRAIN = 2
_GRAINS = (SIZE // _GRAIN) ** 2


def render_portrait(face: Mapping[str, float], photograph: int, seed: int) -> bytes:
    """Draw one photograph of one person.

    Parameters
    ----------
    face : Mapping
        The person's face factors under the column names of `Cohort.factors` (`face_skin`, ...);
        other keys are ignored, so a whole row will do. A factor that is not there is 0; without
        `face_expression` the mood varies by photograph, without `face_beard` and
        `face_presentation` the person is a man who shaves or not.
    photograph : int
        Number of the photograph, from 1.
    seed : int
        The person's seed (`person_seed`).

    Returns
    -------
    bytes
        A PNG of `SIZE` times `SIZE` pixels.
    """
    look = Look(face, photograph, seed)
    canvas = Canvas(_background(look), look.pose)
    hair.behind(canvas, look)
    _body(canvas, look)
    features.head(canvas, look)
    features.beard(canvas, look)
    features.nose(canvas, look)
    features.mouth(canvas, look)
    features.eyes(canvas, look)
    features.brows(canvas, look)
    hair.front(canvas, look)
    return _develop(canvas.picture(), look, noise_bytes(seed, "grain", photograph, count=_GRAINS))


def _background(look: Look) -> Image.Image:
    far = mix(look.backdrop, WHITE, 0.4 * look.scene.brightness)
    near = mix(look.backdrop, (90, 96, 104), 0.35 * look.scene.vignette)
    corners = Image.new("RGB", (2, 2))
    corners.putdata([far, mix(far, near, 0.4), mix(far, near, 0.6), near])
    return corners.resize((SIZE, SIZE), Image.Resampling.BILINEAR)


def _body(canvas: Canvas, look: Look) -> None:
    """Neck, shoulders and what is worn."""
    wide = (74.0 if look.feminine else 88.0) + 10.0 * look.person.build
    neck = (23.0 if look.feminine else 31.0) + 1.2 * look["chin"]
    column = mirrored(((neck, 40.0), (neck, 88.0), (neck + 9.0, 104.0), (0.0, 118.0)))
    canvas.fill(column, look.skin)
    shoulders = mirrored(
        (
            *((0.0, 104.0), (neck + 6.0, 84.0), (0.75 * wide, 97.0), (wide, 118.0)),
            *((wide + 6.0, 150.0), (0.0, 150.0)),
        )
    )
    canvas.fill(shoulders, look.cloth)
    if look.scene.collar < 0.35:
        canvas.fill(mirrored(((0.0, 80.0), (neck + 5.0, 82.0), (0.0, 124.0))), look.skin)
    elif look.scene.collar < 0.7:
        canvas.fill(ellipse(0.0, 92.0, neck + 4.0, 17.0), mix(look.cloth, BLACK, 0.3))
        canvas.fill(ellipse(0.0, 88.0, neck + 1.0, 15.0), look.skin)
    shade = ellipse(0.0, 76.0 + look["chin"], neck + 14.0, 18.0)
    canvas.soften([(shade, 0.75)], look.shadow, 5.0, within=column)
    if look.scene.collar >= 0.7:
        shirt = mix(WHITE, look.cloth, 0.15 if look.scene.shirt < 0.5 else 0.75)
        for side in (-1.0, 1.0):
            lapel = ((4.0, 106.0), (neck + 4.0, 82.0), (neck + 13.0, 96.0), (15.0, 124.0))
            canvas.fill(np.asarray(lapel) * (side, 1.0), shirt)


def _develop(picture: Image.Image, look: Look, grain: NDArray[np.int16]) -> bytes:
    """Put light and a little sensor noise on the picture and compress it."""
    across = np.linspace(-1.0, 1.0, SIZE, dtype=np.float32)[None, :, None]
    exposure = 1.0 + 0.08 * (look.scene.exposure - 0.5)
    warmth = 0.05 * (look.scene.warmth - 0.5) * np.array([1.0, 0.0, -1.0], dtype=np.float32)
    gain = exposure * (1.0 - 0.05 * look.light * across) + warmth
    pixels = np.asarray(picture, dtype=np.float32) * gain
    coarse = grain.reshape(SIZE // _GRAIN, SIZE // _GRAIN, 1)
    pixels += np.repeat(np.repeat(coarse, _GRAIN, axis=0), _GRAIN, axis=1)
    file = BytesIO()
    shot = Image.fromarray(np.clip(pixels, 0.0, 255.0).astype(np.uint8))
    shot.save(file, "PNG", compress_level=3)
    return file.getvalue()
