"""Hair on the head.

Belongs here: styles and the hairline. Does not belong here: brows and beards (`features`).
"""

import numpy as np

from personax_ml.synthetic.canvas import Canvas, Colour, closed, ellipse, mirrored, mix
from personax_ml.synthetic.looks import BLACK, WHITE, Look
from personax_ml.synthetic.streams import Floats

_BELOW = np.array([0.0, 3.0])
_STYLES = {
    False: ("cropped", "parted", "swept", "curly", "wavy"),
    True: ("long", "wavy", "bob", "bun", "curly"),
}


def style(look: Look) -> str:
    """Return the name of a person's hair style."""
    styles = _STYLES[look.feminine]
    return styles[int(look.person.hair_style * len(styles))]


def behind(canvas: Canvas, look: Look) -> None:
    """Draw what the head covers: long hair and buns."""
    if not look.feminine:
        return
    kind, volume = style(look), 5.0 * look.person.hair_volume
    if kind == "bun":
        canvas.fill(ellipse(0.0, -93.0, 24.0 + volume, 22.0 + volume), look.strand, depth=-0.5)
        return
    length = {"long": 118.0, "wavy": 96.0, "bob": 46.0, "curly": 62.0}[kind]
    length += 16.0 * look.person.hair_length
    wide = 60.0 + volume
    right = (
        *((0.0, -92.0 - volume), (0.84 * wide, -72.0), (wide + 4.0, -10.0)),
        *((wide + 6.0, 0.55 * length), (wide - 4.0, length), (26.0, length + 5.0)),
        (0.0, length),
    )
    outline = closed(mirrored(right))
    canvas.fill(outline, look.strand, depth=-0.5)
    if kind in ("wavy", "curly"):
        _curls(canvas, look, outline, 8.0 + volume)


def front(canvas: Canvas, look: Look) -> None:
    """Draw what lies on the head; the hairline factor raises its edge and opens the temples."""
    kind, tall = style(look), look.tall
    volume = {"cropped": 0.0, "swept": 8.0}.get(kind, 3.0) + 5.0 * look.person.hair_volume
    lock = 8.0 + 0.4 * volume if kind == "curly" else 0.0
    edge = -50.0 * tall - 5.0 * look["hairline"] - lock
    temple = -35.0 - 5.5 * look["hairline"] - 0.5 * lock
    long = look.feminine and kind != "bun"
    ear = 16.0 if long else -2.0 - 8.0 * look.person.hair_length
    parted = {"parted": 7.0, "long": 6.0, "bob": -4.0, "swept": 3.0}.get(kind, 0.0)
    top, side = -84.0 * tall - volume, 58.0 + 0.3 * volume
    lean = 6.0 if kind == "swept" else 0.0
    crown = [
        *((-side, -10.0), (-side - 1.0, -46.0), (-0.68 * side, top + 12.0), (lean, top)),
        *((0.68 * side + lean, top + 12.0 - lean), (side + 1.0, -46.0), (side, -10.0)),
    ]
    fringe = [
        *((54.0, ear), (50.5, -22.0), (45.0, temple), (26.0, edge - parted)),
        *((4.0, edge), (-20.0, edge + 0.6 * parted), (-45.0, temple), (-50.5, -22.0)),
        (-54.0, ear),
    ]
    mirror = (1.0 if look.person.parting < 0.5 else -1.0, 1.0)
    outline = closed(np.asarray(crown + fringe) * mirror)
    colour = mix(look.hair, look.skin, 0.3) if kind == "cropped" else look.hair
    canvas.soften([(outline + _BELOW, 0.45)], look.shadow, 2.5, 0.2, look.head())
    canvas.fill(outline, colour, depth=0.1)
    if kind == "curly":
        _curls(canvas, look, outline, lock)
    else:
        _strands(canvas, colour, top, edge, mirror)
    sheen = ellipse(-14.0 * mirror[0], 0.5 * (top + edge) - 6.0, 24.0, 6.0)
    canvas.soften([(sheen, 0.3)], mix(look.hair, WHITE, 0.5), 4.0, depth=0.2)


def _curls(canvas: Canvas, look: Look, outline: Floats, radius: float) -> None:
    """Set locks along an outline, closer to each other than they are wide."""
    steps = np.hypot(*np.diff(outline, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    places = np.arange(0.0, along[-1], 1.05 * radius)
    inward = 0.94
    x, y = (inward * np.interp(places, along, outline[:, axis]) for axis in (0, 1))
    colours = (look.hair, mix(look.hair, BLACK, 0.08), mix(look.hair, WHITE, 0.04))
    for i in range(len(places)):
        size = radius * (0.9 + 0.3 * ((i * 7) % 5) / 4)
        canvas.fill(ellipse(float(x[i]), float(y[i]), size, size), colours[i % 3], depth=0.1)


def _strands(
    canvas: Canvas, colour: Colour, top: float, edge: float, mirror: tuple[float, float]
) -> None:
    middle = 0.5 * (top + edge)
    for start in (-34.0, -20.0, 8.0, 22.0, 36.0):
        end = 1.35 * start + 4.0
        strand = [(0.55 * start, top + 8.0), (0.9 * start, middle), (end, edge - 3.0)]
        canvas.line(np.asarray(strand) * mirror, mix(colour, BLACK, 0.12), 1.6, depth=0.1)
