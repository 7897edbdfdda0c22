"""What is planted in the invented cohort, as far as the platform may know it.

Belongs here: handing the truth to the stages that measure recovery. Does not belong here: the
world itself (`personax_ml.synthetic`). Real people have no planted truth.
"""

import polars as pl

from personax_assets.datasets import SubDataset
from personax_assets.resources import SourceConfig


def planted_factors(
    sub: SubDataset, source: SourceConfig, bios: pl.DataFrame
) -> pl.DataFrame | None:
    """Return the planted latents of each person; None where nothing is planted.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    source : SourceConfig
        Where its people come from.
    bios : DataFrame
        With `person_id` and `source_id`.

    Returns
    -------
    DataFrame or None
        `person_id` and a column per planted latent.
    """
    if source.kind != "synthetic":
        return None
    from personax_ml.synthetic import draw_cohort, planted_latents

    cohort = draw_cohort(sub.name, source.people, source.seed)
    factors = cohort.factors.select("source_id", *planted_latents(sub.name))
    return bios.select("person_id", "source_id").join(factors, on="source_id").drop("source_id")
