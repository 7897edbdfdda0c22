"""The figures that assets show in the Dagster UI, drawn as the report draws them.

Belongs here: choosing what a figure shows of a frame. Does not belong here: drawing (`report`),
or the figures of training runs (`analysis.figures`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import polars as pl

from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.figures import figure_metadata

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHEET_COLUMNS, _SHEET_ROWS = 12, 3

Pictures = Mapping[str, dg.MarkdownMetadataValue]
"""Figures by the name under which the UI shows them; none where there is nothing to draw."""


def places(sub: SubDataset, bios: pl.DataFrame) -> Pictures:
    """Draw the map of the places that people come from."""
    from personax_assets.report.maps import binned, bubble_map

    known = bios.select("latitude", "longitude").drop_nulls().to_numpy().astype(np.float64)
    if not len(known):
        return {}
    alt = f"Map of the places of {len(known):,} {sub.people}"
    return {"places": _styled(lambda: bubble_map(*binned(known[:, 0], known[:, 1])), alt)}


def contact_sheet(sub: SubDataset, crops: Sequence[bytes]) -> Pictures:
    """Show face crops side by side; to be called for invented people only."""
    import io

    from matplotlib.figure import Figure
    from PIL import Image

    shown = crops[: _SHEET_COLUMNS * _SHEET_ROWS]
    if not shown:
        return {}
    rows = -(-len(shown) // _SHEET_COLUMNS)
    figure = Figure(figsize=(_SHEET_COLUMNS * 0.6, rows * 0.6))
    for i, crop in enumerate(shown):
        x, y = i % _SHEET_COLUMNS / _SHEET_COLUMNS, 1 - (i // _SHEET_COLUMNS + 1) / rows
        axes = figure.add_axes((x, y, 0.96 / _SHEET_COLUMNS, 0.96 / rows))
        with Image.open(io.BytesIO(crop), formats=("PNG",)) as image:
            axes.imshow(np.asarray(image.convert("RGB").resize((66, 66))))
        axes.set_axis_off()
    alt = f"Face crops of {len(shown)} drawn portraits; none of these {sub.people} exists"
    return {"contact_sheet": figure_metadata(figure, alt)}


def score_shares(scores: pl.DataFrame, raters: Sequence[str]) -> Pictures:
    """Draw how often each score was given, per trait and rater."""
    from personax_assets.report.figures import stacked_shares
    from personax_assets.report.palette import SCORES
    from personax_assets.report.traits import VALUE_NAMES, value_shares

    groups = [
        (trait.capitalize(), value_shares(scores.filter(pl.col("trait") == trait), raters))
        for trait in TRAITS
    ]
    alt = "Shares of each score per trait and rater, from grey (insufficient information) to dark"
    return {"scores": _styled(lambda: stacked_shares(groups, SCORES, VALUE_NAMES), alt)}


def _styled(draw: Callable[[], "Figure"], alt: str) -> dg.MarkdownMetadataValue:
    """Draw in the style of the report."""
    from personax_assets.report.svg import drawing_style

    with drawing_style():
        return figure_metadata(draw(), alt)
