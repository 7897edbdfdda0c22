"""The parts of a face, each drawn from the factors that shape it.

Belongs here: anatomy, that is which factor changes what. Does not belong here: the order of the
parts and the picture around them (`portraits`).
"""

from collections.abc import Iterable

import numpy as np

from personax_ml.synthetic.canvas import Canvas, Colour, closed, ellipse, mirrored, mix
from personax_ml.synthetic.looks import BLACK, WHITE, Look
from personax_ml.synthetic.streams import Floats

_LIP: Colour = (188, 70, 76)
_SIDES = (-1.0, 1.0)


def _on(side: float, points: Iterable[tuple[float, float]]) -> Floats:
    """Return points given for the right half of the face, on a side of it."""
    return np.asarray(tuple(points)) * (side, 1.0)


def head(canvas: Canvas, look: Look) -> None:
    """Ears, skin, and the shadows by which a face has a shape."""
    for side in _SIDES:
        x = side * (55.0 - 1.9 * look["oval"] + 0.8 * look["cheekbones"])
        canvas.fill(ellipse(x, 2.0, 8.0, 15.0), look.skin, depth=-0.4)
        canvas.fill(ellipse(x + side, 3.0, 3.6, 8.5), look.shadow, depth=-0.4)
    outline, tall = look.head(), look.tall
    canvas.fill(outline, look.skin)
    bones, chin = max(look["cheekbones"] + 1.2, 0.0), max(look["chin"] + 0.4, 0.0)
    far = _on(look.lit, [(30, -76), (62, -60), (62, 60), (20, 90), (46, 30)])
    hollows = (_on(side, [(54, 14), (52, 27), (26, 43), (31, 32)]) for side in _SIDES)
    canvas.soften(
        [
            (far, 0.34),
            *((ellipse(side * 22.0, -11.0, 16.0, 9.0), 0.42) for side in _SIDES),
            *((hollow, 0.16 + 0.13 * bones) for hollow in hollows),
            (ellipse(0.0, 59.0 * tall, 11.0, 3.5), 0.3),
        ],
        look.shadow,
        4.5,
        depth=0.4,
        within=outline,
    )
    canvas.soften(
        [
            *((ellipse(side * 34.0, 12.0, 11.0, 5.0), 0.1 + 0.2 * bones) for side in _SIDES),
            (ellipse(0.0, -46.0, 24.0, 12.0), 0.28),
            (ellipse(0.0, 68.0 * tall, 8.0, 5.0), 0.25),
        ],
        look.gleam,
        4.0,
        depth=0.5,
        within=outline,
    )
    low = 79.0 * tall
    fold = [(-30.0, low - 13.0), (0.0, low + 3.0), (30.0, low - 13.0), (0.0, low + 9.0)]
    canvas.soften([(closed(fold), 0.32 * chin)], look.shadow, 1.5)


def beard(canvas: Canvas, look: Look) -> None:
    """Facial hair, from a shadow to a full beard."""
    if look.feminine:
        return
    strength = max(0.4 + 0.2 * look["beard"], 0.0)
    top, low = 26.0 - 3.0 * look["beard"], 80.0 * look.tall
    jaw = mirrored(
        (
            *((0.0, 34.0), (20.0, 33.0), (30.0, 46.0), (44.0, top), (58.0, top - 8.0)),
            *((54.0, 50.0), (30.0, low - 2.0), (0.0, low + 4.0)),
        )
    )
    lips = ellipse(0.0, 44.0, 19.0, 6.5)
    shapes = [(jaw, strength), (lips, 0.1 * strength)]
    canvas.soften(shapes, look.strand, 2.4, depth=0.3, within=look.head())


def nose(canvas: Canvas, look: Look) -> None:
    """From narrow and pointed to broad."""
    wide, tip = max(10.0 + 2.6 * look["nose"], 3.6), 22.0 - 0.9 * look["nose"]
    bridge = _on(look.lit, [(3, -14), (7.5, -6), (4, 8), (wide, tip), (2, tip - 4)])
    canvas.soften(
        [
            (bridge, 0.5),
            (ellipse(0.0, tip + 4.5, wide + 2.0, 3.5), 0.6),
            *((ellipse(side * wide, tip - 1.0, 3.0, 4.5), 0.5) for side in _SIDES),
        ],
        look.shadow,
        1.8,
        depth=0.9,
    )
    canvas.soften(
        [
            (ellipse(-0.4 * look.lit, tip - 4.0, 0.25 * wide + 1.6, 4.5), 0.55),
            (ellipse(-0.8 * look.lit, -2.0, 2.2, 13.0), 0.4),
        ],
        look.gleam,
        1.8,
        depth=1.0,
    )
    for side in _SIDES:
        nostril = ellipse(side * 0.48 * wide, tip + 3.2, 0.26 * wide + 0.6, 1.7)
        canvas.fill(nostril, mix(look.shadow, BLACK, 0.55), depth=0.9)
        wing = _on(side, [(wide - 1, tip - 5), (wide + 1.2, tip), (wide - 2, tip + 3.5)])
        canvas.line(wing, mix(look.shadow, BLACK, 0.2), 1.2, depth=0.9)


def mouth(canvas: Canvas, look: Look) -> None:
    """Lips, thin to full, and a mood from sulky to a smile that shows teeth."""
    mood, lips = look["expression"], look["lips"]
    upper, lower = max(4.2 + 1.6 * lips, 0.8), max(6.2 + 2.3 * lips, 1.0)
    half, lift, gap = 17.5 + 1.7 * mood, 2.4 * mood + 1.4, max(1.4 + 1.5 * mood, 0.3)
    y = 43.0 - 0.3 * lift
    corner, edge = (half, y - lift), 0.6 * half
    top = (
        *((0.0, y - upper + 1.2), (4.5, y - upper), (edge, y - 0.6 * upper - 0.35 * lift)),
        *(corner, (edge, y + 0.4 - 0.3 * lift), (0.0, y + 0.5)),
    )
    inside = (
        *((0.0, y), (edge, y - 0.35 * lift), corner, (edge, y + 0.6 * gap - 0.3 * lift)),
        (0.0, y + gap),
    )
    bottom = (
        *((0.0, y + gap - 0.5), (edge, y + 0.5 * gap - 0.35 * lift), corner),
        *((edge, y + 0.7 * gap + 0.75 * lower - 0.3 * lift), (0.0, y + gap + lower)),
    )
    tint = mix(look.skin, _LIP, 0.85 if look.feminine else 0.65)
    dark = mix(tint, BLACK, 0.5)
    under = ellipse(0.0, y + gap + lower + 3.0, 10.0, 2.6)
    canvas.soften([(under, 0.45)], look.shadow, 2.0, depth=0.7)
    canvas.fill(closed(mirrored(bottom)), tint, depth=0.7)
    canvas.fill(closed(mirrored(top)), mix(tint, BLACK, 0.15), depth=0.7)
    teeth = min(max(0.4 * mood, 0.0), 1.0)
    canvas.fill(closed(mirrored(inside)), mix(dark, WHITE, teeth), depth=0.7)
    crease = 0.3 * max(mood + 0.6, 0.0)
    for side in _SIDES:
        canvas.line(_on(side, [corner, (half + 1.5, y - 1.3 * lift)]), dark, 1.2, depth=0.7)
        fold = _on(side, [(14, 20), (25, 34), (25, 46), (21, 34)])
        canvas.soften([(fold, crease)], look.shadow, 1.6, depth=0.6)


def eyes(canvas: Canvas, look: Look) -> None:
    """Narrow to wide open."""
    wide, x, y = max(4.6 + 1.2 * look["eyes"], 1.3), 22.0, -8.0
    lash = mix(look.strand if look.feminine else look.shadow, BLACK, 0.6)
    for side in _SIDES:
        almond = [
            *((x - 12.0, y + 1.5), (x - 4.5, y - 0.9 * wide), (x + 4.5, y - wide)),
            *((x + 12.0, y - 0.5), (x + 4.5, y + 0.75 * wide), (x - 4.5, y + 0.8 * wide)),
        ]
        canvas.fill(closed(_on(side, almond)), mix(WHITE, look.shadow, 0.1), depth=0.6)
        centre = y - 0.1 * wide
        rim, pupil = min(5.6, 0.95 * wide + 0.4), min(2.7, 0.9 * wide)
        canvas.fill(ellipse(side * x, centre, 5.6, rim), look.iris, depth=0.6)
        canvas.fill(ellipse(side * x, centre, 2.7, pupil), BLACK, depth=0.6)
        spark = ellipse(side * x - 1.7, y - 0.4 * wide, 1.3, min(1.3, 0.4 * wide))
        canvas.fill(spark, WHITE, depth=0.6)
        lid = _on(
            side,
            [
                *((x - 12.5, y + 2.0), (x - 4.5, y - 0.95 * wide - 0.3)),
                *((x + 4.5, y - 1.05 * wide - 0.3), (x + 13.0, y - 1.2)),
            ],
        )
        canvas.line(lid, lash, 2.7 if look.feminine else 1.9, depth=0.6)
        crease = (lid - (0.0, 3.4))[1:3]
        canvas.line(crease, mix(look.skin, look.shadow, 0.8), 1.1, depth=0.6)


def brows(canvas: Canvas, look: Look) -> None:
    """From thin and arched to bushy and straight."""
    heavy = look["brows"]
    thick, arch = max(2.6 + 0.95 * heavy, 0.6), max(3.4 - 1.7 * heavy, -1.0)
    y = -23.5 + 0.5 * heavy
    inner, middle, outer = y - 0.3 * arch, y - 0.85 * arch, y - arch
    outline = [
        *((8.5, inner - thick), (21.0, middle - thick), (30.0, outer - 0.8 * thick)),
        *((38.5, y + 1.5 - 0.25 * arch), (30.0, outer + 0.5 * thick), (21.0, middle + thick)),
        (9.0, inner + thick),
    ]
    for side in _SIDES:
        canvas.fill(
            closed(_on(side, outline)), mix(mix(look.hair, look.shadow, 0.4), BLACK, 0.6), depth=0.6
        )
