"""From the warehouse and the registry to what a report shows.

Belongs here: reading. Does not belong here: drawing or writing pages.
"""

from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version

import polars as pl

from personax_assets.datasets import SUB_DATASETS, SubDataset
from personax_assets.planted import planted_factors
from personax_assets.report.model import PlantedTruth, RunInfo, SubDatasetReport, Training
from personax_assets.resources import Resources
from personax_assets.schemas.level1 import level1_comparison
from personax_assets.schemas.tables import sub_dataset_tables
from personax_assets.table_schema import TableSchema

CROPS_SHOWN = 60
"""Faces on a contact sheet."""

_NOT_SHOWN = (
    *("raw_bios", "bios_history", "face_embeddings", "text_embeddings"),
    *("independence_people", "independence_counts"),
)
_LIBRARIES = ("personax", "dagster", "duckdb", "polars", "mlflow", "torch", "causal-learn")


def run_info(resources: Resources) -> RunInfo:
    """Return what was run: versions, seed, raters."""
    raters = {
        rater.name: f"{rater.model}{', simulated' if rater.simulated else ''}"
        for rater in resources.raters.configs()
    }
    return RunInfo(
        when=datetime.now(UTC),
        versions={"python": python_version(), **{name: version(name) for name in _LIBRARIES}},
        seed=resources.models.seed,
        home=str(resources.home),
        raters=raters,
    )


def collect_all(resources: Resources) -> list[SubDatasetReport]:
    """Read every sub-dataset of which something was made."""
    made = {asset.split("/")[0] for asset in resources.warehouse.stages()}
    return [collect(resources, sub) for name, sub in SUB_DATASETS.items() if name in made]


def collect_comparison(resources: Resources) -> pl.DataFrame:
    """Read the tests that the sub-datasets have in common; empty if one was not tested."""
    schema = level1_comparison(tuple(SUB_DATASETS.values()))
    return resources.warehouse.read("comparison.level1", schema)


def collect(resources: Resources, sub: SubDataset) -> SubDatasetReport:
    """Read everything about a sub-dataset that a report shows."""
    tables = sub_dataset_tables(sub, [rater.name for rater in resources.raters.configs()])
    source = resources.sources.config(sub)
    simulated = source.kind == "synthetic"
    frames = {
        name: resources.warehouse.read(sub.table(name), schema, _columns(schema))
        for name, schema in tables.items()
        if name not in _NOT_SHOWN
    }
    planted = None
    if simulated:
        from personax_ml.synthetic import planted_pairs

        frames["crop_sample"] = _crop_sample(resources, sub, tables["face_crops"])
        factors = planted_factors(sub, source, frames["bios"])
        planted = PlantedTruth(planted_pairs(sub.name), factors)
    return SubDatasetReport(
        sub=sub,
        frames=frames,
        stages=_stages(resources, sub),
        simulated=simulated,
        source=str(source),
        training=_training(resources, sub),
        planted=planted,
    )


def _columns(schema: TableSchema) -> list[str]:
    return [column.name for column in schema.columns if column.type != "BLOB"]


def _crop_sample(resources: Resources, sub: SubDataset, schema: TableSchema) -> pl.DataFrame:
    """Return the crops of the first people, every photograph of each."""
    people = CROPS_SHOWN // sub.photographs
    table = sub.table(schema.name)
    where = (
        f"status = 'ok' AND person_id IN (SELECT DISTINCT person_id FROM {table} "
        f"WHERE status = 'ok' ORDER BY person_id LIMIT {people})"
    )
    columns = ("person_id", "measurement", "crop", "simulated")
    return resources.warehouse.read(table, schema, columns, where)


def _stages(resources: Resources, sub: SubDataset) -> pl.DataFrame:
    rows = [
        (record.asset, record.status, record.reason, record.rows, record.seconds)
        for record in resources.warehouse.stages().values()
        if record.asset.startswith(f"{sub.name}/")
    ]
    schema = {
        "asset": pl.String,
        "status": pl.String,
        "reason": pl.String,
        "rows": pl.Int64,
        "seconds": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _training(resources: Resources, sub: SubDataset) -> Training | None:
    """Return what is known about the champion; None if nothing was ever trained."""
    if f"{sub.name}/crl_model" not in resources.warehouse.stages():
        return None
    from personax_assets.analysis.registry import champion_version
    from personax_assets.analysis.training import PROTOCOL

    tracking = resources.models.tracking()
    champion = champion_version(tracking, sub.name)
    if champion is None:
        return None
    run = tracking.client.get_run(champion.run_id)
    return Training(
        model_name=champion.name,
        model_version=champion.version,
        metrics=champion.metrics,
        protocol=PROTOCOL,
        curves=tracking.curves(champion.run_id),
        config=run.data.params,
        identified=champion.claims,
    )
