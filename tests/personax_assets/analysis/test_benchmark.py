"""The benchmark as an asset: every method scored, kept as soon as scored, tracked, drawn."""

from pathlib import Path

import polars as pl
import pytest

from dagster_project.build import build_resources
from dagster_project.cli.run import launch
from dagster_project.graph import benchmark_stages_of
from dagster_project.home import Home
from personax_assets.analysis import benchmark
from personax_assets.errors import PersonaXError
from personax_assets.exchange import Exchange
from personax_assets.execution import execute
from personax_assets.fan_out import FanOut
from personax_assets.resources import Resources
from personax_assets.stage import StageRun, stale
from personax_ml.crl.baselines import comparison
from personax_ml.crl.baselines.protocol import Effort
from personax_ml.crl.config import ImageConfig

(STAGE,) = benchmark_stages_of()
FITS = {"crl", "mcl", "supervised", "crl, one network"}
HASTE = comparison.Settings(
    ImageConfig(channels=2, depth=1, members=1, link_epochs=1, within_epochs=1),
    flow_epochs=1,
    effort=Effort(epochs=1),
    ceiling=Effort(epochs=1),
)


@pytest.fixture
def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resources:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    kinds = {m: k for m, k in comparison.KINDS.items() if m in FITS or k == "control"}
    monkeypatch.setattr(comparison, "KINDS", kinds)
    monkeypatch.setattr(comparison, "SMALL", HASTE)
    monkeypatch.setattr(benchmark, "ROWS", {"small": 200})
    home = Home(tmp_path / "home")
    home.prepare()
    return build_resources("demo", home)


def table(resources: Resources) -> pl.DataFrame:
    return StageRun(STAGE, resources).read("crl_benchmark")


@pytest.mark.slow
def test_every_method_is_scored_tracked_and_scored_once(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []
    real, most = comparison.codes_of, [2]

    def noted(world, method, *more, **named):  # type: ignore[no-untyped-def]
        if len(fitted) == most[0]:
            raise KeyboardInterrupt
        fitted.append(method)
        return real(world, method, *more, **named)

    monkeypatch.setattr(comparison, "codes_of", noted)
    with pytest.raises(KeyboardInterrupt):
        STAGE.body(StageRun(STAGE, resources))
    assert len(fitted) == 2
    kept = table(resources)
    most[0] = len(FITS)
    launch(resources, [STAGE], "benchmark_synthetic")
    scores = table(resources)
    assert sorted(fitted) == sorted(FITS), "nothing twice"
    assert kept.join(scores, on=kept.columns, how="anti").is_empty()
    assert set(scores["kind"]) == {"ours", "baseline", "ceiling", "control", "ablation"}
    assert scores.filter(kind="control").height == 2
    assert scores["mcc_held_out"].is_between(0, 1).all()
    assert stale([STAGE], resources, {STAGE.key}) == ()
    client = resources.models.tracking().client
    experiment = client.get_experiment_by_name(benchmark.EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id])
    nested = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(nested) == scores.height
    assert {run.data.params["images"] for run in nested} == {"scikit-learn digits"}


def test_a_folder_that_is_not_there_is_told(resources: Resources) -> None:
    models = resources.models.model_copy(update={"benchmark_images": "/nowhere"})
    with pytest.raises(PersonaXError, match="PERSONAX_BENCHMARK_IMAGES: there is no folder"):
        STAGE.body(StageRun(STAGE, Resources(**{**vars(resources), "models": models})))


@pytest.mark.slow
def test_the_fits_may_be_made_elsewhere(resources: Resources, tmp_path: Path) -> None:
    run = StageRun(STAGE, resources)
    fan_out = FanOut(Exchange(str(tmp_path / "exchange")))
    assert STAGE.spread is not None
    parts = fan_out.prepare(run, STAGE.spread)
    assert len(parts) == len(FITS), "one fit each"
    for part in parts[1:]:
        fan_out.do_part(run, STAGE.spread, part)
    (left,) = [*STAGE.spread.pending(run).head(1).iter_rows(named=True)]
    execute(fan_out.with_parts(run), only_stale=False)
    assert set(table(resources).filter(pl.col("kind") != "control")["method"]) == FITS
    assert table(resources).filter(method=left["method"]).height == 1
