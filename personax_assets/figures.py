"""Figures as the Dagster UI can show them.

Belongs here: turning a matplotlib figure into metadata of a bounded size. Does not belong here:
what the figure shows.
"""

import base64
import io
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BYTES = 100_000
"""Metadata is kept in the instance's database for ever, so a figure must stay small."""


def figure_metadata(figure: "Figure", alt: str) -> dg.MarkdownMetadataValue:
    """Return a figure as Markdown with the picture inside, at the best resolution that fits."""
    for dpi in (110, 80, 60, 45):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
        if buffer.tell() <= MOST_BYTES:
            break
    picture = base64.b64encode(buffer.getvalue()).decode()
    return dg.MetadataValue.md(f"![{alt}](data:image/png;base64,{picture})")
