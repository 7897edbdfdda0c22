"""Planted factors found again through the whole pipeline.

Both invented cohorts go through the real stages: portraits are drawn, detected, cropped and
embedded, texts are written by the simulated raters over HTTP and embedded, and `crl_model` is
trained and registered. Its metrics are then set beside the ceiling: a regression that is given the
factor and learns it from the same embeddings (64 principal components of each measurement).
The cohort's signal-to-noise is that of `personax_ml.synthetic`, fixed before this was measured.

`kind` is `linking` for the shared factors, which act on texts and on faces: what Level II can be
expected to find. `linked` factors belong to one modality and correlate in the planted model with
one of the other by at least 0.2; `own` factors do not: nothing but the likelihood and the additive
prior speaks for their coordinates. `share` is the correlation with the best single latent over
that of the supervised regression; `target_met` asks for 0.9 of every linking factor.
"""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from tests.benchmarks.crl.part import Part

LEAST_LINK = 0.2
TARGET = 0.9


def measure(quick: bool) -> Part:
    """Run the pipeline on a fresh home, at demo or at paper scale."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"PERSONAX_HOME": home, "PERSONAX_PROFILE": "demo"}
        command = [sys.executable, "-m", __name__, "demo" if quick else "paper"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    tables: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Part(tables)


def measure_here(scale: str) -> dict[str, list[dict[str, Any]]]:
    """Bring everything that the model needs up to date in this process's home; read its metrics."""
    from dagster_project.build import build_resources
    from dagster_project.cli.run import launch
    from dagster_project.graph import stages_of
    from dagster_project.home import Home
    from dagster_project.profiles import sources_of, synthetic_source
    from personax_assets.analysis.registry import champion_version
    from personax_assets.datasets import SUB_DATASETS
    from personax_assets.stage import stale

    home = Home.from_environment()
    home.prepare()
    wanted = {name: synthetic_source(name, scale) for name in SUB_DATASETS}
    resources = build_resources(home=home, sources=sources_of(home, wanted))
    stages = stages_of(resources)
    unneeded = ("independence_tests", "rater_quality", "latents", "latent_graph", "report")
    needed = {stage.key for stage in stages if stage.name not in unneeded}
    todo = stale(stages, resources, needed)
    if todo:
        launch(resources, todo)
    tables: dict[str, list[dict[str, Any]]] = {"factors": [], "targets": []}
    for name in SUB_DATASETS:
        version = champion_version(resources.models.tracking(), name)
        if version is None:
            raise SystemExit(f"{name}: no model was trained")
        rows = factors(name, dict(version.metrics))
        tables["factors"] += rows
        linking = [row["share"] for row in rows if row["kind"] == "linking"]
        tables["targets"].append({
            "dataset": name, "people": wanted[name].people, "linking": len(linking),
            "least_share": min(linking), "target": TARGET, "target_met": min(linking) >= TARGET,
            "mcc_held_out": version.metrics["planted_mcc_held_out"],
            "mcc_chance": version.metrics["planted_mcc_chance"],
        })  # fmt: skip
    return tables


def factors(dataset: str, metrics: dict[str, float]) -> list[dict[str, Any]]:
    """Return a row per planted factor."""
    from personax_ml.synthetic import planted_latents

    rows = []
    for factor in planted_latents(dataset):
        single = metrics[f"planted_r_held_out_{factor}"]
        supervised = metrics[f"planted_supervised_r_held_out_{factor}"]
        rows.append({
            "dataset": dataset, "factor": factor, "kind": kind_of(dataset, factor),
            "r_held_out": single, "supervised_r": supervised, "share": single / supervised,
            "r2_all_latents": metrics[f"planted_r2_held_out_{factor}"],
        })  # fmt: skip
    return rows


def kind_of(dataset: str, factor: str) -> str:
    """Say whether a factor links the modalities, is linked, or neither."""
    from personax_ml.synthetic.worlds import WORLDS

    if factor.startswith("shared_"):
        return "linking"
    model, own = WORLDS[dataset], factor.split("_")[0]
    others = [name for name in model.latents if not name.startswith((own, "shared_"))]
    strongest = max(abs(model.correlation(factor, other)) for other in others)
    return "linked" if strongest >= LEAST_LINK else "own"


if __name__ == "__main__":
    print(json.dumps(measure_here(sys.argv[1])))
