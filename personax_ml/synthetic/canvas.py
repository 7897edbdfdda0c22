"""A small canvas on which faces are drawn.

Belongs here: smooth shapes, soft shadows and the pose of the head in the picture. Does not belong
here: what a face is made of (`portraits`).

Shapes are given in head units: the origin is between the eyes' outer corners and the chin, x to
the right, y down, and the picture is 240 units wide. The head turns by moving what is in front
(`depth` 1, the tip of the nose) further than what is behind.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from personax_ml.synthetic.streams import Floats

SIZE = 240
"""Side of a portrait in pixels."""

_SUPERSAMPLING = 2
_STEPS = np.linspace(0.0, 1.0, 6, endpoint=False)[:, None, None]

Colour = tuple[int, int, int]


def closed(points: ArrayLike) -> Floats:
    """Return a smooth closed curve through the points (Catmull and Rom's spline)."""
    p1 = np.asarray(points, dtype=np.float64)
    p0, p2, p3 = np.roll(p1, 1, axis=0), np.roll(p1, -1, axis=0), np.roll(p1, -2, axis=0)
    t = _STEPS
    curve = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return np.asarray(curve.transpose(1, 0, 2).reshape(-1, 2))


def mirrored(points: ArrayLike) -> Floats:
    """Complete the right half of an outline, given from top to bottom, by its mirror image."""
    right = np.asarray(points, dtype=np.float64)
    left = right[::-1] * (-1.0, 1.0)
    return np.concatenate([right, left[left[:, 0] < 0.0]])


def ellipse(x: float, y: float, width: float, height: float) -> Floats:
    """Return an ellipse by its centre and half axes."""
    angle = np.linspace(0.0, 2.0 * np.pi, 28, endpoint=False)
    return np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], axis=1)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return the colour a `share` of the way from a to b."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def along(palette: tuple[Colour, ...], position: float) -> Colour:
    """Return the colour at a position from 0 to 1 along a palette."""
    place = min(max(position, 0.0), 1.0) * (len(palette) - 1)
    first = min(int(place), len(palette) - 2)
    return mix(palette[first], palette[first + 1], place - first)


@dataclass(frozen=True)
class Pose:
    """How the head sits in the picture.

    Parameters
    ----------
    turn : float
        Units by which the front of the head moves to the side.
    tilt : float
        Radians by which it leans.
    scale : float
        Size; 1 is usual.
    x, y : float
        Where the origin is in the picture.
    """

    turn: float
    tilt: float
    scale: float
    x: float
    y: float

    def place(self, points: Floats, depth: float) -> Floats:
        """Return where points in head units are in the picture, in units."""
        shifted = points + np.array([self.turn * depth, 0.0])
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        turned = shifted @ np.array([[cos, sin], [-sin, cos]])
        return np.asarray(self.scale * turned + np.array([self.x, self.y]))


class Canvas:
    """A picture of a head in a pose.

    Parameters
    ----------
    background : PIL.Image.Image
        A picture of `SIZE` times `SIZE` pixels.
    pose : Pose
        Pose of the head.
    """

    def __init__(self, background: Image.Image, pose: Pose) -> None:
        side = SIZE * _SUPERSAMPLING
        self._image = background.resize((side, side), Image.Resampling.BILINEAR)
        self._draw = ImageDraw.Draw(self._image)
        self._pose = pose

    def fill(self, outline: Floats, colour: Colour, depth: float = 0.0) -> None:
        """Fill an outline."""
        self._draw.polygon(self._pixels(outline, depth), fill=colour)

    def line(self, points: Floats, colour: Colour, width: float, depth: float = 0.0) -> None:
        """Draw an open line."""
        self._draw.line(
            self._pixels(points, depth),
            fill=colour,
            width=max(round(width * _SUPERSAMPLING * self._pose.scale), 1),
            joint="curve",
        )

    def soften(
        self,
        shapes: list[tuple[Floats, float]],
        colour: Colour,
        blur: float,
        depth: float = 0.0,
        within: Floats | None = None,
    ) -> None:
        """Lay a colour over the picture with soft edges.

        Parameters
        ----------
        shapes : list of (outline, opacity)
            Where, and how much of the colour there; later shapes go over earlier ones.
        colour : tuple of int
            The colour.
        blur : float
            Width of the soft edge.
        depth : float
            Depth of the shapes.
        within : array, optional
            An outline at depth 0 that the colour must not leave.
        """
        # Blurred at a quarter of the drawing's resolution, and only where there is something.
        placed = [(self._pose.place(outline, depth), shade) for outline, shade in shapes]
        everything = np.concatenate([points for points, _ in placed])
        low = np.maximum(np.floor(everything.min(axis=0) / 2 - 1.5 * blur) * 2, 0)
        high = np.minimum(np.ceil(everything.max(axis=0) / 2 + 1.5 * blur) * 2, SIZE)
        width, height = (int(side) for side in high - low)
        if width <= 0 or height <= 0:
            return
        mask = Image.new("L", (width // 2, height // 2))
        draw = ImageDraw.Draw(mask)
        for points, opacity in placed:
            shade = round(255 * min(max(opacity, 0.0), 1.0))
            draw.polygon(_pairs((points - low) / 2), fill=shade)
        mask = mask.filter(ImageFilter.GaussianBlur(blur / 2))
        size = (width * _SUPERSAMPLING, height * _SUPERSAMPLING)
        mask = mask.resize(size, Image.Resampling.BILINEAR)
        if within is not None:
            inside = Image.new("L", size)
            edge = _pairs((self._pose.place(within, 0.0) - low) * _SUPERSAMPLING)
            ImageDraw.Draw(inside).polygon(edge, fill=255)
            mask = ImageChops.multiply(mask, inside)
        corner = (int(low[0]) * _SUPERSAMPLING, int(low[1]) * _SUPERSAMPLING)
        self._image.paste(colour, (*corner, corner[0] + size[0], corner[1] + size[1]), mask)

    def picture(self) -> Image.Image:
        """Return the finished picture at its own size."""
        return self._image.reduce(_SUPERSAMPLING)

    def _pixels(self, points: Floats, depth: float) -> list[tuple[float, float]]:
        return _pairs(self._pose.place(points, depth) * _SUPERSAMPLING)


def _pairs(points: Floats) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points.tolist()]
