"""The summary of a sub-dataset in a few lines of text.

Belongs here: the rows of the table that ends a run. Does not belong here: drawing the table.
"""

from collections.abc import Sequence

import polars as pl

from personax_assets.datasets import SubDataset
from personax_assets.report.grid import main_grid, main_rows
from personax_assets.report.metrics import headline_metrics
from personax_assets.report.model import SubDatasetReport
from personax_assets.report.words import TEST_NAMES, clean, count, number, quantity
from personax_assets.schemas.level1 import BOTH, NEITHER, TESTS
from personax_assets.warehouse import StageRecord


def summary_rows(report: SubDatasetReport, seconds: bool = True) -> list[tuple[str, str]]:
    """Return what there is in a sub-dataset, as (what, how much).

    Parameters
    ----------
    report : SubDatasetReport
        The sub-dataset.
    seconds : bool
        Also tell the time that each stage took.
    """
    rows = [("People", _people(report)), ("Face crops", _crops(report))]
    rows += _texts(report)
    scores = report.frame("trait_scores")
    scored = 0 if scores is None else scores["score"].count()
    rows.append(("Trait scores", count(scored) if scored else "none"))
    rows += _dependent(report)
    rows += _model(report)
    if seconds and not report.stages.is_empty():
        rows.append(("Seconds in all", number(float(report.stages["seconds"].sum()), 1)))
        rows += [
            (f"  {clean(stage['asset'].rpartition('/')[2])}", _ended(stage))
            for stage in report.stages_in_order().iter_rows(named=True)
        ]
    return rows


def comparison_rows(
    subs: Sequence[SubDataset], frame: pl.DataFrame, stage: StageRecord
) -> list[tuple[str, str]]:
    """Return what the sub-datasets share, as (what, how much).

    Parameters
    ----------
    subs : sequence of SubDataset
        The sub-datasets.
    frame : DataFrame
        The table `comparison.level1`.
    stage : StageRecord
        How the stage that makes it ended.
    """
    rows = main_rows(frame)
    if rows is None:
        return [("Comparison", f"{stage.status}: {clean(stage.reason or '')}")]
    found = rows.filter(pl.col("test") == "kci")["dependent_in"].drop_nulls().to_list()
    titles = {BOTH: "both"} | {sub.name: f"{sub.title} only" for sub in subs} | {NEITHER: "neither"}
    return [
        (
            f"Dependent in {title}, {TEST_NAMES['kci']}",
            f"{found.count(place)} of {len(found)} pairs",
        )
        for place, title in titles.items()
    ]


def _people(report: SubDatasetReport) -> str:
    bios = report.frame("bios")
    if bios is None:
        return "none"
    people = f"{count(bios.height)} {report.sub.people}"
    if report.simulated:
        return f"{people} (simulated)"
    nameless = bios["name"].null_count()
    if nameless == bios.height:
        return f"{people}, identities only: faces and attributes, no bios, no traits"
    return f"{people}, {count(nameless)} of them nameless" if nameless else people


def _crops(report: SubDatasetReport) -> str:
    crops = report.frame("face_crops")
    if crops is None:
        return "none"
    ok = crops.filter(pl.col("status") == "ok").height
    return f"{count(ok)} of {quantity(crops.height, 'photograph', 'photographs')}"


def _texts(report: SubDatasetReport) -> list[tuple[str, str]]:
    """Return how many answers each rater gave; nobody asked is one row."""
    quality = report.frame("rater_quality")
    if quality is None:
        return [("Trait texts", "nobody was asked")]
    missing = quality.filter((pl.col("measure") == "missing") & (pl.col("trait") == "all"))
    return [
        (
            f"Texts by {clean(row['rater'])}",
            "not asked"
            if row["value"] is None
            else f"{count(round(row['n'] * (1 - row['value'])))} of {count(row['n'])}",
        )
        for row in missing.iter_rows(named=True)
    ]


def _dependent(report: SubDatasetReport) -> list[tuple[str, str]]:
    grid = main_grid(report)
    if grid is None:
        return [("Dependent pairs", "not tested")]
    rows = []
    for test in TESTS:
        counts = grid.counts(test)
        if counts.tested or counts.untested:
            rows.append(
                (f"Dependent, {TEST_NAMES[test]}", f"{counts.dependent} of {counts.tested} pairs")
            )
    return rows


def _model(report: SubDatasetReport) -> list[tuple[str, str]]:
    training = report.training
    if not training:
        return [("Model", "none")]
    return [
        *headline_metrics(training),
        ("Model version", clean(training.get("model_version", "not registered"))),
    ]


def _ended(stage: dict[str, object]) -> str:
    seconds = stage["seconds"]
    time = number(float(seconds), 1) if isinstance(seconds, int | float) else ""
    return time if stage["status"] == "ok" else f"{clean(stage['status'])} {time}".strip()
