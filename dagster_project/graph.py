"""The whole graph: every stage of both sub-datasets and across them, in the order of the data flow.

Belongs here: putting the stage folders together. Does not belong here: what a stage does.
"""

from collections.abc import Sequence

from personax_assets.analysis.assets import analysis_stages
from personax_assets.analysis.benchmark import benchmark_stages
from personax_assets.analysis.comparison import comparison_stages
from personax_assets.bios.assets import bios_stages
from personax_assets.bios.descriptions import WEB
from personax_assets.datasets import SUB_DATASETS, SubDataset
from personax_assets.faces.assets import face_stages
from personax_assets.release.assets import release_stages
from personax_assets.report.assets import report_stages
from personax_assets.resources import Resources
from personax_assets.schemas.level2 import crl_benchmark
from personax_assets.schemas.tables import comparison_tables, sub_dataset_tables
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
    return Layout(sub.name, (sub,), raters, tables, fetched)


def comparison_layout(layouts: Sequence[Layout]) -> Layout:
    """Return the layout across sub-datasets, which reads their tests and counts."""
    subs = tuple(layout.sub for layout in layouts)
    read = {
        layout.key(name): layout.tables[name]
        for layout in layouts
        for name in ("independence_tests", "independence_counts")
    }
    return Layout("comparison", subs, layouts[0].raters, {**comparison_tables(subs), **read})


def stages_of(resources: Resources) -> tuple[Stage, ...]:
    """Return every stage, each after the stages it depends on."""
    factories = (bios_stages, face_stages, trait_stages, analysis_stages)
    layouts = [layout_of(sub, resources) for sub in SUB_DATASETS.values()]
    return (
        *(stage for layout in layouts for make in factories for stage in make(layout)),
        *comparison_stages(comparison_layout(layouts)),
        *(stage for layout in layouts for stage in report_stages(layout)),
    )


def calibration_stages_of(resources: Resources) -> tuple[Stage, ...]:
    """Return the stages of the calibration of prompts, of each sub-dataset."""
    layouts = [layout_of(sub, resources) for sub in SUB_DATASETS.values()]
    return tuple(stage for layout in layouts for stage in calibration_stages(layout))


def benchmark_stages_of() -> tuple[Stage, ...]:
    """Return the stages of the benchmark, which is about no sub-dataset."""
    table = crl_benchmark()
    return benchmark_stages(Layout("synthetic", (), (), {table.name: table}))


def release_stages_of(resources: Resources) -> tuple[Stage, ...]:
    """Return the stages that make releases: a deliberate act, which no other run includes."""
    layouts = [layout_of(sub, resources) for sub in SUB_DATASETS.values()]
    return tuple(stage for layout in layouts for stage in release_stages(layout))


def study_stages_of(resources: Resources) -> tuple[Stage, ...]:
    """Return the stages that run on request alone and serve no table of a data set."""
    return (
        *calibration_stages_of(resources),
        *benchmark_stages_of(),
        *release_stages_of(resources),
    )
