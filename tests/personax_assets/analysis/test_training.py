"""Training on a sub-dataset: what is left out, what is measured, what keeps its meaning."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from personax_assets.analysis import training
from personax_assets.analysis.held_out import held_out_metrics, planted_metrics, trait_metrics
from personax_assets.analysis.latent_graph import graph_over_latents
from personax_assets.analysis.measurements import MeasuredPeople, measured_people
from personax_assets.analysis.training import crl_config, train_model
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, SubDataset
from personax_assets.errors import SkipStageError
from personax_assets.schemas import latent_graph, latent_names
from tests.personax_assets.analysis.conftest import RATERS, Tables, Trained


@pytest.mark.parametrize("sub", [ATHLEPERSONA, CELEBPERSONA])
def test_latents_are_those_of_the_table(sub: SubDataset) -> None:
    config = crl_config(sub, RATERS, seed=4)
    assert config.latent_names == latent_names(sub)
    assert len(config.measurement_names) == sub.photographs + 3
    assert config.random_state == 4


def quick(people: MeasuredPeople) -> training.Trained:
    return train_model(people, replace(crl_config(ATHLEPERSONA, RATERS, 0), epochs=2))


@pytest.fixture
def no_refits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "REFITS", 0)


@pytest.mark.usefixtures("no_refits")
def test_a_rater_that_failed_is_left_out(tables: Tables) -> None:
    few = tables.texts.filter((pl.col("rater") != "llama") | (pl.col("person_id") < "a-0050"))
    people = measured_people(tables.faces, few, ATHLEPERSONA, RATERS)
    model = quick(people).model
    assert model.config.measurement_names == ("face_1", "text_chatgpt", "text_gemini")
    assert np.isfinite(model.transform(people.measurements)).all()


@pytest.mark.usefixtures("no_refits")
def test_too_few_people_skip_the_stage(tables: Tables) -> None:
    few = tables.faces.head(99)
    with pytest.raises(SkipStageError, match="fewer than 100 people have a face"):
        quick(measured_people(few, tables.texts, ATHLEPERSONA, RATERS))
    faces = tables.faces.filter(pl.col("person_id") < "a-0200")
    texts = tables.texts.filter(pl.col("person_id") >= "a-0150")
    with pytest.raises(SkipStageError, match="50 people have a measurement of every modality"):
        quick(measured_people(faces, texts, ATHLEPERSONA, RATERS))


def test_metrics_of_a_good_model(trained: Trained) -> None:
    metrics = trained.published.version.metrics
    assert metrics["reconstruction_r2_held_out_face"] > 0.6
    assert metrics["reconstruction_r2_held_out_text"] > 0.6
    assert metrics["link_correlation_held_out_1"] > 0.7
    assert metrics["link_p_value_1"] <= 0.01
    assert metrics["links_significant"] >= 2
    assert metrics["trait_association_held_out"] > 0.4
    assert metrics["planted_r2_held_out"] > 0.6
    assert metrics["planted_r2_chance"] < 0.05
    assert metrics["planted_mcc_held_out"] > metrics["planted_mcc_chance"] + 0.2
    assert metrics["planted_r2_held_out_trait_openness"] > 0.4
    explained = np.mean([metrics[f"reconstruction_r2_held_out_{m}"] for m in ("face", "text")])
    linked = np.mean([metrics[f"link_correlation_held_out_{i}"] for i in (1, 2)])
    assert metrics["held_out_score"] == pytest.approx((explained + linked) / 2)


def test_every_latent_has_a_claim(trained: Trained) -> None:
    claims = trained.published.version.claims
    assert tuple(claims) == latent_names(ATHLEPERSONA) or set(claims) == set(
        latent_names(ATHLEPERSONA)
    )
    identified = [name for name, claim in claims.items() if claim.startswith("identified")]
    assert trained.published.version.metrics["latents_identified"] == len(identified)


def test_planted_scores_of_perfect_latents(people: MeasuredPeople, tables: Tables) -> None:
    latents = tables.planted.drop("person_id").to_numpy()
    shuffled = tables.planted.sample(fraction=1, shuffle=True, seed=0)
    metrics = planted_metrics(latents[:, ::-1], people, shuffled)
    assert metrics["planted_mcc_held_out"] == pytest.approx(1)
    assert metrics["planted_r2_held_out"] > 0.98
    missing = latents.copy()
    missing[:10] = np.nan
    assert planted_metrics(missing, people, tables.planted)[
        "planted_mcc_held_out"
    ] == pytest.approx(1)


def test_trait_scores_may_be_missing(people: MeasuredPeople, tables: Tables) -> None:
    latents = tables.planted.drop("person_id").to_numpy()
    full = trait_metrics(latents, people, tables.scores)["trait_association_held_out"]
    assert full > 0.8
    partly = tables.scores.with_columns(
        score=pl.when(pl.col("trait") == "openness").then(None).otherwise("score")
    )
    assert trait_metrics(latents, people, partly)["trait_association_held_out"] > 0.8
    without = tables.scores.filter(pl.col("trait") != "openness")
    assert trait_metrics(latents, people, without)["trait_association_held_out"] > 0.8
    assert (
        trait_metrics(latents, people, tables.scores.with_columns(score=pl.lit(None, pl.Float64)))
        == {}
    )


@pytest.mark.usefixtures("no_refits")
def test_metrics_touch_no_training_row(people: MeasuredPeople) -> None:
    """A model scored on people whose training rows changed after the fit scores the same."""
    model = quick(people).model
    changed = {name: x.copy() for name, x in people.measurements.items()}
    for x in changed.values():
        x[people.split.select] = 0
    other = MeasuredPeople(people.person_ids, changed)
    assert held_out_metrics(model, other) == held_out_metrics(model, people)


@pytest.mark.usefixtures("no_refits")
def test_latents_follow_their_predecessor(people: MeasuredPeople, tables: Tables) -> None:
    first = quick(people).model
    config = replace(crl_config(ATHLEPERSONA, RATERS, 1), epochs=2)
    second = train_model(people, config, predecessor=first).model
    a, b = first.transform(people.measurements), second.transform(people.measurements)
    correlations = np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])
    assert (correlations > 0).all()
    assert np.median(correlations) > 0.9
    narrow = measured_people(
        tables.faces.with_columns(pl.col("embedding").cast(pl.List(pl.Float32)).list.head(20).list.to_array(20)),
        tables.texts, ATHLEPERSONA, RATERS,
    )  # fmt: skip
    assert train_model(narrow, config, predecessor=first).model.widths["face_1"] == 20


@pytest.mark.usefixtures("no_refits")
def test_the_graph_is_that_of_held_out_people(people: MeasuredPeople) -> None:
    model = quick(people).model
    latents = pl.DataFrame({"person_id": people.person_ids}).with_columns(
        pl.from_numpy(model.transform(people.measurements), list(model.latent_names))
    )
    edges = graph_over_latents(latents, model)
    assert edges.columns == list(latent_graph(ATHLEPERSONA).column_names)
    assert edges.height
    assert not edges["target"].str.starts_with("shared").any()
    assert edges.filter(pl.col("kind") == "directed")["source"].str.starts_with("face").sum() == (
        edges.filter(pl.col("source").str.starts_with("face"), pl.col("kind") == "directed")
        .filter(pl.col("target").str.starts_with("face"))
        .height
    )  # no face causes a trait
    spoilt = latents.with_columns(
        pl.when(pl.Series(people.split.train)).then(0.5).otherwise("face_1").alias("face_1")
    )
    assert graph_over_latents(spoilt, model).equals(edges)


def test_importing_costs_little() -> None:
    folder = Path(training.__file__).parent
    lazy = ("crl_pyfunc", "__init__")  # MLflow alone imports the first
    names = [p.stem for p in folder.glob("*.py") if p.stem not in lazy]
    heavy = "torch", "mlflow", "sklearn", "matplotlib", "scipy.stats", "causallearn", "pandas"
    code = "\n".join(f"import personax_assets.analysis.{name}" for name in names)
    code += f"\nimport sys; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
