"""The planted world: people who do not exist, and what is true about them.

Belongs here: the structural causal models, cohorts drawn from them, portraits, simulated raters,
and the truths that Level I and Level II are measured against. Does not belong here: anything that
touches real people, files or the network. Importing it costs NumPy and polars.
"""

from typing import TYPE_CHECKING, Any

from personax_ml.synthetic.cohort import MISSING_SHARE, SCALES, Cohort, draw_cohort
from personax_ml.synthetic.raters import SIMULATED_RATERS, SimulatedRater
from personax_ml.synthetic.streams import person_seed
from personax_ml.synthetic.truth import (
    EFFECT_LADDER,
    VARIABLES,
    causal_graph,
    planted_latents,
    planted_pairs,
)

if TYPE_CHECKING:
    from personax_ml.synthetic.portraits import render_portrait

__all__ = [
    "EFFECT_LADDER",
    "MISSING_SHARE",
    "SCALES",
    "SIMULATED_RATERS",
    "VARIABLES",
    "Cohort",
    "SimulatedRater",
    "causal_graph",
    "draw_cohort",
    "person_seed",
    "planted_latents",
    "planted_pairs",
    "render_portrait",
]


def __getattr__(name: str) -> Any:
    """Import Pillow only for those who draw."""
    if name == "render_portrait":
        from personax_ml.synthetic.portraits import render_portrait

        return render_portrait
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
