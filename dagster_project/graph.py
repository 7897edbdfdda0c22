"""The whole graph: every stage of both sub-datasets, in the order of the data flow.

Belongs here: putting the stage folders together. Does not belong here: what a stage does.
"""

from personax_assets.analysis.assets import analysis_stages
from personax_assets.bios.assets import bios_stages
from personax_assets.bios.descriptions import WEB
from personax_assets.datasets import SUB_DATASETS, SubDataset
from personax_assets.faces.assets import face_stages
from personax_assets.report.assets import report_stages
from personax_assets.resources import Resources
from personax_assets.schemas import sub_dataset_tables
from personax_assets.stage import Layout, Stage
from personax_assets.traits.assets import trait_stages
from personax_assets.traits.calibration_assets import calibration_stages


def layout_of(sub: SubDataset, resources: Resources) -> Layout:
    """Return a sub-dataset with the raters and table widths of a configuration."""
    raters = tuple(config.name for config in resources.raters.configs())
    tables = sub_dataset_tables(
        sub,
        raters,
        resources.encoders.encoder("face").dim,
        resources.encoders.encoder("text").dim,
    )
    fetched = resources.sources.config(sub).photographs == WEB
    return Layout(sub, raters, tables, fetched)


def stages_of(resources: Resources) -> tuple[Stage, ...]:
    """Return every stage, each after the stages it depends on."""
    factories = (bios_stages, face_stages, trait_stages, analysis_stages, report_stages)
    layouts = [layout_of(sub, resources) for sub in SUB_DATASETS.values()]
    return tuple(stage for layout in layouts for make in factories for stage in make(layout))


def study_stages_of(resources: Resources) -> tuple[Stage, ...]:
    """Return the stages of studies, which run on request alone and serve no other table."""
    layouts = [layout_of(sub, resources) for sub in SUB_DATASETS.values()]
    return tuple(stage for layout in layouts for stage in calibration_stages(layout))
