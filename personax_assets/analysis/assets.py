"""The analysis stages: Level I tests, the Level II model, its latents and their graph."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from personax_assets.analysis.independence import independence_stage
from personax_assets.checks import Check, Verdict
from personax_assets.errors import SkipStageError
from personax_assets.figures import figure_metadata
from personax_assets.planted import planted_factors
from personax_assets.schemas.level2 import latent_names
from personax_assets.stage import Layout, Stage, StageResult, StageRun, stage

if TYPE_CHECKING:
    import polars as pl

    from personax_assets.analysis.measurements import MeasuredPeople

_MOST_SHOWN = 1000
"""Crops that traversals are drawn from."""


def analysis_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the analysis stages of a sub-dataset."""
    sub = layout.sub

    def seed(run: StageRun) -> dict[str, str]:
        return {"seed": str(run.resources.models.seed)}

    @stage(
        layout, "crl_model", group="analysis",
        deps=("face_embeddings", "text_embeddings", "trait_scores", "face_crops"),
        kinds=("pytorch", "mlflow"), code_version="2", settings=seed, checks=(LOSS_FINITE,),
        follows=False,
    )  # fmt: skip
    def crl_model(run: StageRun) -> StageResult:
        """A causal representation model of faces and texts, tracked and registered in MLflow.

        The new version becomes champion if it loads back and is not worse on held-out people.
        """
        from personax_assets.analysis.model_card import write_model_card
        from personax_assets.analysis.publishing import TrainingData, train_and_register

        planted = planted_factors(
            sub, run.resources.sources.config(sub), run.read("bios", ("person_id", "source_id"))
        )
        data = TrainingData(
            people=_people(run),
            scores=run.read("trait_scores", ("person_id", "trait", "score")),
            latents=run.read("latents"),
            planted=planted,
            crops=_crops_to_show(run) if planted is not None else None,
            source=f"{run.warehouse.database}#{sub.name}",
        )
        published = train_and_register(
            run.resources.models.tracking(), sub, layout.raters, data,
            seed=run.resources.models.seed,
            dagster_run=run.run_id,
            checkpoints=run.resources.home / "checkpoints" / sub.name,
        )  # fmt: skip
        write_model_card(
            run.resources.models.tracking(), sub, published.version, len(data.people.person_ids),
            simulated=planted is not None,
        )  # fmt: skip
        return StageResult(
            metadata={
                "version": published.version.version,
                "aliases": list(published.version.aliases),
                "decision": published.version.reason,
                "mlflow_run_id": published.version.run_id,
                "simulated": planted is not None,
                **{
                    name: figure_metadata(figure, name.replace("_", " "))
                    for name, figure in published.figures.items()
                },
                "metrics": _metrics_table(published.version.metrics),
            },
            data_version=f"{published.version.name}/{published.champion}",
        )

    @stage(
        layout, "latents", group="analysis",
        deps=("crl_model", "face_embeddings", "text_embeddings"),
        kinds=("python", "duckdb", "mlflow"),
    )  # fmt: skip
    def latents(run: StageRun) -> StageResult:
        """Computed by the champion of the model registry, also for people it was not trained on."""
        from personax_assets.analysis.registry import latents_by_champion

        frame = latents_by_champion(
            run.resources.models.tracking(), sub.name, _people(run), latent_names(sub)
        )
        return StageResult((run.replacing(frame),), {"model_version": frame["model_version"][0]})

    @stage(
        layout, "latent_graph", group="analysis", deps=("latents",),
        kinds=("python", "duckdb", "networkx"), code_version="3",
    )  # fmt: skip
    def latent_graph(run: StageRun) -> StageResult:
        """Estimated by the PC algorithm with Fisher's z-test; shared latents come first.

        `frequency` says how firmly the people hold an edge: in what share of samples of them,
        drawn with replacement, it is found again.
        """
        from personax_assets.analysis.latent_graph import graph_over_latents
        from personax_assets.analysis.registry import champion_model
        from personax_ml.discovery import draw_graph

        names = latent_names(sub)
        table = run.read("latents", ("person_id", *names)).drop_nulls()
        if table.is_empty():
            raise SkipStageError("there are no latents")
        edges = graph_over_latents(table, champion_model(run.resources.models.tracking(), sub.name))
        figure = draw_graph(edges, names, f"{sub.title}: graph over latents")
        return StageResult(
            (run.replacing(edges),), {"graph": figure_metadata(figure, "Graph over latents")}
        )

    return independence_stage(layout), crl_model, latents, latent_graph


def _people(run: StageRun) -> "MeasuredPeople":
    """Return the measurements of everybody who has any; skip where a modality is missing."""
    from personax_assets.analysis.measurements import measured_people

    faces = run.read("face_embeddings", ("person_id", "measurement", "embedding"))
    texts = run.read("text_embeddings", ("person_id", "rater", "embedding"))
    for frame, what in ((faces, "faces"), (texts, "trait texts")):
        if frame.is_empty():
            raise SkipStageError(f"there are no embedded {what} of the {run.sub.people}")
    return measured_people(faces, texts, run.sub, run.stage.layout.raters)


def _crops_to_show(run: StageRun) -> "pl.DataFrame":
    """Return first photographs of some people. Only for invented ones: figures are shared."""
    some = f"SELECT person_id FROM {run.sub.table('bios')} ORDER BY person_id LIMIT {_MOST_SHOWN}"
    where = f"status = 'ok' AND measurement = 1 AND person_id IN ({some})"
    return run.read("face_crops", ("person_id", "crop"), where)


def _metrics_table(metrics: Mapping[str, float]) -> dg.MarkdownMetadataValue:
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in sorted(metrics.items()))
    return dg.MetadataValue.md(f"| held-out metric | value |\n|---|---|\n{rows}")


def _loss_finite(run: StageRun) -> Verdict:
    from personax_assets.analysis.registry import model_name, versions_of

    newest = versions_of(run.resources.models.tracking(), model_name(run.sub.name))[0]
    bad = [name for name, value in newest.metrics.items() if not math.isfinite(value)]
    return Verdict(not bad, f"not finite: {', '.join(bad)}" if bad else "all metrics are finite")


LOSS_FINITE = Check(
    "loss_is_finite",
    "Loss and held-out metrics of the newest model version are finite numbers.",
    _loss_finite,
    blocking=True,
)
