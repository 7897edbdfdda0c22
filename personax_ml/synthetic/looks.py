"""How one person looks in one photograph: everything that is decided before the first stroke.

Belongs here: the step from face factors and seeds to pose, light, colours and styles. Does not
belong here: drawing (`features`, `portraits`).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from personax_ml.synthetic.canvas import SIZE, Colour, Pose, along, closed, mirrored, mix
from personax_ml.synthetic.streams import Floats, normals, uniforms

PHOTOGRAPH_NOISE = 0.12
"""Standard deviation of a photograph's error in a factor; a planted factor's own is 1."""

LIMIT = 2.6
"""Factors beyond this look like this."""

BLACK: Colour = (20, 14, 14)
WHITE: Colour = (250, 248, 244)

_DEEP: Colour = (48, 18, 14)
_GLEAM: Colour = (255, 240, 222)
_RED: Colour = (150, 60, 30)
_SKIN: tuple[Colour, ...] = (
    *((252, 226, 206), (240, 202, 172), (222, 174, 136)),
    *((190, 138, 100), (150, 102, 70), (110, 72, 50)),
)
_HAIR: tuple[Colour, ...] = (
    *((226, 204, 150), (190, 146, 88), (138, 92, 56)),
    *((90, 60, 42), (52, 38, 32), (24, 20, 22)),
)
_IRISES: tuple[Colour, ...] = ((62, 42, 28), (84, 62, 34), (70, 98, 70), (70, 104, 138))
_CLOTHES: tuple[Colour, ...] = (
    *((36, 48, 82), (132, 34, 44), (28, 92, 74), (52, 52, 58)),
    *((210, 206, 196), (176, 132, 52), (92, 62, 112), (64, 112, 158)),
)
_BACKGROUNDS: tuple[Colour, ...] = (
    *((196, 208, 218), (214, 206, 194), (186, 200, 188)),
    *((206, 196, 208), (170, 182, 196), (222, 220, 214)),
)
_FACTORS = (
    *("skin", "hair", "brows", "nose", "lips", "oval", "hairline", "eyes", "chin"),
    *("cheekbones", "expression", "beard", "presentation"),
)


class Person(NamedTuple):
    """What stays with a person and no factor decides; each from 0 to 1."""

    red_hair: float
    hair_style: float
    hair_volume: float
    hair_length: float
    build: float
    iris: float
    parting: float
    shaving: float


class Scene(NamedTuple):
    """What changes from photograph to photograph; each from 0 to 1."""

    background: float
    brightness: float
    vignette: float
    clothes: float
    collar: float
    shirt: float
    exposure: float
    warmth: float


class Look:
    """One person in one photograph.

    Parameters
    ----------
    face : Mapping
        Face factors by column name.
    photograph : int
        Number of the photograph.
    seed : int
        The person's seed.

    Attributes
    ----------
    pose : Pose
        Pose of the head.
    light : float
        Where the light comes from: negative left, positive right.
    person, scene : Person, Scene
        What no factor decides.
    feminine : bool
        Whether hair, lashes and chin are drawn so.
    skin, shadow, gleam, hair, strand, iris, cloth, backdrop : tuple of int
        Colours.
    """

    def __init__(self, face: Mapping[str, float], photograph: int, seed: int) -> None:
        self.person = Person(*uniforms(seed, "person", count=len(Person._fields)).tolist())
        self.scene = Scene(
            *uniforms(seed, "photograph", photograph, "scene", count=len(Scene._fields)).tolist()
        )
        count = len(_FACTORS) + 7
        errors = np.clip(normals(seed, "photograph", photograph, count=count), -2.0, 2.0).tolist()
        mood, turn, tilt, scale, x, y, self.light = errors[len(_FACTORS) :]
        usual = {
            "expression": 0.5 * mood,
            "presentation": -1.0,
            "beard": -LIMIT if self.person.shaving < 0.5 else 8.0 * self.person.shaving - 6.0,
        }
        self._factors: dict[str, float] = {
            name: min(max(value + PHOTOGRAPH_NOISE * error, -LIMIT), LIMIT)
            for name, error in zip(_FACTORS, errors, strict=False)
            for value in (face.get(f"face_{name}", usual.get(name, 0.0)),)
        }
        self.pose = Pose(
            turn=2.4 * turn,
            tilt=0.035 * tilt,
            scale=1.0 + 0.03 * scale,
            x=SIZE / 2 + 3.0 * x,
            y=SIZE / 2 + 5.0 + 2.0 * y,
        )
        self.feminine = self["presentation"] > 0.0
        self.skin = along(_SKIN, _share("skin", self))
        self.shadow = mix(self.skin, _DEEP, 0.5)
        self.gleam = mix(self.skin, _GLEAM, 0.42)
        red = max(self.person.red_hair - 0.7, 0.0)
        self.hair = mix(along(_HAIR, _share("hair", self)), _RED, red)
        self.strand = mix(self.hair, BLACK, 0.35)
        # Dark hair goes with brown eyes more often than not.
        self.iris = along(_IRISES, self.person.iris * (0.35 if self["hair"] > 0.4 else 1.0))
        self.cloth = along(_CLOTHES, self.scene.clothes)
        self.backdrop = along(_BACKGROUNDS, self.scene.background)

    def __getitem__(self, factor: str) -> float:
        """Return a factor as this photograph shows it."""
        return self._factors[factor]

    @property
    def tall(self) -> float:
        """Length of the face; 1 is usual."""
        return 1.0 + 0.05 * self["oval"]

    @property
    def lit(self) -> float:
        """The side away from the light, as a sign."""
        return 1.0 if self.light > 0.0 else -1.0

    def head(self) -> Floats:
        """Return the outline of the head without hair."""
        tall, wide = self.tall, 1.0 - 0.035 * self["oval"]
        chin, bones = self["chin"], self["cheekbones"]
        right = (
            (0.0, -80.0 * tall),
            (34.0 * wide, -70.0 * tall),
            (53.0 * wide, -38.0),
            (55.0 * wide + 1.4 * bones, 2.0),
            ((46.5 + 2.6 * chin) * wide, 42.0 * tall),
            ((25.0 + 3.2 * chin) * wide, 70.0 * tall),
            (0.0, (78.0 + 0.8 * chin) * tall),
        )
        return closed(mirrored(right))


def _share(factor: str, look: Look) -> float:
    return (look[factor] + LIMIT) / (2 * LIMIT)
