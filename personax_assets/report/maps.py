"""The map of birthplaces.

Belongs here: the projection, the outlines and the drawing. The outlines of the land are Natural
Earth's at 1:110 million (public domain, naturalearthdata.com), joined, simplified to 0.8 degrees
and without Antarctica. Does not belong here: whose birthplaces they are.
"""

import json
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from personax_assets.report.figures import Floats, bubble_sizes, canvas
from personax_assets.report.palette import LIGHT
from personax_assets.report.svg import WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_A = (1.340264, -0.081106, 0.000893, 0.003796)
_SQRT3 = np.sqrt(3.0)
_SOUTH, _NORTH = -58.0, 84.0


def equal_earth(latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
    """Project degrees with the Equal Earth projection (Savric, Patterson and Jenny 2018)."""
    theta = np.arcsin(_SQRT3 / 2 * np.sin(np.radians(latitude)))
    slope = _A[0] + 3 * _A[1] * theta**2 + theta**6 * (7 * _A[2] + 9 * _A[3] * theta**2)
    x = 2 * _SQRT3 * np.radians(longitude) * np.cos(theta) / (3 * slope)
    y = theta * (_A[0] + _A[1] * theta**2 + theta**6 * (_A[2] + _A[3] * theta**2))
    return x, y


def binned(
    latitude: Floats, longitude: Floats, degrees: float = 2.0
) -> tuple[Floats, Floats, Floats]:
    """Gather places into squares: mean latitude, mean longitude and count of each."""
    squares = np.stack([np.floor(latitude / degrees), np.floor(longitude / degrees)], axis=1)
    _, index, counts = np.unique(squares, axis=0, return_inverse=True, return_counts=True)
    index = index.reshape(-1)
    return (
        np.bincount(index, latitude) / counts,
        np.bincount(index, longitude) / counts,
        counts.astype(np.float64),
    )


def bubble_map(latitude: Floats, longitude: Floats, counts: Floats) -> "Figure":
    """Draw bubbles whose area is proportional to `counts` on a map of the world."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    edge_x = float(equal_earth(np.zeros(1), np.full(1, 180.0))[0][0])
    low, high = equal_earth(np.array([_SOUTH, _NORTH]), np.zeros(2))[1]
    height = WIDTH * (high - low) / (2 * edge_x)
    figure, axes = canvas(height, left=1, right=1, top=1, bottom=1)
    axes.set_axis_off()
    axes.set_xlim(-edge_x, edge_x)
    axes.set_ylim(low, high)
    along = np.linspace(_SOUTH, _NORTH, 40)
    ends = np.array([-180.0, 180.0])
    graticule = [equal_earth(along, np.full(40, float(m))) for m in range(-180, 181, 60)]
    graticule += [equal_earth(np.full(2, float(p)), ends) for p in range(-30, 61, 30)]
    for line in graticule:
        axes.plot(*line, color=LIGHT["rule"], linewidth=0.5)
    rings = json.loads((files("personax_assets.report") / "land.json").read_text())
    vertices, codes = [], []
    for ring in rings:
        points = np.array([*ring, ring[0]], dtype=np.float64)
        vertices.append(np.stack(equal_earth(points[:, 1], points[:, 0]), axis=1))
        codes += [Path.MOVETO, *[Path.LINETO] * (len(ring) - 1), Path.CLOSEPOLY]
    land = PathPatch(Path(np.concatenate(vertices), codes), facecolor=LIGHT["land"], linewidth=0)
    axes.add_patch(land)
    order = np.argsort(-counts, kind="stable")
    x, y = equal_earth(latitude[order], longitude[order])
    axes.scatter(x, y, bubble_sizes(counts[order]), color=LIGHT["blue"], alpha=0.55, linewidth=0)
    return figure
