"""The planted world: people who do not exist, and what is true about them.

Belongs here: the structural causal models, cohorts drawn from them, portraits, simulated raters,
and the truths that Level I and Level II are measured against. Does not belong here: anything that
touches real people, files or the network. Importing it costs NumPy and polars.
"""

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
]
